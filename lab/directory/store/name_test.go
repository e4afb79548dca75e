package store

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"cn=Doe\\, John,ou=People,dc=contoso,dc=test": `CN=Doe\, John,OU=People,DC=contoso,DC=test`,
		`CN=\ a\ ,DC=x`:        `CN=\ a\ ,DC=x`,
		`CN=a\=b,DC=x`:         `CN=a\=b,DC=x`,
		`CN=a=b,DC=x`:          `CN=a\=b,DC=x`,
		`CN=\23x,DC=x`:         `CN=\#x,DC=x`,
		`CN=\c3\bcml\c3\a4ut`:  `CN=ümläut`,
		`CN=tab\09in`:          `CN=tab\09in`,
		"CN = spaced , DC = x": "CN=spaced,DC=x",
		`CN="quoted",DC=x`:     "",
		"CN=a+CN=b,DC=x":       "",
		"no name":              "",
		"CN=,DC=x":             "",
		"=x":                   "",
	} {
		name, err := ParseName(text)
		if got := name.String(); got != want || (err == nil) != (want != "") {
			t.Errorf("%s is %q (%v), wanted %q", text, got, err, want)
		}
		if err != nil && codeOf(err) != ldap.LDAPResultInvalidDNSyntax {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestUnder(t *testing.T) {
	t.Parallel()
	name := func(text string) Name {
		parsed, err := ParseName(text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for below, want := range map[string]bool{"CN=x,ou=PEOPLE,DC=contoso,DC=test": true, people: true, base: false,
		`CN=x\,OU=People,DC=contoso,DC=test`: false, "OU=People,DC=fabrikam,DC=com": false} {
		if name(below).Under(name(people)) != want {
			t.Errorf("%s under %s: not %v", below, people, want)
		}
	}
}

// FuzzName: a name that is understood is written in a way that is understood the same, and does not change any more.
func FuzzName(f *testing.F) {
	for _, seed := range []string{people, `CN=Doe\, John,DC=x`, `CN=#04024869`, `CN=a\00b`, "CN=ü;DC=x", `<GUID=x>`} {
		f.Add(seed)
	}
	s := zoo(f)
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = s.resolve(text)
		name, err := ParseName(text)
		if err != nil || !utf8.ValidString(name.String()) {
			return
		}
		again, err := ParseName(name.String())
		if err != nil || !slices.Equal(again, name) {
			t.Fatalf("%q is %q, and that is %q (%v)", text, name, again, err)
		}
		if again.String() != name.String() || !again.Under(name) {
			t.Fatalf("%q is written %q and then %q", text, name, again)
		}
	})
}

func TestGUIDsAndSIDs(t *testing.T) {
	t.Parallel()
	raw, ok := rawGUID("f8d1c1f4-0a1b-2c3d-4e5f-60718293a4b5")
	if !ok || raw != "\xf4\xc1\xd1\xf8\x1b\x0a\x3d\x2c\x4e\x5f\x60\x71\x82\x93\xa4\xb5" {
		t.Errorf("%x %v", raw, ok)
	}
	sid, ok := parseSID("S-1-5-32-544")
	if !ok || sid != "\x01\x02\x00\x00\x00\x00\x00\x05\x20\x00\x00\x00\x20\x02\x00\x00" {
		t.Errorf("%x %v", sid, ok)
	}
	for _, nonsense := range []string{"S-1-x", "S-1-5-x", "S-1-5" + strings.Repeat("-1", 16)} {
		if _, ok := parseSID(nonsense); ok {
			t.Errorf("%s is a SID", nonsense)
		}
	}
}
