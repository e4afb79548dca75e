package tenant_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/lab/tenant"
)

const allProperties = "id,displayName,mail,userPrincipalName,mailNickname,proxyAddresses,onPremisesSyncEnabled,onPremisesLastSyncDateTime," +
	"onPremisesImmutableId,onPremisesProvisioningErrors,assignedPlans"

// user reads a user through Graph.
func (b *bundle) user(t *testing.T, upn string) map[string]any {
	t.Helper()
	r := b.get(t, "/users/"+upn, "$select", allProperties)
	if r.status != 200 {
		t.Fatalf("%s: %d %v", upn, r.status, r.body)
	}
	return r.body
}

// smtp are the SMTP values of an entity, sorted, in one string.
func smtp(entity map[string]any) string {
	list, _ := entity["proxyAddresses"].([]any)
	var values []string
	for _, e := range list {
		if p := address.Proxy(e.(string)); p.IsSMTP() {
			values = append(values, string(p))
		}
	}
	slices.Sort(values)
	return strings.Join(values, " ")
}

// quarantined are the values that the provisioning errors name.
func quarantined(entity map[string]any) string {
	list, _ := entity["onPremisesProvisioningErrors"].([]any)
	var values []string
	for _, e := range list {
		one := e.(map[string]any)
		values = append(values, fmt.Sprint(one["category"], " ", one["propertyCausingError"], " ", one["value"]))
	}
	return strings.Join(values, ", ")
}

func TestImportCalculates(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.cycle(t, at(), holder("ann"))
	if got := b.user(t, "ann@contoso.com"); got["mail"] != nil || got["mailNickname"] != "ann" || smtp(got) != "" {
		t.Errorf("without licence: %v", got)
	}
	b.SetLicence("anchor-ann==", true)
	if got := b.user(t, "ann@contoso.com"); got["mail"] != "ann@contoso.com" || smtp(got) != "SMTP:ann@contoso.com smtp:ann@contoso.onmicrosoft.com" {
		t.Errorf("with a licence: %v", got)
	}
	b.SetLicence("anchor-ann==", false)
	if got := b.user(t, "ann@contoso.com"); got["mail"] != "ann@contoso.onmicrosoft.com" || smtp(got) != "SMTP:ann@contoso.onmicrosoft.com" {
		t.Errorf("licence removed: %v", got)
	}
	b.cycle(t, at(), holder("ann", "smtp:new@contoso.com"))
	want := "SMTP:ann@contoso.onmicrosoft.com smtp:ann@contoso.com smtp:new@contoso.com"
	if got := b.user(t, "ann@contoso.com"); smtp(got) != want {
		t.Errorf("proxies added: %v", got)
	}
}

func TestLicenceIsKnownBeforeTheUser(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.SetLicence("anchor-ann==", true)
	b.cycle(t, at(), holder("ann"))
	if got := b.user(t, "ann@contoso.com"); got["mail"] != "ann@contoso.com" {
		t.Errorf("%v", got)
	}
}

func TestMyAnalyticsIsNoLicence(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{LicenceNew: true})
	b.cycle(t, at(), holder("ann", "SMTP:a@fabrikam.com"))
	if got := b.user(t, "ann@contoso.com"); strings.Contains(smtp(got), "fabrikam") {
		t.Errorf("an unverified domain with a licence: %v", got)
	}
	if err := b.SetPlans("anchor-ann==", tenant.Plan{Service: "exchange", ID: tenant.MyAnalyticsPlan, Status: "Enabled"}); err != nil {
		t.Fatal(err)
	}
	if got := b.user(t, "ann@contoso.com"); got["mail"] != "a@fabrikam.com" {
		t.Errorf("with MyAnalytics alone: %v", got)
	}
	if err := b.SetPlans("nobody"); !errors.Is(err, tenant.ErrNoObject) {
		t.Errorf("plans of nobody: %v", err)
	}
}

