package queue_test

import (
	"testing"
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
