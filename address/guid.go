package address

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// GUID is an objectGUID: its 16 raw bytes as LDAP carries them. Its text form is Microsoft's, in which the first three
// groups are little-endian (MS-DTYP 2.3.4.3): lower case, "f8d1c1f4-…".
type GUID [16]byte

const guidBytes = len(GUID{})

// ParseGUID reads the text form, in any case, with or without braces. What strays from it is an error.
func ParseGUID(s string) (GUID, error) {
	text := s
	if inner, open := strings.CutPrefix(s, "{"); open && strings.HasSuffix(inner, "}") {
		text = strings.TrimSuffix(inner, "}")
	}
	groups := strings.Split(text, "-")
	if !guidShape(groups) {
		return GUID{}, fmt.Errorf("parse GUID %q: want 8-4-4-4-12 hexadecimal digits", clip(s))
	}
	raw, err := hex.DecodeString(strings.Join(groups, ""))
	if err != nil {
		return GUID{}, fmt.Errorf("parse GUID %q: %w", clip(s), err)
	}
	return GUID(raw).swapped(), nil
}

func guidShape(groups []string) bool {
	want := [...]int{8, 4, 4, 4, 12}
	if len(groups) != len(want) {
		return false
	}
	for i, group := range groups {
		if len(group) != want[i] {
			return false
		}
	}
	return true
}

// GUIDFromBytes takes the 16 raw bytes of an LDAP attribute; another number of bytes is an error.
func GUIDFromBytes(raw []byte) (GUID, error) {
	if len(raw) != guidBytes {
		return GUID{}, fmt.Errorf("read GUID: %d bytes where 16 are wanted", len(raw))
	}
	return GUID(raw), nil
}

// String gives the text form in lower case, without braces.
func (g GUID) String() string {
	text := g.swapped()
	s := hex.EncodeToString(text[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// Anchor gives the base64 of the raw bytes, with padding: the source anchor.
func (g GUID) Anchor() string { return base64.StdEncoding.EncodeToString(g[:]) }

// IsZero says whether no GUID was set.
func (g GUID) IsZero() bool { return g == GUID{} }

// MarshalText gives the text form; it serves JSON as well.
func (g GUID) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText reads the text form as ParseGUID does.
func (g *GUID) UnmarshalText(text []byte) error {
	parsed, err := ParseGUID(string(text))
	if err != nil {
		return err
	}
	*g = parsed
	return nil
}

// swapped turns the byte order of the first three groups; twice is the identity.
func (g GUID) swapped() GUID {
	g[0], g[1], g[2], g[3] = g[3], g[2], g[1], g[0]
	g[4], g[5] = g[5], g[4]
	g[6], g[7] = g[7], g[6]
	return g
}
