package store

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// heldUp makes a transition on a node and commits it when it is told to, or the test ends.
type heldUp struct {
	commit func()
	stored chan error
}

func (s *Store) heldUp(t *testing.T, made queue.Transition) heldUp {
	t.Helper()
	made = made.Kept()
	values, err := valuesOf(made)
	if err != nil {
		t.Fatal(err)
	}
	inside, commit := make(chan struct{}), make(chan struct{})
	h := heldUp{sync.OnceFunc(func() { close(commit) }), make(chan error, 1)}
	t.Cleanup(h.commit) // before the stores are closed
	go func() {
		h.stored <- s.write(context.Background(), func(x *txn) error {
			_, err := x.advance(made, values)
			close(inside)
			<-commit
			return err
		})
	}()
	<-inside
	return h
}

// awaitRowLock waits until a transaction waits for a row of another one.
func awaitRowLock(t *testing.T, s *Store) {
	t.Helper()
	waiting := 0
	for deadline := time.Now().Add(patience); waiting == 0; time.Sleep(5 * time.Millisecond) {
		_, err := s.row(context.Background(), `SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
			WHERE locktype = 'transactionid' AND NOT granted AND datname = current_database()`, nil, &waiting)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("nobody waits for a row: %v", err)
		}
	}
}

// leasedOf makes a request of one holder and has a node lease it.
func leasedOf(t *testing.T, s *Store, n int, now time.Time) queue.Request {
	t.Helper()
	ctx := context.Background()
	r, err := accept(s, n)
	if err == nil {
		_, err = s.Resolve(ctx, r.ID, address.GUID{1, 1}, nil, now)
	}
	if err != nil {
		t.Fatal(err)
	}
	leased, err := s.Claim(ctx, "x", now, time.Hour, 1)
	if err != nil || len(leased) != 1 {
		t.Fatalf("leased %d: %v", len(leased), err)
	}
	return leased[0]
}

func toWritten(r queue.Request, now time.Time, change address.Change) queue.Transition {
	made := queue.Transition{ID: r.ID, From: queue.Writing, To: queue.Written, Owner: r.Owner, Now: now, What: "written",
		Receipt: &ldapwriter.Receipt{DC: "dc", Change: change, At: now}, Expectation: &cloudcheck.Expectation{}}
	for _, a := range change.Addresses() {
		made.Supersedes = append(made.Supersedes, a.Key())
	}
	return made
}

// A receipt is taken, whatever other nodes find out meanwhile of the requests that it supersedes.
func TestSupersedeBesideVerdicts(t *testing.T) {
	t.Parallel()
	all, now := nodes(t, onPostgres(), 3), time.Now()
	ctx := context.Background()
	var old []queue.Request
	for n, a := range []address.Proxy{"smtp:a@contoso.test", "smtp:b@contoso.test"} {
		r := leasedOf(t, all[0], n, now)
		if _, err := all[0].Advance(ctx, toWritten(r, now, address.Change{Add: address.Set{a}})); err != nil {
			t.Fatal(err)
		}
		old = append(old, r)
	}
	by := leasedOf(t, all[0], 2, now)
	first := all[1].heldUp(t, queue.Transition{ID: old[0].ID, From: queue.Written, To: queue.Verified, Now: now, What: "verdict"})
	second := all[2].heldUp(t, queue.Transition{ID: old[1].ID, From: queue.Written, To: queue.Mismatched, Now: now, What: "verdict"})
	stored := make(chan error, 1)
	go func() {
		_, err := all[0].Advance(ctx, toWritten(by, now, address.Change{Delete: address.Set{"smtp:a@contoso.test", "smtp:b@contoso.test"}}))
		stored <- err
	}()
	for _, verdict := range []heldUp{first, second} {
		awaitRowLock(t, all[0])
		verdict.commit()
		if err := <-verdict.stored; err != nil {
			t.Error(err)
		}
	}
	if err := <-stored; err != nil {
		t.Error(err)
	}
	for id, want := range map[queue.RequestID]queue.State{old[0].ID: queue.Verified, old[1].ID: queue.Superseded, by.ID: queue.Written} {
		if got, err := all[0].Get(ctx, id); err != nil || got.State != want {
			t.Errorf("request %d is %s, want %s: %v", got.Seq, got.State, want, err)
		}
	}
}
