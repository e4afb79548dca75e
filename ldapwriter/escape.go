package ldapwriter

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/address"
)

// guidDN is the alternative form of a DN that survives renames and moves (MS-ADTS 3.1.1.3.1.2.4).
func guidDN(guid []byte) string { return "<GUID=" + hex.EncodeToString(guid) + ">" }

// equals is the filter (attribute=value); the value may hold anything.
func equals(attribute, value string) string {
	return "(" + attribute + "=" + ldap.EscapeFilter(value) + ")"
}

// anyOf is the filter that is true where one of the parts is. There is at least one.
func anyOf(parts ...string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	return "(|" + strings.Join(parts, "") + ")"
}

// guidFilter finds objects by objectGUID.
func guidFilter(guids []address.GUID) string {
	parts := make([]string, len(guids))
	for i, g := range guids {
		parts[i] = equals(attrGUID, string(g[:]))
	}
	return anyOf(parts...)
}

// canonicalDN reads a DN that a person gave and writes it again with everything escaped that may be: Samba takes no bare
// "=" in a value, and the forms in angle brackets must not come through here. An error means that it is no DN.
func canonicalDN(text string) (string, error) {
	dn, err := ldap.ParseDN(text)
	if err != nil {
		return "", fmt.Errorf("parse DN: %w", err)
	}
	rdns := make([]string, len(dn.RDNs))
	for i, rdn := range dn.RDNs {
		if rdns[i], err = canonicalRDN(rdn); err != nil {
			return "", err
		}
	}
	return strings.Join(rdns, ","), nil
}

func canonicalRDN(rdn *ldap.RelativeDN) (string, error) {
	parts := make([]string, len(rdn.Attributes))
	for i, a := range rdn.Attributes {
		if !attributeType().MatchString(a.Type) {
			return "", fmt.Errorf("parse DN: %q is no attribute type", a.Type)
		}
		if strings.IndexByte(a.Value, 0) >= 0 {
			return "", errors.New("parse DN: it holds a NUL, where Samba takes a value for ended") // and would find somebody else
		}
		parts[i] = a.Type + "=" + escapeDNValue(a.Value)
	}
	return strings.Join(parts, "+"), nil
}

// attributeType is a short name or an OID (RFC 4512, 1.4).
func attributeType() *regexp.Regexp {
	return regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*|\d+(\.\d+)+)$`)
}

// escapeDNValue writes an attribute value for a DN (RFC 4514, 2.4): what could mean something, spaces at the ends, control
// characters, and bytes that are no UTF-8, as \XX.
func escapeDNValue(value string) string {
	var escaped strings.Builder
	text := utf8.ValidString(value)
	for i := 0; i < len(value); i++ {
		b := value[i]
		atEnd := i == 0 || i == len(value)-1
		if special(b) || b == ' ' && atEnd || b >= utf8.RuneSelf && !text {
			fmt.Fprintf(&escaped, "\\%02X", b)
			continue
		}
		escaped.WriteByte(b)
	}
	return escaped.String()
}

func special(b byte) bool {
	return b < ' ' || b == 0x7f || strings.IndexByte("\"+,;<>\\=#", b) >= 0
}
