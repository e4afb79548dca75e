package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// quickStack is a stack whose sync engine runs until the test ends, and in which a change is old after a second.
func quickStack(t *testing.T, kind lab.Kind) *stack {
	t.Helper()
	s := newSite(t, kind, tenant.Options{})
	s.syncEvery(t, time.Second)
	s.tuning.calculationGrace = 100 * time.Millisecond
	s.startDaemon(t)
	s.syncAlways(t)
	return s
}

// addValues adds values of proxyAddresses as the administrator, past aliasd.
func (s *stack) addValues(t *testing.T, name string, kind site.Kind, values ...string) {
	t.Helper()
	dn := s.Site.DNOf(site.Object{Kind: kind, Name: name})
	fatal(t, s.Site.Modify(context.Background(), dn, site.Changes{Add: map[string][]string{"proxyAddresses": values}}))
}

// findings asks until a holder's findings have these codes.
func (s *stack) findings(t *testing.T, holder string, want ...cause.Code) (view server.HolderView) {
	t.Helper()
	var codes []cause.Code
	defer func() {
		if t.Failed() {
			t.Logf("%s has %q, want %q: %+v", holder, codes, want, view)
		}
	}()
	untilEvery(t, 50*time.Millisecond, "the findings are as they should be", func() bool {
		var err error
		if view, err = s.remote.Holder(t.Context(), holder); err != nil {
			t.Fatalf("explain %s: %v", holder, err)
		}
		codes = nil
		for _, f := range view.Findings {
			codes = append(codes, f.Code)
		}
		return slices.Equal(codes, want)
	})
	return view
}

func TestExplainOnBothDirectories(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, kind lab.Kind) {
		s := quickStack(t, kind)
		view := s.findings(t, "jdoe")
		if !view.InOrder || view.Sync == nil || view.Sync.LastSync.IsZero() || view.Cloud == nil || view.Cloud.LastSync.IsZero() || view.OnPremises.ChangedAt.IsZero() {
			t.Errorf("%+v", view)
		}
		s.cli(t, "explain", "jdoe").want(t, exitDone, "IN ORDER  Jane Doe (user)", "primary      primary    primary    jdoe@contoso.test")

		s.addValues(t, "Twin One", site.User, "SMTP:second@contoso.test")
		s.findings(t, "twin1", cause.TwoPrimaries)
		s.cli(t, "explain", "twin1").want(t, exitMismatched, "NEEDS SOMEBODY  Twin", "aliasd primary twin1@contoso.test twin1@contoso.test")

		s.addValues(t, "Old Timer", site.User, "smtp:shared@contoso.test")
		s.findings(t, "old")
		s.addValues(t, "Carla Ruiz", site.User, "smtp:shared@contoso.test")
		view = s.findings(t, "carla", cause.DuplicateOnPremises, cause.Quarantined)
		onPremises, inCloud := view.Conflicts[0], view.Conflicts[1]
		if onPremises.Side != "on_premises" || onPremises.Name != "Old Timer" || inCloud.Side != "cloud" || inCloud.Name != "Old Timer" || onPremises.ID == inCloud.ID {
			t.Errorf("conflicts %+v", view.Conflicts)
		}
		for _, c := range view.Conflicts {
			if c.ObjectGUID != onPremises.ID || c.CloudID != inCloud.ID || c.CloudOnly {
				t.Errorf("%+v is not known as one object of both sides", c)
			}
		}
		s.cli(t, "explain", "carla").want(t, exitMismatched, "shared@contoso.test [1][2]", "user Old Timer, the same as in [1]",
			"either it is Carla Ruiz's: take it from Old Timer:", "aliasd remove "+onPremises.ID+" shared@contoso.test",
			"or it is Old Timer's: take it from Carla Ruiz:", "aliasd remove "+view.ObjectGUID+" shared@contoso.test", "the same decision as in [1]")

		s.cli(t, "explain", "Administrator").want(t, exitDone, "critical system object")
		s.cli(t, "explain", "Twin").want(t, exitRefused, "ambiguous_holder", "could be user Twin  twin1@contoso.test", "twin2@contoso.test")
		s.cli(t, "explain", "nobody").want(t, exitRefused, "unknown_holder")
	})
}

// An address that an object has too which is not synchronised is in nobody's way, as the audit says; with one that is, somebody decides.
func TestExplainOfADuplicateThatIsNotSynchronised(t *testing.T) {
	t.Parallel()
	s := quickStack(t, lab.Embedded)
	fatal(t, s.Site.Modify(context.Background(), s.Site.DN("CN=Administrator,CN=Users"), site.Changes{Add: map[string][]string{"proxyAddresses": {"smtp:shared@contoso.test"}}}))
	s.addValues(t, "Carla Ruiz", site.User, "smtp:shared@contoso.test")
	untilEvery(t, 50*time.Millisecond, "the duplicate is a notice", func() bool {
		view, err := s.remote.Holder(t.Context(), "carla")
		fatal(t, err)
		return len(view.Findings) == 1 && view.Findings[0].Code == cause.DuplicateOnPremises && view.Findings[0].Severity == cloudcheck.Notice && view.InOrder
	})
	s.cli(t, "explain", "carla").want(t, exitDone, "IN ORDER  Carla Ruiz (user)", "Administrator", "which the tenant does not have")
	s.addValues(t, "Old Timer", site.User, "smtp:shared@contoso.test")
	view := s.findings(t, "carla", cause.DuplicateOnPremises, cause.DuplicateOnPremises)
	if view.Findings[0].Severity != cloudcheck.Wrong || view.Findings[0].Conflict.Name != "Old Timer" || view.Findings[1].Severity != cloudcheck.Notice {
		t.Errorf("%+v", view.Findings)
	}
}

