package graph

import (
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/lab/tenant"
)

// written is an alias that stands on-premises and waits for the cloud.
func (l *lab) written(t *testing.T, c *cloudcheck.Checker, h address.Holder, alias address.Address) cloudcheck.Case {
	t.Helper()
	snapshot, err := c.Look(t.Context(), ref(h))
	if err != nil || snapshot.Object == nil {
		t.Fatalf("look: %v, %+v", err, snapshot.Object)
	}
	h.Proxies = h.Proxies.With(address.Secondary(alias))
	wants := []address.Want{{Address: alias, Role: address.RoleSecondary}}
	l.clock.advance(time.Minute)
	return cloudcheck.Case{
		Ref: cloudcheck.Ref{CloudID: snapshot.Object.ID, Holder: h}, After: h.Values,
		Expectation: cloudcheck.Expectation{Wants: wants, ShownAtWrite: snapshot.Object.Shows(wants), SyncAtWrite: snapshot.Tenant.LastSync},
		WrittenAt:   l.clock.now(), Deadline: l.clock.now().Add(24 * time.Hour),
	}
}

func (l *lab) sweep(t *testing.T, c *cloudcheck.Checker, cases ...cloudcheck.Case) []cloudcheck.Verdict {
	t.Helper()
	verdicts, err := c.Sweep(t.Context(), c.Survey(t.Context()), cases)
	if err != nil {
		t.Fatalf("sweep: %v", err)
	}
	return verdicts
}

func checkVerdict(t *testing.T, v cloudcheck.Verdict, outcome cloudcheck.Outcome, code cause.Code) {
	t.Helper()
	if v.Outcome != outcome || (v.Cause == nil) != (code == "") || v.Cause != nil && v.Cause.Code != code {
		t.Errorf("%s, %+v; want %s %s", v.Outcome, v.Cause, outcome, code)
	}
}

// TestSweepOverATenant: one alias arrives, and one is quarantined because another user holds it.
func TestSweepOverATenant(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{LicenceNew: true})
	checker := cloudcheck.New(cloudcheck.Options{Reader: l.client, Now: l.clock.now})
	ann, bob, zoe := userHolder(1), userHolder(2), userHolder(3, "SMTP:zoe@contoso.com", "smtp:sales@contoso.com")
	l.sync(t, ann, bob, zoe)
	arrives := l.written(t, checker, ann, "a.other@contoso.com")
	clashes := l.written(t, checker, bob, "sales@contoso.com")
	for _, v := range l.sweep(t, checker, arrives, clashes) {
		checkVerdict(t, v, cloudcheck.NotYet, cause.NotSyncedYet)
	}
	l.clock.advance(time.Minute)
	l.sync(t, arrives.Ref.Holder, clashes.Ref.Holder, zoe)
	l.clock.advance(time.Minute)
	got := l.sweep(t, checker, arrives, clashes)
	checkVerdict(t, got[0], cloudcheck.Verified, "")
	checkVerdict(t, got[1], cloudcheck.Contradicted, cause.Quarantined)
	if by := got[1].Cause.Conflict; by == nil || by.Kind != "user" || by.ID != l.ID(zoe.Anchor) || by.Address != "smtp:sales@contoso.com" {
		t.Errorf("held by %+v", by)
	}
	if got[0].SyncMoves != 1 || got[0].Seen == nil || !got[0].Seen.Proxies.Has("smtp:a.other@contoso.com") {
		t.Errorf("%+v", got[0])
	}
	l.Faults(tenant.Fault{Path: "/users", Status: 429, RetryAfter: time.Hour, Times: -1})
	_, err := checker.Sweep(t.Context(), checker.Survey(t.Context()), []cloudcheck.Case{arrives, clashes})
	checkCause(t, err, cause.Throttled)
}
