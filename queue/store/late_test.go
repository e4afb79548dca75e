package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aliasd/aliasd/queue"
)

// What takes too long is no full disk: it can be tried again. The others of its group do not suffer from it.
func TestTooLate(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, limit := range []string{"lock_timeout", "statement_timeout"} {
		t.Run(limit, func(t *testing.T) {
			t.Parallel()
			all := nodes(t, onPostgres(), 2)
			for _, key := range []string{"taken", "free"} {
				if err := all[0].SetMeta(ctx, key, ""); err != nil {
					t.Fatal(err)
				}
			}
			release := holdMeta(t, all[1], "taken")
			impatient := metaJob("taken")
			update := impatient.do
			impatient.do = func(x *txn) error {
				if _, err := x.exec(`SET LOCAL ` + limit + ` = '100ms'`); err != nil {
					return err
				}
				return update(x)
			}
			group := []*job{metaJob("free"), impatient, metaJob("free")}
			all[0].work.commit(group)
			for i, j := range group {
				if err := all[0].inWords(j.err); (i == 1) != errors.Is(err, queue.ErrStoreAway) || i != 1 && err != nil {
					t.Errorf("write %d gives %v", i, err)
				}
			}
			release()
			if err := all[0].SetMeta(ctx, "taken", "again"); err != nil {
				t.Errorf("when the lock is gone: %v", err)
			}
			if limit == "statement_timeout" {
				all[0].reads.db.SetMaxOpenConns(1)
				if _, err := all[0].reads.db.Exec(`SET statement_timeout = '100ms'`); err != nil {
					t.Fatal(err)
				}
				if _, err := all[0].row(ctx, `SELECT 1 FROM pg_sleep(20)`, nil, new(int)); !errors.Is(err, queue.ErrStoreAway) {
					t.Errorf("a read that takes too long gives %v", err)
				}
			}
		})
	}
}

// Where a group waits in vain for the end of the log, its writes do not wait again, one after the other.
func TestTooLateForAll(t *testing.T) {
	t.Parallel()
	all := nodes(t, onPostgres(), 2)
	if _, err := all[0].work.statements.db.Exec(`SET lock_timeout = '100ms'`); err != nil {
		t.Fatal(err)
	}
	tx, err := all[1].reads.db.Begin()
	if err == nil {
		_, err = tx.Exec(`SELECT pg_advisory_xact_lock($1, $2)`, lockSpace, int(chainLock))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	runs := 0
	var group []*job
	for range 3 {
		group = append(group, &job{ctx: context.Background(), done: make(chan struct{}), do: func(x *txn) error {
			runs++
			return x.log(queue.Transition{ID: "x", Now: time.Now(), What: "test"})
		}})
	}
	all[0].work.commit(group)
	for _, j := range group {
		if err := all[0].inWords(j.err); !errors.Is(err, queue.ErrStoreAway) {
			t.Errorf("got %v", err)
		}
	}
	if runs != len(group) {
		t.Errorf("%d writes ran %d times", len(group), runs)
	}
}

// metaJob is a write that has to have one row to itself.
func metaJob(key string) *job {
	return &job{ctx: context.Background(), done: make(chan struct{}), do: func(x *txn) error {
		_, err := x.exec(`UPDATE meta SET value = value || 'x' WHERE key = ?`, key)
		return err
	}}
}

// holdMeta keeps a row locked until it is released, or the test ends.
func holdMeta(t *testing.T, s *Store, key string) (release func()) {
	t.Helper()
	tx, err := s.reads.db.Begin()
	if err == nil {
		_, err = tx.Exec(`SELECT 1 FROM meta WHERE key = $1 FOR UPDATE`, key)
	}
	if err != nil {
		t.Fatal(err)
	}
	release = func() { _ = tx.Rollback() } // twice is harmless
	t.Cleanup(release)
	return release
}
