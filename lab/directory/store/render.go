package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aliasd/aliasd/lab/directory/wire"
)

// renderer shows objects to a client: the attributes asked for, in the schema's spelling.
type renderer struct {
	store *Store
	query Query
	// all says that every plain attribute is shown.
	all bool
	// wanted are the attributes asked for by name, with a range where one was asked for.
	wanted []selected
}

// selected is an attribute asked for by name.
type selected struct {
	attribute *Attribute
	// from and to bound a range of its values (MS-ADTS 3.1.1.3.1.3.3); to is -1 for up to the last.
	ranged   bool
	from, to int
}

func (s *Store) rendererFor(q Query) renderer {
	r := renderer{store: s, query: q, all: len(q.Attributes) == 0}
	for _, name := range q.Attributes {
		if name == "*" {
			r.all = true
			continue
		}
		if chosen, ok := s.choose(name); ok {
			r.wanted = append(r.wanted, chosen)
		}
	}
	return r
}

// choose understands "name" and "name;range=from-to". Names that are unknown and options that are not understood choose nothing.
func (s *Store) choose(text string) (selected, bool) {
	name, option, has := strings.Cut(text, ";")
	a, ok := s.schema.attribute(name)
	if !ok || a.Secret || !has {
		return selected{attribute: a}, ok && !a.Secret
	}
	bounds, isRange := strings.CutPrefix(strings.ToLower(option), "range=")
	low, high, closed := strings.Cut(bounds, "-")
	from, err := strconv.Atoi(low)
	if !isRange || !closed || err != nil || from < 0 {
		return selected{}, false
	}
	to := -1
	if high != "*" {
		if to, err = strconv.Atoi(high); err != nil || to < from {
			return selected{}, false
		}
	}
	return selected{attribute: a, ranged: true, from: from, to: to}, true
}

func (r renderer) entry(n *node) Entry {
	entry := Entry{DN: n.name().String()}
	if r.all {
		for _, a := range r.store.schema.attributes {
			if !a.Constructed && !a.Secret && len(n.values[a]) > 0 {
				entry.Attributes = r.append(entry.Attributes, n, selected{attribute: a})
			}
		}
	}
	for _, chosen := range r.wanted {
		if !r.all || chosen.ranged || chosen.attribute.Constructed {
			entry.Attributes = r.append(entry.Attributes, n, chosen)
		}
	}
	return entry
}

// append shows one attribute. More values than are shown at once come as a range, and then the plain name comes too, with no
// values, as on a domain controller.
func (r renderer) append(to []wire.Attribute, n *node, chosen selected) []wire.Attribute {
	a := chosen.attribute
	if r.query.Catalog && !a.Partial && !a.Constructed {
		return to
	}
	shown := r.values(n, a)
	if len(shown) == 0 {
		return to
	}
	name := a.Name
	if chosen.ranged || r.query.Ranges > 0 && len(shown) > r.query.Ranges {
		if !chosen.ranged {
			to = append(to, wire.Attribute{Name: name})
			chosen.to = -1
		}
		name, shown = r.cut(a.Name, shown, chosen)
	}
	if r.query.TypesOnly {
		shown = nil
	}
	return append(to, wire.Attribute{Name: name, Values: shown})
}

// cut takes the values of a range, as many as are shown at once, and names the range that they are.
func (r renderer) cut(name string, shown []string, chosen selected) (string, []string) {
	from := min(chosen.from, len(shown))
	end := len(shown)
	if chosen.to >= 0 {
		end = min(end, chosen.to+1)
	}
	if r.query.Ranges > 0 {
		end = min(end, from+r.query.Ranges)
	}
	last := "*"
	if end < len(shown) {
		last = strconv.Itoa(end - 1)
	}
	return fmt.Sprintf("%s;range=%d-%s", name, chosen.from, last), shown[from:end]
}

// values are an attribute's values as clients see them.
func (r renderer) values(n *node, a *Attribute) []string {
	if a.Constructed {
		return r.constructed(n, a)
	}
	kept := n.values[a]
	if a.Syntax != DNSyntax {
		return kept
	}
	var shown []string
	for _, value := range kept {
		if dn, ok := r.store.external(a, value); ok {
			shown = append(shown, dn)
		}
	}
	return shown
}

// constructed makes what is not stored: when each attribute was written, what an object of its class may have, and what the client may
// write of that.
func (r renderer) constructed(n *node, a *Attribute) []string {
	if a.Name == "allowedAttributesEffective" && r.query.Effective != nil {
		may := r.query.Effective(r.store.target(n))
		return slices.DeleteFunc(may, func(name string) bool { return !n.class.may(r.store.schema.the(name)) })
	}
	if a.Name == stampsName {
		return []string{r.store.stamps(n)}
	}
	if a.Name != "allowedAttributes" {
		return nil
	}
	var names []string
	for _, other := range r.store.schema.attributes {
		if n.class.may(other) {
			names = append(names, other.Name)
		}
	}
	return names
}

// Writable are the names of all attributes that a client with every right may write.
func (s *Schema) Writable() []string {
	var names []string
	for _, a := range s.attributes {
		if a.writable() {
			names = append(names, a.Name)
		}
	}
	return names
}
