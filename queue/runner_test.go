package queue_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// pass resolves everything and writes until nothing can be claimed.
func (b *bench) pass(t tester) {
	t.Helper()
	ctx := context.Background()
	if err := b.runner.ResolvePass(ctx); err != nil {
		t.Fatalf("resolve: %v", err)
	}
	for {
		more, err := b.runner.WriteOne(ctx)
		if err != nil {
			t.Fatalf("write: %v", err)
		}
		if !more {
			return
		}
	}
}

// cycle lets a sync run and sweeps after it.
func (b *bench) cycle(t tester) {
	t.Helper()
	b.clock.Add(time.Minute)
	b.cloud.sync()
	if err := b.runner.Sweep(context.Background()); err != nil {
		t.Fatalf("sweep: %v", err)
	}
}

func (b *bench) wantState(t tester, id queue.RequestID, state queue.State, code cause.Code) queue.Request {
	t.Helper()
	r := b.get(t, id)
	got := cause.Code("")
	if r.Cause != nil {
		got = r.Cause.Code
	}
	if r.State != state || got != code {
		t.Fatalf("%s %s is %s (%s), want %s (%s); cause %+v", r.Action, r.Address, r.State, got, state, code, r.Cause)
	}
	return r
}

func TestAliasGoesFromAcceptedToVerified(t *testing.T) {
	t.Parallel()
	b := newBench()
	r := b.submit(t, "bob", address.AddAlias, "bobby@contoso.test")
	b.wantState(t, r.ID, queue.Accepted, "")
	b.pass(t)
	written := b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
	want := address.Values{Mail: "bob@contoso.test", Proxies: address.Set{"SMTP:bob@contoso.test", "smtp:bobby@contoso.test"}}
	if got := b.directory.values(written.Object); !got.Proxies.Equal(want.Proxies) || got.Mail != want.Mail {
		t.Errorf("directory has %v, want %v", got, want)
	}
	b.clock.Add(time.Second)
	if err := b.runner.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
	b.cycle(t)
	verified := b.wantState(t, r.ID, queue.Verified, "")
	if verified.VerifiedAt.IsZero() || verified.CloudID == "" || verified.Seen == nil {
		t.Errorf("verified without its evidence: %+v", verified)
	}
}

func TestRefusalsWriteNothing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		holder string
		action address.Action
		addr   address.Address
		code   cause.Code
		set    func(*bench)
	}{
		{"unknown holder", "nobody", address.AddAlias, "a@contoso.test", cause.UnknownHolder, nil},
		{"unverified domain", "ann", address.AddAlias, "a@fabrikam.test", cause.DomainNotVerified, nil},
		{"held on-premises", "bob", address.AddAlias, "ann@contoso.test", cause.HeldOnPremises, nil},
		{"primary", "ann", address.RemoveAlias, "ann@contoso.test", cause.IsPrimary, nil},
		{"held in the cloud", "ann", address.AddAlias, "sales@contoso.test", cause.HeldInCloud, func(b *bench) {
			b.cloud.conflicts = []cause.Conflict{{Kind: "deleted_user", ID: "1"}, {Kind: "group", ID: "2", Name: "Sales", Address: "SMTP:sales@contoso.test"}}
		}},
		{"held by a deleted user", "ann", address.AddAlias, "old@contoso.test", cause.HeldByDeleted, func(b *bench) {
			b.cloud.conflicts = []cause.Conflict{{Kind: "deleted_user", ID: "1", Name: "Old", Address: "smtp:old@contoso.test"}}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench()
			if test.set != nil {
				test.set(b)
			}
			r := b.submit(t, test.holder, test.action, test.addr)
			b.pass(t)
			refused := b.wantState(t, r.ID, queue.Refused, test.code)
			if refused.Cause.Conflict != nil && !strings.HasPrefix(refused.Cause.Message, string(test.addr)) {
				t.Errorf("the message %q does not name %s", refused.Cause.Message, test.addr)
			}
			if len(b.directory.writes) != 0 {
				t.Errorf("wrote %v", b.directory.writes)
			}
		})
	}
}

