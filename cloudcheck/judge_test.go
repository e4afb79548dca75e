package cloudcheck

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// branch is one way for a case to be judged.
type branch struct {
	name    string
	change  func(*world)
	outcome Outcome
	code    cause.Code // "" where it is verified
	says    []string   // what the sentence has to hold
	blames  string     // the id of the object in conflict
}

func TestSweepJudgesEachBranch(t *testing.T) {
	t.Parallel()
	tables := map[string][]branch{
		"verified": verifiedBranches(), "waiting": waitingBranches(), "on-premises": onPremisesBranches(),
		"contradicted": contradictedBranches(), "in conflict": conflictBranches(), "unknown": unknownBranches(),
	}
	for group, branches := range tables {
		for _, b := range branches {
			t.Run(group+"/"+b.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld()
				b.change(w)
				checkVerdict(t, b, w.sweep(t))
			})
		}
	}
}

func checkVerdict(t *testing.T, b branch, v Verdict) {
	t.Helper()
	if v.Outcome != b.outcome {
		t.Fatalf("outcome %s (%+v), want %s", v.Outcome, v.Cause, b.outcome)
	}
	if b.code == "" {
		if v.Cause != nil {
			t.Fatalf("verified with the cause %+v", v.Cause)
		}
		return
	}
	if v.Cause == nil || v.Cause.Code != b.code {
		t.Fatalf("cause %+v, want %s", v.Cause, b.code)
	}
	checkSentence(t, v.Cause.Message, b.says)
	if blamed := blamedID(v.Cause); blamed != b.blames {
		t.Errorf("blames %q, want %q: %s", blamed, b.blames, v.Cause.Message)
	}
}

func checkSentence(t *testing.T, message string, says []string) {
	t.Helper()
	if message == "" || strings.Contains(message, "%!") || strings.Contains(message, "\n") || strings.HasSuffix(message, ".") {
		t.Errorf("not a public sentence: %q", message)
	}
	for _, s := range says {
		if !strings.Contains(message, s) {
			t.Errorf("%q does not say %q", message, s)
		}
	}
}

func blamedID(c *cause.Cause) string {
	if c.Conflict == nil {
		return ""
	}
	return c.Conflict.ID
}

func verifiedBranches() []branch {
	return []branch{
		{name: "the cloud shows it after the sync", change: func(*world) {}, outcome: Verified},
		{name: "it shows it although the sync stamp is unknown", outcome: Verified,
			change: func(w *world) { w.fake.tenant.LastSync = time.Time{} }},
		{name: "what the cloud adds on its own is no contradiction", outcome: Verified, change: func(w *world) {
			w.object.Proxies = w.object.Proxies.With("SPO:SPO_x@SPO_y", "smtp:extra@contoso.com", "X500:/o=x")
		}},
		{name: "shown before the write, two syncs since", outcome: Verified, change: func(w *world) {
			w.c.Expectation.ShownAtWrite = true
			w.settle()
		}},
		{name: "shown before the write, two syncs counted earlier, stamp unknown now", outcome: Verified, change: func(w *world) {
			w.c.Expectation.ShownAtWrite, w.c.SyncMoves = true, 2
			w.fake.tenant.LastSync = time.Time{}
		}},
		{name: "primary with mail", outcome: Verified, change: func(w *world) {
			w.promote()
			w.object.Values = w.c.After
		}},
		{name: "removed", outcome: Verified, change: func(w *world) {
			w.remove("j.doe@contoso.com")
			w.arriving()
		}},
		{name: "an address out of the UPN is not asked of the directory", outcome: Verified, change: func(w *world) {
			w.c.Expectation.Wants = []address.Want{{Address: "john@contoso.com", Role: address.RolePresent}}
			w.object.Proxies = w.object.Proxies.With("smtp:John@contoso.com")
		}},
		{name: "past the deadline all the same", outcome: Verified, change: func(w *world) { w.now = deadline().Add(time.Hour) }},
		{name: "another address of the holder changed on-premises meanwhile", outcome: Verified, change: func(w *world) {
			w.c.Ref.Holder.Proxies = w.c.Ref.Holder.Proxies.With("smtp:new@contoso.com")
		}},
	}
}

