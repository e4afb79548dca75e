package queue_test

import (
	"context"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/queue"
)

// TestWhatAClockThatWasAheadWroteIsLateInTime: its deadline lies no further ahead than any other, and who judges it knows when it was
// looked at.
func TestWhatAClockThatWasAheadWroteIsLateInTime(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.clock.Add(365 * 24 * time.Hour)
	r := b.submit(t, "bob", address.AddAlias, "b1@contoso.test")
	b.pass(t)
	b.clock.Add(-365*24*time.Hour + time.Hour)
	var judged []cloudcheck.Case
	b.cloud.judge = func(c cloudcheck.Case) cloudcheck.Verdict {
		judged = append(judged, c)
		v := cloudcheck.Verdict{Outcome: cloudcheck.NotYet, Cause: b.get(t, r.ID).Cause, LastSyncSeen: c.LastSyncSeen,
			Seen: &cloudcheck.Seen{CheckedAt: b.clock.Now()}}
		if b.clock.Now().After(c.Deadline) {
			v.Outcome = cloudcheck.Contradicted
		}
		return v
	}
	first := b.clock.Now()
	for range 3 {
		if err := b.runner.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
		b.clock.Add(12 * time.Hour)
	}
	if len(judged) != 3 || !judged[0].LookedAt.IsZero() || !judged[1].LookedAt.Equal(first) {
		t.Fatalf("judged %+v", judged)
	}
	b.wantState(t, r.ID, queue.Mismatched, b.get(t, r.ID).Cause.Code)
}
