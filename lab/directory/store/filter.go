package store

import (
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/ldapwriter/adtext"
)

// kind is what a filter does (RFC 4511, 4.5.1.7).
type kind int

const (
	and kind = iota
	or
	not
	equal
	substrings
	atLeast
	atMost
	present
	bitsAll
	bitsAny
	unknowable // about an attribute or a rule that the directory does not know: Undefined for every object
)

// Matching rules for the bits of an integer (MS-ADTS 3.1.1.3.4.4).
const (
	ruleBitAnd = "1.2.840.113556.1.4.803"
	ruleBitOr  = "1.2.840.113556.1.4.804"
)

// filter is a filter that was understood: attributes are resolved, assertions are in the form in which values are compared.
type filter struct {
	kind      kind
	parts     []*filter
	attribute *Attribute
	key       string
	// pieces are a substring filter's: initial, any…, final; the first and the last are empty when there is none.
	pieces []string
}

// maxDepth bounds how deeply filters may be nested.
const maxDepth = 100

// compiler turns an encoded filter into one that can be evaluated, for clients of the global catalog with the attributes that
// it has.
type compiler struct {
	store   *Store
	catalog bool
}

// compile understands a filter. What is no filter is refused with protocolError; what is about unknown things is Undefined.
func (c compiler) compile(p *ber.Packet, depth int) (*filter, error) {
	if p.ClassType != ber.ClassContext || depth > maxDepth {
		return nil, malformedFilter()
	}
	switch p.Tag {
	case ldap.FilterAnd:
		return c.several(and, p, depth)
	case ldap.FilterOr:
		return c.several(or, p, depth)
	case ldap.FilterNot:
		if len(p.Children) != 1 {
			return nil, malformedFilter()
		}
		return c.several(not, p, depth)
	case ldap.FilterPresent:
		return c.about(p.Data.String(), &filter{kind: present}), nil
	case ldap.FilterSubstrings:
		return c.substrings(p)
	case ldap.FilterEqualityMatch, ldap.FilterApproxMatch:
		return c.assertion(equal, p)
	case ldap.FilterGreaterOrEqual:
		return c.assertion(atLeast, p)
	case ldap.FilterLessOrEqual:
		return c.assertion(atMost, p)
	case ldap.FilterExtensibleMatch:
		return c.extensible(p)
	default:
		return nil, malformedFilter()
	}
}

func malformedFilter() error {
	return refuse(ldap.LDAPResultProtocolError, winInvalidParameter, "LdapErr: DSID-0C090F28, comment: Error decoding the filter")
}

func (c compiler) several(k kind, p *ber.Packet, depth int) (*filter, error) {
	f := &filter{kind: k}
	for _, child := range p.Children {
		part, err := c.compile(child, depth+1)
		if err != nil {
			return nil, err
		}
		f.parts = append(f.parts, part)
	}
	return f, nil
}

// about resolves the attribute that a filter is about. Constructed, secret and unknown ones make it Undefined.
func (c compiler) about(name string, f *filter) *filter {
	a, ok := c.store.schema.attribute(name)
	if !ok || a.Constructed || a.Secret || c.catalog && !a.Partial {
		return &filter{kind: unknowable}
	}
	f.attribute = a
	return f
}

func (c compiler) assertion(k kind, p *ber.Packet) (*filter, error) {
	if len(p.Children) != 2 {
		return nil, malformedFilter()
	}
	f := c.about(p.Children[0].Data.String(), &filter{kind: k})
	return c.comparedWith(f, p.Children[1].Data.String()), nil
}

// comparedWith puts the assertion into its compared form. A value that the attribute cannot have makes the filter Undefined.
func (c compiler) comparedWith(f *filter, value string) *filter {
	if f.attribute == nil {
		return f
	}
	kept, ok := c.dnAssertion(f.attribute, value)
	if ok {
		f.key, ok = f.attribute.Syntax.key(kept)
	}
	if !ok {
		return &filter{kind: unknowable}
	}
	return f
}

// dnAssertion turns the DN of an assertion into a reference. A class name stands for its category: (objectCategory=person).
func (c compiler) dnAssertion(a *Attribute, value string) (string, bool) {
	if a.Name == "objectCategory" && !strings.Contains(value, "=") {
		if strings.EqualFold(value, "person") || strings.EqualFold(value, "user") || strings.EqualFold(value, "contact") {
			value = "person"
		}
		value = c.categoryNamed(value)
	}
	kept, err := c.store.internal(a, value)
	return kept, err == nil
}

func (c compiler) categoryNamed(name string) string {
	if known, ok := c.store.schema.classes[strings.ToLower(name)]; ok {
		name = known.category
	}
	return c.store.schemaName(name).String()
}

func (c compiler) substrings(p *ber.Packet) (*filter, error) {
	if len(p.Children) != 2 || len(p.Children[1].Children) == 0 {
		return nil, malformedFilter()
	}
	f := c.about(p.Children[0].Data.String(), &filter{kind: substrings})
	var initial, final string
	var middle []string
	for _, piece := range p.Children[1].Children {
		text := piece.Data.String()
		if f.attribute != nil && (f.attribute.Syntax.text() || f.attribute.Syntax == OIDSyntax) {
			text = adtext.Fold(text)
		}
		switch piece.Tag {
		case ldap.FilterSubstringsInitial:
			initial = text
		case ldap.FilterSubstringsAny:
			middle = append(middle, text)
		case ldap.FilterSubstringsFinal:
			final = text
		default:
			return nil, malformedFilter()
		}
	}
	if f.attribute != nil && f.attribute.Syntax == DNSyntax {
		return &filter{kind: unknowable}, nil // AD has no substrings of DNs
	}
	f.pieces = append(append([]string{initial}, middle...), final)
	return f, nil
}

// extensible knows the two rules about bits, and plain comparisons that name no rule.
func (c compiler) extensible(p *ber.Packet) (*filter, error) {
	var rule, name, value string
	for _, child := range p.Children {
		switch child.Tag {
		case ldap.MatchingRuleAssertionMatchingRule:
			rule = child.Data.String()
		case ldap.MatchingRuleAssertionType:
			name = child.Data.String()
		case ldap.MatchingRuleAssertionMatchValue:
			value = child.Data.String()
		}
	}
	kinds := map[string]kind{"": equal, ruleBitAnd: bitsAll, ruleBitOr: bitsAny}
	k, known := kinds[rule]
	if !known {
		return &filter{kind: unknowable}, nil
	}
	f := c.about(name, &filter{kind: k})
	if f.attribute != nil && k != equal && f.attribute.Syntax != IntegerSyntax && f.attribute.Syntax != LargeInteger {
		return &filter{kind: unknowable}, nil
	}
	return c.comparedWith(f, value), nil
}