// The command that a page names mends what it found.
func TestExplainsCommandsMend(t *testing.T) {
	t.Parallel()
	s := quickStack(t, lab.Embedded)
	s.addValues(t, "Twin One", site.User, "SMTP:second@contoso.test")
	s.addValues(t, "Old Timer", site.User, "smtp:old@fabrikam.test")
	dn := s.Site.DNOf(site.Object{Kind: site.User, Name: "Carla Ruiz"})
	fatal(t, s.Site.Modify(context.Background(), dn, site.Changes{Replace: map[string][]string{"mail": {"wrong@contoso.test"}}}))
	for holder, code := range map[string]cause.Code{"twin1": cause.TwoPrimaries, "old": cause.DomainNotVerified, "carla": cause.MailDiffers} {
		view := s.findings(t, holder, code)
		command := view.Advice[0].Command
		if code == cause.DomainNotVerified { // somebody decides whether the address is needed
			command = view.Advice[0].Choices[1].Commands[0]
		}
		s.cli(t, append(strings.Fields(command)[1:], "--wait")...).want(t, exitDone, "VERIFIED")
		s.findings(t, holder)
	}
}

func TestExplainNamesWhatGraphDoesNotShow(t *testing.T) {
	t.Parallel()
	s := quickStack(t, lab.Embedded)
	s.Tenant.FailKindConflicts(true)
	s.Tenant.AddCloudGroup(tenant.CloudObject{Name: "Team", Proxies: []string{"SMTP:team@contoso.test"}})
	s.addValues(t, "Carla Ruiz", site.User, "smtp:team@contoso.test")
	view := s.findings(t, "carla", cause.ExportErrorSuspected)
	if c := view.Findings[0].Conflict; c == nil || c.Name != "Team" || !c.CloudOnly || view.Findings[0].Value != "smtp:team@contoso.test" {
		t.Errorf("%+v", view.Findings)
	}
	fatal(t, s.Tenant.MoveToCloud("old@contoso.test"))
	s.addValues(t, "Old Timer", site.User, "smtp:late@contoso.test")
	s.findings(t, "old", cause.CloudManaged)
	s.cli(t, "explain", "sales@contoso.test").want(t, exitDone, "IN ORDER  Sales (group)")
	s.cli(t, "explain", "partner@fabrikam.test").want(t, exitDone, "IN ORDER  Partner (contact)")
}

// Open requests stand on the page, and a cloud that is away leaves the rest.
func TestExplainWithRequestsAndWithoutCloud(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	s.cli(t, "pause").want(t, exitDone)
	waiting := s.submit(t, address.AddAlias, "carla", "later@contoso.test")
	s.untilState(t, waiting.ID, queue.Queued, cause.Paused)
	done := s.submit(t, address.AddAlias, "carla", "never@contoso.test")
	s.untilState(t, done.ID, queue.Queued, cause.Paused)
	_, err := s.remote.Cancel(context.Background(), done.ID)
	fatal(t, err)
	view, err := s.remote.Holder(context.Background(), "carla")
	if err != nil || len(view.Requests) != 1 || view.Requests[0].ID != waiting.ID || codeOf(view.Requests[0]) != cause.Paused {
		t.Errorf("open requests %+v, %v", view.Requests, err)
	}
	s.cli(t, "explain", "carla").want(t, exitDone, "OPEN REQUESTS", string(waiting.ID)+"  queued (paused)", "add later@contoso.test to carla")

	graphFault(tenant.Fault{Times: -1, Status: 403})(t, s)
	s.Tenant.Faults(tenant.Fault{Path: "/groups", Times: -1, Status: 403})
	s.cli(t, "explain", "carla").want(t, exitError, "NOT COMPARED  Carla Ruiz (user)", "cloud_unavailable", "primary      ?          ?          carla@contoso.test", string(waiting.ID))
	s.addValues(t, "Carla Ruiz", site.User, "SMTP:second@contoso.test")
	s.cli(t, "explain", "carla").want(t, exitMismatched, "two_primaries", "cloud_unavailable")
	shown := s.cli(t, "explain", "carla", "--json")
	shown.want(t, exitMismatched, `"cloud_cause":{"code":"cloud_unavailable"`, `"in_order":false`)
	if shown.err != "" {
		t.Errorf("the error stream has %q", shown.err)
	}
}
