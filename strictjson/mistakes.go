package strictjson

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Kind says what is wrong with a member or a value.
type Kind string

// The kinds of mistakes.
const (
	Unknown   Kind = "unknown"   // the struct has no such field in that very spelling
	Duplicate Kind = "duplicate" // the name stands twice in one object
	WrongType Kind = "type"      // the value is of another type; nothing is converted
	NoText    Kind = "no_text"   // a string has bytes that are no UTF-8, or half a surrogate pair, or U+FFFD, which others put for these
)

// Mistake is one thing that is wrong with an object.
type Mistake struct {
	Kind Kind
	// Path names the field: holder.proxy_addresses[1]; "" is the object itself.
	Path string
	// Name is the member's name as it was sent, clipped; only for Unknown and Duplicate.
	Name string
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

// ClipName gives what is repeated of a name that somebody sent.
func ClipName(name string) string { return name[:min(len(name), 64)] }

// At is the path of an element of a list.
func At(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

func under(parent, name string) string {
	name = ClipName(name)
	if name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r == '.' || r == '[' || r == '"' || r == utf8.RuneError || r == 0x7f
	}) {
		name = strconv.Quote(name)
	}
	if parent == "" {
		return name
	}
	return parent + "." + name
}

// checker compares one object with a struct while it is read.
type checker struct {
	r *Reader
	d *jsontext.Decoder
	o *Object
	// read is how many names and values were read.
	read int
}

func (c *checker) count() error {
	if c.read++; c.read > MaxValues {
		return c.r.tooLarge("has more than %d names and values", MaxValues)
	}
	return nil
}

func (c *checker) mistake(m Mistake) { c.o.Mistakes = append(c.o.Mistakes, m) }

// value reads one value. Its first token is on the line that was read last: the decoder asks for no line before it needs it.
func (c *checker) value(path string, t reflect.Type, nullable bool) error {
	if err := c.count(); err != nil {
		return err
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	sent, want := c.d.PeekKind(), t.Kind()
	if line := c.r.now.line; line != c.o.Line(path) {
		c.o.lineOf[path] = line
	}
	switch {
	case sent == 'n' && nullable, want == reflect.Bool && (sent == 't' || sent == 'f'):
		return c.d.SkipValue()
	case want == reflect.Struct && sent == '{':
		return c.members(path, t)
	case want == reflect.Slice && sent == '[':
		return c.elements(path, t.Elem())
	case want == reflect.String && sent == '"':
		return c.text(path)
	}
	m := Mistake{Kind: WrongType, Path: path, Line: c.r.now.line}
	is, err := c.inWords(sent)
	m.Problem = fmt.Sprintf("is %s: give %s", is, kindInWords(want))
	c.mistake(m)
	return err
}

func (c *checker) members(path string, t reflect.Type) error {
	if _, err := c.d.ReadToken(); err != nil {
		return err
	}
	types := fieldTypes(t)
	unknown := "is not a field: " + namesOf(types)
	seen := map[string]bool{}
	for {
		token, err := c.d.ReadToken()
		if err != nil || token.Kind() == '}' {
			return err
		}
		name := token.String()
		if err := c.count(); err != nil {
			return err
		}
		m := Mistake{Path: under(path, name), Name: ClipName(name), Line: c.r.now.line}
		switch fieldType, known := types[name]; {
		case !known:
			m.Kind, m.Problem = Unknown, unknown
		case seen[name]:
			m.Kind, m.Problem = Duplicate, "is given twice: give it once"
		default:
			seen[name] = true
			if err := c.value(m.Path, fieldType, true); err != nil {
				return err
			}
			continue
		}
		c.mistake(m)
		if err := c.d.SkipValue(); err != nil {
			return err
		}
	}
}

func (c *checker) elements(path string, t reflect.Type) error {
	_, err := c.d.ReadToken()
	for i := 0; err == nil && c.d.PeekKind() != ']'; i++ {
		err = c.value(At(path, i), t, false)
	}
	if err == nil {
		_, err = c.d.ReadToken()
	}
	return err
}

// text reads a string, in which the decoder puts U+FFFD for what is no text.
func (c *checker) text(path string) error {
	token, err := c.d.ReadToken()
	if text := token.String(); err == nil && strings.ContainsRune(text, utf8.RuneError) {
		c.mistake(Mistake{Kind: NoText, Path: path, Line: c.r.now.line,
			Problem: fmt.Sprintf("is %q, which has bytes that are no text (U+FFFD): give it in UTF-8", clip(text))})
	}
	return err
}

// inWords reads a value of a wrong type and says what it is.
func (c *checker) inWords(kind jsontext.Kind) (string, error) {
	switch kind {
	case '"':
		token, err := c.d.ReadToken()
		return fmt.Sprintf("the string %q", clip(token.String())), err
	case '0':
		token, err := c.d.ReadToken()
		return "the number " + clip(token.String()), err
	}
	return map[jsontext.Kind]string{'[': "a list", '{': "an object", 'n': "null", 't': "true", 'f': "false"}[kind], c.d.SkipValue()
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
