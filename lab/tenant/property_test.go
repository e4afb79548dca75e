package tenant_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/lab/tenant"
)

// onPremises is a small directory whose holders share few addresses, so that conflicts are the rule.
type onPremises map[string]address.Holder

func (d onPremises) list() []address.Holder {
	var list []address.Holder
	for _, name := range []string{"ann", "ben", "team", "carl"} {
		if h, ok := d[name]; ok {
			list = append(list, h)
		}
	}
	return list
}

func drawValues(t *rapid.T) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
		"SMTP:x@contoso.com", "smtp:x@contoso.com", "smtp:y@contoso.com", "SMTP:z@contoso.com", "smtp:ann@contoso.com", "smtp:f@fabrikam.com",
	}), 0, 3, rapid.ID[string]).Draw(t, "values")
}

func (d onPremises) change(t *rapid.T) {
	switch name := rapid.SampledFrom([]string{"ann", "ben", "team", "carl"}).Draw(t, "holder"); {
	case rapid.IntRange(0, 4).Draw(t, "leaves") == 0:
		delete(d, name)
	case name == "team":
		d[name] = group(name, drawValues(t)...)
	case name == "carl":
		d[name] = contact(name, rapid.SampledFrom([]string{"x@contoso.com", "y@contoso.com"}).Draw(t, "contact"))
	default:
		d[name] = holder(name, drawValues(t)...)
	}
}

// TestNoAddressTwice: whatever is imported, licensed, verified, released and deleted, in whatever order, no two
// synchronised objects show the same address, none shows two primaries, and mail is the primary.
func TestNoAddressTwice(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	rapid.Check(t, func(rt *rapid.T) {
		b.cycle(t, at(), onPremises{}.list()...)
		directory := onPremises{}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.IntRange(0, 6).Draw(rt, "step") {
			case 0:
				b.SetLicence("anchor-ann==", rapid.Bool().Draw(rt, "licensed"))
			case 1:
				b.VerifyDomain("fabrikam.com")
			case 2:
				b.UnverifyDomain("fabrikam.com")
			case 3:
				b.Release()
			default:
				directory.change(rt)
				b.cycle(t, at(), directory.list()...)
			}
			consistent(rt, b, directory)
		}
	})
}

func consistent(t *rapid.T, b *bundle, directory onPremises) {
	t.Helper()
	owners := map[address.Key]string{}
	for name, h := range directory {
		v, err := b.Values(h.Anchor)
		if err != nil {
			t.Fatal(err)
		}
		primaries := v.Proxies.Primaries()
		if len(primaries) > 1 || len(primaries) == 1 && string(primaries[0].Address()) != v.Mail {
			t.Fatalf("%s: mail %q, proxyAddresses %q", name, v.Mail, v.Proxies)
		}
		for _, p := range v.Proxies.SMTP() {
			if other := owners[p.Address().Key()]; other != "" {
				t.Fatalf("%s and %s both hold %s", name, other, p.Address())
			}
			owners[p.Address().Key()] = name
		}
	}
}

// TestReleaseSettles: after a release, a value is quarantined only while somebody else holds it; ann@contoso.com is held by
// ann's UPN, which proxyAddresses does not show without a licence.
func TestReleaseSettles(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	rapid.Check(t, func(rt *rapid.T) {
		b.cycle(t, at(), onPremises{}.list()...)
		directory := onPremises{}
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			directory.change(rt)
			b.cycle(t, at(), directory.list()...)
		}
		b.Release()
		shown := map[string]bool{}
		for _, h := range directory {
			v, err := b.Values(h.Anchor)
			if err != nil {
				rt.Fatal(err)
			}
			for _, p := range v.Proxies.SMTP() {
				shown[string(p.Address().Key())] = true
			}
		}
		for _, path := range []string{"/users", "/groups", "/contacts"} {
			for _, row := range b.get(t, path, "$select", "id,displayName,onPremisesProvisioningErrors").rows() {
				for value := range strings.FieldsSeq(strings.ReplaceAll(quarantined(row), "PropertyConflict ProxyAddresses ", "")) {
					p := address.Proxy(strings.TrimSuffix(value, ","))
					if !shown[string(p.Address().Key())] && !strings.HasPrefix(string(p.Address()), "ann@") {
						rt.Fatalf("%v: %s is quarantined and nobody holds it", row["displayName"], value)
					}
				}
			}
		}
	})
}

// TestManyAtOnce has clients read while cycles run and the administrator works; the race detector watches.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{LicenceNew: true, CalculationDelay: time.Millisecond, ReleaseEvery: time.Millisecond})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 10 {
				r := b.get(t, "/users", "$select", "id,proxyAddresses", "$filter", "proxyAddresses/any(p:startswith(p,'smtp:'))")
				if r.status != 200 {
					t.Errorf("%d %v", r.status, r.body)
				}
				b.batch(t, get("1", "/groups"), get("2", fmt.Sprintf("/users/user%d@contoso.com", i)))
			}
		})
	}
	all.Go(func() {
		for n := range 10 {
			holders := []address.Holder{group("team", "SMTP:team@contoso.com")}
			for i := range 5 {
				holders = append(holders, holder(fmt.Sprintf("user%d", i), fmt.Sprintf("SMTP:u%d.%d@contoso.com", i, n)))
			}
			b.cycle(t, at(), holders...)
		}
	})
	all.Go(func() {
		for range 10 {
			b.Calls()
			b.SetLicence("anchor-user1==", true)
			b.Release()
			id := b.AddCloudUser(tenant.CloudObject{Name: "x", UPN: "x@contoso.com"})
			if err := b.Delete(id); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
}

// TestPagesKeepTheirQuery: the pages of a filtered and selected read, put together, are what one big page shows.
func TestPagesKeepTheirQuery(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	var holders []address.Holder
	for i := range 30 {
		holders = append(holders, holder(fmt.Sprintf("user%02d", i), fmt.Sprintf("%s:u%d@contoso.com", []string{"SMTP", "smtp"}[i%2], i)))
	}
	b.cycle(t, at(), holders...)
	const filter = "proxyAddresses/any(p:startswith(p,'smtp:'))"
	var names []string
	for r := b.get(t, "/users", "$filter", filter, "$select", "displayName", "$top", "4", "$count", "true", ":ConsistencyLevel", "eventual"); ; {
		for _, row := range r.rows() {
			if len(row) != 1 {
				t.Fatalf("a row of a later page is %v", row)
			}
		}
		names = append(names, strings.Fields(r.names())...)
		next, more := r.body["@odata.nextLink"].(string)
		if !more {
			break
		}
		r = b.do(t, "GET", next, nil, nil)
	}
	if whole := strings.Fields(b.get(t, "/users", "$filter", filter).names()); len(names) != 15 || !slices.Equal(names, whole) {
		t.Errorf("pages give %v, one page %v", names, whole)
	}
}