func TestOnlyWhatChangedGetsANewStamp(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	ann, ben := holder("ann", "SMTP:a@contoso.com", "smtp:b@contoso.com"), holder("ben")
	b.cycle(t, at(), ann, ben)
	slices.Reverse(ann.Proxies)
	ann.Changed = at()
	ben.Nickname = "benjamin"
	b.cycle(t, at().Add(time.Hour), ann, ben)
	if got := b.user(t, "ann@contoso.com")["onPremisesLastSyncDateTime"]; got != "2026-03-01T12:00:00Z" {
		t.Errorf("unchanged: %v", got)
	}
	if got := b.user(t, "ben@contoso.com")["onPremisesLastSyncDateTime"]; got != "2026-03-01T13:00:00Z" {
		t.Errorf("changed: %v", got)
	}
	if got := b.get(t, "/organization").rows()[0]["onPremisesLastSyncDateTime"]; got != "2026-03-01T13:00:00Z" {
		t.Errorf("the organization: %v", got)
	}
}

func TestDelayedCalculation(t *testing.T) {
	t.Parallel()
	c := &clock{at: at()}
	b := start(t, tenant.Options{LicenceNew: true, CalculationDelay: time.Minute, Now: c.now})
	b.cycle(t, at(), holder("ann", "SMTP:a@contoso.com"))
	if got := b.user(t, "ann@contoso.com"); got["mail"] != nil || got["mailNickname"] != "a" {
		t.Errorf("right after the export: %v", got)
	}
	c.at = c.at.Add(59 * time.Second)
	if got := b.user(t, "ann@contoso.com"); got["mail"] != nil {
		t.Errorf("a second too early: %v", got)
	}
	c.at = c.at.Add(time.Second)
	if got := b.user(t, "ann@contoso.com"); got["mail"] != "a@contoso.com" {
		t.Errorf("after the delay: %v", got)
	}
}

func TestManualCalculation(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{ManualCalculation: true})
	b.cycle(t, at(), holder("ann", "SMTP:a@contoso.com"))
	if got := b.user(t, "ann@contoso.com"); got["mail"] != nil {
		t.Errorf("before Calculate: %v", got)
	}
	b.Calculate()
	if got := b.user(t, "ann@contoso.com"); got["mail"] != "a@contoso.com" {
		t.Errorf("after Calculate: %v", got)
	}
}

func TestQuarantine(t *testing.T) {
	t.Parallel()
	c := &clock{at: at()}
	b := start(t, tenant.Options{ReleaseEvery: time.Hour, Now: c.now})
	team := b.AddCloudGroup(tenant.CloudObject{Name: "Team", Proxies: []string{"SMTP:info@contoso.com"}})
	b.cycle(t, at(), holder("ann", "SMTP:a@contoso.com", "smtp:INFO@contoso.com"))
	got := b.user(t, "ann@contoso.com")
	if smtp(got) != "SMTP:a@contoso.com" || quarantined(got) != "PropertyConflict ProxyAddresses smtp:INFO@contoso.com" {
		t.Errorf("in conflict: %s, errors %s", smtp(got), quarantined(got))
	}
	occurred := got["onPremisesProvisioningErrors"].([]any)[0].(map[string]any)["occurredDateTime"]
	if err := b.Delete(team); err != nil {
		t.Fatal(err)
	}
	c.at = c.at.Add(time.Minute)
	changed := holder("ann", "SMTP:a@contoso.com", "smtp:INFO@contoso.com", "smtp:more@contoso.com")
	b.cycle(t, c.at, changed)
	got = b.user(t, "ann@contoso.com")
	if smtp(got) != "SMTP:a@contoso.com smtp:more@contoso.com" || quarantined(got) == "" {
		t.Errorf("the conflict is over, the task has not run: %s, errors %s", smtp(got), quarantined(got))
	}
	if again := got["onPremisesProvisioningErrors"].([]any)[0].(map[string]any)["occurredDateTime"]; again != occurred {
		t.Errorf("the error occurred at %v, before at %v", again, occurred)
	}
	c.at = c.at.Add(time.Hour)
	got = b.user(t, "ann@contoso.com")
	if smtp(got) != "SMTP:a@contoso.com smtp:INFO@contoso.com smtp:more@contoso.com" || quarantined(got) != "" {
		t.Errorf("after the task: %s, errors %s", smtp(got), quarantined(got))
	}
}

