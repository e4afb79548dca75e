package store

import (
	"slices"
	"strings"
)

// class is a structural class: what its objects are called by, what they are made of and what they get by themselves.
type class struct {
	name, cn, oid string
	// chain is objectClass of its objects, top first.
	chain []string
	// auxiliary are classes whose attributes its objects may have too, without naming them.
	auxiliary []string
	// rdn is the attribute that names its objects.
	rdn string
	// category is the cn of the class that objectCategory points to.
	category string
	// accountType is sAMAccountType; empty for what is no security principal.
	accountType string
	defaults    map[string]string
}

// classes are the classes that objects can be made of, and those that the configuration consists of.
func classes() map[string]class {
	person := []string{"top", "person", "organizationalPerson"}
	user := map[string]string{"userAccountControl": "546", "primaryGroupID": "513", "accountExpires": "9223372036854775807",
		"pwdLastSet": "0", "badPwdCount": "0", "lockoutTime": "0"}
	list := []class{
		{name: "user", cn: "User", oid: "1.2.840.113556.1.5.9", chain: append(slices.Clone(person), "user"),
			auxiliary: []string{"mailRecipient", "securityPrincipal"}, rdn: "CN", category: "Person", accountType: "805306368",
			defaults: user},
		{name: "computer", cn: "Computer", oid: "1.2.840.113556.1.3.30",
			chain:     append(slices.Clone(person), "user", "computer"),
			auxiliary: []string{"mailRecipient", "securityPrincipal"}, rdn: "CN", category: "Computer",
			accountType: "805306369", defaults: user},
		{name: "group", cn: "Group", oid: "1.2.840.113556.1.5.8", chain: []string{"top", "group"},
			auxiliary: []string{"mailRecipient", "securityPrincipal"}, rdn: "CN", category: "Group", accountType: "268435456",
			defaults: map[string]string{"groupType": "-2147483646"}},
		{name: "contact", cn: "Contact", oid: "1.2.840.113556.1.5.15", chain: append(slices.Clone(person), "contact"),
			auxiliary: []string{"mailRecipient"}, rdn: "CN", category: "Person"},
		{name: "organizationalUnit", cn: "Organizational-Unit", oid: "2.5.6.5", chain: []string{"top", "organizationalUnit"},
			rdn: "OU", category: "Organizational-Unit"},
		{name: "container", cn: "Container", oid: "1.2.840.113556.1.3.23", chain: []string{"top", "container"},
			rdn: "CN", category: "Container"},
		{name: "domainDNS", cn: "Domain-DNS", oid: "1.2.840.113556.1.5.67", chain: []string{"top", "domain", "domainDNS"},
			rdn: "DC", category: "Domain-DNS"},
		{name: "crossRef", cn: "Cross-Ref", oid: "1.2.840.113556.1.3.11", chain: []string{"top", "crossRef"},
			rdn: "CN", category: "Cross-Ref"},
		{name: "attributeSchema", cn: "Attribute-Schema", oid: "1.2.840.113556.1.3.14",
			chain: []string{"top", "attributeSchema"}, auxiliary: []string{"schemaObject"}, rdn: "CN", category: "Attribute-Schema"},
		{name: "classSchema", cn: "Class-Schema", oid: "1.2.840.113556.1.3.13", chain: []string{"top", "classSchema"},
			auxiliary: []string{"schemaObject"}, rdn: "CN", category: "Class-Schema"},
	}
	byName := map[string]class{}
	for _, c := range list {
		byName[strings.ToLower(c.name)] = c
	}
	return byName
}

// classOf finds the class that an object of these object classes is made of: the last one that is structural.
func (s *Schema) classOf(objectClass []string) (class, bool) {
	var found class
	for _, name := range objectClass {
		c, ok := s.classes[strings.ToLower(name)]
		if ok && len(c.chain) > len(found.chain) {
			found = c
		}
	}
	return found, found.name != ""
}

// may says whether an object of the class may have the attribute.
func (c class) may(a *Attribute) bool {
	return slices.Contains(c.chain, a.Class) || slices.Contains(c.auxiliary, a.Class)
}
