package store

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// truth is what a filter says of an object (RFC 4511, 4.5.1.7): Undefined is neither, and its negation is Undefined too.
type truth int

const (
	no truth = iota
	undefined
	yes
)

// match evaluates a filter for one object.
func (f *filter) match(n *node) truth {
	switch f.kind {
	case and:
		result := yes
		for _, part := range f.parts {
			result = min(result, part.match(n))
		}
		return result
	case or:
		result := no
		for _, part := range f.parts {
			result = max(result, part.match(n))
		}
		return result
	case not:
		return yes - f.parts[0].match(n)
	case unknowable:
		return undefined
	default:
		return f.matchValues(n.values[f.attribute])
	}
}

// matchValues says whether any of an attribute's values is meant. An attribute without values is no match, rather than
// Undefined: AD finds users without a department by (!(department=Sales)).
func (f *filter) matchValues(values []string) truth {
	if f.kind == present {
		return truthOf(len(values) > 0)
	}
	for _, value := range values {
		key, _ := f.attribute.Syntax.key(value)
		if f.matchKey(key) {
			return yes
		}
	}
	return no
}

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

func (f *filter) matchKey(key string) bool {
	switch f.kind {
	case equal:
		return key == f.key
	case substrings:
		return matchPieces(key, f.pieces)
	case atLeast:
		return f.compare(key) >= 0
	case atMost:
		return f.compare(key) <= 0
	case bitsAll, bitsAny:
		return f.matchBits(key)
	default:
		return false
	}
}

// matchPieces says whether the text begins with the first piece, ends with the last and has the others between, in order.
func matchPieces(text string, pieces []string) bool {
	text, begins := strings.CutPrefix(text, pieces[0])
	last := pieces[len(pieces)-1]
	if !begins || !strings.HasSuffix(text, last) {
		return false
	}
	text = strings.TrimSuffix(text, last)
	for _, piece := range pieces[1 : len(pieces)-1] {
		_, rest, found := strings.Cut(text, piece)
		if !found {
			return false
		}
		text = rest
	}
	return true
}

// compare orders a value against the assertion: numbers as numbers, everything else as text.
func (f *filter) compare(key string) int {
	if f.attribute.Syntax != IntegerSyntax && f.attribute.Syntax != LargeInteger {
		return strings.Compare(key, f.key)
	}
	a, _ := strconv.ParseInt(key, 10, 64)
	b, _ := strconv.ParseInt(f.key, 10, 64)
	return cmp.Compare(a, b)
}

func (f *filter) matchBits(key string) bool {
	value, _ := strconv.ParseInt(key, 10, 64)
	mask, _ := strconv.ParseInt(f.key, 10, 64)
	if f.kind == bitsAll {
		return value&mask == mask
	}
	return value&mask != 0
}

// candidates gives a superset of the objects that the filter can match, from the indexes and sorted by id. It is false when
// every object has to be looked at.
func (f *filter) candidates(s *Store) ([]*node, bool) {
	switch f.kind {
	case equal:
		index, indexed := s.index[f.attribute]
		return index[f.key], indexed
	case unknowable:
		return nil, true
	case and:
		return f.smallest(s)
	case or:
		return f.union(s)
	default:
		return nil, false
	}
}

func (f *filter) smallest(s *Store) (best []*node, found bool) {
	for _, part := range f.parts {
		nodes, ok := part.candidates(s)
		if ok && (!found || len(nodes) < len(best)) {
			best, found = nodes, true
		}
	}
	return best, found
}

func (f *filter) union(s *Store) ([]*node, bool) {
	var all []*node
	for _, part := range f.parts {
		nodes, ok := part.candidates(s)
		if !ok {
			return nil, false
		}
		all = append(all, nodes...)
	}
	slices.SortFunc(all, func(a, b *node) int { return cmp.Compare(a.id, b.id) })
	return slices.Compact(all), true
}
