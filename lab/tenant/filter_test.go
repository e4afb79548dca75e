package tenant_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/lab/tenant"
)

// filterBundle has one of each kind.
func filterBundle(t *testing.T, o tenant.Options) *bundle {
	t.Helper()
	b := start(t, o)
	b.cycle(t, at(), holder("ann", "SMTP:ann@contoso.com", "smtp:a@contoso.com"), holder("ben", "SMTP:Ben@contoso.com"),
		holder("o'neil", "SMTP:oneil@contoso.com", "smtp:ann@contoso.com"), group("team", "SMTP:team@contoso.com"), contact("carl", "carl@fabrikam.com"))
	b.AddCloudUser(tenant.CloudObject{Name: "cloud", UPN: "cloud@contoso.com", Proxies: []string{"SMTP:cloud@contoso.com"}})
	return b
}

func TestFilters(t *testing.T) {
	t.Parallel()
	b := filterBundle(t, tenant.Options{})
	ann, ben := b.ID("anchor-ann=="), b.ID("anchor-ben==")
	for _, c := range []struct{ path, filter, want string }{
		{"/users", "proxyAddresses/any(p:p eq 'SMTP:ann@contoso.com')", "ann"},
		{"/users", "proxyAddresses/any(x:x eq 'smtp:a@contoso.com')", "ann"},
		{"/users", "proxyAddresses/any(p:p eq 'smtp:ann@contoso.com')", ""},
		{"/users", "proxyAddresses/any(p:p eq 'SMTP:ben@contoso.com')", ""},
		{"/users", "proxyAddresses/any(p:p eq 'SMTP:Ben@contoso.com')", "ben"},
		{"/users", "proxyAddresses/any(p:startswith(p,'SMTP:'))", "ann ben o'neil cloud"},
		{"/users", "proxyAddresses/any(p:startswith(p,'smtp:'))", "ann"},
		{"/users", "onPremisesImmutableId eq 'anchor-ann=='", "ann"},
		{"/users", "onPremisesImmutableId eq 'ANCHOR-ann=='", ""},
		{"/users", "onPremisesImmutableId in ('anchor-ben==','anchor-ann==','nobody')", "ann ben"},
		{"/users", "mail eq 'BEN@contoso.com'", "ben"},
		{"/users", "userPrincipalName eq 'o''neil@contoso.com'", "o'neil"},
		{"/users", "id in ('" + ben + "', '" + ann + "')", "ann ben"},
		{"/users", "id eq '" + ann + "'", "ann"},
		{"/users", "onPremisesSyncEnabled eq true", "ann ben o'neil"},
		{"/users", "onPremisesProvisioningErrors/any(o:o/category eq 'PropertyConflict')", "o'neil"},
		{"/users", "mail eq 'ann@contoso.com' or mail eq 'cloud@contoso.com'", "ann cloud"},
		{"/users", "onPremisesSyncEnabled eq true and (mail eq 'ann@contoso.com' or mail eq 'cloud@contoso.com')", "ann"},
		{"/groups", "proxyAddresses/any(p:p eq 'SMTP:team@contoso.com')", "team"},
		{"/groups", "mail eq 'team@contoso.com'", "team"},
		{"/contacts", "proxyAddresses/any(p:p eq 'SMTP:carl@fabrikam.com')", "carl"},
		{"/contacts", "mail eq 'carl@fabrikam.com'", "carl"},
		{"/directory/deletedItems/microsoft.graph.user", "mail eq 'nobody@contoso.com'", ""},
	} {
		if r := b.get(t, c.path, "$filter", c.filter); r.status != http.StatusOK || r.names() != c.want {
			t.Errorf("%s %s: %d %q, want %q: %v", c.path, c.filter, r.status, r.names(), c.want, r.body["error"])
		}
	}
}

func TestFilterCaseCanBeIgnored(t *testing.T) {
	t.Parallel()
	b := filterBundle(t, tenant.Options{IgnoreCase: true})
	if r := b.get(t, "/users", "$filter", "proxyAddresses/any(p:p eq 'smtp:ben@contoso.com')"); r.names() != "ben" {
		t.Errorf("got %q", r.names())
	}
}

func TestGroupsBySecurityIdentifier(t *testing.T) {
	t.Parallel()
	for _, supported := range []bool{true, false} {
		b := filterBundle(t, tenant.Options{FilterGroupsBySID: supported})
		r := b.get(t, "/groups", "$filter", "onPremisesSecurityIdentifier eq 'S-1-5-21-1-2-3-1004'")
		if supported && r.names() != "team" || !supported && r.code() != "Request_UnsupportedQuery" {
			t.Errorf("supported %v: %d %v", supported, r.status, r.body)
		}
	}
}

