package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) { storetest.Run(t, d.brief) })
}

func TestNodes(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) {
		storetest.Nodes(t, d.place, func(t testing.TB, place string) queue.Store { return d.open(t, place) })
	})
}

// fresh opens a store of its own until the test ends.
func fresh(t testing.TB) *Store {
	t.Helper()
	return opened(t, emptyFile(t))
}

// opened opens a store until the test ends.
func opened(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// accept stores a submission that is like no other.
func accept(s *Store, n int) (queue.Request, error) {
	r, _, err := s.Accept(context.Background(), submission(int64(n)), queue.Idempotency{}, time.Now())
	return r, err
}

// accepted counts what is in a store.
func accepted(t *testing.T, s *Store) int {
	t.Helper()
	stats, err := s.Stats(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return stats.ByState[queue.Accepted]
}

// intact stops the test where the event log does not hold.
func intact(t *testing.T, s *Store) {
	t.Helper()
	if broken, err := s.VerifyChain(context.Background()); broken != 0 || err != nil {
		t.Fatalf("the event log is broken at %d: %v", broken, err)
	}
}

func TestFilesBelongToTheirOwner(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps rights in the folder's DACL")
	}
	path := filepath.Join(t.TempDir(), "queue.db")
	s := opened(t, path)
	if _, err := accept(s, 1); err != nil {
		t.Fatal(err)
	}
	for _, companion := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + companion)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %v", info.Name(), mode)
		}
	}
}

func TestOddPaths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a b", "100%41", "q?mode=memory", "x#y", "Ö&=+;'"} {
		if runtime.GOOS == "windows" && strings.ContainsAny(name, "?") {
			continue
		}
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := accept(opened(t, filepath.Join(dir, name)), 1); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%q was not used: %v", name, err)
		}
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Open(context.Background(), filepath.Join(dir, "missing", "queue.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing folder gives %v", err)
	}
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte(strings.Repeat("this is no database ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), other); err == nil || !strings.Contains(err.Error(), other) {
		t.Errorf("another file gives %v", err)
	}
	if _, err := Open(context.Background(), dir); err == nil {
		t.Error("a folder was opened")
	}
}

// A machine that crashes must not lose a commit: every connection has to have been told so.
func TestEveryConnectionIsSet(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	ctx := context.Background()
	for range readers {
		reading, err := s.reads.db.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer reading.Close()
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "busy_timeout": "10000", "foreign_keys": "1", "query_only": "1"} {
			var got string
			if err := reading.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %s, want %s: %v", pragma, got, want, err)
			}
		}
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "busy_timeout": "10000", "foreign_keys": "1", "query_only": "0"} {
		var got string
		if err := s.work.statements.db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("the writer's %s is %s, want %s: %v", pragma, got, want, err)
		}
	}
}

func TestCloseTwice(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) { closeTwice(t, d.fresh(t)) })
}

func closeTwice(t *testing.T, s *Store) {
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := accept(s, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("a write gives %v", err)
	}
	if _, err := s.Get(context.Background(), "x"); !errors.Is(err, ErrClosed) {
		t.Errorf("a read gives %v", err)
	}
}

// What was acknowledged while the store was being closed is there; what was not, has an error.
func TestCloseUnderLoad(t *testing.T) {
	t.Parallel()
	eachDatabase(t, closeUnderLoad)
}

func closeUnderLoad(t *testing.T, d database) {
	place := d.place(t)
	s := d.open(t, place)
	var lock sync.Mutex
	var acknowledged []queue.RequestID
	begun := make(chan struct{})
	var running sync.WaitGroup
	for caller := range 8 {
		running.Go(func() {
			for n := 0; ; n++ {
				r, err := accept(s, caller*1_000_000+n)
				if err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
					return
				}
				lock.Lock()
				if acknowledged = append(acknowledged, r.ID); len(acknowledged) == 50 {
					close(begun)
				}
				lock.Unlock()
			}
		})
	}
	<-begun
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	running.Wait()
	again := d.open(t, place)
	for _, id := range acknowledged {
		if _, err := again.Get(context.Background(), id); err != nil {
			t.Fatal(err)
		}
	}
	if n := accepted(t, again); n != len(acknowledged) {
		t.Fatalf("%d requests are there, %d were acknowledged", n, len(acknowledged))
	}
	intact(t, again)
}

// The command line works on the store beside the daemon.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	eachDatabase(t, twoProcesses)
}

func twoProcesses(t *testing.T, d database) {
	place := d.place(t)
	var both [2]*Store
	var opening sync.WaitGroup
	for i := range both {
		opening.Go(func() {
			s, err := openAt(context.Background(), place)
			if err != nil {
				t.Error(err)
			}
			both[i] = s
		})
	}
	opening.Wait()
	if t.Failed() {
		return
	}
	const each = 40
	var writing sync.WaitGroup
	for i, s := range both {
		defer s.Close()
		for n := range each {
			writing.Go(func() {
				if _, err := accept(s, i*each+n); err != nil {
					t.Error(err)
				}
			})
		}
	}
	writing.Wait()
	if n := accepted(t, both[0]); n != 2*each {
		t.Errorf("%d requests are there, want %d", n, 2*each)
	}
	intact(t, both[1])
}

func TestReadIsStopped(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) { readIsStopped(t, d.fresh(t)) })
}

func readIsStopped(t *testing.T, s *Store) {
	ctx, end := context.WithCancel(context.Background())
	end()
	_, getErr := s.Get(ctx, "x")
	_, _, listErr := s.List(ctx, queue.Filter{})
	_, statsErr := s.Stats(ctx)
	_, verifyErr := s.VerifyChain(ctx)
	for _, err := range []error{getErr, listErr, statsErr, verifyErr} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

func TestKeysArePurged(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) { keysArePurged(t, d.fresh(t)) })
}

func keysArePurged(t *testing.T, s *Store) {
	now := time.Now()
	for n := range 3 {
		if _, _, err := s.Accept(context.Background(), submission(int64(n)), queue.Idempotency{Key: fmt.Sprint(n)}, now.Add(time.Duration(n)*keyKept)); err != nil {
			t.Fatal(err)
		}
	}
	var left []string
	err := s.rows(context.Background(), `SELECT key FROM idempotency_keys`, nil, func(row *sql.Rows) error {
		var key string
		err := row.Scan(&key)
		left = append(left, key)
		return err
	})
	if err != nil || !slices.Equal(left, []string{"2"}) {
		t.Errorf("keys %v are left: %v", left, err)
	}
}
