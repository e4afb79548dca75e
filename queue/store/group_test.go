package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliasd/aliasd/queue"
)

var errOwn = errors.New("its own fault")

// jobsFor makes jobs that each append a note, by the names of the notes; spoil may do something else after that.
func jobsFor(spoil map[string]func(*txn) error, names ...string) []*job {
	var group []*job
	for _, name := range names {
		group = append(group, &job{ctx: context.Background(), done: make(chan struct{}), do: func(t *txn) error {
			if _, err := t.exec(`INSERT INTO meta (key, value) VALUES (?, '')`, name); err != nil {
				return err
			}
			if spoil[name] != nil {
				return spoil[name](t)
			}
			return nil
		}})
	}
	return group
}

func noted(t *testing.T, s *Store) (names string) {
	t.Helper()
	err := s.rows(context.Background(), `SELECT key FROM meta ORDER BY key`, nil, func(row *sql.Rows) error {
		var key string
		err := row.Scan(&key)
		names += key
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestGroup(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		spoil func(*txn) error
		fault error
	}{
		"one that fails is undone alone": {func(*txn) error { return errOwn }, errOwn},
		"one that breaks the transaction is left out": {func(t *txn) error {
			_, err := t.exec("ROLLBACK")
			return errors.Join(errOwn, err)
		}, errOwn},
		"one that a constraint stops is undone alone": {func(t *txn) error {
			_, err := t.exec(`INSERT INTO meta (key, value) VALUES ('b', '')`)
			return errors.Join(err, wrapped(err))
		}, errOwn},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachDatabase(t, func(t *testing.T, d database) { groupWithout(t, d.fresh(t), c.spoil, c.fault) })
		})
	}
}

// groupWithout commits a group of which one is left out for its fault.
func groupWithout(t *testing.T, s *Store, spoil func(*txn) error, fault error) {
	group := jobsFor(map[string]func(*txn) error{"b": spoil}, "a", "b", "c", "d")
	s.work.commit(group)
	for i, j := range group {
		if own := i == 1; own != (j.err != nil) || own && !errors.Is(j.err, fault) {
			t.Errorf("write %d got %v", i, j.err)
		}
	}
	if got := noted(t, s); got != "acd" {
		t.Errorf("stored is %q", got)
	}
	if _, err := accept(s, 1); err != nil {
		t.Errorf("the next write: %v", err)
	}
}

func wrapped(err error) error {
	if err == nil {
		return nil
	}
	return errOwn
}

// A caller who has gone away before its turn gets nothing stored.
func TestGroupLeavesOutWhoIsGone(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) { groupLeavesOutWhoIsGone(t, d.fresh(t)) })
}

func groupLeavesOutWhoIsGone(t *testing.T, s *Store) {
	gone, end := context.WithCancel(context.Background())
	end()
	group := jobsFor(nil, "a", "b", "c")
	group[1].ctx = gone
	s.work.commit(group)
	if !errors.Is(group[1].err, context.Canceled) || noted(t, s) != "ac" {
		t.Errorf("stored is %q, the caller got %v", noted(t, s), group[1].err)
	}
}

// A failed write takes back what it wrote to the event log; the next goes on from there.
func TestGroupKeepsTheChain(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) { groupKeepsTheChain(t, d.fresh(t)) })
}

func groupKeepsTheChain(t *testing.T, s *Store) {
	logOne := func(id queue.RequestID) func(*txn) error {
		return func(t *txn) error { return t.log(queue.Transition{ID: id, To: queue.Accepted, Now: time.Now()}) }
	}
	group := jobsFor(map[string]func(*txn) error{
		"a": logOne("a"),
		"b": func(t *txn) error { return errors.Join(logOne("b")(t), errOwn) },
		"c": logOne("c"),
	}, "a", "b", "c")
	s.work.commit(group)
	intact(t, s)
	ids := ""
	err := s.rows(context.Background(), `SELECT request_id FROM events ORDER BY id`, nil, func(row *sql.Rows) error {
		var id string
		err := row.Scan(&id)
		ids += id
		return err
	})
	if err != nil || ids != "ac" {
		t.Errorf("the log has %q: %v", ids, err)
	}
}

