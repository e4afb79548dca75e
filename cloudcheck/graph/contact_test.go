package graph

import (
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/lab/tenant"
)

// contactPair is a lab in which contact A is synchronised, and B, which shares an alias with it, is not.
func contactPair(t *testing.T) (l *lab, a, b address.Holder, checker *cloudcheck.Checker) {
	l = startLab(t, tenant.Options{})
	a = contactHolder(1, "SMTP:a@fabrikam.com", "smtp:info@fabrikam.com", "smtp:sales@fabrikam.com")
	b = contactHolder(2, "SMTP:b@fabrikam.com", "smtp:info@fabrikam.com")
	l.sync(t, a)
	return l, a, b, cloudcheck.New(cloudcheck.Options{Reader: l.client, Now: l.clock.now})
}

// cycle lets half an hour pass and synchronises.
func (l *lab) cycle(t *testing.T, holders ...address.Holder) {
	t.Helper()
	l.clock.advance(30 * time.Minute)
	l.sync(t, holders...)
}

// look shows what a ref is in the cloud.
func look(t *testing.T, c *cloudcheck.Checker, r cloudcheck.Ref) *cloudcheck.Object {
	t.Helper()
	s, err := c.Look(t.Context(), r)
	if err != nil {
		t.Fatalf("look: %v", err)
	}
	return s.Object
}

// A contact that is not in the cloud must not be verified by another one that has the same alias there.
func TestAContactIsNotVerifiedByAnother(t *testing.T) {
	t.Parallel()
	l, a, b, checker := contactPair(t)
	snapshot, err := checker.Look(t.Context(), ref(b))
	if err != nil || snapshot.Object != nil {
		t.Fatalf("B is not in the cloud, and was taken for %+v, %v", snapshot.Object, err)
	}
	held, err := checker.HoldersOf(t.Context(), []address.Address{"sales@fabrikam.com"}, "")
	if err != nil || len(held) != 1 || held[0].Name != a.Name {
		t.Errorf("who else holds an alias of A: %v, %v", held, err)
	}
	wants := []address.Want{{Address: "info@fabrikam.com", Role: address.RoleSecondary}}
	ofA := look(t, checker, ref(a))
	for name, cloudID := range map[string]string{"never seen": "", "taken for A before": ofA.ID} {
		c := cloudcheck.Case{Ref: cloudcheck.Ref{CloudID: cloudID, Holder: b}, WrittenAt: l.clock.now(), Deadline: l.clock.now().Add(24 * time.Hour), After: b.Values,
			Expectation: cloudcheck.Expectation{Wants: wants, ShownAtWrite: cloudID != "", SyncAtWrite: snapshot.Tenant.LastSync}}
		var v cloudcheck.Verdict
		for range 3 {
			l.cycle(t, a)
			v = l.sweep(t, checker, c)[0]
			c.LastSyncSeen, c.SyncMoves = v.LastSyncSeen, v.SyncMoves
		}
		if v.Outcome != cloudcheck.Contradicted || v.Cause.Conflict == nil || v.Cause.Conflict.ID != ofA.ID || v.Seen.ID != "" {
			t.Errorf("%s: %s, %+v, seen %+v", name, v.Outcome, v.Cause, v.Seen)
		}
	}
}

// Both are in the cloud and keep apart, whichever alias they share, and explain names the one that has it.
func TestContactsWithTheSameAliasKeepApart(t *testing.T) {
	t.Parallel()
	l, a, b, checker := contactPair(t)
	l.cycle(t, a, b)
	ofA, ofB := look(t, checker, ref(a)), look(t, checker, ref(b))
	if ofA == nil || ofB == nil || ofA.ID == ofB.ID {
		t.Fatalf("A is %+v and B is %+v", ofA, ofB)
	}
	if o := look(t, checker, cloudcheck.Ref{CloudID: ofA.ID, Holder: b}); o == nil || o.ID != ofB.ID {
		t.Errorf("B was once taken for A, and is %+v", o)
	}
	x, err := checker.Explain(t.Context(), ref(b))
	if err != nil || len(x.Diagnosis.Findings) == 0 {
		t.Fatalf("%+v, %v", x, err)
	}
	found := x.Diagnosis.Findings[0]
	if found.Code != cause.Quarantined || found.Conflict == nil || found.Conflict.ID != ofA.ID {
		t.Errorf("%+v", found)
	}
}

// The primary of a contact is changed and taken back, and both are verified by its own object, though it has other contacts'
// aliases and the cloud shows the old primary for a while.
func TestAContactIsFoundWhileItsPrimaryChanges(t *testing.T) {
	t.Parallel()
	l, a, _, checker := contactPair(t)
	id := look(t, checker, ref(a)).ID
	before := a.Values
	a.Values = address.Values{Mail: "new@fabrikam.com", Proxies: address.Set{"SMTP:new@fabrikam.com", "smtp:a@fabrikam.com", "smtp:info@fabrikam.com",
		"smtp:sales@fabrikam.com", "smtp:more@fabrikam.com"}}
	after := a.Values
	wrote := []address.Values{before}
	if o := look(t, checker, cloudcheck.Ref{Holder: a, Before: wrote}); o == nil || o.ID != id {
		t.Fatalf("before it arrives: %+v", o)
	}
	_, err := checker.Look(t.Context(), ref(a))
	checkCause(t, err, cause.CloudUnavailable, "not known whether it is that one")
	moved := l.caseOf(t, checker, cloudcheck.Ref{CloudID: id, Holder: a, Before: wrote}, address.Want{Address: "new@fabrikam.com", Role: address.RolePrimary})
	if v := l.sweep(t, checker, moved)[0]; v.Outcome != cloudcheck.NotYet || v.Seen.ID != id {
		t.Errorf("before the sync: %s, %+v", v.Outcome, v.Seen)
	}
	l.cycle(t, a)
	if v := l.sweep(t, checker, moved)[0]; v.Outcome != cloudcheck.Verified || v.Seen.ID != id {
		t.Errorf("after the sync: %s, %+v", v.Outcome, v.Cause)
	}
	a.Values, wrote = before, []address.Values{after}
	if o := look(t, checker, cloudcheck.Ref{Holder: a, Before: wrote}); o == nil || o.ID != id {
		t.Fatalf("taken back: %+v", o)
	}
	undone := l.caseOf(t, checker, cloudcheck.Ref{CloudID: id, Holder: a, Before: wrote}, address.Want{Address: "new@fabrikam.com", Role: address.RoleAbsent})
	if v := l.sweep(t, checker, undone)[0]; v.Outcome != cloudcheck.NotYet || v.Seen.ID != id {
		t.Errorf("taken back, before the sync: %s, %+v", v.Outcome, v.Seen)
	}
	l.cycle(t, a)
	if v := l.sweep(t, checker, undone)[0]; v.Outcome != cloudcheck.Verified {
		t.Errorf("taken back, after the sync: %s, %+v", v.Outcome, v.Cause)
	}
}

// caseOf is a case that was written now.
func (l *lab) caseOf(t *testing.T, checker *cloudcheck.Checker, r cloudcheck.Ref, want address.Want) cloudcheck.Case {
	t.Helper()
	l.clock.advance(time.Minute)
	last := checker.Survey(t.Context()).Tenant.LastSync
	return cloudcheck.Case{Ref: r, WrittenAt: l.clock.now(), Deadline: l.clock.now().Add(24 * time.Hour), After: r.Holder.Values, LastSyncSeen: last,
		Expectation: cloudcheck.Expectation{Wants: []address.Want{want}, SyncAtWrite: last}}
}
