// Package strictjson reads JSON that people and programs send us, and refuses what other readers let pass: names in another case, unknown
// names, names that stand twice, strings that are no text, and anything after the object. Each mistake has its place.
//
// The syntax is read by github.com/go-json-experiment/json/jsontext. This package compares what was read with a struct (Mistakes), and
// says in words what is wrong. It decides nothing about values.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// SyntaxError says why a text is not JSON, and where.
type SyntaxError struct {
	// Line and Column (in bytes) count from 1. Column is 0 where the whole line is meant.
	Line   int
	Column int64
	// Problem is what is wrong, with what to do about it.
	Problem string
}

// Error is the problem.
func (e *SyntaxError) Error() string { return e.Problem }

// Object is one JSON value that was read, an object if Mistakes says nothing else.
type Object struct {
	text  []byte
	root  node
	lines lineIndex
	// lineOf is on which line a field stands, for fields that are not on the line of what they belong to.
	lineOf map[string]int
}

// Into makes the object the value of a struct that v points to, once Mistakes found none.
func (o *Object) Into(v any) error { return json.Unmarshal(o.text, v) }

// node is one value.
type node struct {
	kind jsontext.Kind
	// end is the offset behind its first token. No token goes on over the end of a line.
	end      int64
	text     string // a string, or a number as it stands
	members  []member
	elements []node
}

// member is one member of an object.
type member struct {
	name string
	end  int64
	node
}

// Parse reads a text that is one JSON value and nothing else. The error is a *SyntaxError.
func Parse(text []byte) (*Object, error) {
	o := &Object{text: text, lines: linesOf(text)}
	d := newDecoder(bytes.NewReader(text))
	var err error
	if o.root, err = readNode(d); err != nil {
		return nil, o.lines.syntaxError(err)
	}
	if rest := bytes.TrimLeft(text[d.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return nil, o.lines.more(int64(len(text) - len(rest)))
	}
	return o, nil
}

// newDecoder makes a decoder that leaves it to Mistakes to name what stands twice and what is no text.
func newDecoder(in io.Reader) *jsontext.Decoder {
	return jsontext.NewDecoder(in, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

func readNode(d *jsontext.Decoder) (node, error) {
	token, err := d.ReadToken()
	if err != nil {
		return node{}, err
	}
	n := node{kind: token.Kind(), end: d.InputOffset()}
	switch n.kind {
	case '"', '0':
		n.text = token.String()
	case '{':
		err = n.readMembers(d)
	case '[':
		err = n.readElements(d)
	}
	return n, err
}

func (n *node) readMembers(d *jsontext.Decoder) error {
	for {
		name, err := d.ReadToken()
		if err != nil || name.Kind() == '}' {
			return err
		}
		m := member{name: name.String(), end: d.InputOffset()}
		if m.node, err = readNode(d); err != nil {
			return err
		}
		n.members = append(n.members, m)
	}
}

func (n *node) readElements(d *jsontext.Decoder) error {
	for d.PeekKind() != ']' {
		element, err := readNode(d)
		if err != nil {
			return err
		}
		n.elements = append(n.elements, element)
	}
	_, err := d.ReadToken()
	return err
}

// Values are the members of the object as Go values: nil, bool, float64, string, []any and map[string]any. Of members of one name the last
// counts. The error says which number is too large.
func (o *Object) Values() (map[string]any, error) {
	all, err := o.root.value()
	values, _ := all.(map[string]any)
	return values, err
}

func (n node) value() (any, error) {
	switch n.kind {
	case '{':
		values := make(map[string]any, len(n.members))
		for _, m := range n.members {
			v, err := m.value()
			if err != nil {
				return nil, err
			}
			values[m.name] = v
		}
		return values, nil
	case '[':
		values := make([]any, 0, len(n.elements))
		for _, e := range n.elements {
			v, err := e.value()
			if err != nil {
				return nil, err
			}
			values = append(values, v)
		}
		return values, nil
	case '"':
		return n.text, nil
	case '0':
		v, err := strconv.ParseFloat(n.text, 64)
		if err != nil {
			return nil, fmt.Errorf("the number at byte %d is too large", n.end)
		}
		return v, nil
	case 'n':
		return nil, nil
	}
	return n.kind == 't', nil
}

// lineIndex tells on which line an offset is: each line that has something, in order, and at least one.
type lineIndex []lineStart

// lineStart is where a line begins.
type lineStart struct {
	line   int
	offset int64
	// skipped is how many blanks stand before that offset on the line.
	skipped int64
}

func linesOf(text []byte) lineIndex {
	lines := lineIndex{{line: 1}}
	for i, b := range text {
		if b == '\n' {
			lines = append(lines, lineStart{line: len(lines) + 1, offset: int64(i) + 1})
		}
	}
	return lines
}

// at gives the line and the column of the byte at an offset.
func (x lineIndex) at(offset int64) (line int, column int64) {
	behind := sort.Search(len(x), func(i int) bool { return x[i].offset > offset })
	s := x[max(behind-1, 0)]
	return s.line, offset - s.offset + s.skipped + 1
}

// line is that of a token that ends before an offset.
func (x lineIndex) line(end int64) int {
	line, _ := x.at(end - 1)
	return line
}

const oneObject = "give one JSON object on a line, or over several"

func (x lineIndex) more(offset int64) error {
	line, column := x.at(offset)
	return &SyntaxError{Line: line, Column: column, Problem: "there is more after the object: " + oneObject}
}

// syntaxError says in words why the decoder stopped.
func (x lineIndex) syntaxError(err error) error {
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) {
		// The last line is the one that was read last.
		return &SyntaxError{Line: x[len(x)-1].line, Problem: fmt.Sprintf("the object that begins on line %d does not end: close its braces", x[0].line)}
	}
	line, column := x.at(syntax.ByteOffset)
	words := "it cannot be read"
	if syntax.Err != nil {
		words = syntax.Err.Error()
	}
	return &SyntaxError{Line: line, Column: column, Problem: words + ": " + hintFor(words)}
}

// hintFor says what to do about what people mistake most often, by the parser's words.
func hintFor(words string) string {
	for _, h := range []struct{ sign, hint string }{
		{`'\''`, "names and strings stand in double quotes"},
		{"'/'", "JSON has no comments, remove it"},
		{"'#'", "JSON has no comments, remove it"},
		{"invalid character '}'", "remove the comma before it, or give what is missing there"},
		{"invalid character ']'", "remove the comma before it, or give what is missing there"},
		{"invalid character ','", "remove the comma, or give what is missing beside it"},
		{"after object", "put a comma or a colon before it"},
		{"after array", "put a comma before it"},
		{"in string", `inside a string, write a line break as \n, a tab as \t`},
	} {
		if strings.Contains(words, h.sign) {
			return h.hint
		}
	}
	return oneObject
}
