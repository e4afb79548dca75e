package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
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

// TestCapsAcrossNodes: eight workers on four nodes spend what the caps allow, and not one more.
func TestCapsAcrossNodes(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) {
		const limit, workers = 13, 8
		for name, caps := range map[string]queue.Caps{"writes": {Writes: limit}, "removals": {Removals: limit}} {
			t.Run(name, func(t *testing.T) {
				all, now := nodes(t, d, 4), time.Now()
				requests := leasedBy(t, all[0], 64, now)
				var spent atomic.Int32
				var working sync.WaitGroup
				for w := range workers {
					working.Go(func() {
						for i := w; i < len(requests); i += workers {
							switch _, err := all[w%len(all)].Advance(context.Background(), intentOf(requests[i], now, caps)); {
							case err == nil:
								spent.Add(1)
							case !errors.Is(err, queue.ErrOverCap):
								t.Error(err)
							}
						}
					})
				}
				working.Wait()
				used, err := all[3].Used(context.Background(), now)
				if err != nil || spent.Load() != limit || used.Writes != limit || used.Removals != limit {
					t.Errorf("%d passed a cap of %d, %+v is counted: %v", spent.Load(), limit, used, err)
				}
			})
		}
	})
}

// TestPauseAcrossNodes: what a node stores after another's SetPaused has returned is no intent, however close it was.
func TestPauseAcrossNodes(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) {
		all, now := nodes(t, d, 3), time.Now()
		requests := leasedBy(t, all[0], 90, now)
		var stored, refused atomic.Int32
		var atPause int
		tenth := make(chan struct{})
		var working sync.WaitGroup
		for n, node := range all[1:] {
			working.Go(func() {
				for i := n; i < len(requests); i += 2 {
					switch _, err := node.Advance(context.Background(), intentOf(requests[i], now, queue.Caps{})); {
					case err == nil:
						if stored.Add(1) == 10 {
							close(tenth)
						}
					case errors.Is(err, queue.ErrPaused):
						refused.Add(1)
					default:
						t.Error(err)
					}
				}
			})
		}
		working.Go(func() {
			select {
			case <-tenth:
			case <-time.After(30 * time.Second):
				t.Error("ten intents are not stored in time")
			}
			if err := all[0].SetPaused(context.Background(), true, "admin", now); err != nil {
				t.Error(err)
			}
			stats, err := all[0].Stats(context.Background())
			if err != nil {
				t.Error(err)
			}
			atPause = stats.InFlight
		})
		working.Wait()
		if int(stored.Load()) != atPause || stored.Load()+refused.Load() != 90 || refused.Load() == 0 {
			t.Errorf("%d intents stand, %d stood when the pause had returned, %d were refused", stored.Load(), atPause, refused.Load())
		}
	})
}

// TestSlotsAcrossNodes: no two nodes get the same slot.
func TestSlotsAcrossNodes(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) {
		all, now := nodes(t, d, 3), queue.Instant(time.Now())
		var lock sync.Mutex
		var got []time.Time
		var working sync.WaitGroup
		for _, node := range all {
			working.Go(func() {
				for range 20 {
					at, ok, err := node.Slot(context.Background(), now, time.Second, time.Hour)
					if err != nil || !ok {
						t.Errorf("no slot: %v, %v", ok, err)
					}
					lock.Lock()
					got = append(got, at)
					lock.Unlock()
				}
			})
		}
		working.Wait()
		slices.SortFunc(got, time.Time.Compare)
		for i, at := range got {
			if want := now.Add(time.Duration(i) * time.Second); !at.Equal(want) {
				t.Fatalf("slot %d is %s, want %s", i, at, want)
			}
		}
	})
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
	for deadline := time.Now().Add(30 * time.Second); waiting == 0; time.Sleep(5 * time.Millisecond) {
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
