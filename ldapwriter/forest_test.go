package ldapwriter

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/site"
)

// inForest makes a writer for a forest of two domains. The embedded directory has one only, so two of its units stand for
// them: Sales is ours, Support the other one, and its DC is the same server.
func inForest(t *testing.T, o directory.Options, catalog bool) (*Directory, *site.Site) {
	t.Helper()
	served, err := directory.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	dc := served.Site()
	options := Options{Servers: []string{dc.Server}, BaseDN: dc.BaseDN, RootCAs: dc.Roots(),
		Bind: SimpleBind{User: dc.Service.User, Password: func() (string, error) { return dc.Service.Password, nil }}}
	if catalog {
		options.GlobalCatalog = []string{dc.GlobalCatalog}
	}
	d, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.Close()
		_ = dc.Stop()
	})
	f, err := d.forestNow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if f.own != (domain{dn: dc.BaseDN, dns: site.Domain, netBIOS: "CONTOSO"}) || len(f.others) != 0 {
		t.Fatalf("the forest is read as %+v", f)
	}
	two := *f
	two.own.dn, two.others = dc.DN(site.Sales), []domain{{dn: dc.DN(site.Support), dns: "support.test"}}
	d.forest.Store(&two)
	if d.domains["support.test"], err = d.newServer(dc.Server, ldapsPort); err != nil {
		t.Fatal(err)
	}
	return d, dc
}

// TestForest finds who holds an address in another domain: in the global catalog, domain by domain, or both where the catalog does
// not carry an attribute.
func TestForest(t *testing.T) {
	t.Parallel()
	objects := []site.Object{
		{Kind: site.User, Name: "Own", OU: site.Sales, Proxies: []string{"smtp:own@contoso.test", "smtp:both@contoso.test"}},
		{Kind: site.User, Name: "Other", OU: site.Support, UPN: "other@contoso.test", Proxies: []string{"SMTP:o@contoso.test", "smtp:both@contoso.test"}},
		{Kind: site.Group, Name: "Team", OU: site.Support, Mail: "team@contoso.test"},
		{Kind: site.User, Name: "Nowhere", OU: site.People, Proxies: []string{"smtp:nowhere@contoso.test"}},
	}
	for what, c := range map[string]struct {
		catalog, outside bool
		servers          int // how many are asked
	}{
		"with a catalog":                        {true, false, 2},
		"without a catalog":                     {false, false, 2},
		"with a catalog that lacks the proxies": {true, true, 3},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			d, _ := inForest(t, directory.Options{Objects: objects, ProxiesOutsideCatalog: c.outside}, c.catalog)
			searches, err := d.searches(d.forest.Load(), []address.Address{"a@b"})
			asked := map[*server]bool{}
			for _, s := range searches {
				asked[s.servers[0]] = true
			}
			if err != nil || len(asked) != c.servers {
				t.Errorf("%d servers are asked, wanted %d: %v", len(asked), c.servers, err)
			}
			for wanted, want := range map[address.Address][]string{
				"own@contoso.test": {"Own"}, "o@contoso.test": {"Other"}, "OTHER@contoso.test": {"Other"}, "team@contoso.test": {"Team"},
				"both@contoso.test": {"Own", "Other"}, "free@contoso.test": nil,
			} {
				held, err := d.HoldersOf(t.Context(), []address.Address{wanted}, address.GUID{})
				if err != nil {
					t.Fatal(err)
				}
				var names []string
				for _, h := range held {
					names = append(names, h.Name)
				}
				slices.Sort(names)
				slices.Sort(want)
				if !slices.Equal(names, want) {
					t.Errorf("%s is held by %q, wanted %q", wanted, names, want)
				}
			}
		})
	}
}

// TestForestOutOfReach: as long as one domain or the catalog cannot be searched, nobody knows.
func TestForestOutOfReach(t *testing.T) {
	t.Parallel()
	someone := []address.Address{"a@b"}
	d, _ := inForest(t, directory.Options{}, false)
	var err error
	if d.domains["support.test"], err = d.newServer("ldaps://127.0.0.1:1", ldapsPort); err != nil {
		t.Fatal(err)
	}
	_, err = d.HoldersOf(t.Context(), someone, address.GUID{})
	waits(t, err, "ldaps://127.0.0.1:1", "refused")
	d.domains["support.test"] = d.servers[0]
	f := *d.forest.Load()
	f.others = []domain{{dn: "DC=sub,DC=contoso,DC=test", dns: "support.test"}}
	d.forest.Store(&f)
	_, err = d.HoldersOf(t.Context(), someone, address.GUID{})
	waits(t, err, "does not hold", "DC=sub")

	d, _ = inForest(t, directory.Options{}, true)
	if d.catalogs, err = d.newServers([]string{"ldaps://127.0.0.1:1"}, catalogPort); err != nil {
		t.Fatal(err)
	}
	_, err = d.HoldersOf(t.Context(), someone, address.GUID{})
	waits(t, err, "ldaps://127.0.0.1:1")

	d, _ = inForest(t, directory.Options{}, true)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.domainServer(domain{dns: "new.test"}); err == nil {
		t.Error("a closed one connects to another domain")
	}
}

func waits(t *testing.T, err error, words ...string) {
	t.Helper()
	e, ok := cause.As(err)
	if !ok || e.Kind != cause.Waiting || e.Cause.Code != cause.DirectoryUnavailable {
		t.Fatalf("got %v, wanted to wait", err)
	}
	for _, w := range words {
		if !strings.Contains(e.Cause.Message, w) {
			t.Errorf("%q lacks %q", e.Cause.Message, w)
		}
	}
}

// TestForestIsReadAgain an hour later, and kept until then.
func TestForestIsReadAgain(t *testing.T) {
	t.Parallel()
	d, _ := inForest(t, directory.Options{}, false)
	later := time.Duration(0)
	d.now = func() time.Time { return time.Now().Add(later) }
	for _, c := range []struct {
		later  time.Duration
		others int
	}{{59 * time.Minute, 1}, {61 * time.Minute, 0}} {
		later = c.later
		if f, err := d.forestNow(t.Context()); err != nil || len(f.others) != c.others {
			t.Errorf("after %v: %+v, %v", c.later, f, err)
		}
	}
}
