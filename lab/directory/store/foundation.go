package store

import (
	"strconv"
	"strings"
)

// containers are what stands in every domain, and under which kind of object.
func containers() []struct{ rdn, class string } {
	return []struct{ rdn, class string }{
		{"CN=Users", "container"}, {"CN=Computers", "container"}, {"CN=System", "container"},
		{"OU=Domain Controllers", "organizationalUnit"},
	}
}

// foundation makes the naming contexts: the domain, the configuration with its partitions, and the schema.
func (s *Store) foundation() error {
	for _, root := range []struct {
		name  Name
		class string
	}{{s.schemaName(""), "container"}, {s.configurationName(), "container"}, {s.base, "domainDNS"}} {
		n, err := s.newNode(nil, root.name[0], s.schema.classes[strings.ToLower(root.class)])
		if err != nil {
			return err
		}
		n.above = root.name[1:]
		s.insert(n)
		if root.class == "container" && root.name[0].Value == "Schema" {
			if err := s.plantSchema(n); err != nil {
				return err
			}
		}
	}
	if err := s.plantPartitions(); err != nil {
		return err
	}
	domain, _ := s.lookup(s.base)
	for _, c := range containers() {
		name, err := ParseName(c.rdn)
		if err != nil {
			return err
		}
		if _, err := s.plant(domain, name[0], c.class, nil); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) configurationName() Name {
	return append(Name{{Type: "CN", Value: "Configuration"}}, s.base...)
}

// schemaName is the name of a class or an attribute in the schema, or of the schema itself.
func (s *Store) schemaName(cn string) Name {
	name := append(Name{{Type: "CN", Value: "Schema"}}, s.configurationName()...)
	if cn == "" {
		return name
	}
	return append(Name{{Type: "CN", Value: cn}}, name...)
}

// plant makes an object below a parent without asking anybody. Attributes without a value are left out.
func (s *Store) plant(parent *node, rdn RDN, class string, attributes map[string]string) (*node, error) {
	n, err := s.newNode(parent, rdn, s.schema.classes[strings.ToLower(class)])
	if err != nil {
		return nil, err
	}
	for name, value := range attributes {
		if value == "" {
			continue
		}
		a := s.schema.the(name)
		kept, err := s.internal(a, value)
		if err != nil {
			return nil, err
		}
		n.values[a] = []string{kept}
	}
	s.insert(n)
	return n, nil
}

// plantSchema makes an object of every class and attribute, the classes first, because objectCategory points to them.
func (s *Store) plantSchema(schema *node) error {
	for _, c := range s.schema.classes {
		if _, err := s.plant(schema, RDN{"CN", c.cn}, "classSchema", map[string]string{"lDAPDisplayName": c.name,
			"governsID": c.oid}); err != nil {
			return err
		}
	}
	// A person's category is a class of its own that nothing here is made of.
	if _, err := s.plant(schema, RDN{"CN", "Person"}, "classSchema", map[string]string{"lDAPDisplayName": "person",
		"governsID": "2.5.6.6"}); err != nil {
		return err
	}
	for _, c := range s.schema.classes {
		n, _ := s.lookup(s.schemaName(c.cn))
		next := n.values.clone()
		next[s.schema.the("defaultObjectCategory")] = []string{s.category(c)}
		next[s.schema.the("objectCategory")] = []string{s.category(s.schema.classes["classschema"])}
		s.put(n, next)
	}
	for _, a := range s.schema.attributes {
		if _, err := s.plant(schema, RDN{"CN", a.CN}, "attributeSchema", a.description()); err != nil {
			return err
		}
	}
	return nil
}

// description is an attribute as its object in the schema shows it.
func (a *Attribute) description() map[string]string {
	described := map[string]string{"lDAPDisplayName": a.Name, "attributeID": a.OID, "attributeSyntax": string(a.Syntax),
		"oMSyntax": a.OMSyntax, "isSingleValued": boolean(a.Single), "searchFlags": strconv.Itoa(a.SearchFlags),
		"rangeLower": a.rangeLower, "rangeUpper": a.rangeUpper}
	if a.Partial {
		described["isMemberOfPartialAttributeSet"] = boolean(true)
	}
	if raw, ok := rawGUID(a.GUID); ok {
		described["schemaIDGUID"] = raw
	}
	return described
}

func boolean(b bool) string { return strings.ToUpper(strconv.FormatBool(b)) }

// plantPartitions makes the cross references that say which naming contexts the forest has (systemFlags 3: an Active
// Directory domain; 1: another naming context; MS-ADTS 6.1.1.2.1.1).
func (s *Store) plantPartitions() error {
	configuration, _ := s.lookup(s.configurationName())
	partitions, err := s.plant(configuration, RDN{"CN", "Partitions"}, "container", nil)
	if err != nil {
		return err
	}
	for _, reference := range []struct {
		cn, netBIOS, flags string
		name               Name
	}{
		{s.options.NetBIOS, s.options.NetBIOS, "3", s.base},
		{"Enterprise Configuration", "", "1", s.configurationName()},
		{"Enterprise Schema", "", "1", s.schemaName("")},
	} {
		if _, err := s.plant(partitions, RDN{"CN", reference.cn}, "crossRef", map[string]string{"nCName": reference.name.String(),
			"dnsRoot": s.options.Domain, "nETBIOSName": reference.netBIOS, "systemFlags": reference.flags}); err != nil {
			return err
		}
	}
	return nil
}
