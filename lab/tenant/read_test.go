package tenant_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/lab/tenant"
)

// at is when the tests' sync cycles run.
func at() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// holder is an on-premises user name@contoso.com with the values given.
func holder(name string, values ...string) address.Holder {
	h := address.Holder{
		Anchor: "anchor-" + name + "==", Kind: address.User, Name: name, UPN: name + "@contoso.com", Account: name,
		DN: address.DN("CN=" + name + ",OU=People,DC=contoso,DC=test"), SID: "S-1-5-21-1-2-3-" + fmt.Sprint(1000+len(name)),
	}
	for _, v := range values {
		h.Proxies = append(h.Proxies, address.Proxy(v))
	}
	return h
}

func group(name string, values ...string) address.Holder {
	h := holder(name, values...)
	h.Kind, h.UPN = address.Group, ""
	return h
}

func contact(name, mail string) address.Holder {
	h := holder(name, "SMTP:"+mail)
	h.Kind, h.UPN, h.SID, h.Account, h.Mail = address.Contact, "", "", "", mail
	return h
}

// cycle imports holders as one sync cycle.
func (b *bundle) cycle(t *testing.T, when time.Time, holders ...address.Holder) []tenant.ExportError {
	t.Helper()
	failed, err := b.Import(t.Context(), holders, when)
	if err != nil {
		t.Fatal(err)
	}
	return failed
}

func TestPropertiesThatNeedSelect(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.cycle(t, at(), holder("ann", "SMTP:ann@contoso.com"), group("team", "SMTP:team@contoso.com"), contact("carl", "carl@fabrikam.com"))
	for path, c := range map[string]struct{ present, absent []string }{
		"/users": {
			[]string{"id", "mail", "userPrincipalName", "displayName"},
			[]string{"proxyAddresses", "mailNickname", "onPremisesImmutableId", "onPremisesSyncEnabled", "assignedPlans", "onPremisesProvisioningErrors"},
		},
		"/groups": {
			[]string{"id", "mail", "proxyAddresses", "mailNickname", "onPremisesSecurityIdentifier", "onPremisesSyncEnabled", "onPremisesProvisioningErrors"},
			[]string{"onPremisesImmutableId", "onPremisesDistinguishedName", "assignedLicenses"},
		},
		"/contacts": {
			[]string{"id", "mail", "proxyAddresses", "mailNickname", "onPremisesSyncEnabled", "onPremisesLastSyncDateTime"},
			[]string{"onPremisesImmutableId", "onPremisesSecurityIdentifier", "userPrincipalName"},
		},
	} {
		row := b.get(t, path).rows()[0]
		for _, name := range c.present {
			if _, ok := row[name]; !ok {
				t.Errorf("%s does not show %s: %v", path, name, row)
			}
		}
		for _, name := range c.absent {
			if v, ok := row[name]; ok {
				t.Errorf("%s shows %s = %v without $select", path, name, v)
			}
		}
	}
}

