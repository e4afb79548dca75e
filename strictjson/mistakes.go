package strictjson

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kind says what is wrong with a member or a value.
type Kind string

// The kinds of mistakes.
const (
	Unknown   Kind = "unknown"   // the struct has no such field in that very spelling
	Duplicate Kind = "duplicate" // the name stands twice in one object
	WrongType Kind = "type"      // the value is of another type; nothing is converted
	NoText    Kind = "no_text"   // a string has bytes that are no UTF-8, or half a surrogate pair
)

// Mistake is one thing that is wrong with an object.
type Mistake struct {
	Kind Kind
	// Path names the field: holder.proxy_addresses[1]; "" is the object itself.
	Path string
	Line int
	// Problem goes on where Path ends, and says what to do.
	Problem string
}

// Error is the mistake in a sentence.
func (m Mistake) Error() string {
	if m.Path == "" {
		return "the value " + m.Problem
	}
	return m.Path + " " + m.Problem
}

// maxName is how much of a name that somebody sent is repeated, in bytes.
const maxName = 64

// Mistakes compares the object with the struct type of which it shall become a value, and returns every mistake in the order of the
// text. A null is an absent value, except in a list. Of a member that is a mistake itself nothing more is said.
func (o *Object) Mistakes(t reflect.Type) []Mistake {
	c := checker{o: o}
	o.lineOf = map[string]int{"": o.lines.line(o.root.end)}
	if o.root.kind == 'n' {
		c.wrongType("", o.root, reflect.Struct)
		return c.found
	}
	c.value("", o.root, t)
	return c.found
}

// Line is the line on which a field stands, after Mistakes. Of a field that is not there it is that of what it belongs to.
func (o *Object) Line(path string) int {
	for {
		if line, known := o.lineOf[path]; known || path == "" {
			return line
		}
		path = parentOf(path)
	}
}

func parentOf(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }

// At is the path of an element of a list.
func At(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

func under(parent, name string) string {
	clipped := name[:min(len(name), maxName)]
	if clipped == "" || strings.ContainsFunc(clipped, func(r rune) bool {
		return r <= ' ' || r == '.' || r == '[' || r == '"' || r == utf8.RuneError || r == 0x7f
	}) {
		clipped = strconv.Quote(clipped)
	}
	if parent == "" {
		return clipped
	}
	return parent + "." + clipped
}

// checker makes one comparison.
type checker struct {
	o     *Object
	found []Mistake
}

func (c *checker) mistake(kind Kind, path string, end int64, problem string) {
	c.found = append(c.found, Mistake{Kind: kind, Path: path, Line: c.o.lines.line(end), Problem: problem})
}

func (c *checker) value(path string, n node, t reflect.Type) {
	if line := c.o.lines.line(n.end); line != c.o.Line(path) {
		c.o.lineOf[path] = line
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch kind := t.Kind(); {
	case n.kind == 'n':
	case kind == reflect.Struct && n.kind == '{':
		c.members(path, n, t)
	case kind == reflect.Slice && n.kind == '[':
		for i, e := range n.elements {
			here := At(path, i)
			if e.kind == 'n' {
				c.wrongType(here, e, t.Elem().Kind())
				continue
			}
			c.value(here, e, t.Elem())
		}
	case kind == reflect.String && n.kind == '"':
		if strings.ContainsRune(n.text, utf8.RuneError) {
			c.mistake(NoText, path, n.end, fmt.Sprintf("is %q, which has bytes that are no text (U+FFFD): give it in UTF-8", clip(n.text)))
		}
	case kind == reflect.Bool && (n.kind == 't' || n.kind == 'f'):
	default:
		c.wrongType(path, n, kind)
	}
}

func (c *checker) members(path string, n node, t reflect.Type) {
	types := fieldTypes(t)
	seen := map[string]bool{}
	for _, m := range n.members {
		here := under(path, m.name)
		switch fieldType, known := types[m.name]; {
		case !known:
			c.mistake(Unknown, here, m.end, "is not a field: "+namesOf(types))
		case seen[m.name]:
			c.mistake(Duplicate, here, m.end, "is given twice: give it once")
		default:
			seen[m.name] = true
			c.value(here, m.node, fieldType)
		}
	}
}

func (c *checker) wrongType(path string, n node, want reflect.Kind) {
	c.mistake(WrongType, path, n.end, fmt.Sprintf("is %s: give %s", n.inWords(), kindInWords(want)))
}

func (n node) inWords() string {
	switch n.kind {
	case '"':
		return fmt.Sprintf("the string %q", clip(n.text))
	case '0':
		return "the number " + clip(n.text)
	case '[':
		return "a list"
	case '{':
		return "an object"
	case 'n':
		return "null"
	}
	return map[bool]string{true: "true", false: "false"}[n.kind == 't']
}

// clip keeps a message short, whatever was sent.
func clip(text string) string {
	const most = 256
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
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

// fieldTypes are the types of a struct's fields by their names in JSON.
func fieldTypes(t reflect.Type) map[string]reflect.Type {
	types := make(map[string]reflect.Type, t.NumField())
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "-" && name != "" {
			types[name] = t.Field(i).Type
		}
	}
	return types
}

func namesOf(types map[string]reflect.Type) string {
	if len(types) == 0 {
		return "there are none"
	}
	names := make([]string, 0, len(types))
	for name := range types {
		names = append(names, name)
	}
	slices.Sort(names)
	return "the fields are " + strings.Join(names, ", ")
}
