package strictjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/aliasd/aliasd/strictjson"
)

type inner struct {
	Kind string `json:"kind"`
	On   bool   `json:"on,omitempty"`
}

type outer struct {
	Name   string   `json:"name"`
	List   []string `json:"list"`
	Inner  *inner   `json:"inner"`
	Hidden func()   `json:"-"`
}

// mistakes are the mistakes of a text, one in a line: LINE KIND SENTENCE.
func mistakes(o *strictjson.Object) (all []string) {
	for _, m := range o.Mistakes {
		all = append(all, fmt.Sprintf("%d %s %s", m.Line, m.Kind, m.Error()))
	}
	return all
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		`{}`: nil,
		`{"name": "a", "list": ["b"], "inner": {"kind": "c", "on": true}}`: nil,
		`{"name": null, "list": null, "inner": null}`:                      nil,
		`{"n\u0061me": "a"}`:                          nil,
		"{\"x\": 1,\n\"Name\": 2}":                    {"1 unknown x is not a field: the fields are inner, list, name", "2 unknown Name is not a field: the fields are inner, list, name"},
		`{"Hidden": 1, "-": 1}`:                       {"1 unknown Hidden is not a field: the fields are inner, list, name", "1 unknown - is not a field: the fields are inner, list, name"},
		"{\"inner\":\n{\"on\": true, \"o n\": 1}}":    {`2 unknown inner."o n" is not a field: the fields are kind, on`},
		"{\"name\": \"a\",\n\n\"n\\u0061me\": \"a\"}": {"3 duplicate name is given twice: give it once"},
		`{"inner": {"on": true, "on": 5}}`:            {"1 duplicate inner.on is given twice: give it once"},
		`{"name": 5, "list": ["a", null, [], "b"]}`:   {"1 type name is the number 5: give a string", "1 type list[1] is null: give a string", "1 type list[2] is a list: give a string"},
		`{"list": {}, "inner": {"on": "yes"}}`:        {"1 type list is an object: give a list of strings", `1 type inner.on is the string "yes": give true or false`},
		`{"inner": false}`:                            {"1 type inner is false: give an object"},
		"{\"name\": \"m\xfcller\"}":                   {`1 no_text name is "m�ller", which has bytes that are no text (U+FFFD): give it in UTF-8`},
		`{"list": ["\ud800"]}`:                        {`1 no_text list[0] is "�", which has bytes that are no text (U+FFFD): give it in UTF-8`},
		`{"name": "\ufffd"}`:                          {`1 no_text name is "�", which has bytes that are no text (U+FFFD): give it in UTF-8`},
		`[]`:                                          {"1 type the value is a list: give an object"},
		`null`:                                        {"1 type the value is null: give an object"},
	} {
		parsed, err := strictjson.Parse([]byte(text), reflect.TypeFor[outer]())
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := mistakes(parsed); !slices.Equal(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", text, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		read, err := strictjson.NewReader(strings.NewReader(text), reflect.TypeFor[outer]()).Next()
		if err != nil || !slices.Equal(mistakes(read), want) {
			t.Errorf("%s, from a stream: %v, %v", text, err, read)
		}
	}
}

func TestIntoAndLine(t *testing.T) {
	t.Parallel()
	o, err := strictjson.Parse([]byte(" {\"name\": \"a\",\n\"list\": [\"b\",\n\n\"c\"], \"inner\":\n{\"on\": true}} \n"), reflect.TypeFor[outer]())
	if err != nil {
		t.Fatal(err)
	}
	var got outer
	if err := o.Into(&got); err != nil || got.Name != "a" || !slices.Equal(got.List, []string{"b", "c"}) || !got.Inner.On {
		t.Errorf("%+v, %v", got, err)
	}
	for path, line := range map[string]int{"": 1, "name": 1, "list": 2, "list[0]": 2, "list[1]": 4, "inner": 5, "inner.on": 5, "inner.kind": 5, "none.at[1]": 1} {
		if o.Line(path) != line {
			t.Errorf("%s is on line %d, want %d", path, o.Line(path), line)
		}
	}
}

// What is no JSON at all, and a byte order mark, have no place in a text.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		" \n":       "line 1: there is no object: give one JSON object and nothing else",
		"\uFEFF{}":  `line 1, column 1: invalid character '\ufeff' at start of value: give one JSON object and nothing else`,
		"{}\n\n {}": "line 3, column 2: there is more after the object: give one JSON object and nothing else",
		"{} x":      "line 1, column 4: there is more after the object: give one JSON object and nothing else",
	} {
		if _, err := strictjson.Parse([]byte(text), reflect.TypeFor[outer]()); err == nil || err.Error() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What stands behind an object is found wherever the decoder stops to read.
func TestMoreAfterAnyLength(t *testing.T) {
	t.Parallel()
	for n := range 300 {
		text := `{"name":"` + strings.Repeat("x", n) + `"}`
		for _, blanks := range []int{0, 1, 1500} {
			rest := strings.Repeat(" ", blanks) + "0"
			want := fmt.Sprintf("line 1, column %d: there is more", len(text)+len(rest))
			if _, err := strictjson.Parse([]byte(text+rest), reflect.TypeFor[outer]()); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%d bytes and %d blanks: %v", len(text), blanks, err)
			}
		}
	}
}

