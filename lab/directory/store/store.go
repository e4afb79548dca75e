// Package store keeps a directory's objects in memory and changes them by the rules of Windows AD, stricter ones than Samba's
// among them: ranges, uniqueness without case, whole modifies or none, codes and texts of a domain controller. It knows no
// connections, no accounts and no rights: whoever uses it hands in a guard. One store is one domain controller's copy of one
// domain; what another one has comes in when Pull is called, and only then.
package store

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Options say what domain a store holds.
type Options struct {
	// BaseDN is the domain's DN, Domain its DNS name, NetBIOS its short name.
	BaseDN, Domain, NetBIOS string
	// Now is the clock behind whenChanged.
	Now func() time.Time
	// GUID gives the objectGUID of a new object by its DN; nil draws random ones.
	GUID func(dn string) [16]byte
	// OutsideCatalog are attributes that shall not be in the global catalog, whatever the table says.
	OutsideCatalog []string
}

// Store is one domain's objects. All methods may be called concurrently; each sees and leaves the store whole.
type Store struct {
	options Options
	schema  *Schema
	base    Name

	mu    sync.RWMutex
	roots map[string]*node                  // by Name.key: the naming contexts
	all   []*node                           // by id, which is the order of creation; nil where an object was deleted
	index map[*Attribute]map[string][]*node // sorted by id
	usn   int64
	rid   uint32
	// domainSID is the SID of the domain without a RID, as bytes.
	domainSID string
	// replication is nil as long as there is no other domain controller.
	replication *replication
}

// node is one object's place in the tree. Its values are replaced as a whole, never changed.
type node struct {
	id       int // index in all, from 1
	rdn      RDN
	parent   *node // nil for the root of a naming context
	above    Name  // of a root: the rest of its name
	children map[string]*node
	class    class
	values   values
	versions map[*Attribute]version // of what was written since the object was made
}

// values are an object's values in the order in which they were added. DN values are kept as references to objects.
type values map[*Attribute][]string

// New makes a store that holds the naming contexts, the containers and the schema of an empty domain.
func New(options Options) (*Store, error) {
	schema, err := newSchema()
	if err != nil {
		return nil, err
	}
	for _, name := range options.OutsideCatalog {
		a, ok := schema.attribute(name)
		if !ok {
			return nil, fmt.Errorf("attribute %s is not in the schema", name)
		}
		a.Partial = false
	}
	base, err := ParseName(options.BaseDN)
	if err != nil {
		return nil, err
	}
	s := &Store{options: options, schema: schema, base: base, roots: map[string]*node{}, all: make([]*node, 1),
		index: map[*Attribute]map[string][]*node{}, usn: 12000, rid: 1100}
	for _, a := range schema.attributes {
		if a.indexed() {
			s.index[a] = map[string][]*node{}
		}
	}
	s.domainSID = newDomainSID()
	return s, s.foundation()
}

// newDomainSID draws S-1-5-21-x-y-z (MS-DTYP 2.4.2.2) without a RID.
func newDomainSID() string {
	raw := []byte{1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0}
	var random [12]byte
	_, _ = rand.Read(random[:]) // never fails
	return string(append(raw, random[:]...))
}

// Schema is the store's schema.
func (s *Store) Schema() *Schema { return s.schema }

// USN is the highest update sequence number that was given out.
func (s *Store) USN() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.usn
}

// name is the node's distinguished name.
func (n *node) name() Name {
	var name Name
	for ; n != nil; n = n.parent {
		name = append(name, n.rdn)
		name = append(name, n.above...)
	}
	return name
}

// below says whether the node is under an ancestor, or the ancestor itself.
func (n *node) below(ancestor *node) bool {
	for ; n != nil; n = n.parent {
		if n == ancestor {
			return true
		}
	}
	return false
}

// insert puts a new node into the tree and the indexes, and gives it what every object has.
func (s *Store) insert(n *node) {
	n.id = len(s.all)
	s.all = append(s.all, n)
	if n.parent == nil {
		s.roots[n.name().key()] = n
	} else {
		n.parent.children[n.rdn.key()] = n
	}
	guid := s.guidFor(n)
	n.values[s.schema.the("objectGUID")] = []string{guid}
	n.values[s.schema.the("distinguishedName")] = []string{reference(guid)}
	n.values[s.schema.the("instanceType")] = []string{"4"}
	s.stamp(n.values, "uSNCreated", "whenCreated")
	s.stamp(n.values, "uSNChanged", "whenChanged")
	s.reindex(n, nil, n.values)
}

// guidFor gives the objectGUID of a new node.
func (s *Store) guidFor(n *node) string {
	if s.options.GUID == nil {
		return newGUID()
	}
	raw := s.options.GUID(n.name().String())
	return string(raw[:])
}

// newGUID draws a random GUID (RFC 9562, version 4; the version stands in the third group, which is little-endian).
func newGUID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails
	raw[7] = raw[7]&0x0F | 0x40
	raw[8] = raw[8]&0x3F | 0x80
	return string(raw[:])
}

// stamp notes the next update sequence number and the time in two attributes.
func (s *Store) stamp(v values, usn, when string) {
	if usn == "uSNCreated" {
		s.usn++
	}
	v[s.schema.the(usn)] = []string{strconv.FormatInt(s.usn, 10)}
	v[s.schema.the(when)] = []string{s.options.Now().UTC().Truncate(time.Second).Format(timeFormat)}
}

// replace gives a node its next values, as one update.
func (s *Store) replace(n *node, next values) {
	s.note(n, next)
	s.usn++
	s.stamp(next, "uSNChanged", "whenChanged")
	s.put(n, next)
}

// put gives a node its next values, which does not count as an update.
func (s *Store) put(n *node, next values) {
	s.reindex(n, n.values, next)
	n.values = next
}

// nextSID makes the SID of a new security principal.
func (s *Store) nextSID() string {
	s.rid++
	return string(binary.LittleEndian.AppendUint32([]byte(s.domainSID), s.rid))
}

// reindex takes a node out of the indexes under its old values and puts it in under the new ones.
func (s *Store) reindex(n *node, old, next values) {
	for a, index := range s.index {
		if slices.Equal(old[a], next[a]) {
			continue
		}
		for _, value := range old[a] {
			key, _ := a.Syntax.key(value)
			if at, found := position(index[key], n.id); found {
				index[key] = slices.Delete(index[key], at, at+1)
			}
			if len(index[key]) == 0 {
				delete(index, key)
			}
		}
		for _, value := range next[a] {
			key, _ := a.Syntax.key(value)
			if at, found := position(index[key], n.id); !found {
				index[key] = slices.Insert(index[key], at, n)
			}
		}
	}
}

// position finds an object in a list that is sorted by id, or where it would stand.
func position(sorted []*node, id int) (int, bool) {
	return slices.BinarySearchFunc(sorted, id, func(n *node, id int) int { return cmp.Compare(n.id, id) })
}

func (v values) clone() values { return maps.Clone(v) }
