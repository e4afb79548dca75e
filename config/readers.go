package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// rule checks a text and gives it back as it is kept.
type rule[T any] func(string) (T, *flaw)

// kind is a YAML type as it is called in problems.
type kind struct {
	tag, name, hint string
}

func textKind() kind   { return kind{"!!str", "a text", "put it in quotes"} }
func numberKind() kind { return kind{"!!int", "a whole number", "without quotes and unit"} }
func boolKind() kind   { return kind{"!!bool", "true or false", "without quotes"} }
func durationKind() kind {
	return kind{"!!str", "a duration", "with its unit: 24h, 30m, 10s"}
}

// scalar reads one value of one kind.
func scalar[T any](into *T, k kind, r rule[T]) reader {
	return func(n *yaml.Node) []fault {
		value, f := readScalar(n, k, r)
		if f != nil {
			return []fault{*f}
		}
		*into = value
		return nil
	}
}

func readScalar[T any](n *yaml.Node, k kind, r rule[T]) (value T, f *fault) {
	if f := wrongKind(n, yaml.ScalarNode, k.name); f != nil {
		return value, f
	}
	if n.ShortTag() != k.tag {
		return value, &fault{node: n, flaw: flaw{"must be " + k.name, k.hint}, got: show(n)}
	}
	value, bad := r(n.Value)
	if bad != nil {
		return value, &fault{node: n, flaw: *bad, got: show(n)}
	}
	return value, nil
}

// list reads several texts, none of them twice.
func list(into *[]string, r rule[string]) reader {
	return func(n *yaml.Node) []fault {
		if f := wrongKind(n, yaml.SequenceNode, "a list"); f != nil {
			f.hint = `["…", "…"]`
			return []fault{*f}
		}
		var faults []fault
		var values []string
		for i, item := range n.Content {
			value, f := readScalar(item, textKind(), unseen(values, r))
			if f != nil {
				f.part = fmt.Sprintf("[%d]", i)
				faults = append(faults, *f)
				continue
			}
			values = append(values, value)
		}
		if len(faults) == 0 {
			*into = values
		}
		return faults
	}
}

// unseen refuses a value that stands in the list already.
func unseen(values []string, r rule[string]) rule[string] {
	return func(text string) (string, *flaw) {
		value, bad := r(text)
		for _, v := range values {
			if bad == nil && v == value {
				return "", &flaw{"stands in the list twice", ""}
			}
		}
		return value, bad
	}
}

func text(into *string, r rule[string]) reader { return scalar(into, textKind(), r) }

func asIs(s string) (string, *flaw) { return s, nil }

func boolean(into *bool) reader {
	return scalar(into, boolKind(), func(s string) (bool, *flaw) { return strings.EqualFold(s, "true"), nil })
}

// integer reads a number from least to most.
func integer(into *int, least, most int) reader {
	return scalar(into, numberKind(), func(s string) (int, *flaw) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return 0, &flaw{fmt.Sprintf("must be a number from %d to %d", least, most), ""}
		}
		return n, nil
	})
}

// duration reads a duration above 0, at most most (0: any).
func duration(into *time.Duration, most time.Duration) reader {
	return scalar(into, durationKind(), func(s string) (time.Duration, *flaw) {
		d, err := time.ParseDuration(s)
		switch {
		case err != nil:
			return 0, &flaw{"must be a duration", "like 24h, 30m, 10s"}
		case d <= 0:
			return 0, &flaw{"must be above 0", "like 24h, 30m, 10s"}
		case most > 0 && d > most:
			return 0, &flaw{"must be at most " + brief(most), ""}
		}
		return d, nil
	})
}

// durationWithin reads a duration of at least least and at most most.
func durationWithin(into *time.Duration, least, most time.Duration) reader {
	return scalar(into, durationKind(), func(s string) (time.Duration, *flaw) {
		switch d, err := time.ParseDuration(s); {
		case err != nil:
			return 0, &flaw{"must be a duration", "like 24h, 30m, 10s"}
		case d < least || d > most:
			return 0, &flaw{fmt.Sprintf("must be from %s to %s", brief(least), brief(most)), "like 30m"}
		default:
			return d, nil
		}
	})
}

// brief prints 5m0s as 5m.
func brief(d time.Duration) string {
	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
}

// choice takes one of a few words.
func choice(words ...string) rule[string] {
	return func(s string) (string, *flaw) {
		for _, w := range words {
			if s == w {
				return s, nil
			}
		}
		bad := &flaw{"must be one of " + strings.Join(words, ", "), ""}
		if near := Nearest(s, words); near != "" {
			bad.hint = "did you mean " + near + "?"
		}
		return "", bad
	}
}

// notYet accepts a text that is empty, and says why another is refused.
func notYet(reason string) rule[string] {
	return func(s string) (string, *flaw) {
		if s != "" {
			return "", &flaw{"is not supported yet", reason}
		}
		return s, nil
	}
}

// filePath makes a path relative to the settings file; empty stays empty.
func filePath(b base) rule[string] {
	return func(s string) (string, *flaw) {
		if strings.ContainsFunc(s, unprintable) { // "C:\new" in double quotes holds a line break
			return "", &flaw{"is no path", `write Windows paths in single quotes: 'C:\ProgramData\aliasd'`}
		}
		return b.path(s), nil
	}
}

// filled refuses the empty text.
func filled(r rule[string]) rule[string] {
	return func(s string) (string, *flaw) {
		if strings.TrimSpace(s) == "" {
			return "", &flaw{"must not be empty", ""}
		}
		return r(s)
	}
}

// orEmpty lets the empty text pass.
func orEmpty(r rule[string]) rule[string] {
	return func(s string) (string, *flaw) {
		if s == "" {
			return s, nil
		}
		return r(s)
	}
}

// wrongKind says when a node has another shape than is wanted; nil where it is right.
func wrongKind(n *yaml.Node, want yaml.Kind, name string) *fault {
	if n.Kind == want {
		return nil
	}
	f := &fault{node: n, flaw: flaw{text: "must be " + name}, got: show(n)}
	if n.Kind == yaml.AliasNode {
		f.text, f.hint = "aliases are not supported", "write the value out; quote it when it begins with *"
	}
	return f
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// show prints what stands at a node, short, in quotes where it is a text, and without the password of a URL.
func show(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a group of keys"
	case yaml.AliasNode:
		return "an alias"
	}
	value := shorten(withoutPassword(n.Value))
	if tag := n.ShortTag(); tag == "!!str" || strings.ContainsAny(value, "\r\n") {
		return strconv.Quote(value)
	}
	return value
}

// withoutPassword leaves out what stands between :// and the last @ of a URL, and all of a database's.
func withoutPassword(s string) string {
	s = regexp.MustCompile(`(?is)^(postgres[a-z]*:).*`).ReplaceAllString(s, "$1//…")
	return regexp.MustCompile(`(?s)://.*@`).ReplaceAllString(s, "://…@")
}

func shorten(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

// quoted makes a text a YAML value; single quotes keep every character as it is.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// atLeastOne refuses an empty list.
func atLeastOne(r reader) reader {
	return func(n *yaml.Node) []fault {
		if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
			return []fault{{node: n, flaw: flaw{text: "must not be empty"}}}
		}
		return r(n)
	}
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }
