package store

import (
	"strings"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/ldapwriter/adtext"
)

// RDN is one component of a name.
type RDN struct {
	// Type is the naming attribute in upper case: CN, OU, DC.
	Type string
	// Value is the plain value, without escapes.
	Value string
}

// key is the same for names that are the same to the directory.
func (r RDN) key() string { return r.Type + "=" + adtext.Fold(r.Value) }

// String escapes as a domain controller does (RFC 4514, 2.4, and "=" as well).
func (r RDN) String() string {
	var b strings.Builder
	b.WriteString(r.Type)
	b.WriteByte('=')
	for i, c := range r.Value {
		switch {
		case c < ' ':
			const digits = "0123456789ABCDEF"
			b.Write([]byte{'\\', digits[c>>4], digits[c&15]})
			continue
		case strings.ContainsRune(`,+"\<>;=`, c), i == 0 && (c == ' ' || c == '#'), c == ' ' && i == len(r.Value)-1:
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// Name is a distinguished name, its own RDN first.
type Name []RDN

// ParseName reads a distinguished name (RFC 4514). Names of several values (CN=a+CN=b) are refused, as AD refuses them.
func ParseName(text string) (Name, error) {
	parsed, err := ldap.ParseDN(text)
	if err != nil {
		return nil, badName(text)
	}
	name := make(Name, 0, len(parsed.RDNs))
	for _, rdn := range parsed.RDNs {
		if len(rdn.Attributes) != 1 {
			return nil, badName(text)
		}
		one := rdn.Attributes[0]
		if one.Value == "" || !utf8.ValidString(one.Value) || !isType(one.Type) {
			return nil, badName(text)
		}
		name = append(name, RDN{Type: strings.ToUpper(one.Type), Value: one.Value})
	}
	return name, nil
}

// isType says that text can be the type in an RDN: letters, digits, "-" and "." (RFC 4512, 1.4).
func isType(text string) bool {
	odd := strings.IndexFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.'
	})
	return text != "" && odd < 0
}

func (n Name) String() string {
	parts := make([]string, len(n))
	for i, rdn := range n {
		parts[i] = rdn.String()
	}
	return strings.Join(parts, ",")
}

func (n Name) key() string {
	parts := make([]string, len(n))
	for i, rdn := range n {
		parts[i] = rdn.key()
	}
	return strings.Join(parts, "\x00")
}

// Under says whether the name is below another one, or the other one itself.
func (n Name) Under(other Name) bool {
	return len(n) >= len(other) && n[len(n)-len(other):].key() == other.key()
}
