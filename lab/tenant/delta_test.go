package tenant_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/lab/tenant"
)

// trackedByAliasd is a $select with which nothing that matters is missed.
const trackedByAliasd = allProperties + ",deletedDateTime"

// latest gives the delta link of a set that stands for now.
func (b *bundle) latest(t *testing.T, path, properties string) string {
	t.Helper()
	r := b.get(t, path+"/delta", "$deltatoken", "latest", "$select", properties)
	link, _ := r.body["@odata.deltaLink"].(string)
	if r.status != http.StatusOK || link == "" || len(r.rows()) != 0 || r.body["@odata.nextLink"] != nil {
		t.Fatalf("latest of %s: %d %v", path, r.status, r.body)
	}
	return link
}

// round follows a link to the delta link at its end, and gives the rows of each page.
func (b *bundle) round(t *testing.T, link string) (pages [][]map[string]any, next string) {
	t.Helper()
	for {
		r := b.do(t, http.MethodGet, link, nil, nil)
		if r.status != http.StatusOK {
			t.Fatalf("%s: %d %v", link, r.status, r.body)
		}
		pages = append(pages, r.rows())
		following, more := r.body["@odata.nextLink"].(string)
		end, over := r.body["@odata.deltaLink"].(string)
		if more == over {
			t.Fatalf("a page needs one of nextLink and deltaLink: %v", r.body)
		}
		if over {
			return pages, end
		}
		link = following
	}
}

