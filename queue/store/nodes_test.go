package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/queue"
)

// nodes are several stores on one database, as several daemons have it.
func nodes(t *testing.T, d database, n int) []*Store {
	t.Helper()
	place := d.place(t)
	var all []*Store
	for range n {
		all = append(all, d.open(t, place))
	}
	return all
}

// leasedBy makes n requests for as many holders and has a node lease them.
func leasedBy(t *testing.T, s *Store, n int, now time.Time) []queue.Request {
	t.Helper()
	ctx := context.Background()
	for i := range n {
		r, _, err := s.Accept(ctx, queue.Submission{Holder: fmt.Sprint(i), Action: address.AddAlias, SubmittedBy: "x"}, queue.Idempotency{}, now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Resolve(ctx, r.ID, address.GUID{byte(i + 1), 1}, nil, now); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.Claim(ctx, "x", now, time.Hour, n)
	if err != nil || len(all) != n {
		t.Fatalf("leased %d of %d: %v", len(all), n, err)
	}
	return all
}

func intentOf(r queue.Request, now time.Time, caps queue.Caps) queue.Transition {
	return queue.Transition{ID: r.ID, From: queue.Writing, To: queue.Writing, Owner: r.Owner, Now: now, What: "intent",
		Intent: &queue.Intent{DC: "dc", Sent: true, At: now}, Spend: &queue.Spend{Removals: 1, Caps: caps}}
}

// TestPauseWaitsForIntents: SetPaused does not return while another node is about to commit an intent.
func TestPauseWaitsForIntents(t *testing.T) {
	t.Parallel()
	all, now := nodes(t, onPostgres(), 2), time.Now()
	made := intentOf(leasedBy(t, all[0], 1, now)[0], now, queue.Caps{}).Kept()
	values, err := valuesOf(made)
	if err != nil {
		t.Fatal(err)
	}
	inside, commit := make(chan struct{}), make(chan struct{})
	stored, paused := make(chan error, 1), make(chan error, 1)
	commitNow := sync.OnceFunc(func() { close(commit) })
	t.Cleanup(commitNow) // before the stores are closed
	go func() {
		stored <- all[0].write(context.Background(), func(x *txn) error {
			_, err := x.advance(made, values)
			close(inside)
			<-commit
			return err
		})
	}()
	<-inside
	go func() { paused <- all[1].SetPaused(context.Background(), true, "admin", now) }()
	waiting := 0
	for deadline := time.Now().Add(patience); waiting == 0; time.Sleep(5 * time.Millisecond) {
		select {
		case err := <-paused:
			t.Fatalf("SetPaused returned (%v) while an intent was being stored", err)
		default:
		}
		if _, err := all[1].row(context.Background(), `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = ?
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, []any{int64(pauseLock)}, &waiting); err != nil || time.Now().After(deadline) {
			t.Fatalf("nobody waits for the lock: %v", err)
		}
	}
	commitNow()
	if err := errors.Join(<-stored, <-paused); err != nil {
		t.Error(err)
	}
}
