package store

import (
	"context"
	"testing"
	"time"

	"github.com/aliasd/aliasd/queue"
)

// TestOldSharesAreDropped: what no cap counts any more does not pile up, and what was spent lately stays.
func TestOldSharesAreDropped(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		s, start := d.fresh(t), queue.Instant(time.Now())
		all := leasedBy(t, s, 6, start)
		for _, r := range all[:3] {
			spendAt(t, s, r, start)
		}
		want := []int{4, 5, 3}
		for i, later := range []time.Duration{2 * time.Hour, spentKept - 2*time.Hour, spentKept} {
			at := start.Add(later)
			if taken, err := s.TakeOver(context.Background(), "x", at, time.Hour, len(all)); err != nil || len(taken) != len(all) {
				t.Fatalf("taken over: %d, %v", len(taken), err)
			}
			spendAt(t, s, all[3+i], at)
			var kept int
			if _, err := s.row(context.Background(), `SELECT count(*) FROM spent`, nil, &kept); err != nil {
				t.Fatal(err)
			}
			if kept != want[i] {
				t.Errorf("%s later %d shares are kept, want %d", later, kept, want[i])
			}
		}
	})
}

func spendAt(t *testing.T, s *Store, r queue.Request, at time.Time) {
	t.Helper()
	if _, err := s.Advance(context.Background(), intentOf(r, at, queue.Caps{})); err != nil {
		t.Fatal(err)
	}
}
