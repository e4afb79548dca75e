package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// key is one key of the settings file: a value with a reader, or a group with keys of its own.
type key struct {
	name string
	// doc explains it in the sample, in whole sentences.
	doc string
	// def is the default as YAML; empty: the zero value.
	def string
	// sample is what the sample shows, as YAML; empty: def.
	sample string
	// off: the sample shows it as a comment.
	off      bool
	required bool
	read     reader
	keys     []key
}

// reader checks a value and stores it; nothing is stored where something is wrong.
type reader func(*yaml.Node) []fault

// fault is something wrong at a node. part goes behind the key: "[1]", ".file".
type fault struct {
	node *yaml.Node
	part string
	flaw
	got string
}

// flaw is what is wrong with a value, and what would be right.
type flaw struct{ text, hint string }

// decoder walks the settings file along the table.
type decoder struct {
	file     string
	keys     []key // the whole table
	root     *yaml.Node
	problems Problems
	// at is where each key stands that was given a value; faulty are the keys with a problem of their own.
	at     map[string]*yaml.Node
	faulty map[string]bool
}

func parse(name string, data []byte, b base) (*Settings, error) {
	s := &Settings{}
	d := &decoder{file: name, keys: table(s, b), at: map[string]*yaml.Node{}, faulty: map[string]bool{}}
	d.defaults("", d.keys)
	if d.root = d.document(data); d.root != nil {
		d.group("", d.keys, d.root)
		d.relations(s)
	}
	if len(d.problems) > 0 {
		d.problems.sort()
		return nil, d.problems
	}
	s.Report.Dir = base{dir: s.DataDir}.path(s.Report.Dir)
	s.places = d.places()
	return s, nil
}

// document parses the YAML; nil after a problem with it.
func (d *decoder) document(data []byte) *yaml.Node {
	var doc, more yaml.Node
	decode := yaml.NewDecoder(bytes.NewReader(data))
	err := decode.Decode(&doc)
	if errors.Is(err, io.EOF) { // nothing but comments
		return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: 1, Column: 1}
	}
	if err == nil {
		if err = decode.Decode(&more); err == nil {
			d.report("", fault{node: &more, flaw: flaw{"a second document", "one file holds one document; remove ---"}})
			return nil
		}
	}
	if !errors.Is(err, io.EOF) {
		d.problems = append(d.problems, syntax(d.file, data, err))
		return nil
	}
	root := doc.Content[0]
	if isNull(root) {
		return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: root.Line, Column: root.Column}
	}
	return root
}

// syntax turns the parser's error into a problem. The one error that quotes what stands in the file is put in other
// words: a password that begins with * is taken for an alias.
func syntax(file string, data []byte, err error) Problem {
	p := Problem{
		File: file, Line: 1, Text: "not YAML: " + strings.TrimPrefix(err.Error(), "yaml: "),
		Hint: "two spaces per level, no tabs; quote values that hold any of @ * & : # % ! { [",
	}
	if m := regexp.MustCompile(`^yaml: line (\d+): (.*)$`).FindStringSubmatch(err.Error()); m != nil {
		p.Line, _ = strconv.Atoi(m[1]) // digits only
		p.Text = "not YAML: " + m[2]
	}
	if m := regexp.MustCompile(`(?s)unknown anchor '(.*)' referenced`).FindStringSubmatch(err.Error()); m != nil {
		before, _, _ := bytes.Cut(data, []byte("*"+m[1]))
		p.Line = 1 + bytes.Count(before, []byte("\n"))
		p.Text = "not YAML: a value that begins with * is not in quotes"
	}
	if strings.Contains(p.Text, "unknown escape character") {
		p.Hint = `write Windows paths in single quotes: 'C:\ProgramData\aliasd'`
	}
	return p
}