func TestReleaseKeepsWhatIsStillInConflict(t *testing.T) {
	t.Parallel()
	c := &clock{at: at()}
	b := start(t, tenant.Options{Now: c.now})
	b.AddCloudUser(tenant.CloudObject{Name: "Taken", UPN: "info@contoso.com"})
	b.cycle(t, at(), holder("ann", "SMTP:a@contoso.com", "smtp:info@contoso.com"))
	first := b.user(t, "ann@contoso.com")
	c.at = c.at.Add(time.Hour)
	b.Release()
	second := b.user(t, "ann@contoso.com")
	if smtp(second) != "SMTP:a@contoso.com" || fmt.Sprint(second["onPremisesProvisioningErrors"]) != fmt.Sprint(first["onPremisesProvisioningErrors"]) {
		t.Errorf("before %v, after %v", first, second)
	}
	b.cycle(t, at(), holder("ann", "SMTP:a@contoso.com"))
	if got := b.user(t, "ann@contoso.com"); quarantined(got) != "" {
		t.Errorf("the value is gone from AD, its error is not: %s", quarantined(got))
	}
}

func TestTwoHoldersOfOneAddress(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.cycle(t, at(), holder("ann", "SMTP:a@contoso.com", "smtp:x@contoso.com"), holder("ben", "SMTP:b@contoso.com", "smtp:x@contoso.com"))
	if got := b.user(t, "ann@contoso.com"); smtp(got) != "SMTP:a@contoso.com smtp:x@contoso.com" {
		t.Errorf("the first: %s", smtp(got))
	}
	if got := b.user(t, "ben@contoso.com"); smtp(got) != "SMTP:b@contoso.com" || quarantined(got) == "" {
		t.Errorf("the second: %s, errors %s", smtp(got), quarantined(got))
	}
}

func TestMOERACollision(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{LicenceNew: true})
	ann, other := holder("ann"), holder("other")
	ann.Nickname, other.Nickname = "same", "same"
	b.cycle(t, at(), ann, other)
	if got := smtp(b.user(t, "ann@contoso.com")); got != "SMTP:ann@contoso.com smtp:same@contoso.onmicrosoft.com" {
		t.Errorf("the first: %s", got)
	}
	values := strings.Fields(smtp(b.user(t, "other@contoso.com")))
	if len(values) != 2 || len(values[1]) != len("smtp:same1234@contoso.onmicrosoft.com") || !strings.HasPrefix(values[1], "smtp:same") {
		t.Errorf("the second: %s", values)
	}
}

func TestExportErrors(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.cycle(t, at(), holder("ann", "SMTP:a@contoso.com"))
	b.FailExport("anchor-ann==", true)
	for range 2 {
		failed := b.cycle(t, at(), holder("ann", "SMTP:new@contoso.com"))
		if len(failed) != 1 || failed[0].Anchor != "anchor-ann==" || failed[0].Reason != "AttributeValueMustBeUnique" {
			t.Fatalf("failed are %v", failed)
		}
	}
	if got := b.user(t, "ann@contoso.com"); smtp(got) != "SMTP:a@contoso.com" || quarantined(got) != "" {
		t.Errorf("Graph shows something: %v", got)
	}
	b.FailExport("anchor-ann==", false)
	if failed := b.cycle(t, at(), holder("ann", "SMTP:new@contoso.com")); len(failed) != 0 {
		t.Errorf("still failing: %v", failed)
	}
	if got := b.user(t, "ann@contoso.com"); smtp(got) != "SMTP:new@contoso.com" {
		t.Errorf("mended: %v", got)
	}
}

func TestUserGroupConflictsCanFailTheExport(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.FailKindConflicts(true)
	b.cycle(t, at(), group("team", "SMTP:info@contoso.com"))
	failed := b.cycle(t, at(), group("team", "SMTP:info@contoso.com"), holder("ann", "SMTP:info@contoso.com"), holder("ben", "SMTP:b@contoso.com"))
	if len(failed) != 1 || failed[0].Name != "ann" {
		t.Errorf("failed are %v", failed)
	}
	if b.ID("anchor-ann==") != "" || b.ID("anchor-ben==") == "" {
		t.Error("ann was provisioned, or ben was not")
	}
	failed = b.cycle(t, at(), group("team", "SMTP:info@contoso.com"), holder("ben", "SMTP:b@contoso.com", "smtp:info@contoso.com"))
	if len(failed) != 1 || failed[0].Name != "ben" || smtp(b.user(t, "ben@contoso.com")) != "SMTP:b@contoso.com" {
		t.Errorf("an update: failed are %v", failed)
	}
}