// An object of many small values is refused before it takes much memory, however its values are wrong.
func TestTooManyValues(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("\"\",\n", strictjson.MaxValues)
	for _, text := range []string{`{"list": [` + many, `{"list": [` + strings.Repeat("0,", strictjson.MaxValues), "{" + strings.Repeat(`"":0,`, strictjson.MaxValues)} {
		_, err := strictjson.NewReader(strings.NewReader("\n"+text), reflect.TypeFor[outer]()).Next()
		var syntax *strictjson.SyntaxError
		if !errors.As(err, &syntax) || !syntax.TooLarge || syntax.Error() != "line 2: the object that begins on line 2 has more than 200000 names and values" {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	o, err := strictjson.Parse([]byte(`{"list": [`+many[:len(many)/2]+`""], "x": [`+many+`""]}`), reflect.TypeFor[outer]())
	if err != nil || len(o.Mistakes) != 1 {
		t.Errorf("what is not looked at counts: %v", err)
	}
}

func TestSyntaxErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{\n\"a\" 1}":               "2:5 invalid character '1' after object name (expecting ':'): put a comma or a colon before it",
		`{"a": 1 "b": 2}`:           `1:9 invalid character '"' after object value (expecting ',' or '}'): put a comma or a colon before it`,
		`{"a": [1 2]}`:              "1:10 invalid character '2' after array element (expecting ',' or ']'): put a comma before it",
		"{\n  'a': 1}":              `2:3 invalid character '\'' at start of value: names and strings stand in double quotes`,
		`{"a": 1} x`:                "1:10 there is more after the object: give one JSON object and nothing else",
		"{\n\n\"a\": [":             "3:0 the object that begins on line 1 does not end: close its braces",
		`{"a": tru}`:                "1:10 invalid character '}' in literal true (expecting 'e'): write true, false or null",
		`{"a": }`:                   "1:7 invalid character '}' at start of value: give the value that is missing there",
		"[1,\n\n ]":                 "1:3 invalid character ',' at start of value: remove the comma, or give what is missing beside it",
		"[1\n,\n]":                  "2:1 invalid character ',' at start of value: remove the comma, or give what is missing beside it",
		"{\"a\": \"\x01\"}":         `1:8 invalid character '\x01' in string (expecting non-control character): inside a string, write a line break as \n, a tab as \t`,
		strings.Repeat("[", 20_000): "1:10001 exceeded max depth: give one JSON object and nothing else",
	} {
		say := func(err error) string {
			var syntax *strictjson.SyntaxError
			if !errors.As(err, &syntax) {
				return fmt.Sprint(err)
			}
			return fmt.Sprintf("%d:%d %s", syntax.Line, syntax.Column, strings.ReplaceAll(syntax.Problem, "on a line, or over several", "and nothing else"))
		}
		if _, err := strictjson.Parse([]byte(text), reflect.TypeFor[outer]()); say(err) != want {
			t.Errorf("%.40q: got  %s\nwant %s", text, say(err), want)
		}
		if _, err := strictjson.NewReader(strings.NewReader(text), reflect.TypeFor[outer]()).Next(); say(err) != want {
			t.Errorf("%.40q, from a stream: got  %s\nwant %s", text, say(err), want)
		}
	}
}

// A stream that breaks is told as what it said, in the midst of an object and between two.
func TestReaderOnABrokenStream(t *testing.T) {
	t.Parallel()
	broken := errors.New("the pipe broke")
	for _, text := range []string{"", "{}\n", `{"a": `, `{"a": 1}`} {
		r := strictjson.NewReader(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), reflect.TypeFor[outer]())
		var err error
		for err == nil {
			_, err = r.Next()
		}
		if !errors.Is(err, broken) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Whatever comes in: a stream and a text say the same of one object, what has no mistake can be made a value, and the reader stops.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{"", "{}", "null", `{"name": "a"}` + "\n" + `{"list": ["b"]}`, "\uFEFF{}", "{\n\n\"inner\": {\"on\":\ttrue}}\r\n", "{\"name\":\"\xff\"}", `{"name":1,"name":2}`, "[[[", "\xff\xfe{", `{"a":1}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := strictjson.NewReader(bytes.NewReader(text), reflect.TypeFor[outer]())
		for objects := 0; ; objects++ {
			o, err := r.Next()
			if err != nil {
				var syntax *strictjson.SyntaxError
				if !errors.Is(err, io.EOF) && (!errors.As(err, &syntax) || syntax.Line < 1 || syntax.Column < 0 || syntax.Problem == "") {
					t.Fatalf("%v", err)
				}
				return
			}
			var value outer
			found := mistakes(o)
			if err := o.Into(&value); len(found) == 0 && err != nil {
				t.Fatalf("no mistake, but: %v", err)
			}
			whole, err := strictjson.Parse(bytes.TrimPrefix(text, []byte("\uFEFF")), reflect.TypeFor[outer]())
			if err == nil && (objects > 0 || !slices.Equal(mistakes(whole), found)) {
				t.Fatalf("a stream says %q, a text %q", found, mistakes(whole))
			}
			if err == nil && !json.Valid(text) && !bytes.HasPrefix(text, []byte("\uFEFF")) {
				t.Fatal("what is no JSON was read")
			}
		}
	})
}