func waitingBranches() []branch {
	unknownStamp := func(w *world) { w.fake.tenant.LastSync = time.Time{} }
	return []branch{
		{name: "no sync since the write", outcome: NotYet, code: cause.NotSyncedYet, says: []string{"John Doe", "smtp:j.doe@contoso.com", "09:10:00", "09:00:00"},
			change: func(w *world) { w.arriving(); w.fake.tenant.LastSync, w.now = before(), written().Add(time.Minute) }},
		{name: "a sync in the very second of the write", outcome: NotYet, code: cause.NotSyncedYet,
			change: func(w *world) { w.arriving(); w.fake.tenant.LastSync, w.now = written(), written().Add(time.Minute) }},
		{name: "stamp unknown", outcome: NotYet, code: cause.NotSyncedYet, says: []string{"Organization.Read.All", "onPremisesLastSyncDateTime"},
			change: func(w *world) { w.arriving(); unknownStamp(w) }},
		{name: "stamp unknown for long is not stopped", outcome: NotYet, code: cause.NotSyncedYet, says: []string{"Organization.Read.All"},
			change: func(w *world) { w.arriving(); unknownStamp(w); w.now = written().Add(20 * time.Hour) }},
		{name: "stamp unknown, shown before the write", outcome: NotYet, code: cause.NotSyncedYet, says: []string{"Organization.Read.All"},
			change: func(w *world) { w.c.Expectation.ShownAtWrite = true; unknownStamp(w) }},
		{name: "stamp unknown, but the holder itself was synchronised", outcome: NotYet, code: cause.NotCalculatedYet,
			change: func(w *world) { w.arriving(); unknownStamp(w); w.object.LastSync = first() }},
		{name: "the sync stopped before the write", outcome: NotYet, code: cause.SyncStopped, says: []string{"Get-ADSyncScheduler", "04:10:00"},
			change: func(w *world) { w.arriving(); w.fake.tenant.LastSync, w.now = written().Add(-5*time.Hour), written() }},
		{name: "the sync stopped after the write", outcome: NotYet, code: cause.SyncStopped, says: []string{"3 cycles of 30 min ago"},
			change: func(w *world) { w.arriving(); w.now = first().Add(91 * time.Minute) }},
		{name: "three cycles are not yet stopped", outcome: NotYet, code: cause.NotCalculatedYet,
			change: func(w *world) { w.arriving(); w.now = first().Add(90 * time.Minute) }},
		{name: "the sync is switched off", outcome: NotYet, code: cause.SyncStopped, says: []string{"onPremisesSyncEnabled is false"},
			change: func(w *world) { w.arriving(); w.fake.tenant.SyncEnabled = ptr(false) }},
		{name: "past the deadline by a clock that jumped ahead", outcome: NotYet, code: cause.NotCalculatedYet, change: func(w *world) {
			w.arriving()
			w.clockIs(25 * time.Hour)
		}},
		{name: "the sync is fresh by the tenant's clock", outcome: NotYet, code: cause.NotCalculatedYet, change: func(w *world) {
			w.arriving()
			w.clockIs(2 * time.Hour)
		}},
		{name: "past the deadline by the tenant's clock", outcome: Contradicted, code: cause.Deadline, change: func(w *world) {
			w.arriving()
			w.now = deadline().Add(time.Hour)
			w.clockIs(-3 * time.Hour)
		}},
		{name: "written by a clock that was behind: the sync before it is none after it", outcome: NotYet, code: cause.NotSyncedYet,
			change: func(w *world) {
				w.c.Ref.Holder.Proxies = w.c.Ref.Holder.Proxies.Without("smtp:j.doe@contoso.com")
				w.fake.tenant.LastSync, w.now = before(), before().Add(time.Minute)
				w.c.WrittenAt = before().Add(-time.Hour)
			}},
		{name: "synchronised, not calculated", outcome: NotYet, code: cause.NotCalculatedYet, says: []string{"smtp:j.doe@contoso.com", "no j.doe@contoso.com"},
			change: func(w *world) { w.arriving() }},
		{name: "two syncs, but inside the grace", outcome: NotYet, code: cause.NotCalculatedYet,
			change: func(w *world) { w.arriving(); w.settle(); w.now = written().Add(29 * time.Minute) }},
		{name: "outside the grace, but one sync", outcome: NotYet, code: cause.NotCalculatedYet,
			change: func(w *world) { w.arriving(); w.now = written().Add(50 * time.Minute) }},
		{name: "shown before the write, one sync since", outcome: NotYet, code: cause.NotCalculatedYet, says: []string{"so far: 1"},
			change: func(w *world) { w.c.Expectation.ShownAtWrite = true }},
		{name: "shown before the write, no sync since", outcome: NotYet, code: cause.NotSyncedYet,
			change: func(w *world) {
				w.c.Expectation.ShownAtWrite, w.fake.tenant.LastSync, w.now = true, before(), written()
			}},
		{name: "primary, but mail does not follow yet", outcome: NotYet, code: cause.NotCalculatedYet,
			change: func(w *world) { w.promote(); w.object.Proxies = w.c.After.Proxies }},
		{name: "a prefix of mixed case is no alias", outcome: NotYet, code: cause.NotCalculatedYet, says: []string{"Smtp:j.doe@contoso.com"},
			change: func(w *world) {
				w.arriving()
				w.object.Proxies = w.object.Proxies.With("Smtp:j.doe@contoso.com")
			}},
		{name: "a removal is not proven by an object that vanished", outcome: NotYet, code: cause.NotCalculatedYet, change: func(w *world) {
			w.c.Expectation.Wants = []address.Want{{Address: "j.doe@contoso.com", Role: address.RoleAbsent}}
			w.c.After = address.Values{Mail: w.c.After.Mail, Proxies: w.c.After.Proxies.Without("smtp:j.doe@contoso.com")}
			w.c.Ref.Holder.Values = w.c.After
			w.object = nil
		}},
		{name: "a removal is not proven by a contact that was never found", outcome: NotYet, code: cause.NotCalculatedYet, change: func(w *world) {
			w.remove("j.doe@contoso.com")
			w.c.Ref.CloudID, w.c.Ref.Holder.Kind = "", address.Contact
			w.vanish()
		}},
		{name: "not in the cloud after one sync", outcome: NotYet, code: cause.NotCalculatedYet, says: []string{"nothing at all"},
			change: (*world).vanish},
		{name: "quarantined before the write, no sync since", outcome: NotYet, code: cause.NotSyncedYet, change: func(w *world) {
			w.arriving()
			w.object.Errors = []ProvisioningError{{Category: "PropertyConflict", Property: "ProxyAddresses", Value: "smtp:j.doe@contoso.com"}}
			w.fake.tenant.LastSync, w.now = before(), written().Add(time.Minute)
		}},
		{name: "changed on-premises, no sync since", outcome: NotYet, code: cause.NotSyncedYet, change: func(w *world) {
			w.c.Ref.Holder.Proxies = w.c.Ref.Holder.Proxies.Without("smtp:j.doe@contoso.com")
			w.fake.tenant.LastSync, w.now = before(), written().Add(time.Minute)
		}},
	}
}