// defaults reads the table's own defaults; the tests see to it that they are right.
func (d *decoder) defaults(prefix string, keys []key) {
	for _, k := range keys {
		d.defaults(join(prefix, k.name), k.keys)
		if k.def == "" {
			continue
		}
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(k.def), &doc); err != nil {
			d.problems = append(d.problems, syntax(d.file, []byte(k.def), err))
			continue
		}
		for _, f := range k.read(doc.Content[0]) {
			d.report(join(prefix, k.name), f)
		}
	}
}

// group reads the keys of one group.
func (d *decoder) group(prefix string, keys []key, n *yaml.Node) {
	if f := wrongKind(n, yaml.MappingNode, "a group of keys"); f != nil {
		f.got = "" // the file may be the wrong one, and hold a secret
		d.report(prefix, *f)
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		d.pair(prefix, keys, seen, n.Content[i], n.Content[i+1])
	}
	d.missing(prefix, keys, n)
}

// pair reads one key and its value.
func (d *decoder) pair(prefix string, keys []key, seen map[string]int, name, value *yaml.Node) {
	path := join(prefix, name.Value)
	i := slices.IndexFunc(keys, func(k key) bool { return k.name == name.Value })
	if name.Kind != yaml.ScalarNode || i < 0 {
		d.unknown(prefix, keys, name)
		return
	}
	if first, ok := seen[name.Value]; ok {
		d.report(path, fault{node: name, flaw: flaw{"given twice", fmt.Sprintf("first on line %d", first)}})
		return
	}
	seen[name.Value] = name.Line
	if isNull(value) { // a key without a value is as good as none
		return
	}
	d.at[path] = name
	if keys[i].keys != nil {
		d.group(path, keys[i].keys, value)
		return
	}
	for _, f := range keys[i].read(value) {
		d.report(path, f)
	}
}

// missing reports required keys that were not given, in groups that were not given either.
func (d *decoder) missing(prefix string, keys []key, n *yaml.Node) {
	for _, k := range keys {
		path := join(prefix, k.name)
		if d.at[path] != nil || d.faulty[path] {
			continue
		}
		d.missing(path, k.keys, n)
		if k.required {
			d.report(path, fault{node: n, flaw: flaw{"is missing", "for example " + k.sample}})
		}
	}
}

func (d *decoder) report(path string, f fault) {
	d.faulty[path] = true
	d.problems = append(d.problems, Problem{
		File: d.file, Line: max(1, f.node.Line), col: f.node.Column, Key: path + f.part,
		Text: f.text, Got: f.got, Hint: f.hint,
	})
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// unknown says where the key belongs, or which one was meant, as far as that can be seen. The one that was meant counts
// as given, so that it is not called missing as well.
func (d *decoder) unknown(prefix string, keys []key, name *yaml.Node) {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	f := fault{node: name, flaw: flaw{"unknown key", "known here: " + strings.Join(names, ", ")}}
	if near := Nearest(name.Value, names); near != "" {
		meant := join(prefix, near)
		d.faulty[meant] = true
		f.hint = "did you mean " + near + "?"
	} else if home := homeOf(name.Value, "", d.keys); home != "" && home != prefix {
		f.hint = "it belongs under " + home
	}
	d.report(join(prefix, printable(name)), f)
}

// printable is a key as it is shown: plain where it is plain.
func printable(name *yaml.Node) string {
	if regexp.MustCompile(`^[A-Za-z0-9_-]{1,60}$`).MatchString(name.Value) {
		return name.Value
	}
	return show(name)
}

// homeOf finds the first group that knows a key of that name.
func homeOf(name, prefix string, keys []key) string {
	for _, k := range keys {
		if k.name == name && prefix != "" {
			return prefix
		}
		if home := homeOf(name, join(prefix, k.name), k.keys); home != "" {
			return home
		}
	}
	return ""
}

// Nearest is the name that is at most two typing errors away, empty where none is.
func Nearest(name string, names []string) string {
	best, least := "", 3
	for _, n := range names {
		if d := distance(name, n); d < least && d < len(n) {
			best, least = n, d
		}
	}
	return best
}

// distance is Levenshtein's: insertions, deletions and changes of one byte.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