// A commit that fails is told to everybody in the group: nobody is told that something is stored which is not.
func TestCommitFails(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	deferred := func(t *txn) error {
		_, err := t.exec(`PRAGMA defer_foreign_keys = 1`)
		if err == nil {
			_, err = t.exec(`INSERT INTO claims (address, kind, seq) VALUES ('a', 'take', 12345)`)
		}
		return err
	}
	group := jobsFor(map[string]func(*txn) error{"b": deferred}, "a", "b", "c")
	s.work.commit(group)
	for i, j := range group {
		if j.err == nil {
			t.Errorf("write %d was acknowledged", i)
		}
	}
	if got := noted(t, s); got != "" {
		t.Errorf("stored is %q", got)
	}
	if _, err := accept(s, 1); err != nil {
		t.Errorf("the next write: %v", err)
	}
}

// A disk that is full: what was accepted stays, what was not has ErrStoreFull, and as soon as there is room it goes on.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	var pages int
	if err := s.work.statements.db.QueryRow(`PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	set(t, s, fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+20))
	var lock sync.Mutex
	acknowledged, refused := 0, 0
	var running sync.WaitGroup
	for caller := range 8 {
		running.Go(func() {
			for n := range 40 {
				_, err := accept(s, caller*1000+n)
				lock.Lock()
				if err == nil {
					acknowledged++
				} else if refused++; !errors.Is(err, queue.ErrStoreFull) {
					t.Error(err)
				}
				lock.Unlock()
			}
		})
	}
	running.Wait()
	if acknowledged == 0 || refused == 0 {
		t.Fatalf("%d were accepted, %d refused", acknowledged, refused)
	}
	if n := accepted(t, s); n != acknowledged {
		t.Errorf("%d requests are there, %d were acknowledged", n, acknowledged)
	}
	intact(t, s)
	set(t, s, `PRAGMA max_page_count = 1000000`)
	if _, err := accept(s, 1_000_000); err != nil {
		t.Errorf("with room again: %v", err)
	}
	intact(t, s)
}

func set(t *testing.T, s *Store, pragma string) {
	t.Helper()
	if _, err := s.work.statements.db.Exec(pragma); err != nil {
		t.Fatal(err)
	}
}

// A database that cannot be written refuses writes with ErrStoreFull, and is read as before.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	r, err := accept(s, 1)
	if err != nil {
		t.Fatal(err)
	}
	set(t, s, `PRAGMA query_only = 1`)
	_, acceptErr := accept(s, 2)
	_, advanceErr := s.Advance(context.Background(), queue.Transition{ID: r.ID, From: queue.Accepted, To: queue.Cancelled, Now: time.Now()})
	for _, err := range []error{acceptErr, advanceErr, s.SetMeta(context.Background(), "k", "v"), s.SetPaused(context.Background(), true, "x", time.Now())} {
		if !errors.Is(err, queue.ErrStoreFull) {
			t.Errorf("got %v", err)
		}
	}
	if got, err := s.Get(context.Background(), r.ID); err != nil || got.State != queue.Accepted {
		t.Errorf("read %+v: %v", got, err)
	}
	set(t, s, `PRAGMA query_only = 0`)
	if _, err := accept(s, 2); err != nil {
		t.Errorf("writable again: %v", err)
	}
}

// A file that another process keeps locked is no full disk: it is waited for, and can be tried again. Nothing hangs.
func TestLocked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "queue.db")
	s := opened(t, path)
	set(t, s, `PRAGMA busy_timeout = 20`)
	other, err := connect(path, 1, "query_only(0)")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := accept(s, 1); !errors.Is(err, queue.ErrStoreAway) || !strings.Contains(err.Error(), "locked") {
		t.Errorf("got %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := accept(s, 1); err != nil {
		t.Error(err)
	}
}
