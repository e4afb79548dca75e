package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// inputError is what is wrong with standard input, and where: the line and the column in bytes, both from 1; 0 for all
// of it.
type inputError struct {
	line    int
	column  int64
	problem string
}

func (e *inputError) Error() string {
	where := "standard input"
	if e.line > 0 {
		where += fmt.Sprintf(", line %d", e.line)
	}
	if e.column > 0 {
		where += fmt.Sprintf(", column %d", e.column)
	}
	return where + ": " + e.problem
}

// objectReader reads JSON objects from a stream into structs, strictly: names are exact, none is unknown, none stands
// twice, types are not converted, and a line on which an object ends has nothing else after it. null is an absent
// value. It reads no further than the line on which an object ends. Its errors are *inputError, or those of the stream.
type objectReader struct {
	lines   *lineFeed
	decoder *json.Decoder
	// lineOf is where each field of the latest object stands, and each element that is not on the line of its list.
	lineOf map[string]int
}

func newObjectReader(in io.Reader) *objectReader {
	return &objectReader{lines: newLineFeed(in)}
}

// next fills the struct that into points to from the next object. io.EOF: there is none.
func (r *objectReader) next(into any) error {
	if err := r.lines.begin(); err != nil {
		return err
	}
	r.decoder, r.lineOf = json.NewDecoder(r.lines), map[string]int{}
	r.decoder.UseNumber()
	if err := r.value("", reflect.ValueOf(into).Elem()); err != nil {
		return err
	}
	return r.endLine()
}

// wrong makes an error of what is wrong with a field of the latest object.
func (r *objectReader) wrong(field, problem string) error {
	line := r.lineOf[field]
	for parent := field; line == 0; line = r.lineOf[parent] {
		// It is not there, or on the line of its list: what it belongs to is.
		parent = parent[:max(strings.LastIndexAny(parent, ".["), 0)]
	}
	return &inputError{line: line, problem: field + " " + problem}
}

// value reads one value. field is its path, "" for the object itself.
func (r *objectReader) value(field string, into reflect.Value) error {
	token, err := r.token()
	if err != nil {
		return err
	}
	r.lineOf[field] = r.lines.line
	return r.fill(field, into, token)
}

func (r *objectReader) fill(field string, into reflect.Value, token json.Token) error {
	if into.Kind() == reflect.Pointer && token != nil {
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	text, isText := token.(string)
	yes, isBool := token.(bool)
	switch kind := into.Kind(); {
	case token == nil && field != "":
		return nil
	case kind == reflect.Struct && token == json.Delim('{'):
		return r.members(field, into)
	case kind == reflect.Slice && token == json.Delim('['):
		return r.elements(field, into)
	case kind == reflect.String && isText:
		return r.text(field, into, text)
	case kind == reflect.Bool && isBool:
		into.SetBool(yes)
		return nil
	}
	return r.wrongType(field, into.Kind(), token)
}

func (r *objectReader) members(parent string, into reflect.Value) error {
	names := fieldNames(into.Type())
	seen := map[string]bool{}
	for {
		token, err := r.token()
		if err != nil {
			return err
		}
		name, open := token.(string)
		if !open {
			return nil
		}
		i, known := names[name]
		switch {
		case !known:
			return r.unknown(parent, name, names)
		case seen[name]:
			return &inputError{line: r.lines.line, problem: under(parent, name) + " is given twice: give it once"}
		}
		seen[name] = true
		if err := r.value(under(parent, name), into.Field(i)); err != nil {
			return err
		}
	}
}

func (r *objectReader) elements(field string, into reflect.Value) error {
	for {
		token, err := r.token()
		if err != nil {
			return err
		}
		if token == json.Delim(']') {
			return nil
		}
		here := at(field, into.Len())
		if r.lines.line != r.lineOf[field] {
			r.lineOf[here] = r.lines.line
		}
		element := reflect.New(into.Type().Elem()).Elem()
		if token == nil {
			return r.wrongType(here, element.Kind(), token)
		}
		if err := r.fill(here, element, token); err != nil {
			return err
		}
		into.Set(reflect.Append(into, element))
	}
}

// text takes a string. The JSON parser turns bytes that are no UTF-8 into U+FFFD.
func (r *objectReader) text(field string, into reflect.Value, s string) error {
	if strings.ContainsRune(s, utf8.RuneError) {
		return r.wrong(field, fmt.Sprintf("is %q, which has bytes that are no text (U+FFFD): give it in UTF-8", s))
	}
	into.SetString(s)
	return nil
}

func (r *objectReader) unknown(parent, name string, names map[string]int) error {
	where := "there is"
	if parent != "" {
		where = parent + " has"
	}
	known := make([]string, 0, len(names))
	for n := range names {
		known = append(known, n)
	}
	slices.Sort(known)
	return &inputError{line: r.lines.line, problem: fmt.Sprintf("%s no field %q: the fields are %s", where, name, strings.Join(known, ", "))}
}

func (r *objectReader) wrongType(field string, want reflect.Kind, token json.Token) error {
	sentence := fmt.Sprintf("is %s: give %s", typeInWords(token), kindInWords(want))
	if field == "" {
		return &inputError{line: r.lines.line, problem: "the value " + sentence}
	}
	return r.wrong(field, sentence)
}

func typeInWords(token json.Token) string {
	switch got := token.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("the string %q", got)
	case json.Number:
		return "the number " + got.String()
	case json.Delim:
		if got == '[' {
			return "a list"
		}
		return "an object"
	}
	return fmt.Sprint(token)
}