func TestWaitsBeforeTheWriteAndGoesOn(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		state       queue.State
		code        cause.Code
		spoil, mend func(*bench)
	}{
		{"directory away", queue.Accepted, cause.DirectoryUnavailable,
			func(b *bench) { b.directory.away = cause.Wait(cause.DirectoryUnavailable, "no answer") },
			func(b *bench) { b.directory.away = nil }},
		{"cloud away", queue.Queued, cause.CloudUnavailable,
			func(b *bench) { b.cloud.away = cause.Wait(cause.CloudUnavailable, "no answer") },
			func(b *bench) { b.cloud.away = nil }},
		{"paused", queue.Queued, cause.Paused,
			func(b *bench) { _ = b.service.Pause(context.Background(), "admin") },
			func(b *bench) { _ = b.service.Resume(context.Background(), "admin") }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench()
			test.spoil(b)
			r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
			b.pass(t)
			b.wantState(t, r.ID, test.state, test.code)
			test.mend(b)
			b.clock.Add(time.Minute)
			b.pass(t)
			b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
		})
	}
}

func TestOneHolderIsWrittenInOrder(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.cloud.away = cause.Wait(cause.CloudUnavailable, "no answer")
	first := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	second := b.submit(t, "ann@contoso.test", address.RemoveAlias, "a@contoso.test")
	b.pass(t)
	b.wantState(t, first.ID, queue.Queued, cause.CloudUnavailable)
	b.wantState(t, second.ID, queue.Queued, "")
	b.cloud.away = nil
	b.clock.Add(time.Minute)
	b.pass(t)
	b.wantState(t, second.ID, queue.Written, cause.NotSyncedYet)
	superseded := b.wantState(t, first.ID, queue.Superseded, "")
	if superseded.SupersededBy != second.ID {
		t.Errorf("superseded by %q, want %q", superseded.SupersededBy, second.ID)
	}
	if got := b.directory.values(superseded.Object); len(got.Proxies.Find("a@contoso.test")) != 0 {
		t.Errorf("the removed address is back: %v", got)
	}
}

// A value that the directory takes for one that stands there is no race: it would be refused for ever, and everybody of the holder's
// would wait behind it.
func TestAValueThatIsEqualForTheDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench()
	ann := b.directory.add(3, "anna", address.Values{Mail: "anna@contoso.test", Proxies: address.Set{"SMTP:anna@contoso.test", "smtp:müller@contoso.test"}})
	equal := &ldapwriter.ExistsError{Value: "smtp:muller@contoso.test", Equal: "smtp:müller@contoso.test", Err: ldapwriter.ErrConflict}
	tries := 0
	b.directory.onWrite = func(j ldapwriter.Job) fault {
		if !address.Set(j.Change.Add).Has(equal.Value) {
			return fault{}
		}
		if tries++; tries == 1 { // the first time somebody was faster indeed
			b.directory.holders[ann].USNChanged++
		}
		return fault{err: equal}
	}
	r := b.submit(t, "anna", address.AddAlias, "muller@contoso.test")
	next := b.submit(t, "anna", address.AddAlias, "other@contoso.test")
	b.pass(t)
	refused := b.wantState(t, r.ID, queue.Refused, cause.EqualValue)
	if tries != 2 || !strings.Contains(refused.Cause.Message, "müller@contoso.test") || !strings.Contains(refused.Cause.Message, `"muller@contoso.test"`) {
		t.Errorf("after %d tries: %s", tries, refused.Cause.Message)
	}
	b.wantState(t, next.ID, queue.Written, cause.NotSyncedYet)
}

// The same words after a removal ask for something new: the first request must not answer for it.
func TestTheSameAgainAfterARemovalIsNew(t *testing.T) {
	t.Parallel()
	b := newBench()
	first := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	if again := b.submit(t, "ann", address.AddAlias, "a@contoso.test"); again.ID != first.ID {
		t.Errorf("an identical open request made a new one")
	}
	b.pass(t)
	b.submit(t, "ann@contoso.test", address.RemoveAlias, "a@contoso.test")
	b.pass(t)
	last := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	b.wantState(t, last.ID, queue.Written, cause.NotSyncedYet)
	if got := b.directory.values(b.get(t, last.ID).Object); !got.Proxies.Has("smtp:a@contoso.test") || last.ID == first.ID {
		t.Errorf("asked for again as %s, but the directory has %v", last.ID, got)
	}
}

