// Package strictjson reads JSON that people and programs send us, and refuses what other readers let pass: names in another case, unknown
// names, names that stand twice, strings that are no text, and anything after the object. Each mistake has its place.
//
// The syntax is read by github.com/go-json-experiment/json/jsontext. This package compares what is read with a struct, and says in words
// what is wrong. It decides nothing about values.
package strictjson

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// What one object may have: bytes without the blanks that begin a line, and names and values.
const (
	MaxObject = 4 << 20
	MaxValues = 200_000
)

// SyntaxError says why a text is not JSON, and where.
type SyntaxError struct {
	// Line and Column (in bytes) count from 1. Column is 0 where the whole line is meant.
	Line   int
	Column int64
	// Problem is what is wrong, with what to do about it.
	Problem string
	// TooLarge says that the object passes MaxObject or MaxValues.
	TooLarge bool
}

// Error is the problem with its place.
func (e *SyntaxError) Error() string {
	if e.Column == 0 {
		return fmt.Sprintf("line %d: %s", e.Line, e.Problem)
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Problem)
}

// Object is one JSON value that was read, an object if Mistakes say nothing else.
type Object struct {
	// Mistakes are all differences from the struct, in the order of the text. A null is an absent value, except in a list. What is in a
	// member that is itself a mistake is not looked at.
	Mistakes []Mistake

	text []byte
	// lineOf is on which line a field stands, for fields that are not on the line of what they belong to.
	lineOf map[string]int
}

// Into makes the object the value of a struct that v points to, once it has no mistakes.
func (o *Object) Into(v any) error { return json.Unmarshal(o.text, v) }

// Line returns the line of a field, or of its nearest parent that is there.
func (o *Object) Line(path string) int {
	for {
		if line, known := o.lineOf[path]; known || path == "" {
			return line
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
}

// Parse reads a text that is one JSON value and nothing else, not even a byte order mark, and compares it with the struct type t. The
// error is a *SyntaxError.
func Parse(text []byte, t reflect.Type) (*Object, error) {
	r := &Reader{in: bufio.NewReader(bytes.NewReader(text)), structType: t, advice: "give one JSON object and nothing else", ended: true}
	o, err := r.Next()
	if errors.Is(err, io.EOF) {
		return nil, &SyntaxError{Line: 1, Problem: "there is no object: " + r.advice}
	}
	if err != nil {
		return nil, err
	}
	if skipped, err := r.skipBlank(); err == nil {
		return nil, r.more(r.line, skipped+1)
	}
	return o, nil
}

// inWords says why the decoder stopped.
func (r *Reader) inWords(err error) error {
	var own *SyntaxError
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &SyntaxError{Line: r.now.line, Problem: fmt.Sprintf("the object that begins on line %d does not end: close its braces", r.first)}
	case !errors.As(err, &syntax):
		return cmp.Or(errors.Unwrap(err), err) // what the stream said
	}
	line, column := r.at(syntax.ByteOffset)
	words := "it cannot be read"
	if syntax.Err != nil {
		words = syntax.Err.Error()
	}
	return &SyntaxError{Line: line, Column: column, Problem: words + ": " + r.hintFor(words)}
}

// hintFor says what to do about what people mistake most often, by the parser's words.
func (r *Reader) hintFor(words string) string {
	for _, h := range []struct{ sign, hint string }{
		{"in literal", "write true, false or null"},
		{"in string", `inside a string, write a line break as \n, a tab as \t`},
		{`'\''`, "names and strings stand in double quotes"},
		{"'/'", "JSON has no comments, remove it"},
		{"'#'", "JSON has no comments, remove it"},
		{"after object", "put a comma or a colon before it"},
		{"after array", "put a comma before it"},
		{"invalid character '}'", "give the value that is missing there"},
		{"invalid character ']'", "give the value that is missing there"},
		{"invalid character ','", "remove the comma, or give what is missing beside it"},
	} {
		if strings.Contains(words, h.sign) {
			return h.hint
		}
	}
	return r.advice
}
