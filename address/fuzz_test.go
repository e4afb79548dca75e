package address

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// nastyProxies are values as directories have them, and worse.
func nastyProxies() []string {
	return []string{"SMTP:a@contoso.test", "smtp:a@contoso.test", "Smtp:a@b", "smtp:smtp:a@b", "X500:/o=Org/ou=x/cn=Recipients/cn=a", "sip:a@b", "a@b", "",
		":", "SMTP:", "ſmtp:a@b", "smtp\u200b:a@b", "smtp:a\x00@b", "smtp:a\r\nmail: b", "SMTP:\"a b\"@c", "SMTP:a@[127.0.0.1]", "smtp:ä@müller.test",
		"smtp:\u202ea@b", "\xff\xfe:a", "smtp:\xffA@b", "smtp:\xffa@b", "SMTP :a@b", "smtp:İ@b", "eum:123;phone-context=x"}
}

// FuzzProxy takes any value of proxyAddresses apart: nothing of it is lost or added, only smtp in plain letters is SMTP, and
// two values are one where the directory says so.
func FuzzProxy(f *testing.F) {
	for _, s := range nastyProxies() {
		f.Add(s, "smtp:a@b")
	}
	f.Add("smtp:\xffA@b", "smtp:\xffa@b")
	f.Fuzz(func(t *testing.T, s, other string) {
		p, q := Proxy(s), Proxy(other)
		if strings.Contains(s, ":") && p.Type()+":"+string(p.Address()) != s {
			t.Fatalf("%q is taken apart into %q and %q", s, p.Type(), p.Address())
		}
		if smtp := len(s) >= 5 && strings.ToUpper(s[:5]) == "SMTP:" && s[0] < utf8.RuneSelf; p.IsSMTP() != smtp {
			t.Fatalf("%q: SMTP %v", s, p.IsSMTP())
		}
		if p.IsPrimary() != strings.HasPrefix(s, "SMTP:") || p.IsPrimary() && !p.IsSMTP() {
			t.Fatalf("%q: primary %v", s, p.IsPrimary())
		}
		if p.IsSMTP() && (Primary(p.Address()).Key() != p.Key() || Secondary(p.Address()).Key() != p.Key()) {
			t.Fatalf("%q changes its key with its type", s)
		}
		folded, otherFolded := strings.ToLower(s), strings.ToLower(other)
		if p.Key() == q.Key() && !strings.EqualFold(s, other) && utf8.ValidString(s) && folded != otherFolded {
			t.Fatalf("%q and %q are one", s, other)
		}
		if !utf8.ValidString(s) && p.Key() == q.Key() && len(s) != len(other) {
			t.Fatalf("%q and %q are one", s, other)
		}
		if at := strings.LastIndex(s, "@"); at >= 0 && (Address(s).Local() != s[:at] || Address(s).Domain() != lower(s[at+1:])) {
			t.Fatalf("%q has the local part %q and the domain %q", s, Address(s).Local(), Address(s).Domain())
		}
	})
}

// FuzzSet puts two sets together and takes them apart: no value is lost, none is invented, byte for byte.
func FuzzSet(f *testing.F) {
	f.Add(strings.Join(nastyProxies(), "|"), "smtp:a@b|SMTP:A@B")
	f.Add("SMTP:a@b|smtp:a@b", "smtp:A@b")
	f.Fuzz(func(t *testing.T, one, two string) {
		s, u := setOf(one), setOf(two)
		both := s.With(u...)
		for _, p := range both {
			if !s.Has(p) && !u.Has(p) {
				t.Fatalf("%q is invented", p)
			}
		}
		for _, p := range append(setOf(one), u...) {
			if !both.Has(p) {
				t.Fatalf("%q is lost", p)
			}
		}
		left := s.Without(u...)
		for _, p := range s {
			if left.Has(p) == u.Has(p) {
				t.Fatalf("%q: left %v, taken %v", p, left.Has(p), u.Has(p))
			}
		}
		if len(s.SMTP()) < len(s.Primaries()) {
			t.Fatal("a primary is no SMTP address")
		}
		checkSetJSON(t, s)
	})
}

func checkSetJSON(t *testing.T, s Set) {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var again Set
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	for _, p := range s {
		if utf8.ValidString(string(p)) && !again.Has(p) {
			t.Fatalf("%q is lost in %s", p, text)
		}
	}
	if len(again) != len(s) {
		t.Fatalf("%d values become %d", len(s), len(again))
	}
}

func setOf(list string) Set {
	var s Set
	for _, p := range strings.Split(list, "|") {
		s = append(s, Proxy(p))
	}
	return s
}