func onPremisesBranches() []branch {
	return []branch{
		{name: "the alias is gone again", outcome: Contradicted, code: cause.ChangedOnPremises,
			says: []string{"smtp:j.doe@contoso.com", "no j.doe@contoso.com", "John Doe", "09:10:00"},
			change: func(w *world) {
				w.c.Ref.Holder.Proxies = w.c.Ref.Holder.Proxies.Without("smtp:j.doe@contoso.com")
			}},
		{name: "the alias was made primary by somebody else", outcome: Contradicted, code: cause.ChangedOnPremises,
			says: []string{"SMTP:j.doe@contoso.com"},
			change: func(w *world) {
				w.c.Ref.Holder.Proxies = address.Set{"SMTP:j.doe@contoso.com", "smtp:jdoe@contoso.com"}
			}},
		{name: "what was removed is back", outcome: Contradicted, code: cause.ChangedOnPremises, change: func(w *world) {
			w.remove("j.doe@contoso.com")
			w.c.Ref.Holder.Proxies = w.c.Ref.Holder.Proxies.With("smtp:J.Doe@contoso.com")
		}},
		{name: "the implicit primary in mail was changed", outcome: Contradicted, code: cause.ChangedOnPremises, change: func(w *world) {
			w.c.Expectation.Wants = []address.Want{{Address: "jdoe@contoso.com", Role: address.RolePrimary}}
			w.c.After = address.Values{Mail: "jdoe@contoso.com"}
			w.c.Ref.Holder.Values = address.Values{Mail: "john@contoso.com"}
		}},
		{name: "the holder is gone", outcome: Contradicted, code: cause.ChangedOnPremises, says: []string{"no longer in the directory"},
			change: func(w *world) {
				w.c.OnPremErr = cause.Refuse(cause.UnknownHolder, "nobody has this objectGUID")
				w.c.Ref.Holder = address.Holder{}
			}},
		{name: "a policy turned the primary back", outcome: Contradicted, code: cause.ExchangePolicy,
			says: []string{"j.doe@contoso.com", "jdoe@contoso.com", "EmailAddressPolicyEnabled"},
			change: func(w *world) {
				old := w.c.Ref.Holder.Values
				w.promote()
				w.c.Ref.Holder.Values, w.c.Ref.Holder.PolicyOwned = old, true
			}},
		{name: "somebody turned the primary back, and no policy owns the holder", outcome: Contradicted, code: cause.ChangedOnPremises,
			change: func(w *world) {
				old := w.c.Ref.Holder.Values
				w.promote()
				w.c.Ref.Holder.Values = old
			}},
		{name: "a policy changed the primary, but an alias was asked for and is gone", outcome: Contradicted, code: cause.ChangedOnPremises,
			change: func(w *world) {
				w.c.Ref.Holder.PolicyOwned = true
				w.c.Ref.Holder.Values = address.Values{Mail: "john@contoso.com", Proxies: address.Set{"SMTP:john@contoso.com", "smtp:jdoe@contoso.com"}}
			}},
		{name: "a policy owns the holder, but an alias was taken away", outcome: Contradicted, code: cause.ChangedOnPremises,
			change: func(w *world) {
				w.c.Ref.Holder.PolicyOwned = true
				w.c.Ref.Holder.Proxies = w.c.Ref.Holder.Proxies.Without("smtp:j.doe@contoso.com")
			}},
	}
}