func TestRefusedFilters(t *testing.T) {
	t.Parallel()
	b := filterBundle(t, tenant.Options{})
	long := strings.Repeat("a", 121)
	ids := strings.TrimSuffix(strings.Repeat("'x',", 16), ",")
	for _, c := range []struct{ path, filter, code string }{
		{"/users", "displayName eq 'ann'", "Request_UnsupportedQuery"},
		{"/users", "mail ne 'ann@contoso.com'", "Request_UnsupportedQuery"},
		{"/users", "not (mail eq 'ann@contoso.com')", "Request_UnsupportedQuery"},
		{"/users", "endswith(mail,'@contoso.com')", "Request_UnsupportedQuery"},
		{"/users", "startswith(mail,'ann')", "Request_UnsupportedQuery"},
		{"/users", "mail ge 'a'", "Request_UnsupportedQuery"},
		{"/users", "onPremisesImmutableId eq null", "Request_UnsupportedQuery"},
		{"/users", "proxyAddresses/any(p:endswith(p,'@contoso.com'))", "Request_UnsupportedQuery"},
		{"/users", "proxyAddresses/any(p:p eq 'a' or p eq 'b')", "Request_UnsupportedQuery"},
		{"/users", "proxyAddresses/any()", "Request_UnsupportedQuery"},
		{"/users", "proxyAddresses/any(p:q eq 'a')", "BadRequest"},
		{"/users", "proxyAddresses eq 'a'", "BadRequest"},
		{"/users", "mail/any(m:m eq 'a')", "BadRequest"},
		{"/users", "assignedPlans/any(a:a/service eq 'exchange')", "Request_UnsupportedQuery"},
		{"/users", "onPremisesProvisioningErrors/any(o:o/value eq 'x')", "Request_UnsupportedQuery"},
		{"/users", "proxyAddresses/any(p:p eq '" + long + "')", "Request_UnsupportedQuery"},
		{"/users", "id in (" + ids + ")", "BadRequest"},
		{"/users", "nonsense eq 'a'", "BadRequest"},
		{"/users", "mail eq true", "BadRequest"},
		{"/users", "onPremisesSyncEnabled eq 'true'", "BadRequest"},
		{"/users", "mail eq 'ann", "BadRequest"},
		{"/users", "mail eq", "BadRequest"},
		{"/users", "mail", "BadRequest"},
		{"/users", "(mail eq 'a'", "BadRequest"},
		{"/users", "mail eq 'a' mail eq 'b'", "BadRequest"},
		{"/users", "id in 'a'", "BadRequest"},
		{"/users", "", "BadRequest"},
		{"/groups", "onPremisesImmutableId eq 'x'", "BadRequest"},
		{"/groups", "userPrincipalName eq 'x'", "BadRequest"},
		{"/groups", "onPremisesSamAccountName eq 'x'", "Request_UnsupportedQuery"},
		{"/contacts", "onPremisesSecurityIdentifier eq 'x'", "BadRequest"},
	} {
		r := b.get(t, c.path, "$filter", c.filter)
		if r.status != http.StatusBadRequest || r.code() != c.code {
			t.Errorf("%s %s: %d %v, want %s", c.path, c.filter, r.status, r.body, c.code)
		}
	}
}

func TestLongestOperand(t *testing.T) {
	t.Parallel()
	b := filterBundle(t, tenant.Options{})
	if r := b.get(t, "/users", "$filter", "proxyAddresses/any(p:p eq '"+strings.Repeat("a", 120)+"')"); r.status != http.StatusOK {
		t.Errorf("120 characters: %d %v", r.status, r.body)
	}
	fifteen := strings.TrimSuffix(strings.Repeat("'x',", 15), ",")
	if r := b.get(t, "/users", "$filter", "id in ("+fifteen+")"); r.status != http.StatusOK {
		t.Errorf("15 values: %d %v", r.status, r.body)
	}
}

func TestAdvancedFilters(t *testing.T) {
	t.Parallel()
	b := filterBundle(t, tenant.Options{LicenceNew: true})
	for _, c := range []struct{ filter, want string }{
		{"mail ne 'ann@contoso.com'", "ben o'neil cloud"},
		{"not (onPremisesSyncEnabled eq true)", "cloud"},
		{"endswith(mail,'il@contoso.com')", "o'neil"},
		{"onPremisesImmutableId eq null", "cloud"},
		{"assignedPlans/any(a:a/servicePlanId eq efb87545-963c-4e0d-99df-69c6916d9eb0)", "ann ben o'neil cloud"},
	} {
		r := b.get(t, "/users", "$filter", c.filter, "$count", "true", ":ConsistencyLevel", "eventual")
		if r.status != http.StatusOK || r.names() != c.want {
			t.Errorf("%s: %d %q, want %q: %v", c.filter, r.status, r.names(), c.want, r.body["error"])
		}
		if plain := b.get(t, "/users", "$filter", c.filter); plain.code() != "Request_UnsupportedQuery" {
			t.Errorf("%s without advanced parameters: %d %v", c.filter, plain.status, plain.body)
		}
	}
}
