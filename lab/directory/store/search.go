package store

import (
	ber "github.com/go-asn1-ber/asn1-ber"

	"github.com/aliasd/aliasd/lab/directory/wire"
)

// Query is one search, or one page of it.
type Query struct {
	Base  string
	Scope wire.Scope
	// Filter is the filter as it came over the wire.
	Filter *ber.Packet
	// Attributes are the names asked for, with their options; none asks for all, as "*" does.
	Attributes []string
	TypesOnly  bool
	// Limit is how many entries are wanted at most; 0 for all.
	Limit int
	// After continues behind the last entry of an earlier page; 0 begins.
	After int
	// Catalog searches as the global catalog does: with the attributes that it has, and everywhere when Base is empty.
	Catalog bool
	// Ranges is how many values of one attribute are shown at once (MaxValRange).
	Ranges int
	// Effective gives the attributes that the one who asks may write on an object, for allowedAttributesEffective.
	Effective func(Target) []string
}

// Entry is one object that a search found.
type Entry struct {
	DN         string
	Attributes []wire.Attribute
}

// Page is what a search found.
type Page struct {
	Entries []Entry
	// Next continues behind the last entry, 0 when there is no more.
	Next int
}

// Search finds objects in the order in which they were made. The error is a *Refusal.
func (s *Store) Search(q Query) (Page, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f, err := compiler{s, q.Catalog}.compile(q.Filter, 0)
	if err != nil {
		return Page{}, err
	}
	base, err := s.baseOf(q)
	if err != nil {
		return Page{}, err
	}
	found := s.find(q, f, base)
	var page Page
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
		page.Next = found[q.Limit-1].id
	}
	r := s.rendererFor(q)
	for _, n := range found {
		page.Entries = append(page.Entries, r.entry(n))
	}
	return page, nil
}

// baseOf resolves the base. The global catalog takes an empty one for all that it has: nil.
func (s *Store) baseOf(q Query) (*node, error) {
	if q.Base == "" && q.Catalog {
		return nil, nil
	}
	return s.resolve(q.Base)
}

// find gives the objects that a page can begin with, one more than the page holds.
func (s *Store) find(q Query, f *filter, base *node) []*node {
	if q.Scope == wire.Base {
		if base != nil && base.id > q.After && f.match(base) == yes {
			return []*node{base}
		}
		return nil
	}
	nodes, indexed := f.candidates(s)
	if indexed {
		from, _ := position(nodes, q.After+1)
		nodes = nodes[from:]
	} else {
		nodes = s.all[min(q.After+1, len(s.all)):]
	}
	var found []*node
	for _, n := range nodes {
		if n == nil || !within(n, q.Scope, base) || f.match(n) != yes {
			continue
		}
		found = append(found, n)
		if q.Limit > 0 && len(found) > q.Limit {
			break
		}
	}
	return found
}

func within(n *node, scope wire.Scope, base *node) bool {
	switch {
	case base == nil:
		return true
	case scope == wire.One:
		return n.parent == base
	default:
		return n.below(base)
	}
}
