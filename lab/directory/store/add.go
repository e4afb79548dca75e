package store

import (
	"crypto/rand"
	"encoding/base32"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/ldapwriter/adtext"
)

// Add makes an object. What AD gives every object of its class (a SID, an account name, a category) it gets too. The error is
// a *Refusal.
func (s *Store) Add(dn string, attributes []wire.Attribute, guard Guard) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.sprout(dn, objectClassIn(attributes))
	if err != nil {
		return err
	}
	if err := guard(s.target(n), nil); err != nil {
		return err
	}
	written := []*Attribute{s.schema.the("sAMAccountName"), s.schema.the("userPrincipalName")}
	for _, given := range attributes {
		a, ok := s.schema.attribute(given.Name)
		if !ok {
			return unknownAttribute(given.Name)
		}
		if err := s.give(n, a, given.Values); err != nil {
			return err
		}
		written = append(written, a)
	}
	s.complete(n)
	if err := s.accept(n, n.values, written); err != nil {
		return err
	}
	s.insert(n)
	return nil
}

func objectClassIn(attributes []wire.Attribute) []string {
	for _, attribute := range attributes {
		if strings.EqualFold(attribute.Name, "objectClass") {
			return attribute.Values
		}
	}
	return nil
}

// sprout makes a node that is not in the tree yet, with its name and class checked.
func (s *Store) sprout(dn string, objectClass []string) (*node, error) {
	name, err := ParseName(dn)
	if err != nil {
		return nil, err
	}
	existing, deepest := s.lookup(name)
	switch {
	case existing != nil:
		return nil, refuse(ldap.LDAPResultEntryAlreadyExists, winObjectExists, "UpdErr: DSID-031A11F8, problem 6005 (ENTRY_EXISTS)")
	case deepest == nil:
		return nil, s.foreign(name)
	case len(deepest.name()) != len(name)-1:
		return nil, noObject(deepest.name().String())
	}
	class, ok := s.schema.classOf(objectClass)
	if !ok {
		return nil, refuse(ldap.LDAPResultObjectClassViolation, winNoClass, "UpdErr: DSID-0315166D, problem 6002 (OBJ_CLASS_VIOLATION), Att (objectClass)")
	}
	if class.rdn != name[0].Type {
		return nil, refuse(ldap.LDAPResultNamingViolation, winNaming, "NameErr: DSID-0305109C, problem 2005 (NAMING_VIOLATION)")
	}
	return s.newNode(deepest, name[0], class)
}

// newNode makes a node with the values that follow from its name and class.
func (s *Store) newNode(parent *node, rdn RDN, class class) (*node, error) {
	n := &node{rdn: rdn, parent: parent, children: map[string]*node{}, class: class, values: values{}}
	naming := s.schema.the(rdn.Type)
	if err := naming.check(rdn.Value); err != nil {
		return nil, err
	}
	n.rename(s, rdn)
	n.values[s.schema.the("objectClass")] = class.chain
	if category := s.category(class); category != "" {
		n.values[s.schema.the("objectCategory")] = []string{category}
	}
	return n, nil
}

// rename writes the RDN into the attributes that repeat it.
func (n *node) rename(s *Store, rdn RDN) {
	n.rdn = rdn
	n.values[s.schema.the("name")] = []string{rdn.Value}
	n.values[s.schema.the(n.class.rdn)] = []string{rdn.Value}
}

// category refers to the class' object in the schema; empty while that is being made.
func (s *Store) category(c class) string {
	schemaClass, _ := s.lookup(s.schemaName(c.category))
	if schemaClass == nil {
		return ""
	}
	return reference(schemaClass.guid(s))
}

// give sets an attribute of a new object. The naming attribute may be repeated, with the name's value.
func (s *Store) give(n *node, a *Attribute, given []string) error {
	switch {
	case a.Name == "objectClass":
		return nil
	case strings.EqualFold(a.Name, n.class.rdn), a.Name == "name":
		if len(given) == 1 && adtext.Fold(given[0]) == adtext.Fold(n.rdn.Value) {
			return nil
		}
		return refuse(ldap.LDAPResultNamingViolation, winNaming, "NameErr: DSID-0305109C, problem 2005 (NAMING_VIOLATION)")
	}
	if err := changeable(n, a); err != nil {
		return err
	}
	prepared, err := s.prepare(a, given)
	if err != nil {
		return err
	}
	s.notePassword(n.values, a)
	return add(n.values, a, prepared)
}

// complete gives an object what its class has by itself and the request did not set.
func (s *Store) complete(n *node) {
	for name, value := range n.class.defaults {
		if a := s.schema.the(name); len(n.values[a]) == 0 {
			n.values[a] = []string{value}
		}
	}
	if n.class.accountType == "" {
		return
	}
	n.values[s.schema.the("sAMAccountType")] = []string{n.class.accountType}
	n.values[s.schema.the("objectSid")] = []string{s.nextSID()}
	if account := s.schema.the("sAMAccountName"); len(n.values[account]) == 0 {
		var random [10]byte
		_, _ = rand.Read(random[:]) // never fails
		n.values[account] = []string{"$" + base32.StdEncoding.EncodeToString(random[:])}
	}
}
