package store

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/directory/wire"
)

// Target is the object that is about to be changed, as a guard sees it.
type Target struct {
	Name    Name
	Classes []string
	// Protected says that adminCount is set: the object does not inherit rights (AdminSDHolder).
	Protected bool
}

// Guard decides whether an object may be changed in these attributes (none: as a whole). An error, Denied as a rule, refuses.
// It is called under the store's lock and must not call the store.
type Guard func(target Target, attributes []*Attribute) error

func (s *Store) target(n *node) Target {
	protected := n.values[s.schema.the("adminCount")]
	return Target{Name: n.name(), Classes: n.class.chain, Protected: len(protected) > 0 && protected[0] != "0"}
}

// Modify changes the object that a DN names by all changes in their order, or by none of them. The error is a *Refusal.
func (s *Store) Modify(dn string, changes []wire.Change, guard Guard) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.resolve(dn)
	if err != nil {
		return err
	}
	attributes := make([]*Attribute, len(changes))
	for i, change := range changes {
		a, ok := s.schema.attribute(change.Attribute)
		if !ok {
			return unknownAttribute(change.Attribute)
		}
		attributes[i] = a
	}
	if err := guard(s.target(n), attributes); err != nil {
		return err
	}
	next := n.values.clone()
	for i, change := range changes {
		if err := s.apply(n, next, attributes[i], change); err != nil {
			return err
		}
	}
	if err := s.accept(n, next, attributes); err != nil {
		return err
	}
	if !same(n.values, next, attributes) {
		s.replace(n, next)
	}
	return nil
}

// apply makes one change to a copy of an object's values.
func (s *Store) apply(n *node, next values, a *Attribute, change wire.Change) error {
	if err := changeable(n, a); err != nil {
		return err
	}
	given, err := s.prepare(a, change.Values)
	if err != nil {
		return err
	}
	s.notePassword(next, a)
	switch change.Operator {
	case wire.AddValues:
		return add(next, a, given)
	case wire.DeleteValues:
		return remove(next, a, given)
	case wire.ReplaceValues:
		delete(next, a)
		if len(given) == 0 {
			return nil
		}
		return add(next, a, given)
	default:
		return refuse(ldap.LDAPResultProtocolError, winInvalidParameter, "LdapErr: unknown operator %d", change.Operator)
	}
}

// changeable refuses attributes that no modify may touch on this object.
func changeable(n *node, a *Attribute) error {
	switch {
	case !a.writable():
		return systemOnly(a)
	case strings.EqualFold(a.Name, n.class.rdn), a.Name == "name":
		return refuse(ldap.LDAPResultNotAllowedOnRDN, winNotOnRDN, "UpdErr: DSID-03050F8F, problem 6004 (CANT_ON_RDN), Att (%s)", a.Name)
	case !n.class.may(a):
		return refuse(ldap.LDAPResultObjectClassViolation, winNotInClass, "UpdErr: DSID-0315166D, problem 6002 (OBJ_CLASS_VIOLATION), Att (%s)", a.Name)
	default:
		return nil
	}
}

// prepare checks values on their own and turns them into the form in which they are kept.
func (s *Store) prepare(a *Attribute, given []string) ([]string, error) {
	prepared := make([]string, 0, len(given))
	for _, value := range given {
		if err := a.check(value); err != nil {
			return nil, err
		}
		if a.Secret {
			password, ok := decodePassword(value)
			if !ok {
				return nil, refuse(ldap.LDAPResultUnwillingToPerform, winUnwillingToChange, "SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM)")
			}
			value = password
		}
		value, err := s.internal(a, value)
		if err != nil {
			return nil, err
		}
		prepared = append(prepared, value)
	}
	return prepared, nil
}

// decodePassword reads unicodePwd: the password in quotes, UTF-16 little-endian (MS-ADTS 3.1.1.3.1.5.1).
func decodePassword(raw string) (string, bool) {
	if len(raw)%2 != 0 {
		return "", false
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16([]byte(raw[2*i:]))
	}
	text := string(utf16.Decode(units))
	if len(text) < 3 || text[0] != '"' || text[len(text)-1] != '"' {
		return "", false
	}
	return text[1 : len(text)-1], true
}

// notePassword notes when a password was set, as a domain controller does.
func (s *Store) notePassword(next values, a *Attribute) {
	if a.Secret {
		next[s.schema.the("pwdLastSet")] = []string{FileTime(s.options.Now())}
	}
}

// FileTime writes a time as the number of 100 ns since 1601 (MS-DTYP 2.3.3).
func FileTime(t time.Time) string {
	const epoch = 116444736000000000 // 1970 in those units
	return strconv.FormatInt(t.UnixNano()/100+epoch, 10)
}

// add refuses a value that is there already, in whatever case: Windows compares before it stores.
func add(next values, a *Attribute, given []string) error {
	grown := slices.Clone(next[a])
	known := make(map[string]bool, len(grown))
	for _, value := range grown {
		key, _ := a.Syntax.key(value)
		known[key] = true
	}
	for _, value := range given {
		key, _ := a.Syntax.key(value)
		if known[key] {
			return valueExists(a)
		}
		known[key] = true
		grown = append(grown, value)
	}
	next[a] = grown
	return nil
}

// remove takes values away, or all when none is given. What is not there is an error.
func remove(next values, a *Attribute, given []string) error {
	left := slices.Clone(next[a])
	if len(left) == 0 {
		return noAttribute(a)
	}
	if len(given) == 0 {
		delete(next, a)
		return nil
	}
	for _, value := range given {
		key, _ := a.Syntax.key(value)
		at := slices.IndexFunc(left, func(other string) bool {
			otherKey, _ := a.Syntax.key(other)
			return otherKey == key
		})
		if at < 0 {
			return noValue(a)
		}
		left = slices.Delete(left, at, at+1)
	}
	next[a] = left
	if len(left) == 0 {
		delete(next, a)
	}
	return nil
}

// accept checks what holds for the values as a whole: one value where one is allowed, and names that are unique in the forest.
func (s *Store) accept(n *node, next values, attributes []*Attribute) error {
	for _, a := range attributes {
		if a.Single && len(next[a]) > 1 {
			return secondValue(a)
		}
		if err := s.unique(n, a, next[a]); err != nil {
			return err
		}
	}
	return nil
}

// unique refuses a user principal name, service principal name or account name that another object has. Nothing keeps two
// objects from having one proxy address.
func (s *Store) unique(n *node, a *Attribute, next []string) error {
	for _, value := range next {
		key, _ := a.Syntax.key(value)
		taken := slices.ContainsFunc(s.index[a][key], func(other *node) bool { return other != n })
		if !taken {
			continue
		}
		switch a.Name {
		case "userPrincipalName", "servicePrincipalName":
			return aboutValue(ldap.LDAPResultConstraintViolation, winUPNNotUnique, "CONSTRAINT_ATT_TYPE", a)
		case "sAMAccountName":
			return refuse(ldap.LDAPResultEntryAlreadyExists, winAccountExists, "UpdErr: DSID-031A11E2, problem 6005 (ENTRY_EXISTS)")
		}
	}
	return nil
}

func same(old, next values, attributes []*Attribute) bool {
	return !slices.ContainsFunc(attributes, func(a *Attribute) bool { return !slices.Equal(old[a], next[a]) })
}
