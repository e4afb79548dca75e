package tenant

import (
	"cmp"
	"slices"
	"time"

	"github.com/aliasd/aliasd/address"
)

// shelf is one entity set: its objects in the order they came, and an index by the keys of object.keys.
type shelf struct {
	rows  []*object
	index map[string][]*object
}

func newShelf() *shelf { return &shelf{index: map[string][]*object{}} }

func (s *shelf) add(o *object) {
	at, _ := slices.BinarySearchFunc(s.rows, o.seq, func(row *object, seq int64) int { return int(row.seq - seq) })
	s.rows = slices.Insert(s.rows, at, o)
	s.enter(o)
}

func (s *shelf) remove(o *object) {
	s.rows = slices.DeleteFunc(s.rows, func(row *object) bool { return row == o })
	s.leave(o)
}

// change lets do change an object that stands on the shelf, and keeps the index right.
func (s *shelf) change(o *object, do func()) {
	s.leave(o)
	do()
	s.enter(o)
}

func (s *shelf) enter(o *object) {
	for _, k := range o.keys() {
		if !slices.Contains(s.index[k], o) {
			s.index[k] = append(s.index[k], o)
		}
	}
}

func (s *shelf) leave(o *object) {
	for _, k := range o.keys() {
		rest := slices.DeleteFunc(s.index[k], func(held *object) bool { return held == o })
		if len(rest) == 0 {
			delete(s.index, k)
			continue
		}
		s.index[k] = rest
	}
}

// behind gives the objects that stand behind a sequence number. The slice is the shelf's own.
func (s *shelf) behind(seq int64) []*object {
	at, _ := slices.BinarySearchFunc(s.rows, seq+1, func(row *object, seq int64) int { return cmp.Compare(row.seq, seq) })
	return s.rows[at:]
}

// find gives the objects under a key. The slice is the index's own: it is good until the next change.
func (s *shelf) find(property, value string) []*object {
	if property != "anchor" {
		value = folded(value)
	}
	return s.index[property+":"+value]
}

// world is everything in the tenant: its domains, objects and sync state.
type world struct {
	initial string
	domains []domain
	live    map[address.Kind]*shelf
	gone    map[address.Kind]*shelf // deleted users and groups; contacts do not come here
	lastSeq int64

	syncEnabled bool
	everSynced  bool
	lastSync    time.Time
	licences    map[string]bool // by anchor, for those who are not synchronised yet
	exportFails map[string]bool // by anchor
	// kindsClash makes a conflict between a user and a group an export error instead of a quarantine.
	kindsClash bool
	// unseen are addresses of what Graph does not list.
	unseen      map[address.Key]bool
	nextRelease time.Time
	waiting     []*object // for their calculation, in the order of their exports
}

// kinds are the kinds of holders, in a fixed order.
func kinds() []address.Kind { return []address.Kind{address.User, address.Group, address.Contact} }

// domain is one of the tenant's domains.
type domain struct {
	name     string
	verified bool
}

func newWorld(o Options) world {
	w := world{
		initial: o.InitialDomain, syncEnabled: true, licences: map[string]bool{}, exportFails: map[string]bool{}, unseen: map[address.Key]bool{},
		live: map[address.Kind]*shelf{}, gone: map[address.Kind]*shelf{},
	}
	for _, kind := range kinds() {
		w.live[kind], w.gone[kind] = newShelf(), newShelf()
	}
	w.domains = append(w.domains, domain{name: o.InitialDomain, verified: true})
	for _, name := range o.Domains {
		w.domains = append(w.domains, domain{name: name, verified: true})
	}
	return w
}

// insert puts a new object on its shelf.
func (w *world) insert(o *object) {
	w.lastSeq++
	o.seq = w.lastSeq
	if o.id == "" {
		o.id = newID()
	}
	w.live[o.kind].add(o)
}

// change lets do change a live object, and keeps the index right.
func (w *world) change(o *object, do func()) { w.live[o.kind].change(o, do) }

// holders gives the live users, groups and contacts that hold an address as a proxy address or as their UPN.
func (w *world) holders(a address.Address) []*object {
	var found []*object
	for _, kind := range kinds() {
		found = append(found, w.live[kind].find("address", string(a))...)
	}
	for _, o := range w.live[address.User].find("upn", string(a)) {
		if !slices.Contains(found, o) {
			found = append(found, o)
		}
	}
	return found
}

// heldByOther says whether anybody but o holds an address.
func (w *world) heldByOther(o *object, a address.Address) bool {
	return w.unseen[a.Key()] || slices.ContainsFunc(w.holders(a), func(h *object) bool { return h != o })
}

func (w *world) byAnchor(anchor string) *object {
	for _, kind := range kinds() {
		if found := w.live[kind].find("anchor", anchor); len(found) > 0 {
			return found[0]
		}
	}
	return nil
}

// lookUp finds a live object by id, anchor, UPN or address.
func (w *world) lookUp(identity string) *object {
	if o := w.byAnchor(identity); o != nil {
		return o
	}
	for _, kind := range kinds() {
		for _, property := range []string{"id", "upn", "address"} {
			if found := w.live[kind].find(property, identity); len(found) > 0 {
				return found[0]
			}
		}
	}
	return nil
}

func (w *world) verifiedDomains() []string {
	var names []string
	for _, d := range w.domains {
		if d.verified {
			names = append(names, d.name)
		}
	}
	return names
}