// changes are the rows of a round as "name" or "-reason", sorted.
func (b *bundle) changes(t *testing.T, link string) string {
	t.Helper()
	pages, _ := b.round(t, link)
	var list []string
	for _, row := range slices.Concat(pages...) {
		if removed, ok := row["@removed"].(map[string]any); ok {
			list = append(list, "-"+removed["reason"].(string))
			continue
		}
		name, _ := row["displayName"].(string)
		list = append(list, name)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func TestDeltaPagesThroughEverything(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	var holders []address.Holder
	for i := range 450 {
		holders = append(holders, holder(fmt.Sprintf("user%03d", i)))
	}
	b.cycle(t, at(), holders...)
	for _, path := range []string{"/users/delta", "/users/delta()", "/users/microsoft.graph.delta", "/users/microsoft.graph.delta()"} {
		pages, link := b.round(t, b.URL+"/v1.0"+path+"?$select=displayName&$top=5")
		seen := map[string]bool{}
		for _, row := range slices.Concat(pages...) {
			seen[row["displayName"].(string)] = true
			if row["id"] == nil || len(row) != 2 {
				t.Fatalf("%s: a row is %v", path, row)
			}
		}
		if len(seen) != 450 || len(pages) != 3 {
			t.Errorf("%s: %d users on %d pages", path, len(seen), len(pages))
		}
		if again := b.changes(t, link); again != "" {
			t.Errorf("%s: nothing changed, and told is %s", path, again)
		}
	}
}

// step is something that happens in the tenant, and what the delta of a set tells of it.
type step struct {
	do   func(t *testing.T, b *bundle)
	path string
	want string
}

// cast are the holders that the steps begin with.
func cast() (ann, team, carl address.Holder) {
	return holder("ann", "SMTP:ann@contoso.com"), group("team", "SMTP:team@contoso.com"), contact("carl", "carl@fabrikam.com")
}

func steps() map[string]step {
	ann, team, carl := cast()
	renamed := ann
	renamed.Name = "anna"
	return map[string]step{
		"nothing":      {func(t *testing.T, b *bundle) { b.cycle(t, at(), ann, team, carl) }, "/users", ""},
		"a name":       {func(t *testing.T, b *bundle) { b.cycle(t, at(), renamed, team, carl) }, "/users", "anna"},
		"other kinds":  {func(t *testing.T, b *bundle) { b.cycle(t, at(), renamed, team, carl) }, "/groups", ""},
		"a new one":    {func(t *testing.T, b *bundle) { b.cycle(t, at(), ann, team, carl, holder("ben")) }, "/users", "ben"},
		"a cloud user": {func(_ *testing.T, b *bundle) { b.AddCloudUser(tenant.CloudObject{Name: "cy", UPN: "cy@contoso.com"}) }, "/users", "cy"},
		"a group's value": {func(t *testing.T, b *bundle) {
			b.cycle(t, at(), ann, group("team", "SMTP:team@contoso.com", "smtp:t@contoso.com"), carl)
		}, "/groups", "team"},
		"a contact's value": {func(t *testing.T, b *bundle) { b.cycle(t, at(), ann, team, contact("carl", "c@fabrikam.com")) }, "/contacts", "carl"},
		"a licence":         {func(_ *testing.T, b *bundle) { b.SetLicence("anchor-ann==", true) }, "/users", "ann"},
		"plans":             {func(t *testing.T, b *bundle) { must(t, b.SetPlans("anchor-ann==", tenant.Plan{Service: "x"})) }, "/users", "ann"},
		"a quarantine": {func(t *testing.T, b *bundle) {
			b.cycle(t, at(), ann, group("team", "SMTP:team@contoso.com", "smtp:ann@contoso.com"), carl)
		}, "/groups", "team"},
		"moved to the cloud":     {func(t *testing.T, b *bundle) { must(t, b.MoveToCloud("anchor-ann==")) }, "/users", "ann"},
		"a release without news": {func(_ *testing.T, b *bundle) { b.Release() }, "/users", ""},
	}
}

// removals are the steps that take something away.
func removals() map[string]step {
	ann, team, carl := cast()
	return map[string]step{
		"out of scope":      {func(t *testing.T, b *bundle) { b.cycle(t, at(), team, carl) }, "/users", "-changed"},
		"a group is gone":   {func(t *testing.T, b *bundle) { b.cycle(t, at(), ann, carl) }, "/groups", "-deleted"},
		"a contact is gone": {func(t *testing.T, b *bundle) { b.cycle(t, at(), ann, team) }, "/contacts", "-deleted"},
		"deleted by hand":   {func(t *testing.T, b *bundle) { must(t, b.Delete("anchor-team==")) }, "/groups", "-changed"},
		"there and back": {func(t *testing.T, b *bundle) {
			b.cycle(t, at(), team, carl)
			b.cycle(t, at(), ann, team, carl)
		}, "/users", "ann ann"},
		"made and deleted": {func(t *testing.T, b *bundle) { must(t, b.Delete(b.AddCloudUser(tenant.CloudObject{Name: "cy"}))) }, "/users", "-changed"},
	}
}

func TestDeltaTellsWhatChanged(t *testing.T) {
	t.Parallel()
	all := steps()
	maps.Copy(all, removals())
	ann, team, carl := cast()
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, tenant.Options{})
			b.cycle(t, at(), ann, team, carl)
			properties := trackedByAliasd
			if c.path != "/users" {
				properties = "displayName,mail,proxyAddresses,onPremisesProvisioningErrors,deletedDateTime"
			}
			link := b.latest(t, c.path, properties)
			c.do(t, b)
			if got := b.changes(t, link); got != c.want {
				t.Errorf("told is %q, want %q", got, c.want)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestDeltaTracksWhatIsSelected: what is not selected is neither told nor shown, a restored user among it when
// deletedDateTime is not.
func TestDeltaTracksWhatIsSelected(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.cycle(t, at(), holder("ann"))
	names, all := b.latest(t, "/users", "displayName"), b.latest(t, "/users", trackedByAliasd)
	untouched := b.URL + "/v1.0/users/delta?$deltatoken=latest"
	anything, _ := b.do(t, http.MethodGet, untouched, nil, nil).body["@odata.deltaLink"].(string)
	b.SetLicence("anchor-ann==", true)
	if got := b.changes(t, names); got != "" {
		t.Errorf("names: %s", got)
	}
	if got := b.changes(t, all); got != "ann" {
		t.Errorf("all: %s", got)
	}
	if got := b.changes(t, anything); got != "ann" {
		t.Errorf("without $select: %s", got)
	}
	names, deletions := b.latest(t, "/users", "displayName"), b.latest(t, "/users", "displayName,deletedDateTime")
	b.cycle(t, at())
	b.cycle(t, at(), holder("ann"))
	if got := b.changes(t, names); got != "" {
		t.Errorf("restored, names: %s", got)
	}
	if got := b.changes(t, deletions); !strings.HasPrefix(got, "ann") {
		t.Errorf("restored, deletions: %s", got)
	}
}

// TestDeltaRows: a row shows the selected properties that were ever set; return=minimal only those that changed.
func TestDeltaRows(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.cycle(t, at(), holder("ann"))
	link := b.latest(t, "/users", "displayName,mail,city,accountEnabled,assignedPlans,proxyAddresses")
	b.SetLicence("anchor-ann==", true)
	keys := func(r reply) string { return strings.Join(slices.Sorted(maps.Keys(r.rows()[0])), " ") }
	if got, want := keys(b.do(t, http.MethodGet, link, nil, nil)), "accountEnabled assignedPlans displayName id mail proxyAddresses"; got != want {
		t.Errorf("shown are %s, want %s", got, want)
	}
	minimal := b.do(t, http.MethodGet, link, http.Header{"Prefer": {"return=minimal"}}, nil)
	if got, want := keys(minimal), "assignedPlans id mail proxyAddresses"; got != want {
		t.Errorf("minimal: %s, want %s", got, want)
	}
	b.cycle(t, at(), holder("ann", "SMTP:x@fabrikam.com"))
	b.SetLicence("anchor-ann==", false)
	if row := b.do(t, http.MethodGet, link, nil, nil).rows()[0]; len(row["proxyAddresses"].([]any)) == 0 {
		t.Errorf("%v", row)
	}
}

// TestDeltaRepeats: an object that changed in two cycles stands there twice.
func TestDeltaRepeats(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.cycle(t, at(), holder("ann"), holder("ben"))
	link := b.latest(t, "/users", trackedByAliasd)
	b.cycle(t, at(), holder("ann", "smtp:1@contoso.com"), holder("ben"))
	b.cycle(t, at(), holder("ann", "smtp:2@contoso.com"), holder("ben", "smtp:3@contoso.com"))
	if got := b.changes(t, link); got != "ann ann ben" {
		t.Errorf("told is %s", got)
	}
}

// TestDeltaMeanwhile: what changes while a round is read is told by the next one, and an empty page may have a nextLink.
func TestDeltaMeanwhile(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	var holders []address.Holder
	for i := range 300 {
		holders = append(holders, holder(fmt.Sprintf("user%03d", i)))
	}
	b.cycle(t, at(), holders...)
	link := b.latest(t, "/users", "displayName")
	for i := range holders {
		holders[i].Account += "x"
	}
	holders[299].Name = "renamed"
	b.cycle(t, at(), holders...)
	first := b.do(t, http.MethodGet, link, nil, nil)
	next, _ := first.body["@odata.nextLink"].(string)
	if len(first.rows()) != 0 || next == "" {
		t.Fatalf("first page: %v", first.body)
	}
	holders[0].Name = "late"
	b.cycle(t, at(), holders...)
	pages, end := b.round(t, next)
	if rows := slices.Concat(pages...); len(rows) != 1 || rows[0]["displayName"] != "renamed" {
		t.Errorf("second page: %v", rows)
	}
	if got := b.changes(t, end); got != "late" {
		t.Errorf("the next round tells %q", got)
	}
}

func TestDeltaFilter(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.cycle(t, at(), holder("ann"), holder("ben"), holder("cy"))
	filter := fmt.Sprintf("id eq '%s' or id eq '%s'", b.ID("anchor-ann=="), b.ID("anchor-ben=="))
	pages, link := b.round(t, b.URL+"/v1.0/users/delta?"+url.Values{"$filter": {filter}, "$select": {"displayName"}}.Encode())
	if rows := slices.Concat(pages...); len(rows) != 2 {
		t.Fatalf("%v", rows)
	}
	b.cycle(t, at(), holder("ben", "smtp:b@contoso.com"))
	if got := b.changes(t, link); got != "-changed" {
		t.Errorf("told is %s", got)
	}
}

func TestDeltaRefusals(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	link := b.latest(t, "/users", "displayName")
	token := link[strings.Index(link, "=")+1:]
	tooMany := strings.Repeat("id eq 'x' or ", 50) + "id eq 'x'"
	for name, c := range map[string]struct {
		path    string
		options []string
		status  int
		code    string
	}{
		"orderby":            {"/users/delta", []string{"$orderby", "displayName"}, 400, "Request_UnsupportedQuery"},
		"expand":             {"/users/delta", []string{"$expand", "manager"}, 400, "Request_UnsupportedQuery"},
		"search":             {"/groups/delta", []string{"$search", "x"}, 400, "Request_UnsupportedQuery"},
		"skip":               {"/groups/delta", []string{"$skip", "1"}, 400, "Request_UnsupportedQuery"},
		"another filter":     {"/users/delta", []string{"$filter", "mail eq 'x'"}, 400, "Request_UnsupportedQuery"},
		"id in":              {"/users/delta", []string{"$filter", "id in ('x')"}, 400, "Request_UnsupportedQuery"},
		"too many":           {"/users/delta", []string{"$filter", tooMany}, 400, "Request_UnsupportedQuery"},
		"no filter":          {"/users/delta", []string{"$filter", "id eq"}, 400, "BadRequest"},
		"unknown property":   {"/users/delta", []string{"$select", "nonsense"}, 400, "BadRequest"},
		"unknown token":      {"/users/delta", []string{"$deltatoken", "nonsense"}, 400, "syncStateNotFound"},
		"unknown page":       {"/users/delta", []string{"$skiptoken", "nonsense"}, 400, "syncStateNotFound"},
		"not a page's token": {"/users/delta", []string{"$skiptoken", token}, 400, "syncStateNotFound"},
		"of another set":     {"/groups/delta", []string{"$deltatoken", token}, 400, "syncStateNotFound"},
		"a changed select":   {"/users/delta", []string{"$deltatoken", token, "$select", "mail"}, 400, "Request_UnsupportedQuery"},
		"domains":            {"/domains/delta", nil, 400, "BadRequest"},
		"organization":       {"/organization/delta", nil, 400, "BadRequest"},
	} {
		if r := b.get(t, c.path, c.options...); r.status != c.status || r.code() != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, r.status, r.code(), c.status, c.code)
		}
	}
	if r := b.do(t, http.MethodPost, b.URL+"/v1.0/users/delta", nil, nil); r.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", r.status)
	}
	b.Grant(tenant.UserRead)
	b.token = b.newToken(t)
	for path, status := range map[string]int{"/users/delta": 200, "/groups/delta": 403, "/contacts/delta": 403} {
		if r := b.get(t, path); r.status != status {
			t.Errorf("%s with User.Read.All alone: %d, want %d", path, r.status, status)
		}
	}
}

func TestDeltaTokensEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end    func(b *bundle)
		status int
		code   string
	}{
		"seven days":  {func(b *bundle) { b.SetNow(func() time.Time { return at().Add(7 * 24 * time.Hour) }) }, 200, ""},
		"a week past": {func(b *bundle) { b.SetNow(func() time.Time { return at().Add(7*24*time.Hour + 1) }) }, 400, "syncStateNotFound"},
		"not found":   {func(b *bundle) { b.ExpireDeltas(tenant.StateNotFound) }, 400, "syncStateNotFound"},
		"gone":        {func(b *bundle) { b.ExpireDeltas(tenant.ResyncRequired) }, 410, "resyncRequired"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, tenant.Options{Now: at})
			b.cycle(t, at(), holder("ann"))
			link := b.latest(t, "/users", "displayName,mail")
			c.end(b)
			r := b.do(t, http.MethodGet, link, nil, nil)
			if r.status != c.status || r.code() != c.code {
				t.Fatalf("%d %s, want %d %s", r.status, r.code(), c.status, c.code)
			}
			if location := r.header.Get("Location"); (r.status == http.StatusGone) != (location != "") {
				t.Errorf("location %q", location)
			} else if location != "" && b.changes(t, location) != "ann" {
				t.Error("the location does not begin anew")
			}
			if got := b.changes(t, b.latest(t, "/users", "displayName")); got != "" {
				t.Errorf("a new token tells %s", got)
			}
		})
	}
}

func TestDeltaInABatch(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.cycle(t, at(), holder("ann"))
	link := strings.TrimPrefix(b.latest(t, "/users", "displayName"), b.URL+"/v1.0")
	b.cycle(t, at())
	b.ResetCalls()
	r := b.batch(t, get("1", link), get("2", "/groups/delta?$deltatoken=latest")).responses()
	if got := fmt.Sprint(r["1"].rows()); !strings.Contains(got, "@removed") {
		t.Errorf("the change: %v", r["1"])
	}
	if r["2"].body["@odata.deltaLink"] == nil {
		t.Errorf("latest: %v", r["2"])
	}
	if calls := b.Calls(); calls.Units != 3 || calls.ByPath["/users/delta"] != 1 {
		t.Errorf("%+v", calls)
	}
	b.ExpireDeltas(tenant.ResyncRequired)
	if gone := b.batch(t, get("1", link)).responses()["1"]; gone.status != http.StatusGone || gone.header.Get("Location") == "" {
		t.Errorf("gone: %+v", gone)
	}
}
