package queue_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// lost is a modify whose answer nobody had.
func lost(landed bool) fault {
	return fault{landed: landed, err: &ldapwriter.UnknownOutcomeError{DC: dc, Err: errors.New("time limit")}}
}

// wantDoubt: the request is not taken for unwritten, and cannot be cancelled.
func (b *bench) wantDoubt(t *testing.T, id queue.RequestID) {
	t.Helper()
	got := b.get(t, id)
	if got.State != queue.Writing && got.State != queue.Failed || got.Intent == nil || !got.Intent.Sent {
		t.Fatalf("it is %s (%+v) with the intent %+v, as if nothing had been written", got.State, got.Cause, got.Intent)
	}
	if _, err := b.service.Cancel(context.Background(), id, "admin"); !errors.Is(err, queue.ErrStale) {
		t.Errorf("cancel gave %v, want ErrStale", err)
	}
}

// What was read before a modify says nothing of it, however long its answer was waited for.
func TestAnAnswerThatIsLostLateLeavesADoubt(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.directory.onWrite = func(ldapwriter.Job) fault {
		b.clock.Add(25 * time.Second)
		return lost(true)
	}
	r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	b.wantState(t, r.ID, queue.Writing, cause.DCUnavailable)
	b.wantDoubt(t, r.ID)
	b.directory.onWrite = nil
	b.clock.Add(time.Minute)
	b.pass(t)
	if got := b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet); got.WroteNothing() {
		t.Error("the receipt says that nothing was written")
	}
}

// The doubt about a first modify outlasts a second one of unknown outcome, and a process that ends after it stored the second's intent.
func TestTheFirstDoubtOutlastsASecond(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]fault{"its answer is lost too": lost(false), "the lease is over": {err: queue.ErrStale}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench()
			b.directory.onWrite = func(ldapwriter.Job) fault { return lost(true) }
			r := b.submit(t, "ann", address.SetPrimary, "p@contoso.test")
			b.pass(t)
			ann := b.get(t, r.ID).Object
			b.directory.edit(ann, address.Values{Mail: "ann@contoso.test", Proxies: address.Set{"SMTP:ann@contoso.test", "smtp:p@contoso.test"}}) // p is ours
			b.directory.onWrite = func(ldapwriter.Job) fault { return second }
			b.clock.Add(2 * time.Minute)
			b.pass(t)
			b.directory.onWrite = func(ldapwriter.Job) fault { return fault{err: cause.Wait(cause.DirectoryUnavailable, "no answer")} }
			for range 3 {
				b.clock.Add(2 * time.Minute)
				b.pass(t)
				b.wantDoubt(t, r.ID)
			}
		})
	}
}

// A value that is equal for the directory is no race behind a lost answer either.
func TestAnEqualValueBehindADoubt(t *testing.T) {
	t.Parallel()
	b := newBench()
	first := true
	b.directory.onWrite = func(ldapwriter.Job) fault {
		if first {
			first = false
			return lost(false)
		}
		return fault{err: &ldapwriter.ExistsError{Err: ldapwriter.ErrConflict}}
	}
	r := b.submit(t, "ann", address.AddAlias, "muller@contoso.test")
	b.pass(t)
	b.clock.Add(2 * time.Minute)
	b.pass(t)
	b.wantState(t, r.ID, queue.Refused, cause.EqualValue)
}

// What landed after the holder was read is not taken for what did not land.
func TestALandingAfterTheReadIsNoProof(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.directory.onWrite = func(ldapwriter.Job) fault { return lost(false) }
	r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	ann := b.get(t, r.ID).Object
	b.clock.Add(15 * time.Second) // a third of the lease is 20
	b.directory.onWrite = func(ldapwriter.Job) fault {
		b.clock.Add(10 * time.Second)
		b.directory.holders[ann].Proxies = b.directory.holders[ann].Proxies.With("smtp:a@contoso.test")
		b.directory.holders[ann].USNChanged++
		return fault{err: cause.Wait(cause.DirectoryUnavailable, "no answer")}
	}
	b.pass(t)
	b.wantDoubt(t, r.ID)
}
