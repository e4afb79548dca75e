package graph

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/lab/tenant"
)

func addresses(list ...string) []address.Address {
	made := make([]address.Address, len(list))
	for i, a := range list {
		made[i] = address.Address(a)
	}
	return made
}

// names of the holders of addresses, sorted; deleted ones in brackets.
func (l *lab) holders(t *testing.T, list ...string) []string {
	t.Helper()
	objects, err := l.client.HoldersOf(t.Context(), addresses(list...))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, o := range objects {
		name := string(o.Kind) + " " + o.Name
		if o.Deleted {
			name = "(" + name + ")"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestHoldersOfEveryKind(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{})
	l.AddCloudUser(tenant.CloudObject{Name: "proxy", UPN: "p@contoso.com", Proxies: []string{"SMTP:main@contoso.com", "smtp:x@contoso.com"}})
	l.AddCloudUser(tenant.CloudObject{Name: "login", UPN: "login@contoso.com"})
	l.AddCloudGroup(tenant.CloudObject{Name: "list", Proxies: []string{"SMTP:list@contoso.com"}})
	l.AddCloudContact(tenant.CloudObject{Name: "partner", Proxies: []string{"SMTP:partner@fabrikam.com"}})
	for _, c := range []tenant.CloudObject{{Name: "leaver", UPN: "leaver@contoso.com", Proxies: []string{"SMTP:leaver@contoso.com"}}} {
		l.AddCloudUser(c)
	}
	l.AddCloudGroup(tenant.CloudObject{Name: "old list", Proxies: []string{"SMTP:old@contoso.com"}})
	for _, name := range []string{"leaver@contoso.com", "old@contoso.com"} {
		if err := l.Delete(name); err != nil {
			t.Fatal(err)
		}
	}
	var deleted []cloudcheck.Object
	err := l.client.EachDeleted(t.Context(), func(page []cloudcheck.Object) { deleted = append(deleted, page...) })
	if err != nil || len(deleted) != 2 || !deleted[0].Deleted || !deleted[0].Holds("leaver@contoso.com") || !deleted[1].Holds("old@contoso.com") {
		t.Errorf("deleted: %+v, %v", deleted, err)
	}
	for addr, want := range map[string][]string{
		"main@contoso.com": {"user proxy"}, "x@contoso.com": {"user proxy"}, "login@contoso.com": {"user login"}, "p@contoso.com": {"user proxy"},
		"list@contoso.com": {"group list"}, "partner@fabrikam.com": {"contact partner"},
		"leaver@contoso.com": {"(user leaver)"}, "old@contoso.com": {"(group old list)"}, "free@contoso.com": {},
	} {
		l.ResetCalls()
		if got := l.holders(t, addr); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
		if n := l.Calls().HTTP; n != 1 {
			t.Errorf("%s: %d calls, want 1", addr, n)
		}
	}
	got := l.holders(t, "main@contoso.com", "x@contoso.com", "list@contoso.com", "free@contoso.com")
	if want := []string{"group list", "user proxy"}; !slices.Equal(got, want) {
		t.Errorf("several: %q, want %q", got, want)
	}
	if got := l.holders(t); len(got) != 0 {
		t.Errorf("of nothing: %q", got)
	}
}

func TestHoldersOfHostileAddresses(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{})
	hostile := []string{
		"o'neil@contoso.com", "o''neil@contoso.com", "a+b@contoso.com", "a&b=c@contoso.com", "a#b@contoso.com", "a%27b@contoso.com",
		"a/b?c@contoso.com", "$filter=x@contoso.com", "a{b}@contoso.com", "x'%20or%20'1'%20eq%20'1@contoso.com",
	}
	for _, a := range hostile {
		l.AddCloudUser(tenant.CloudObject{Name: a, UPN: "u" + a, Proxies: []string{"smtp:" + a}})
	}
	for _, a := range hostile {
		if got := l.holders(t, a); !slices.Equal(got, []string{"user " + a}) {
			t.Errorf("%s: %q", a, got)
		}
	}
}

func TestHoldersOfLongAddresses(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{})
	local := strings.Repeat("l", 64)
	domain := strings.Repeat("d", 50) + "." + strings.Repeat("e", 50) + ".contoso.com"
	long, longer := local+"@"+domain, local+"@"+strings.ReplaceAll(domain, "contoso", "fabrikam")
	l.AddCloudUser(tenant.CloudObject{Name: "long", UPN: "long@contoso.com", Proxies: []string{"SMTP:" + long}})
	l.AddCloudGroup(tenant.CloudObject{Name: "same beginning", Proxies: []string{"smtp:" + longer}})
	for a, want := range map[string][]string{long: {"user long"}, longer: {"group same beginning"}, local + "@" + domain + "x": {}} {
		if got := l.holders(t, a); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	edge := strings.Repeat("x", 120-len("smtp:@contoso.com")) + "@contoso.com"
	l.AddCloudUser(tenant.CloudObject{Name: "edge", UPN: "e@contoso.com", Proxies: []string{"smtp:" + edge}})
	if got := l.holders(t, edge); !slices.Equal(got, []string{"user edge"}) {
		t.Errorf("120 characters: %q", got)
	}
}

// TestUnansweredIsNotFree: an address is free only when everybody was asked.
func TestUnansweredIsNotFree(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/users", "/groups", "/contacts", "/directory/deletedItems/microsoft.graph.user", "/directory/deletedItems/microsoft.graph.group"} {
		s := newStub(t)
		s.items = func(u *url.URL) reply {
			if u.Path == path {
				return reply{status: 500}
			}
			return found()
		}
		_, err := s.client(t).HoldersOf(t.Context(), addresses("a@contoso.com"))
		checkCause(t, err, cause.CloudUnavailable, path, "500")
	}
}
