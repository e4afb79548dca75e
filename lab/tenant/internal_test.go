package tenant

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/address"
)

func TestSchema(t *testing.T) {
	t.Parallel()
	s, err := parseSchema(csdl)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		entity, property string
		has, collects    bool
	}{
		{"user", "proxyAddresses", true, true},
		{"user", "onPremisesImmutableId", true, false},
		{"user", "id", true, false},
		{"user", "deletedDateTime", true, false},
		{"user", "manager", true, false},
		{"user", "nonsense", false, false},
		{"group", "onPremisesImmutableId", false, false},
		{"orgContact", "onPremisesSecurityIdentifier", false, false},
		{"organization", "onPremisesLastSyncDateTime", true, false},
		{"domain", "supportedServices", true, true},
	} {
		e := s.entity(c.entity)
		if e.has(c.property) != c.has || e.collection(c.property) != c.collects {
			t.Errorf("%s.%s: has %v, collection %v", c.entity, c.property, e.has(c.property), e.collection(c.property))
		}
	}
	if _, err := parseSchema([]byte("<no")); err == nil {
		t.Error("no XML was taken")
	}
}

// TestDefaultsAreInTheSchema: what comes without $select must be a property of its type.
func TestDefaultsAreInTheSchema(t *testing.T) {
	t.Parallel()
	s, err := parseSchema(csdl)
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range []entitySet{usersSet(), groupsSet(), contactsSet(), deletedUsersSet(), deletedGroupsSet(), organizationSet(), domainsSet()} {
		if columns := set.columns(s.entity(set.entity), nil); len(columns) < 5 {
			t.Errorf("%s shows only %v", set.name, columns)
		}
		for _, name := range set.defaults {
			if _, ok := s.entity(set.entity).properties[name]; !ok {
				t.Errorf("%s has no property %s", set.entity, name)
			}
		}
	}
}

func TestPattern(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/users": "/users", "/users/1": "/users/{id}", "/users/$count": "/users/$count", "/$batch": "/$batch",
		"/directory/deletedItems": "/directory/deletedItems", "/directory/deletedItems/1": "/directory/deletedItems/{id}",
		"/directory/deletedItems/microsoft.graph.user": "/directory/deletedItems/microsoft.graph.user", "/token": "/token",
	} {
		if got := pattern(path); got != want {
			t.Errorf("%s counts as %s, want %s", path, got, want)
		}
	}
}

func TestDomainOf(t *testing.T) {
	t.Parallel()
	for dn, want := range map[address.DN]string{
		"CN=a,OU=b,DC=contoso,DC=test": "contoso.test", "cn=a, dc=contoso, dc=test": "contoso.test", "CN=a": "", "": "",
	} {
		if got := domainOf(dn); got != want {
			t.Errorf("%s is in %q, want %q", dn, got, want)
		}
	}
}

// drawObject draws an object with values out of a few, so that many share a key.
func drawObject(t *rapid.T) *object {
	some := func(label string, n int) string {
		return fmt.Sprintf("%s%d", label, rapid.IntRange(0, n).Draw(t, label))
	}
	o := &object{kind: address.User, id: newID(), upn: some("upn", 3), name: some("name", 3)}
	o.Mail = rapid.SampledFrom([]string{"", "m1@x", "M1@x", "m2@x"}).Draw(t, "mail")
	o.shadow.Anchor = rapid.SampledFrom([]string{"", "A", "a"}).Draw(t, "anchor")
	for range rapid.IntRange(0, 3).Draw(t, "proxies") {
		o.Proxies = append(o.Proxies, address.Proxy(rapid.SampledFrom([]string{"SMTP:a@x", "smtp:a@x", "smtp:A@x", "SIP:a@x"}).Draw(t, "proxy")))
	}
	return o
}

func drawFilter(t *rapid.T) string {
	clause := rapid.SampledFrom([]string{
		"proxyAddresses/any(p:p eq 'smtp:a@x')", "proxyAddresses/any(p:p eq 'SMTP:a@x')", "proxyAddresses/any(p:startswith(p,'SMTP:'))",
		"mail eq 'm1@x'", "userPrincipalName eq 'UPN1'", "onPremisesImmutableId eq 'A'", "onPremisesImmutableId in ('a','A')", "onPremisesSyncEnabled eq true",
	})
	parts := rapid.SliceOfN(clause, 1, 3).Draw(t, "clauses")
	return strings.Join(parts, rapid.SampledFrom([]string{" and ", " or "}).Draw(t, "operator"))
}

// TestIndexFindsWhatAScanFinds: after any changes, a filter by the index gives what looking at every object gives.
func TestIndexFindsWhatAScanFinds(t *testing.T) {
	t.Parallel()
	s, err := parseSchema(csdl)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		ten := &Tenant{schema: s, options: Options{IgnoreCase: rapid.Bool().Draw(rt, "fold")}}
		shelf := newShelf()
		for seq := range rapid.IntRange(1, 12).Draw(rt, "objects") {
			o := drawObject(rt)
			o.seq = int64(seq) + 1
			shelf.add(o)
		}
		for range rapid.IntRange(0, 5).Draw(rt, "changes") {
			if len(shelf.rows) == 0 {
				break
			}
			o := shelf.rows[rapid.IntRange(0, len(shelf.rows)-1).Draw(rt, "which")]
			if rapid.Bool().Draw(rt, "removed") {
				shelf.remove(o)
				continue
			}
			changed := drawObject(rt)
			shelf.change(o, func() { o.upn, o.Values, o.shadow = changed.upn, changed.Values, changed.shadow })
		}
		text := drawFilter(rt)
		filter, err := parseFilter(text)
		if err != nil {
			rt.Fatal(err)
		}
		var want []*object
		for _, o := range shelf.rows {
			if ten.matches(o, filter) {
				want = append(want, o)
			}
		}
		if got := ten.pass(shelf, filter); !slices.Equal(got, want) {
			rt.Fatalf("%s: the index gives %d objects, a scan %d", text, len(got), len(want))
		}
	})
}

// TestEmptyShelfKeepsNoKeys: what left leaves nothing behind in the index.
func TestEmptyShelfKeepsNoKeys(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		shelf := newShelf()
		for range rapid.IntRange(1, 6).Draw(rt, "objects") {
			shelf.add(drawObject(rt))
		}
		for len(shelf.rows) > 0 {
			shelf.remove(shelf.rows[0])
		}
		if len(shelf.index) != 0 {
			rt.Fatalf("keys are left: %v", shelf.index)
		}
	})
}
