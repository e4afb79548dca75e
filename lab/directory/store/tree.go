package store

import (
	"slices"

	"github.com/go-ldap/ldap/v3"
)

// Delete removes an object that has nothing below it. The error is a *Refusal.
func (s *Store) Delete(dn string, guard Guard) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.resolve(dn)
	if err != nil {
		return err
	}
	if err := guard(s.target(n), nil); err != nil {
		return err
	}
	if n.parent == nil || len(n.children) > 0 {
		return refuse(ldap.LDAPResultNotAllowedOnNonLeaf, winNotOnNonLeaf, "UpdErr: DSID-031A1207, problem 6003 (CANT_ON_NON_LEAF)")
	}
	s.remove(n)
	return nil
}

// remove takes an object out of the tree and the indexes.
func (s *Store) remove(n *node) {
	s.usn++
	s.noteDeleted(n)
	s.reindex(n, n.values, nil)
	delete(n.parent.children, n.rdn.key())
	s.all[n.id] = nil
}

// Rename gives an object another RDN, and another parent when one is named. What is below it moves along, and DN values
// elsewhere follow. The error is a *Refusal.
func (s *Store) Rename(dn, newRDN, newParent string, guard Guard) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.resolve(dn)
	if err != nil {
		return err
	}
	if err := guard(s.target(n), nil); err != nil {
		return err
	}
	rdn, err := s.renamed(n, newRDN)
	if err != nil {
		return err
	}
	parent := n.parent
	if newParent != "" {
		if parent, err = s.resolve(newParent); err != nil {
			return err
		}
	}
	return s.move(n, rdn, parent)
}

// renamed reads a new RDN and checks that an object of this class can have it.
func (s *Store) renamed(n *node, newRDN string) (RDN, error) {
	name, err := ParseName(newRDN)
	if err != nil {
		return RDN{}, err
	}
	if len(name) != 1 || name[0].Type != n.class.rdn {
		return RDN{}, refuse(ldap.LDAPResultNamingViolation, winNaming, "NameErr: DSID-0305109C, problem 2005 (NAMING_VIOLATION)")
	}
	return name[0], s.schema.the(name[0].Type).check(name[0].Value)
}

func (s *Store) move(n *node, rdn RDN, parent *node) error {
	if n.parent == nil || parent.below(n) {
		return refuse(ldap.LDAPResultUnwillingToPerform, winUnwillingToChange, "SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM)")
	}
	if other := parent.children[rdn.key()]; other != nil && other != n {
		return refuse(ldap.LDAPResultEntryAlreadyExists, winObjectExists, "UpdErr: DSID-031A11F8, problem 6005 (ENTRY_EXISTS)")
	}
	s.noteWritten(n, s.schema.the("name"))
	delete(n.parent.children, n.rdn.key())
	n.parent = parent
	parent.children[rdn.key()] = n
	old := n.values
	n.values = old.clone()
	n.rename(s, rdn)
	next := n.values
	n.values = old
	s.replace(n, next)
	return nil
}

// Set writes attributes as the directory itself does, bookkeeping like badPwdCount: no rights, no rules, and no update that
// others would hear of. It reports whether the object is there.
func (s *Store) Set(dn string, attributes map[string][]string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.resolve(dn)
	if err != nil {
		return false
	}
	next := n.values.clone()
	for name, given := range attributes {
		next[s.schema.the(name)] = slices.Clone(given)
	}
	s.put(n, next)
	return true
}

// Get gives the values of one attribute of an object as they are kept, secret ones too; nil when either is absent. It is for the
// directory itself, not for clients.
func (s *Store) Get(dn, attribute string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, err := s.resolve(dn)
	if err != nil {
		return nil
	}
	return slices.Clone(n.values[s.schema.the(attribute)])
}
