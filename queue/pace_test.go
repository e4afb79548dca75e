package queue_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// TestPaceAfterTheClockWasAhead: a slot that a wrong clock noted holds nothing back once the clock is right.
func TestPaceAfterTheClockWasAhead(t *testing.T) {
	t.Parallel()
	b := limited(queue.Limits{Pace: queue.Pace{Writes: 3000, Within: 5 * time.Minute}})
	b.clock.Add(365 * 24 * time.Hour)
	b.submit(t, "ann", address.AddAlias, "a1@contoso.test")
	b.pass(t)
	b.clock.Add(-365 * 24 * time.Hour)
	r := b.submit(t, "bob", address.AddAlias, "b1@contoso.test")
	b.pass(t)
	b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
}

// TestAfterALongWaitForASlotTheHolderIsReadAgain: what was true when an attempt began to wait for its slot need not be true at
// its modify.
func TestAfterALongWaitForASlotTheHolderIsReadAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.restart("node-1", b.store, func(o *queue.Options) {
			o.Now, o.Limits = time.Now, queue.Limits{Pace: queue.Pace{Writes: 1, Within: 9 * time.Second}}
		})
		b.submit(t, "ann", address.AddAlias, "a1@contoso.test")
		b.pass(t)
		r := b.submit(t, "bob", address.AddAlias, "b1@contoso.test")
		passed := make(chan struct{})
		go func() {
			defer close(passed)
			b.pass(t)
		}()
		synctest.Wait() // it waits for its slot
		b.wantState(t, r.ID, queue.Writing, "")
		b.directory.add(7, "eve", address.Values{Mail: "eve@contoso.test", Proxies: address.Set{"SMTP:eve@contoso.test", "smtp:b1@contoso.test"}})
		<-passed
		if got := b.get(t, r.ID); got.State != queue.Refused || len(b.directory.writes) != 1 {
			t.Errorf("it is %s (%v) after %d writes: eve has the address since it began to wait", got.State, got.Cause, len(b.directory.writes))
		}
		began := time.Now()
		next := b.submit(t, "bob", address.AddAlias, "b2@contoso.test")
		b.pass(t)
		b.wantState(t, next.ID, queue.Written, cause.NotSyncedYet)
		if took := time.Since(began); took > 9*time.Second {
			t.Errorf("it took %s: one modify takes one slot", took)
		}
	})
}

// TestTakeOverNeedsNoSlot: what may have been written is looked at though the pace is used up.
func TestTakeOverNeedsNoSlot(t *testing.T) {
	t.Parallel()
	b := limited(queue.Limits{Pace: queue.Pace{Writes: 1, Within: time.Hour}})
	r := b.submit(t, "ann", address.AddAlias, "a1@contoso.test")
	b.directory.onWrite = func(ldapwriter.Job) fault {
		return fault{landed: true, err: &ldapwriter.UnknownOutcomeError{DC: "dc1"}}
	}
	b.pass(t)
	b.wantState(t, r.ID, queue.Writing, cause.DCUnavailable)
	b.directory.onWrite = nil
	b.clock.Add(2 * time.Minute) // the lease is over, the pace lets nothing go for nearly an hour
	b.pass(t)
	b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
	if len(b.directory.writes) != 1 {
		t.Errorf("%d modifies, want one", len(b.directory.writes))
	}
}

// TestGivenBackWithoutADoubt: a modify that was refused as somebody was faster has its answer. The request that waits for its next slot
// when the program stops goes back to its line without a word of that modify: what an administrator adds meanwhile is not ours.
func TestGivenBackWithoutADoubt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.restart("node-1", b.store, func(o *queue.Options) {
			o.Now, o.Limits = time.Now, queue.Limits{Pace: queue.Pace{Writes: 1, Within: 9 * time.Second}}
		})
		b.directory.onWrite = func(ldapwriter.Job) fault { return fault{err: ldapwriter.ErrConflict} }
		r := b.submit(t, "ann", address.AddAlias, "a1@contoso.test")
		if err := b.runner.ResolvePass(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			_, err := b.runner.WriteOne(ctx)
			ended <- err
		}()
		synctest.Wait() // it was refused once and waits for its next slot
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		back := b.wantState(t, r.ID, queue.Queued, "")
		if back.Intent == nil || back.Intent.Sent {
			t.Errorf("given back with the intent %+v", back.Intent)
		}
		ann := back.Object
		theirs := b.directory.values(ann)
		theirs.Proxies = theirs.Proxies.With("smtp:a1@contoso.test")
		b.directory.edit(ann, theirs)
		b.directory.onWrite = nil
		time.Sleep(time.Minute) // the pace lets the next one go
		b.pass(t)
		if got := b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet); !got.WroteNothing() {
			t.Errorf("an administrator added it, and the receipt claims %+v", got.Receipt.Change)
		}
	})
}
