package store

import (
	"encoding/hex"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// reference is how a DN value is kept: by the GUID of the object, so that it follows when that object is renamed.
func reference(guid string) string { return "<GUID=" + guid + ">" }

// resolve finds the object that a DN names, or <GUID=…> with the GUID as text or as hexadecimal bytes, or <SID=…> likewise
// (MS-ADTS 3.1.1.3.1.2.4).
func (s *Store) resolve(dn string) (*node, error) {
	if strings.HasPrefix(dn, "<") {
		return s.resolveAlternative(dn)
	}
	name, err := ParseName(dn)
	if err != nil {
		return nil, err
	}
	n, deepest := s.lookup(name)
	switch {
	case n != nil:
		return n, nil
	case deepest == nil:
		return nil, s.foreign(name)
	default:
		return nil, noObject(deepest.name().String())
	}
}

func (s *Store) resolveAlternative(dn string) (*node, error) {
	inside, closed := strings.CutSuffix(dn[1:], ">")
	kind, text, found := strings.Cut(inside, "=")
	if !closed || !found {
		return nil, badName(dn)
	}
	attribute, raw, ok := "", "", false
	switch strings.ToUpper(kind) {
	case "GUID":
		attribute = "objectGUID"
		raw, ok = rawGUID(text)
	case "SID":
		attribute = "objectSid"
		raw, ok = rawSID(text)
	}
	if !ok {
		return nil, badName(dn)
	}
	nodes := s.index[s.schema.the(attribute)][raw]
	if len(nodes) == 0 {
		return nil, noObject("")
	}
	return nodes[0], nil
}

// rawSID reads a SID as text or as hexadecimal bytes.
func rawSID(text string) (string, bool) {
	if strings.HasPrefix(strings.ToUpper(text), "S-1-") {
		return parseSID(text)
	}
	raw, err := hex.DecodeString(text)
	return string(raw), err == nil && len(raw) >= 8
}

// lookup walks down from a naming context. When the object is not there it gives the deepest one on the way, or nil when the
// name is in no naming context at all.
func (s *Store) lookup(name Name) (found, deepest *node) {
	for i := range name {
		root, ok := s.roots[name[i:].key()]
		if !ok {
			continue
		}
		at := root
		for j := i - 1; j >= 0; j-- {
			child, ok := at.children[name[j].key()]
			if !ok {
				return nil, at
			}
			at = child
		}
		return at, at
	}
	return nil, nil
}

// foreign refers to the domain that a name belongs to by its DC components, as AD does for names that it does not hold.
func (s *Store) foreign(name Name) error {
	var labels []string
	for _, rdn := range name {
		if rdn.Type == "DC" {
			labels = append(labels, rdn.Value)
		}
	}
	if len(labels) == 0 {
		return noObject("")
	}
	domain := strings.Join(labels, ".")
	r := refuse(ldap.LDAPResultReferral, winReferral, "RefErr: DSID-0310082F, 1 access points\n\tref 1: '%s'\n", domain)
	r.Referrals = []string{"ldap://" + domain + "/" + name.String()}
	return r
}

// internal turns a value into the form in which it is kept and compared: a DN into a reference to an object that exists.
func (s *Store) internal(a *Attribute, value string) (string, error) {
	if a.Syntax != DNSyntax {
		return value, nil
	}
	n, err := s.resolve(value)
	if err != nil {
		return "", err
	}
	return reference(n.guid(s)), nil
}

// external turns a kept value into the one that clients see. It is false for a reference to an object that is gone.
func (s *Store) external(a *Attribute, value string) (string, bool) {
	if a.Syntax != DNSyntax {
		return value, true
	}
	guid := strings.TrimSuffix(strings.TrimPrefix(value, "<GUID="), ">")
	found := s.index[s.schema.the("objectGUID")][guid]
	if len(found) == 0 {
		return "", false
	}
	return found[0].name().String(), true
}

func (n *node) guid(s *Store) string { return n.values[s.schema.the("objectGUID")][0] }

// Find gives the DNs of the objects that have a value, from the index. The attribute must be an indexed one.
func (s *Store) Find(attribute, value string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a := s.schema.the(attribute)
	key, _ := a.Syntax.key(value)
	var dns []string
	for _, n := range s.index[a][key] {
		dns = append(dns, n.name().String())
	}
	return dns
}
