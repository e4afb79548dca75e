package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/ldapwriter/adtext"
)

const (
	base   = "DC=contoso,DC=test"
	people = "OU=People," + base
)

// newStore makes a store with the unit in which the tests put their objects.
func newStore(t testing.TB) *Store {
	t.Helper()
	s, err := New(Options{BaseDN: base, Domain: "contoso.test", NetBIOS: "CONTOSO", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, people, "organizationalUnit")
	return s
}

func free(Target, []*Attribute) error { return nil }

// put adds an object; attributes alternate names and values.
func put(t testing.TB, s *Store, dn, class string, attributes ...string) {
	t.Helper()
	list := []wire.Attribute{{Name: "objectClass", Values: []string{class}}}
	for pair := range slices.Chunk(attributes, 2) {
		list = append(list, wire.Attribute{Name: pair[0], Values: []string{pair[1]}})
	}
	if err := s.Add(dn, list, free); err != nil {
		t.Fatal(err)
	}
}

// find gives the names of what a filter finds in the whole domain.
func find(t testing.TB, s *Store, text string) []string {
	t.Helper()
	filter, err := ldap.CompileFilter(text)
	if err != nil {
		t.Fatal(err)
	}
	page, err := s.Search(Query{Base: base, Scope: wire.Subtree, Filter: filter, Attributes: []string{"name"}})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var names []string
	for _, entry := range page.Entries {
		names = append(names, entry.Attributes[0].Values[0])
	}
	return names
}

func codeOf(err error) uint16 {
	if refusal, ok := err.(*Refusal); ok { //nolint:errorlint // the store returns them bare
		return refusal.Code
	}
	return ldap.LDAPResultSuccess
}

// change draws one change of proxyAddresses.
func change() *rapid.Generator[wire.Change] {
	value := rapid.Custom(func(t *rapid.T) string {
		prefix := rapid.SampledFrom([]string{"smtp:", "SMTP:", "x500:"}).Draw(t, "prefix")
		return prefix + rapid.SampledFrom([]string{"a", "A", "b", "c"}).Draw(t, "name")
	})
	return rapid.Custom(func(t *rapid.T) wire.Change {
		return wire.Change{Operator: wire.Operator(rapid.IntRange(0, 2).Draw(t, "operator")), Attribute: "proxyAddresses",
			Values: rapid.SliceOfN(value, 0, 3).Draw(t, "values")}
	})
}

// model is what a modify of a set without case means, written down as simply as it can be.
func model(old []string, changes []wire.Change) ([]string, uint16) {
	now := slices.Clone(old)
	has := func(value string) int {
		return slices.IndexFunc(now, func(other string) bool { return strings.EqualFold(other, value) })
	}
	for _, c := range changes {
		switch {
		case c.Operator == wire.DeleteValues && len(now) == 0:
			return old, ldap.LDAPResultNoSuchAttribute
		case c.Operator == wire.ReplaceValues, c.Operator == wire.DeleteValues && len(c.Values) == 0:
			now = nil
		}
		for _, value := range c.Values {
			at := has(value)
			switch {
			case c.Operator == wire.DeleteValues && at < 0:
				return old, ldap.LDAPResultNoSuchAttribute
			case c.Operator == wire.DeleteValues:
				now = slices.Delete(now, at, at+1)
			case at >= 0:
				return old, ldap.LDAPResultAttributeOrValueExists
			default:
				now = append(now, value)
			}
		}
	}
	return now, ldap.LDAPResultSuccess
}

// TestModifyIsTheModel: a modify does what the model does, as a whole or not at all, raises the update sequence number exactly
// when something changed, and leaves the index in step.
func TestModifyIsTheModel(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		dn := fmt.Sprintf("CN=contact %d,%s", n, people)
		if err := s.Add(dn, []wire.Attribute{{Name: "objectClass", Values: []string{"contact"}}}, free); err != nil {
			t.Fatal(err)
		}
		var values []string
		for range rapid.IntRange(1, 5).Draw(t, "modifies") {
			changes := rapid.SliceOfN(change(), 1, 3).Draw(t, "changes")
			before := s.USN()
			want, code := model(values, changes)
			if got := codeOf(s.Modify(dn, changes, free)); got != code {
				t.Fatalf("%v of %q: code %d, wanted %d", changes, values, got, code)
			}
			if got := s.Get(dn, "proxyAddresses"); !slices.Equal(got, want) {
				t.Fatalf("%v of %q: %q, wanted %q", changes, values, got, want)
			}
			if changed := s.USN() != before; changed == slices.Equal(values, want) {
				t.Fatalf("%v of %q: the update sequence number went from %d to %d", changes, values, before, s.USN())
			}
			values = want
			checkIndex(t, s, dn, "proxyAddresses")
		}
	})
}

// checkIndex compares what the index says of an object with its values.
func checkIndex(t *rapid.T, s *Store, dn, attribute string) {
	n, err := s.resolve(dn)
	if err != nil {
		t.Fatal(err)
	}
	a := s.schema.the(attribute)
	var indexed []string
	for key, nodes := range s.index[a] {
		if !slices.IsSortedFunc(nodes, func(a, b *node) int { return a.id - b.id }) {
			t.Fatalf("the index of %s is out of order", key)
		}
		if slices.Contains(nodes, n) {
			indexed = append(indexed, key)
		}
	}
	var keys []string
	for _, value := range n.values[a] {
		keys = append(keys, adtext.Fold(value))
	}
	slices.Sort(indexed)
	slices.Sort(keys)
	if !slices.Equal(indexed, keys) {
		t.Fatalf("indexed under %q, has %q", indexed, keys)
	}
}

func TestUSNOfAnObject(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s, err := New(Options{BaseDN: base, Domain: "contoso.test", NetBIOS: "CONTOSO", Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	dn := "CN=x," + base
	put(t, s, dn, "contact")
	if got := s.Get(dn, "whenCreated"); !slices.Equal(got, []string{"20260301120000.0Z"}) {
		t.Errorf("whenCreated %q", got)
	}
	now = now.Add(time.Minute)
	if err := s.Modify(dn, []wire.Change{{Operator: wire.ReplaceValues, Attribute: "mail", Values: []string{"a@contoso.test"}}}, free); err != nil {
		t.Fatal(err)
	}
	for attribute, want := range map[string]string{"whenChanged": "20260301120100.0Z", "whenCreated": "20260301120000.0Z",
		"uSNChanged": strconv.FormatInt(s.USN(), 10), "uSNCreated": strconv.FormatInt(s.USN()-1, 10)} {
		if got := s.Get(dn, attribute); !slices.Equal(got, []string{want}) {
			t.Errorf("%s %q, wanted %s", attribute, got, want)
		}
	}
}