func kindInWords(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list of strings"
	case reflect.String:
		return "a string"
	}
	return "an object"
}

// token reads the next token of the object.
func (r *objectReader) token() (json.Token, error) {
	token, err := r.decoder.Token()
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, r.notJSON(r.decoder.InputOffset(), syntax.Error(), hintFor(syntax.Error()))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &inputError{line: r.lines.line, problem: fmt.Sprintf("the object that begins on line %d does not end: close its braces", r.lines.first)}
	}
	return token, err
}

// endLine reads to the end of the line on which an object ends.
func (r *objectReader) endLine() error {
	offset := r.decoder.InputOffset()
	rest := io.MultiReader(r.decoder.Buffered(), r.lines)
	for b := make([]byte, 1); ; offset++ {
		_, err := io.ReadFull(rest, b)
		switch {
		case errors.Is(err, io.EOF), err == nil && b[0] == '\n':
			return nil
		case err != nil:
			return err
		case !isBlank(b[0]):
			return r.notJSON(offset, "there is more after the object", oneObject)
		}
	}
}

func (r *objectReader) notJSON(offset int64, what, hint string) error {
	return &inputError{line: r.lines.line, column: r.lines.column(offset), problem: what + ": " + hint}
}

const oneObject = "give one JSON object on a line, or over several"

// hintFor says what to do about what people mistake most often, by the parser's words.
func hintFor(syntax string) string {
	for _, h := range []struct{ sign, hint string }{
		{"'\\''", "names and strings stand in double quotes"},
		{"character '/'", "JSON has no comments, take it away"},
		{"character '#'", "JSON has no comments, take it away"},
		{"character '}' looking", "take away the comma before it, or give what is missing there"},
		{"character ']' looking", "take away the comma before it, or give what is missing there"},
		{"character ',' looking", "take the comma away, or give what is missing before it"},
		{"'\"' after", "put a comma or a colon before it"},
		{"in string literal", "inside a string, write a line break as \\n, a tab as \\t"},
	} {
		if strings.Contains(syntax, h.sign) {
			return h.hint
		}
	}
	return oneObject
}

// fieldNames are the names of a struct's fields in JSON, with their index.
func fieldNames(t reflect.Type) map[string]int {
	names := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("json"); name != "-" {
			names[name] = i
		}
	}
	return names
}

func under(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "." + name
}

func at(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }
