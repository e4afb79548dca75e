package site_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/samba"
	"github.com/aliasd/aliasd/lab/site"
)

// The two kinds of directories. The embedded one stands for Windows AD.
const (
	onSamba   = "samba"
	onWindows = "embedded"
)

// bundle is what one case of the suite works with: a directory, a connection as the service account and one as the
// administrator, and names that no other case uses.
type bundle struct {
	*site.Site
	kind           string
	service, admin *ldap.Conn
	tag            string
	made           int
}

// TestConformance runs the same cases on a real domain controller and on the embedded directory. Where Windows AD, which the
// embedded one stands for, and Samba differ, the case says so.
func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run(onWindows, func(t *testing.T) {
		t.Parallel()
		d, err := directory.Start(directory.Options{Objects: crowd()})
		if err != nil {
			t.Fatal(err)
		}
		runSuite(t, onWindows, d.Site())
	})
	t.Run(onSamba, func(t *testing.T) {
		t.Parallel()
		if err := samba.Missing(); err != nil {
			t.Skip(err)
		}
		dc, err := samba.Start(t.Context(), samba.Options{Objects: crowd()})
		if err != nil {
			t.Fatal(err)
		}
		runSuite(t, onSamba, dc)
	})
}

// crowd are more contacts than fit on a page.
func crowd() []site.Object {
	list := make([]site.Object, 1010)
	for i := range list {
		list[i] = site.Object{Kind: site.Contact, Name: fmt.Sprintf("crowd %04d", i), OU: site.Support}
	}
	return list
}

// runSuite runs every case on one directory, side by side.
func runSuite(t *testing.T, kind string, s *site.Site) {
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	var count atomic.Int64
	for _, cases := range []map[string]func(*testing.T, *bundle){modifyCases(), searchCases(), treeCases(), accessCases()} {
		for name, run := range cases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := &bundle{Site: s, kind: kind, tag: fmt.Sprintf("c%d", count.Add(1))}
				b.service, b.admin = b.connect(t, s.Service), b.connect(t, s.Admin)
				run(t, b)
			})
		}
	}
}

func (b *bundle) connect(t *testing.T, login site.Login) *ldap.Conn {
	t.Helper()
	conn, err := b.Dial(t.Context(), login)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// name makes a name that no other case uses.
func (b *bundle) name(text string) string { return b.tag + " " + text }

// user makes a user with these addresses and gives its DN.
func (b *bundle) user(t *testing.T, mail string, proxies ...string) string {
	t.Helper()
	b.made++
	account := fmt.Sprintf("%s-u%d", b.tag, b.made)
	return b.add(t, site.Object{Kind: site.User, Name: account, Account: account, UPN: account + "@contoso.test", Mail: mail,
		Proxies: proxies})
}

func (b *bundle) add(t *testing.T, object site.Object) string {
	t.Helper()
	if err := b.Populate(t.Context(), []site.Object{object}); err != nil {
		t.Fatal(err)
	}
	return b.DNOf(object)
}

// get reads one attribute of an object, sorted.
func (b *bundle) get(t *testing.T, dn, attribute string) []string {
	t.Helper()
	entry, err := b.Read(t.Context(), dn, attribute)
	if err != nil {
		t.Fatal(err)
	}
	values := entry.GetAttributeValues(attribute)
	slices.Sort(values)
	return values
}

// differ gives what is expected on this kind of directory, where the two differ on purpose.
func differ[T any](b *bundle, samba, windows T) T {
	if b.kind == onSamba {
		return samba
	}
	return windows
}

// wantCode checks the LDAP result code of an operation.
func wantCode(t *testing.T, err error, want uint16) {
	t.Helper()
	if got := code(err); got != want {
		t.Fatalf("LDAP result %d (%v), wanted %d", got, err, want)
	}
}

func code(err error) uint16 {
	var refused *ldap.Error
	switch {
	case err == nil:
		return ldap.LDAPResultSuccess
	case errors.As(err, &refused):
		return refused.ResultCode
	default:
		return ldap.LDAPResultOther
	}
}

func wantValues(t *testing.T, got []string, want ...string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Fatalf("values %q, wanted %q", got, want)
	}
}

// search looks in the whole domain and gives what it found, in order of names, without references.
func search(conn *ldap.Conn, base string, scope int, filter string, attributes ...string) ([]*ldap.Entry, error) {
	result, err := conn.Search(ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(result.Entries, func(a, b *ldap.Entry) int { return strings.Compare(a.DN, b.DN) })
	return result.Entries, nil
}

// found gives the names of the objects that a filter finds in People and below.
func (b *bundle) found(t *testing.T, filter string) []string {
	t.Helper()
	entries, err := search(b.service, b.DN(site.People), ldap.ScopeWholeSubtree, filter, "name")
	if err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.GetAttributeValue("name"))
	}
	return names
}