// What is mismatched says "ask again": the same words then write, and the old request does not answer for them.
func TestTheSameAgainAfterAMismatchWrites(t *testing.T) {
	t.Parallel()
	b := newBench()
	first := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	written := b.get(t, first.ID)
	b.directory.edit(written.Object, written.Receipt.Before)
	b.cloud.judge = func(cloudcheck.Case) cloudcheck.Verdict {
		return cloudcheck.Verdict{Outcome: cloudcheck.Contradicted, Cause: &cause.Wait(cause.ChangedOnPremises, "somebody took it away").Cause}
	}
	b.cycle(t)
	b.wantState(t, first.ID, queue.Mismatched, cause.ChangedOnPremises)
	again := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	if got := b.directory.values(written.Object); again.ID == first.ID || !got.Proxies.Has("smtp:a@contoso.test") {
		t.Errorf("asked for again as %s (first %s), and the directory has %v", again.ID, first.ID, got)
	}
}

func TestAddressMovesBetweenHoldersInTwoSteps(t *testing.T) {
	t.Parallel()
	b := newBench()
	added := b.submit(t, "ann", address.AddAlias, "team@contoso.test")
	b.pass(t)
	b.cycle(t)
	b.wantState(t, added.ID, queue.Verified, "")
	removed := b.submit(t, "ann", address.RemoveAlias, "team@contoso.test")
	moved := b.submit(t, "bob", address.AddAlias, "team@contoso.test")
	b.pass(t)
	waiting := b.wantState(t, moved.ID, queue.Queued, cause.AddressReleasing)
	if waiting.Cause.Conflict == nil || waiting.Cause.Conflict.ID != string(removed.ID) {
		t.Errorf("conflict %+v does not name %s", waiting.Cause.Conflict, removed.ID)
	}
	b.cycle(t)
	b.wantState(t, removed.ID, queue.Verified, "")
	b.clock.Add(time.Minute)
	b.pass(t)
	b.wantState(t, moved.ID, queue.Written, cause.NotSyncedYet)
}

func TestAddressIsClaimedByOneHolder(t *testing.T) {
	t.Parallel()
	b := newBench()
	first := b.submit(t, "ann", address.AddAlias, "team@contoso.test")
	second := b.submit(t, "bob", address.AddAlias, "team@contoso.test")
	b.pass(t)
	b.wantState(t, first.ID, queue.Written, cause.NotSyncedYet)
	busy := b.wantState(t, second.ID, queue.Refused, cause.AddressBusy)
	if busy.Cause.Conflict == nil || busy.Cause.Conflict.ID != string(first.ID) {
		t.Errorf("conflict %+v does not name %s", busy.Cause.Conflict, first.ID)
	}
}

func TestFaultsOfTheWrite(t *testing.T) {
	t.Parallel()
	lost := func(landed bool) fault {
		return fault{landed: landed, err: &ldapwriter.UnknownOutcomeError{DC: dc, Err: errors.New("connection reset")}}
	}
	tests := []struct {
		name   string
		faults []fault
		state  queue.State
		code   cause.Code
		writes int
	}{
		{"somebody was faster once", []fault{{err: ldapwriter.ErrConflict}}, queue.Written, cause.NotSyncedYet, 1},
		{"somebody is faster all the time", []fault{{err: ldapwriter.ErrConflict}, {err: ldapwriter.ErrConflict}, {err: ldapwriter.ErrConflict},
			{err: ldapwriter.ErrConflict}, {err: ldapwriter.ErrConflict}}, queue.Queued, cause.DirectoryUnavailable, 0},
		{"outcome unknown, it had landed", []fault{lost(true)}, queue.Written, cause.NotSyncedYet, 1},
		{"outcome unknown, it had not", []fault{lost(false)}, queue.Written, cause.NotSyncedYet, 1},
		{"edits slip in", []fault{{err: &ldapwriter.SlippedError{TakenBack: true}}, {err: &ldapwriter.SlippedError{TakenBack: true}},
			{err: &ldapwriter.SlippedError{TakenBack: true}}}, queue.Failed, cause.NotKept, 0},
		{"an edit slips in once", []fault{{err: &ldapwriter.SlippedError{TakenBack: true}}}, queue.Written, cause.NotSyncedYet, 1},
		{"no rights", []fault{{err: cause.Refuse(cause.NoRights, "no right to write mail")}}, queue.Refused, cause.NoRights, 0},
		{"refused for good", []fault{{err: cause.Fail(cause.DirectoryRefused, "constraint violation")}}, queue.Failed, cause.DirectoryRefused, 0},
		{"busy", []fault{{err: cause.Wait(cause.DirectoryUnavailable, "busy")}}, queue.Queued, cause.DirectoryUnavailable, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench()
			left := test.faults
			b.directory.onWrite = func(ldapwriter.Job) fault {
				if len(left) == 0 {
					return fault{}
				}
				f := left[0]
				left = left[1:]
				return f
			}
			r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
			b.pass(t)
			if test.state == queue.Written {
				b.clock.Add(time.Minute) // an outcome that is not known is looked at a little later
				b.pass(t)
			}
			b.wantState(t, r.ID, test.state, test.code)
			if len(b.directory.writes) != test.writes {
				t.Errorf("%d writes, want %d", len(b.directory.writes), test.writes)
			}
		})
	}
}

// A modify whose outcome is unknown keeps its request from being cancelled or refused as if nothing had been written.
func TestDoubtIsNotTakenForUnwritten(t *testing.T) {
	t.Parallel()
	b := newBench()
	ctx := context.Background()
	b.directory.onWrite = func(ldapwriter.Job) fault {
		b.directory.away = cause.Wait(cause.DCUnavailable, "no answer")
		return fault{landed: true, err: &ldapwriter.UnknownOutcomeError{DC: dc, Err: errors.New("connection reset")}}
	}
	r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	b.wantState(t, r.ID, queue.Writing, cause.DCUnavailable)
	if _, err := b.service.Cancel(ctx, r.ID, "admin"); !errors.Is(err, queue.ErrStale) {
		t.Errorf("cancel gave %v, want ErrStale", err)
	}
	b.directory.away, b.directory.onWrite = nil, nil
	b.clock.Add(time.Minute)
	b.pass(t)
	done := b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
	if done.Receipt.Change.Empty() || len(b.directory.writes) != 1 {
		t.Errorf("receipt %+v after %d writes: the change that landed is ours", done.Receipt, len(b.directory.writes))
	}
}

// A modify that lands late, after its request was planned again, is ours: the conflict that it makes is no stranger's.
func TestLateLandingIsOurs(t *testing.T) {
	t.Parallel()
	b := newBench()
	lost := &ldapwriter.UnknownOutcomeError{DC: dc, Err: errors.New("time limit")}
	var late func()
	b.directory.onWrite = func(job ldapwriter.Job) fault {
		guid, change := job.Entry.GUID, job.Change
		late = func() {
			after, err := change.Apply(b.directory.values(guid))
			if err == nil {
				b.directory.edit(guid, after)
			}
		}
		return fault{err: lost}
	}
	r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	b.wantState(t, r.ID, queue.Writing, cause.DCUnavailable)
	first := true
	b.directory.onWrite = func(ldapwriter.Job) fault {
		if first {
			first = false
			b.directory.mu.Unlock()
			late()
			b.directory.mu.Lock()
			return fault{err: ldapwriter.ErrConflict}
		}
		return fault{}
	}
	b.clock.Add(time.Minute)
	b.pass(t)
	done := b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
	if done.Receipt.Change.Empty() {
		t.Error("the receipt says that nothing was written")
	}
}

// A second modify that was never sent says nothing of the first one, which landed and was changed by somebody since: the request is not
// taken for unwritten, and cannot be cancelled.
func TestASecondModifyLeavesTheDoubtAboutTheFirst(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]error{
		"no connection":    cause.Wait(cause.DirectoryUnavailable, "no answer"),
		"no rights":        cause.Refuse(cause.NoRights, "not allowed"),
		"a conflict":       ldapwriter.ErrConflict,
		"refused for good": cause.Fail(cause.DirectoryRefused, "full"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, ctx := newBench(), context.Background()
			b.directory.onWrite = func(ldapwriter.Job) fault {
				return fault{landed: true, err: &ldapwriter.UnknownOutcomeError{DC: dc, Err: errors.New("time limit")}}
			}
			r := b.submit(t, "ann", address.SetPrimary, "p@contoso.test")
			b.pass(t)
			ann := b.get(t, r.ID).Object
			b.directory.edit(ann, address.Values{Mail: "ann@contoso.test", Proxies: address.Set{"SMTP:ann@contoso.test", "smtp:p@contoso.test"}}) // p is ours
			b.directory.onWrite = func(ldapwriter.Job) fault { return fault{err: refusal} }
			b.clock.Add(time.Minute)
			b.pass(t)
			got := b.get(t, r.ID)
			if got.State == queue.Queued || got.State == queue.Refused {
				t.Fatalf("it is %s (%+v), as if nothing had been written", got.State, got.Cause)
			}
			if _, err := b.service.Cancel(ctx, r.ID, "admin"); !errors.Is(err, queue.ErrStale) {
				t.Errorf("cancel gave %v, want ErrStale", err)
			}
			if !got.Doubt().Exists() {
				t.Errorf("the doubt is forgotten: %+v", got.Intent)
			}
		})
	}
}

// While it may still land, a modify of unknown outcome is not given up for a refusal of the new plan.
func TestDoubtOutlastsARefusal(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.directory.onWrite = func(ldapwriter.Job) fault {
		return fault{err: &ldapwriter.UnknownOutcomeError{DC: dc, Err: errors.New("time limit")}}
	}
	r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	b.cloud.conflicts = []cause.Conflict{{Kind: "group", ID: "2", Name: "Sales", Address: "SMTP:a@contoso.test"}}
	b.clock.Add(3 * time.Second)
	b.pass(t)
	b.wantState(t, r.ID, queue.Writing, cause.HeldInCloud)
	b.clock.Add(time.Minute)
	b.pass(t)
	b.wantState(t, r.ID, queue.Refused, cause.HeldInCloud)
}

// A request that is already claimed, or taken over, writes nothing while all writing is stopped.
func TestPauseHoldsForTakeOvers(t *testing.T) {
	t.Parallel()
	b := newBench()
	ctx := context.Background()
	r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	if err := b.runner.ResolvePass(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.Claim(ctx, "dead", b.clock.Now(), time.Minute, 1); err != nil {
		t.Fatal(err)
	}
	if err := b.service.Pause(ctx, "admin"); err != nil {
		t.Fatal(err)
	}
	b.clock.Add(2 * time.Minute)
	b.pass(t)
	b.wantState(t, r.ID, queue.Queued, cause.Paused)
	if len(b.directory.writes) != 0 {
		t.Error("it wrote while all writing is stopped")
	}
}

// Behind a failed-over DC that has not replicated, nothing is judged.
func TestASweepDoesNotJudgeFromADCThatIsBehind(t *testing.T) {
	t.Parallel()
	b := newBench()
	r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	b.directory.mu.Lock()
	entry := b.directory.holders[address.GUID{1, 1}]
	entry.DC, entry.Values = "ldaps://dc2.contoso.test:636", address.Values{Mail: "ann@contoso.test", Proxies: address.Set{"SMTP:ann@contoso.test"}}
	b.directory.mu.Unlock()
	b.cloud.judge = func(one cloudcheck.Case) cloudcheck.Verdict {
		if e, ok := cause.As(one.OnPremErr); !ok || e.Cause.Code != cause.DCUnavailable {
			t.Errorf("judged with %v", one.OnPremErr)
		}
		return cloudcheck.Verdict{Outcome: cloudcheck.Unknown, Cause: &cause.Cause{Code: cause.DCUnavailable}}
	}
	b.cycle(t)
	b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
	b.cycle(t)
	b.wantState(t, r.ID, queue.Written, cause.DCUnavailable) // it lasts
}

// A mismatched request that nobody looks at any more leaves its address to others.
func TestForgottenMismatchGivesItsAddressUp(t *testing.T) {
	t.Parallel()
	b := newBench()
	r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	b.cloud.judge = func(cloudcheck.Case) cloudcheck.Verdict {
		return cloudcheck.Verdict{Outcome: cloudcheck.Contradicted, Cause: &cause.Cause{Code: cause.Quarantined, Message: "held"}}
	}
	b.cycle(t)
	busy := b.submit(t, "bob", address.AddAlias, "a@contoso.test")
	b.pass(t)
	b.wantState(t, busy.ID, queue.Refused, cause.AddressBusy)
	b.clock.Add(9 * 24 * time.Hour)
	b.cycle(t)
	b.directory.edit(b.get(t, r.ID).Object, address.Values{Mail: "ann@contoso.test", Proxies: address.Set{"SMTP:ann@contoso.test"}})
	free := b.submit(t, "bob@contoso.test", address.AddAlias, "a@contoso.test")
	b.pass(t)
	b.wantState(t, free.ID, queue.Written, cause.NotSyncedYet)
}

func TestExpiredLeaseIsTakenOverAndItsOwnerWritesNoMore(t *testing.T) {
	t.Parallel()
	b := newBench()
	r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.directory.onWrite = func(ldapwriter.Job) fault {
		t.Error("the late owner wrote")
		return fault{}
	}
	late := lateDirectory{directory: b.directory, wake: func() { b.clock.Add(2 * time.Minute) }}
	first := queue.NewRunner(queue.Options{Store: b.store, Directory: late, Cloud: b.cloud, Now: b.clock.Now, Node: "late", Lease: time.Minute})
	if err := first.ResolvePass(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := first.WriteOne(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.wantState(t, r.ID, queue.Writing, "")
	b.directory.onWrite = nil
	b.pass(t)
	b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
}

// lateDirectory lets the lease run out between the intent and the modify.
type lateDirectory struct {
	*directory
	wake func()
}

func (d lateDirectory) Write(ctx context.Context, job ldapwriter.Job) (ldapwriter.Receipt, error) {
	d.wake()
	return d.directory.Write(ctx, job)
}

func TestUndo(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := newBench()
	r := b.submit(t, "bob", address.SetPrimary, "robert@contoso.test")
	b.pass(t)
	undo, created, err := b.service.Undo(ctx, r.ID, queue.Submission{Ticket: "INC2"}, "")
	if err != nil || !created {
		t.Fatalf("undo: created %v, %v", created, err)
	}
	b.pass(t)
	b.wantState(t, undo.ID, queue.Written, cause.NotSyncedYet)
	b.wantState(t, r.ID, queue.Superseded, "")
	if got := b.directory.values(b.get(t, r.ID).Object); got.Mail != "bob@contoso.test" || len(got.Proxies) != 0 {
		t.Errorf("after the undo: %+v", got)
	}
	again, _, err := b.service.Undo(ctx, r.ID, queue.Submission{Ticket: "INC3"}, "")
	if err != nil {
		t.Fatal(err)
	}
	b.pass(t)
	b.wantState(t, again.ID, queue.Refused, cause.ChangedSince)
}

// Where it is the primary made explicit that somebody else holds, the refusal names that one and not the alias.
func TestRefusalNamesTheAddressInConflict(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.directory.edit(address.GUID{1, 1}, address.Values{Mail: "ann@contoso.test",
		Proxies: address.Set{"SMTP:ann@contoso.test", "smtp:bob@contoso.test"}})
	r := b.submit(t, "bob", address.AddAlias, "robert@contoso.test")
	b.pass(t)
	refused := b.wantState(t, r.ID, queue.Refused, cause.HeldOnPremises)
	if !strings.HasPrefix(refused.Cause.Message, "bob@contoso.test is held on-premises by the user ann") {
		t.Errorf("the message %q does not name the address in conflict", refused.Cause.Message)
	}
}

func TestUndoOfNothing(t *testing.T) {
	t.Parallel()
	b := newBench()
	r := b.submit(t, "ann", address.AddAlias, "a@fabrikam.test")
	b.pass(t)
	if _, _, err := b.service.Undo(context.Background(), r.ID, queue.Submission{}, ""); !errors.Is(err, queue.ErrNothingToUndo) {
		t.Errorf("undo of a refused request gave %v", err)
	}
}

func TestMismatchedIsSweptOnAndMayStillBecomeVerified(t *testing.T) {
	t.Parallel()
	b := newBench()
	r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	b.cloud.judge = func(one cloudcheck.Case) cloudcheck.Verdict {
		return cloudcheck.Verdict{Outcome: cloudcheck.Contradicted, Cause: &cause.Cause{Code: cause.Quarantined, Message: "held by Sales"}}
	}
	b.cycle(t)
	b.wantState(t, r.ID, queue.Mismatched, cause.Quarantined)
	b.cloud.judge = nil
	b.cycle(t)
	b.wantState(t, r.ID, queue.Mismatched, cause.Quarantined) // not due yet
	b.clock.Add(time.Hour)
	b.cycle(t)
	b.wantState(t, r.ID, queue.Verified, "")
}

func TestMismatchedIsNotSweptForEver(t *testing.T) {
	t.Parallel()
	b := newBench()
	looks := 0
	r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	b.cloud.judge = func(cloudcheck.Case) cloudcheck.Verdict {
		looks++
		return cloudcheck.Verdict{Outcome: cloudcheck.Contradicted, Cause: &cause.Cause{Code: cause.Deadline, Message: "late"}}
	}
	for range 24 * 10 {
		b.clock.Add(time.Hour)
		b.cycle(t)
	}
	if atMost := 24*8 + 2; looks == 0 || looks > atMost {
		t.Errorf("looked %d times in ten days, want at most %d", looks, atMost)
	}
	if _, err := b.service.Recheck(context.Background(), r.ID, "admin"); err != nil {
		t.Fatal(err)
	}
	b.cloud.judge = nil
	b.cycle(t)
	b.wantState(t, r.ID, queue.Verified, "")
}

// A recheck of what waits for nothing names the request, so that the answer can say where it is.
func TestRecheckSaysWhereAFinalRequestIs(t *testing.T) {
	t.Parallel()
	b := newBench()
	r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	b.cycle(t)
	b.wantState(t, r.ID, queue.Verified, "")
	got, err := b.service.Recheck(context.Background(), r.ID, "admin")
	if !errors.Is(err, queue.ErrStale) || got.ID != r.ID || got.State != queue.Verified {
		t.Errorf("recheck gave %+v, %v", got, err)
	}
	if _, err := b.service.Recheck(context.Background(), "none", "admin"); !errors.Is(err, queue.ErrNotFound) {
		t.Errorf("recheck of none gave %v", err)
	}
}

func TestASweepThatIsStillRunningIsSkipped(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	b.cloud.judge = func(cloudcheck.Case) cloudcheck.Verdict {
		close(entered)
		<-leave
		return cloudcheck.Verdict{Outcome: cloudcheck.Unknown, Cause: &cause.Cause{Code: cause.Throttled}}
	}
	var running sync.WaitGroup
	running.Go(func() {
		if err := b.runner.Sweep(context.Background()); err != nil {
			t.Error(err)
		}
	})
	<-entered
	if err := b.runner.Sweep(context.Background()); !errors.Is(err, queue.ErrSweeping) {
		t.Errorf("the second sweep gave %v", err)
	}
	close(leave)
	running.Wait()
}

func TestLongWaitLeavesNoTrace(t *testing.T) {
	t.Parallel()
	b := newBench()
	r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	count := func() int {
		events, err := b.store.Events(context.Background(), r.ID, queue.Part{})
		if err != nil {
			t.Fatal(err)
		}
		return len(events)
	}
	sweep := func() {
		if err := b.runner.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	sweep()
	before := count()
	for range 20 {
		b.clock.Add(time.Minute)
		sweep()
	}
	if after := count(); after != before {
		t.Errorf("%d events after 20 sweeps without news, want %d", after, before)
	}
}

func TestRunDrains(t *testing.T) {
	t.Parallel()
	b := newBench()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	writing, finish := make(chan struct{}), make(chan struct{})
	b.directory.onWrite = func(ldapwriter.Job) fault {
		close(writing)
		<-finish
		return fault{}
	}
	go func() { done <- b.runner.Run(ctx) }()
	r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	<-writing
	stop()
	close(finish)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
}
