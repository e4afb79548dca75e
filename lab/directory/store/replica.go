package store

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Where the numbers of a replica begin, so that none passes for one of the domain controller that it was made from.
const (
	replicaUSN = 500_000
	replicaRID = 100_000
)

// version is how an attribute came to its value (MS-ADTS 3.1.1.1.9, AttributeStamp): how often it was written, when and on
// which domain controller. The zero value is one that was not written since the object was made.
type version struct {
	number int
	at     time.Time // whole seconds, as in AD
	origin string    // id of the store
}

// newer says which of two wins: the one that was written more often, then the later one, then the one of the greater id. A whole
// attribute wins, whatever its values.
func (v version) newer(than version) bool {
	return cmp.Or(cmp.Compare(v.number, than.number), v.at.Compare(than.at), strings.Compare(v.origin, than.origin)) > 0
}

// replication is what a store knows once it has a replica.
type replication struct {
	id string
	// seen is up to which of another store's update sequence numbers this one knows everything.
	seen map[string]int64
	dead []grave
}

// grave is an object that was deleted.
type grave struct {
	guid string
	usn  int64
}

func newReplication() *replication { return &replication{id: newGUID(), seen: map[string]int64{}} }

// Replica makes another domain controller's copy of the same domain: the same objects under the same GUIDs, with update
// sequence numbers of its own. From then on both note what Pull needs.
func (s *Store) Replica() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.replication == nil {
		s.replication = newReplication()
	}
	r := &Store{options: s.options, schema: s.schema, base: s.base, roots: map[string]*node{}, all: make([]*node, len(s.all)),
		index: map[*Attribute]map[string][]*node{}, usn: s.usn + replicaUSN, rid: s.rid + replicaRID, domainSID: s.domainSID,
		replication: newReplication()}
	for a := range s.index {
		r.index[a] = map[string][]*node{}
	}
	for _, n := range s.all {
		if n != nil {
			r.copy(n)
		}
	}
	for _, n := range s.all {
		if n != nil {
			r.attach(n)
		}
	}
	r.replication.seen[s.replication.id], s.replication.seen[r.replication.id] = s.usn, r.usn
	return r
}

// copy makes another store's object ours, not in the tree yet.
func (s *Store) copy(n *node) {
	s.all[n.id] = &node{id: n.id, rdn: n.rdn, above: n.above, children: map[string]*node{}, class: n.class, values: n.values.clone(), versions: maps.Clone(n.versions)}
	s.usn++
	s.stamp(s.all[n.id].values, "uSNChanged", "whenChanged")
	s.reindex(s.all[n.id], nil, s.all[n.id].values)
}

// attach puts a copied object where its model stands.
func (s *Store) attach(model *node) {
	n := s.all[model.id]
	if model.parent == nil {
		s.roots[n.name().key()] = n
		return
	}
	n.parent = s.all[model.parent.id]
	n.parent.children[n.rdn.key()] = n
}

// note counts a write of every attribute in which next differs.
func (s *Store) note(n *node, next values) {
	for _, a := range s.schema.attributes {
		if !slices.Equal(n.values[a], next[a]) && replicated(a) {
			s.noteWritten(n, a)
		}
	}
}

func (s *Store) noteWritten(n *node, a *Attribute) {
	if n.versions == nil {
		n.versions = map[*Attribute]version{}
	}
	n.versions[a] = version{n.versions[a].number + 1, s.options.Now().UTC().Truncate(time.Second), s.origin()}
}

// origin names this store in the versions of what is written here; one without replicas needs no name.
func (s *Store) origin() string {
	if s.replication == nil {
		return ""
	}
	return s.replication.id
}

func (s *Store) noteDeleted(n *node) {
	if s.replication != nil {
		s.replication.dead = append(s.replication.dead, grave{n.guid(s), s.usn})
	}
}

// replicated says that an attribute is the same on all domain controllers; the others are each one's own.
func replicated(a *Attribute) bool {
	switch a.Name {
	case "uSNChanged", "uSNCreated", "whenChanged", "distinguishedName", "badPwdCount", "badPasswordTime":
		return false
	}
	return true
}

// record is an object as one domain controller tells another of it.
type record struct {
	guid, parent string
	rdn          RDN
	class        class
	values       values
	versions     map[*Attribute]version
}

// Pull brings in what another domain controller of the domain has that is newer, object by object and attribute by attribute,
// and gives how many objects changed here. A write of both to one attribute is decided for one of them, as a whole. It ends with
// an error where both made an object of the same name: AD renames one of them then, this one does not.
func (s *Store) Pull(from *Store) (changed int, err error) {
	s.mu.RLock()
	since := s.replication.seen[from.replication.id]
	s.mu.RUnlock()
	records, dead, upTo := from.since(since)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		did, err := s.takeIn(r)
		if err != nil {
			return changed, err
		}
		changed += did
	}
	for _, g := range dead {
		changed += s.bury(g.guid)
	}
	s.replication.seen[from.replication.id] = upTo
	return changed, nil
}

// since are the objects that were changed and deleted behind an update sequence number, parents before what is below them.
func (s *Store) since(usn int64) (records []record, dead []grave, upTo int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var changed []*node
	for _, n := range s.all {
		if n != nil && n.usn(s) > usn {
			changed = append(changed, n)
		}
	}
	slices.SortStableFunc(changed, func(a, b *node) int { return cmp.Compare(len(a.name()), len(b.name())) })
	for _, n := range changed {
		records = append(records, s.record(n))
	}
	for _, g := range s.replication.dead {
		if g.usn > usn {
			dead = append(dead, g)
		}
	}
	return records, dead, s.usn
}

func (s *Store) record(n *node) record {
	r := record{guid: n.guid(s), rdn: n.rdn, class: n.class, values: n.values.clone(), versions: map[*Attribute]version{}}
	for a, v := range n.versions {
		r.versions[a] = v
	}
	if n.parent != nil {
		r.parent = n.parent.guid(s)
	}
	return r
}

func (n *node) usn(s *Store) int64 {
	usn, _ := strconv.ParseInt(n.values[s.schema.the("uSNChanged")][0], 10, 64) // we wrote it
	return usn
}

func (s *Store) byGUID(guid string) *node {
	if found := s.index[s.schema.the("objectGUID")][guid]; len(found) > 0 {
		return found[0]
	}
	return nil
}

// takeIn makes a record ours; it gives 1 where that changed something.
func (s *Store) takeIn(r record) (int, error) {
	if slices.ContainsFunc(s.replication.dead, func(g grave) bool { return g.guid == r.guid }) {
		return 0, nil
	}
	n := s.byGUID(r.guid)
	if n == nil {
		return 1, s.graft(r)
	}
	return s.update(n, r)
}

// graft makes an object that the other one made.
func (s *Store) graft(r record) error {
	n := &node{id: len(s.all), rdn: r.rdn, children: map[string]*node{}, class: r.class, values: r.values, versions: r.versions}
	if err := s.place(n, r); err != nil {
		return err
	}
	s.all = append(s.all, n)
	s.stamp(n.values, "uSNCreated", "whenCreated")
	n.values[s.schema.the("whenCreated")] = r.values[s.schema.the("whenCreated")]
	s.stamp(n.values, "uSNChanged", "whenChanged")
	s.reindex(n, nil, n.values)
	return nil
}

// place puts an object under the parent and the name that a record says.
func (s *Store) place(n *node, r record) error {
	parent := s.byGUID(r.parent)
	if parent == nil {
		return fmt.Errorf("replicate %s: there is no parent for it here", r.rdn.Value)
	}
	if other := parent.children[r.rdn.key()]; other != nil && other != n {
		return fmt.Errorf("replicate %s: there is another object of that name in %s", r.rdn.Value, parent.name())
	}
	if n.parent != nil {
		delete(n.parent.children, n.rdn.key())
	}
	n.parent, n.rdn = parent, r.rdn
	parent.children[n.rdn.key()] = n
	return nil
}

// update takes over the attributes that are newer.
func (s *Store) update(n *node, r record) (int, error) {
	next := n.values.clone()
	newer := 0
	for a, v := range r.versions {
		if !v.newer(n.versions[a]) {
			continue
		}
		if a.Name == "name" {
			if err := s.place(n, r); err != nil {
				return 0, err
			}
		}
		newer++
		s.adopt(n, next, a, r)
	}
	if newer == 0 {
		return 0, nil
	}
	s.usn++
	s.stamp(next, "uSNChanged", "whenChanged")
	s.put(n, next)
	return 1, nil
}

func (s *Store) adopt(n *node, next values, a *Attribute, r record) {
	if n.versions == nil {
		n.versions = map[*Attribute]version{}
	}
	n.versions[a] = r.versions[a]
	if next[a] = r.values[a]; len(next[a]) == 0 {
		delete(next, a)
	}
}

// bury deletes an object that the other one deleted; it gives 1 where it was there. What has something below it stays.
func (s *Store) bury(guid string) int {
	n := s.byGUID(guid)
	if n == nil || len(n.children) > 0 {
		return 0
	}
	s.remove(n)
	return 1
}