func unknownBranches() []branch {
	return []branch{
		{name: "this look-up was throttled", outcome: Unknown, code: cause.Throttled, change: func(w *world) {
			w.fake.failing["id-jdoe"] = cause.Wait(cause.Throttled, "asked too much; again at 10:00")
		}},
		{name: "this look-up failed without a cause", outcome: Unknown, code: cause.CloudUnavailable, change: func(w *world) {
			w.fake.failing["id-jdoe"] = errors.New("boom")
		}},
		{name: "the directory is away", outcome: Unknown, code: cause.DirectoryUnavailable, change: func(w *world) {
			w.c.OnPremErr = cause.Wait(cause.DirectoryUnavailable, "no DC answers")
		}},
		{name: "the directory failed without a cause", outcome: Unknown, code: cause.DirectoryUnavailable, change: func(w *world) {
			w.c.OnPremErr = errors.New("boom")
		}},
		{name: "past the deadline but not looked at", outcome: Unknown, code: cause.Throttled, change: func(w *world) {
			w.fake.failing["id-jdoe"] = cause.Wait(cause.Throttled, "asked too much; again at 10:00")
			w.now = deadline().Add(time.Hour)
		}},
		{name: "the tenant says nothing of itself", outcome: Unknown, code: cause.CloudUnavailable, change: func(w *world) {
			w.arriving()
			w.fake.noTenant = cause.Wait(cause.CloudUnavailable, "grant Domain.Read.All")
		}},
		{name: "the tenant says nothing of itself, but the cloud shows it", outcome: Verified, change: func(w *world) {
			w.fake.noTenant = cause.Wait(cause.CloudUnavailable, "grant Domain.Read.All")
		}},
	}
}

// TestEveryContradictionIsReached holds the table and the codes together.
func TestEveryContradictionIsReached(t *testing.T) {
	t.Parallel()
	reached := map[cause.Code]bool{}
	for _, table := range [][]branch{onPremisesBranches(), contradictedBranches(), conflictBranches()} {
		for _, b := range table {
			if b.outcome == Contradicted {
				reached[b.code] = true
			}
		}
	}
	for code, kinds := range cause.Codes() {
		for _, k := range kinds {
			if k == cause.Contradiction && !reached[code] {
				t.Errorf("no branch reaches %s", code)
			}
		}
	}
}

func TestMovesAreCountedOverSweeps(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.c.Expectation.ShownAtWrite = true
	w.c.LastSyncSeen = time.Time{} // the first sweep starts from the stamp at the write
	steps := []struct {
		sync  time.Time
		moves int
	}{
		{before(), 0}, {before().Add(5 * time.Minute), 0}, {first(), 1}, {first(), 1}, {time.Time{}, 1}, {second(), 2}, {first(), 2},
	}
	for i, s := range steps {
		w.fake.tenant.LastSync = s.sync
		v := w.sweep(t)
		if v.SyncMoves != s.moves {
			t.Fatalf("step %d: %d moves, want %d", i, v.SyncMoves, s.moves)
		}
		if (v.Outcome == Verified) != (s.moves >= 2) {
			t.Fatalf("step %d: %s with %d moves", i, v.Outcome, s.moves)
		}
		w.c.LastSyncSeen, w.c.SyncMoves = v.LastSyncSeen, v.SyncMoves
	}
	if !w.c.LastSyncSeen.Equal(second()) {
		t.Errorf("remembers %s, want %s", w.c.LastSyncSeen, second())
	}
}