func TestSelectedValues(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{LicenceNew: true})
	b.cycle(t, at(), holder("ann", "SMTP:ann@contoso.com", "smtp:a@contoso.com"))
	row := b.get(t, "/users", "$select", "id,mail,proxyAddresses,mailNickname,onPremisesImmutableId,onPremisesSyncEnabled,"+
		"onPremisesLastSyncDateTime,onPremisesDistinguishedName,onPremisesDomainName,onPremisesSecurityIdentifier,"+
		"onPremisesSamAccountName,onPremisesUserPrincipalName,onPremisesProvisioningErrors,assignedPlans,otherMails,city").rows()[0]
	for name, want := range map[string]string{
		"mail": "ann@contoso.com", "mailNickname": "ann", "onPremisesImmutableId": "anchor-ann==", "onPremisesSyncEnabled": "true",
		"onPremisesLastSyncDateTime": "2026-03-01T12:00:00Z", "onPremisesDistinguishedName": "CN=ann,OU=People,DC=contoso,DC=test",
		"onPremisesDomainName": "contoso.test", "onPremisesSecurityIdentifier": "S-1-5-21-1-2-3-1003", "onPremisesSamAccountName": "ann",
		"onPremisesUserPrincipalName": "ann@contoso.com", "onPremisesProvisioningErrors": "[]", "otherMails": "[]", "city": "<nil>",
	} {
		if got := fmt.Sprint(row[name]); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if len(row) != 16 {
		t.Errorf("%d properties were selected, %d came: %v", 16, len(row), row)
	}
	proxies := fmt.Sprint(row["proxyAddresses"])
	for _, p := range []string{"SMTP:ann@contoso.com", "smtp:a@contoso.com", "smtp:ann@contoso.onmicrosoft.com", "SIP:ann@contoso.com", "SPO:SPO_"} {
		if !strings.Contains(proxies, p) {
			t.Errorf("proxyAddresses %s lack %s", proxies, p)
		}
	}
	if plans := fmt.Sprint(row["assignedPlans"]); !strings.Contains(plans, tenant.ExchangePlan) || !strings.Contains(plans, tenant.MyAnalyticsPlan) {
		t.Errorf("assignedPlans are %s", plans)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	var holders []address.Holder
	for i := range 250 {
		holders = append(holders, holder(fmt.Sprintf("user%03d", i)))
	}
	b.cycle(t, at(), holders...)
	for _, c := range []struct {
		top   string
		pages []int
	}{{"", []int{100, 100, 50}}, {"999", []int{250}}, {"125", []int{125, 125}}, {"249", []int{249, 1}}} {
		options := []string{"$select", "id,displayName"}
		if c.top != "" {
			options = append(options, "$top", c.top)
		}
		seen, pages := map[string]bool{}, []int{}
		for r := b.get(t, "/users", options...); ; {
			pages = append(pages, len(r.rows()))
			for _, row := range r.rows() {
				seen[row["displayName"].(string)] = true
			}
			next, more := r.body["@odata.nextLink"].(string)
			if !more {
				break
			}
			r = b.do(t, http.MethodGet, next, nil, nil)
		}
		if !slices.Equal(pages, c.pages) || len(seen) != 250 {
			t.Errorf("$top=%s: pages of %v, want %v; %d different users", c.top, pages, c.pages, len(seen))
		}
	}
}

// TestPagesHoldStill: what is deleted between two pages shifts nobody out of the next one.
func TestPagesHoldStill(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	for i := range 4 {
		b.AddCloudUser(tenant.CloudObject{Name: fmt.Sprint(i), UPN: fmt.Sprintf("u%d@contoso.com", i)})
	}
	first := b.get(t, "/users", "$top", "2")
	if err := b.Delete("u0@contoso.com"); err != nil {
		t.Fatal(err)
	}
	next := b.do(t, http.MethodGet, first.body["@odata.nextLink"].(string), nil, nil)
	if first.names() != "0 1" || next.names() != "2 3" {
		t.Errorf("pages are %q and %q", first.names(), next.names())
	}
}

func TestRefusedQueries(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	for _, c := range []struct {
		path, option, value string
		code                string
	}{
		{"/users", "$select", "id,nonsense", "BadRequest"},
		{"/users", "$select", "id,", "BadRequest"},
		{"/groups", "$select", "onPremisesImmutableId", "BadRequest"},
		{"/contacts", "$select", "userPrincipalName", "BadRequest"},
		{"/users", "$select", "isExchangeCloudManaged", "BadRequest"},
		{"/users", "$top", "1000", "Request_UnsupportedQuery"},
		{"/users", "$top", "0", "Request_UnsupportedQuery"},
		{"/users", "$top", "many", "BadRequest"},
		{"/users", "$skip", "10", "Request_BadRequest"},
		{"/users", "$skiptoken", "nonsense", "Directory_ExpiredPageToken"},
		{"/users", "$orderby", "city", "Request_UnsupportedQuery"},
		{"/users", "$expand", "manager", "Request_UnsupportedQuery"},
		{"/users", "$nonsense", "1", "BadRequest"},
		{"/nonsense", "", "", "BadRequest"},
		{"/users/1/messages", "", "", "BadRequest"},
		{"/directory/deletedItems", "", "", "Request_BadRequest"},
		{"/directory/nonsense", "", "", "BadRequest"},
	} {
		var options []string
		if c.option != "" {
			options = []string{c.option, c.value}
		}
		r := b.get(t, c.path, options...)
		if r.status != http.StatusBadRequest || r.code() != c.code || r.message() == "" {
			t.Errorf("%s?%s=%s: %d %v, want %s", c.path, c.option, c.value, r.status, r.body, c.code)
		}
	}
}

func TestSingleEntities(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.cycle(t, at(), holder("ann"), group("team", "SMTP:team@contoso.com"))
	user, team := b.ID("ann@contoso.com"), b.ID("anchor-team==")
	for path, name := range map[string]string{"/users/" + user: "ann", "/users/ANN@contoso.com": "ann", "/groups/" + team: "team"} {
		if r := b.get(t, path); r.status != http.StatusOK || r.body["displayName"] != name {
			t.Errorf("%s: %d %v", path, r.status, r.body)
		}
	}
	for _, path := range []string{"/users/" + team, "/users/nobody@contoso.com", "/groups/" + user, "/contacts/" + user, "/domains/fabrikam.com", "/organization/1"} {
		if r := b.get(t, path); r.status != http.StatusNotFound || r.code() != "Request_ResourceNotFound" {
			t.Errorf("%s: %d %v", path, r.status, r.body)
		}
	}
	if r := b.get(t, "/users/"+user, "$select", "mailNickname"); len(r.body) != 2 || r.body["mailNickname"] != "ann" {
		t.Errorf("selected: %v", r.body)
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.cycle(t, at(), holder("ann"), holder("ben"))
	if r := b.get(t, "/users", "$count", "true"); r.body["@odata.count"] != nil {
		t.Errorf("a count without eventual consistency: %v", r.body)
	}
	if r := b.get(t, "/users", "$count", "true", ":ConsistencyLevel", "eventual"); r.body["@odata.count"] != 2.0 {
		t.Errorf("count: %v", r.body)
	}
	if r := b.get(t, "/users/$count"); r.status != http.StatusBadRequest {
		t.Errorf("/users/$count without eventual consistency: %d", r.status)
	}
	if r := b.get(t, "/users/$count", ":ConsistencyLevel", "eventual", "$filter", "mail eq 'x'"); r.body[""] != 0.0 {
		t.Errorf("/users/$count: %v", r.body)
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	needs := map[string][]string{
		"/users":    {tenant.UserRead},
		"/groups":   {tenant.GroupMemberRead, tenant.GroupRead},
		"/contacts": {tenant.ContactRead},
		"/domains":  {tenant.DomainRead},
		"/directory/deletedItems/microsoft.graph.user":  {tenant.UserRead},
		"/directory/deletedItems/microsoft.graph.group": {tenant.GroupRead},
	}
	b := start(t, tenant.Options{})
	for _, granted := range []string{tenant.UserRead, tenant.GroupMemberRead, tenant.GroupRead, tenant.ContactRead, tenant.DomainRead, tenant.OrganizationRead} {
		b.Grant(granted)
		b.token = b.newToken(t)
		for path, enough := range needs {
			want := http.StatusForbidden
			if slices.Contains(enough, granted) {
				want = http.StatusOK
			}
			if r := b.get(t, path); r.status != want || want == http.StatusForbidden && r.code() != "Authorization_RequestDenied" {
				t.Errorf("%s with %s: %d %v, want %d", path, granted, r.status, r.body, want)
			}
		}
	}
}

func TestTokensKeepTheirPermissions(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.Grant()
	if r := b.get(t, "/users"); r.status != http.StatusOK {
		t.Errorf("the old token: %d %v", r.status, r.body)
	}
	b.token = b.newToken(t)
	if r := b.get(t, "/users"); r.status != http.StatusForbidden {
		t.Errorf("the new token: %d %v", r.status, r.body)
	}
}

func TestOrganization(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	stamp := func() (any, any, int) {
		r := b.get(t, "/organization", "$select", "id,onPremisesSyncEnabled,onPremisesLastSyncDateTime,verifiedDomains")
		if r.status != http.StatusOK {
			return nil, nil, r.status
		}
		row := r.rows()[0]
		return row["onPremisesSyncEnabled"], row["onPremisesLastSyncDateTime"], r.status
	}
	if enabled, last, _ := stamp(); enabled != nil || last != nil {
		t.Errorf("before the first sync: %v %v", enabled, last)
	}
	b.cycle(t, at())
	if enabled, last, _ := stamp(); enabled != true || last != "2026-03-01T12:00:00Z" {
		t.Errorf("after a sync: %v %v", enabled, last)
	}
	b.StopSync()
	if enabled, _, _ := stamp(); enabled != false {
		t.Errorf("sync is off: %v", enabled)
	}
	b.StartSync()
	b.Grant(tenant.UserRead)
	b.token = b.newToken(t)
	if enabled, last, status := stamp(); enabled != nil || last != nil || status != http.StatusOK {
		t.Errorf("with too little permission: %v %v %d", enabled, last, status)
	}
	b.Grant()
	b.token = b.newToken(t)
	if _, _, status := stamp(); status != http.StatusForbidden {
		t.Errorf("without any permission: %d", status)
	}
}

func TestDomains(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{Domains: []string{"contoso.com"}})
	b.UnverifyDomain("fabrikam.com")
	var got []string
	for _, row := range b.get(t, "/domains").rows() {
		got = append(got, fmt.Sprint(row["id"], row["isVerified"], row["isInitial"], row["supportedServices"]))
	}
	want := []string{
		"contoso.onmicrosoft.com true true [Email OfficeCommunicationsOnline]", "contoso.com true false [Email OfficeCommunicationsOnline]",
		"fabrikam.com false false []",
	}
	for i := range want {
		want[i] = strings.Replace(want[i], " ", "", 1)
	}
	for i, g := range got {
		if i >= len(want) || strings.ReplaceAll(g, " ", "") != strings.ReplaceAll(want[i], " ", "") {
			t.Errorf("domain %d is %q", i, g)
		}
	}
	if r := b.get(t, "/domains/contoso.com", "$select", "isVerified"); r.body["isVerified"] != true {
		t.Errorf("one domain: %v", r.body)
	}
}

func TestPatchIsRefused(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.cycle(t, at(), holder("ann"))
	cloudOnly := b.AddCloudUser(tenant.CloudObject{Name: "Ben", UPN: "ben@contoso.com"})
	patch := func(id string) reply {
		return b.do(t, http.MethodPatch, b.URL+"/v1.0/users/"+id, nil, map[string]any{"proxyAddresses": []string{"smtp:x@contoso.com"}})
	}
	if r := patch(cloudOnly); r.status != http.StatusForbidden {
		t.Errorf("without write permission: %d %v", r.status, r.body)
	}
	b.Grant(tenant.UserWrite)
	b.token = b.newToken(t)
	if r := patch("ann@contoso.com"); r.status != http.StatusBadRequest || !strings.Contains(r.message(), "on-premises mastered Directory Sync objects") {
		t.Errorf("a synchronised user: %d %v", r.status, r.body)
	}
	if r := patch(cloudOnly); r.status != http.StatusBadRequest || !strings.Contains(r.message(), "read-only") {
		t.Errorf("a cloud-only user: %d %v", r.status, r.body)
	}
	if r := b.do(t, http.MethodDelete, b.URL+"/v1.0/users/"+cloudOnly, nil, nil); r.status != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: %d %v", r.status, r.body)
	}
}

func TestDeletedItems(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	id := b.AddCloudUser(tenant.CloudObject{Name: "Leaver", UPN: "leaver@contoso.com", Proxies: []string{"SMTP:leaver@contoso.com"}})
	team := b.AddCloudGroup(tenant.CloudObject{Name: "Old team", Proxies: []string{"SMTP:old@contoso.com"}})
	for _, identity := range []string{"leaver@contoso.com", team} {
		if err := b.Delete(identity); err != nil {
			t.Fatal(err)
		}
	}
	if r := b.get(t, "/users"); len(r.rows()) != 0 {
		t.Errorf("still among the users: %v", r.body)
	}
	r := b.get(t, "/directory/deletedItems/microsoft.graph.user",
		"$select", "id,displayName,userPrincipalName,deletedDateTime,proxyAddresses", "$filter", "proxyAddresses/any(p:p eq 'SMTP:leaver@contoso.com')")
	if r.names() != "Leaver" {
		t.Fatalf("deleted users: %d %v", r.status, r.body)
	}
	row := r.rows()[0]
	if row["id"] != id || row["deletedDateTime"] == nil || row["userPrincipalName"] != strings.ReplaceAll(id, "-", "")+"leaver@contoso.com" {
		t.Errorf("the deleted user is %v", row)
	}
	if r := b.get(t, "/directory/deletedItems/microsoft.graph.group"); r.names() != "Old team" {
		t.Errorf("deleted groups: %v", r.body)
	}
	if r := b.get(t, "/directory/deletedItems/"+id); r.body["displayName"] != "Leaver" {
		t.Errorf("by id: %v", r.body)
	}
	if r := b.get(t, "/directory/deletedItems/nobody"); r.status != http.StatusNotFound {
		t.Errorf("an unknown id: %v", r.body)
	}
}