func TestGoneFromScope(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	ann, team, carl := holder("ann", "SMTP:a@contoso.com"), group("team", "SMTP:t@contoso.com"), contact("carl", "c@fabrikam.com")
	b.cycle(t, at(), ann, team, carl)
	id := b.ID("anchor-ann==")
	cloudOnly := b.AddCloudUser(tenant.CloudObject{Name: "Cloud", UPN: "cloud@contoso.com"})
	b.cycle(t, at())
	for path, want := range map[string]string{
		"/users": "Cloud", "/groups": "", "/contacts": "",
		"/directory/deletedItems/microsoft.graph.user": "ann", "/directory/deletedItems/microsoft.graph.group": "",
	} {
		if got := b.get(t, path).names(); got != want {
			t.Errorf("%s shows %q, want %q", path, got, want)
		}
	}
	b.cycle(t, at(), ann, team)
	if got := b.ID("anchor-ann=="); got != id {
		t.Errorf("ann is back as %s, was %s", got, id)
	}
	if got := b.user(t, "ann@contoso.com"); smtp(got) != "SMTP:a@contoso.com" {
		t.Errorf("restored: %v", got)
	}
	if b.get(t, "/groups").names() != "team" || b.ID(cloudOnly) == "" {
		t.Error("the group is not back, or the cloud-only user is gone")
	}
}

// TestAddressOfALeaver: a deleted user's address can be used again, and stays with the new one when the leaver is restored.
func TestAddressOfALeaver(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	ann, ben := holder("ann", "SMTP:a@contoso.com"), holder("ben", "SMTP:b@contoso.com", "smtp:a@contoso.com")
	b.cycle(t, at(), ann)
	b.cycle(t, at())
	b.cycle(t, at(), ben)
	if got := b.user(t, "ben@contoso.com"); smtp(got) != "SMTP:b@contoso.com smtp:a@contoso.com" {
		t.Errorf("the new holder: %s", smtp(got))
	}
	b.cycle(t, at(), ann, ben)
	if got := b.user(t, "ann@contoso.com"); quarantined(got) != "PropertyConflict ProxyAddresses SMTP:a@contoso.com" {
		t.Errorf("the restored leaver: %s, errors %s", smtp(got), quarantined(got))
	}
}

func TestMoveToCloud(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.cycle(t, at(), holder("ann", "SMTP:a@contoso.com"))
	if err := b.MoveToCloud("anchor-ann=="); err != nil {
		t.Fatal(err)
	}
	b.cycle(t, at(), holder("ann", "SMTP:new@contoso.com"))
	got := b.user(t, "ann@contoso.com")
	if got["onPremisesSyncEnabled"] != nil || got["onPremisesImmutableId"] != "anchor-ann==" || smtp(got) != "SMTP:a@contoso.com" {
		t.Errorf("%v", got)
	}
	b.cycle(t, at())
	if b.ID("ann@contoso.com") == "" {
		t.Error("an object of the cloud was deleted by a sync")
	}
}

func TestVerifiedLater(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{LicenceNew: true})
	b.cycle(t, at(), holder("ann", "SMTP:a@contoso.com", "smtp:a@fabrikam.com"))
	shown := func() bool { return strings.Contains(smtp(b.user(t, "ann@contoso.com")), "fabrikam") }
	if shown() {
		t.Error("shown in an unverified domain")
	}
	b.VerifyDomain("Fabrikam.com")
	if !shown() {
		t.Error("not shown although the domain was verified")
	}
	b.UnverifyDomain("fabrikam.com")
	if shown() {
		t.Error("shown although the domain is unverified again")
	}
}

func TestSyncOff(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.StopSync()
	if _, err := b.Import(t.Context(), []address.Holder{holder("ann")}, at()); !errors.Is(err, tenant.ErrSyncOff) {
		t.Errorf("imported with sync off: %v", err)
	}
	if b.ID("anchor-ann==") != "" {
		t.Error("ann was provisioned")
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.cycle(t, at(), holder("ann", "SMTP:a@contoso.com"))
	v, err := b.Values("a@contoso.com")
	if err != nil || v.Mail != "a@contoso.com" || len(v.Proxies) != 1 {
		t.Errorf("%v %v", v, err)
	}
	if _, err := b.Values("nobody"); !errors.Is(err, tenant.ErrNoObject) {
		t.Errorf("values of nobody: %v", err)
	}
}
