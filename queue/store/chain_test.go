package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// logOf makes a store with n events and gives its file, closed.
func logOf(t *testing.T, n int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "queue.db")
	s := opened(t, path)
	const some = 50 // in a transaction, which may not take longer than groupLimit
	for begin := 0; begin < n; begin += some {
		err := s.write(context.Background(), func(t *txn) error {
			for i := begin; i < min(begin+some, n); i++ {
				sub := submission(int64(i))
				if _, _, err := t.accept(acceptance{Submission: sub, digest: sub.Digest()}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// tampered opens a copy of a store whose log was changed behind its back.
func tampered(t *testing.T, path string, statements []string) *Store {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	twin := filepath.Join(t.TempDir(), "queue.db")
	if err := os.WriteFile(twin, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s := opened(t, twin)
	tamper(t, s, statements...)
	return s
}

func TestVerifyChain(t *testing.T) {
	t.Parallel()
	const n = 1050
	last, path := fmt.Sprint(n), logOf(t, n)
	cases := map[string]struct {
		statements []string
		broken     int64
	}{
		"untouched":             {nil, 0},
		"an entry changed":      {[]string{`UPDATE events SET entry = replace(entry, 'add_alias', 'set_primary') WHERE id = 1020`}, 1020},
		"an entry no JSON":      {[]string{`UPDATE events SET entry = 'x' WHERE id = 3`}, 3},
		"a hash changed":        {[]string{`UPDATE events SET hash = 'x' WHERE id = 7`}, 7},
		"the link changed":      {[]string{`UPDATE events SET prev_hash = 'x' WHERE id = 7`}, 7},
		"another request's":     {[]string{`UPDATE events SET request_id = 'x' WHERE id = 9`}, 9},
		"the first left out":    {[]string{`DELETE FROM events WHERE id = 1`}, 1},
		"one left out":          {[]string{`DELETE FROM events WHERE id = 1001`}, 1001},
		"one left out, closed":  {[]string{`DELETE FROM events WHERE id = 5`, `UPDATE events SET id = id - 1 WHERE id > 5`}, 5},
		"two changed places":    {[]string{`UPDATE events SET id = -1 WHERE id = 4`, `UPDATE events SET id = 4 WHERE id = 5`, `UPDATE events SET id = 5 WHERE id = -1`}, 4},
		"the last changed":      {[]string{`UPDATE events SET entry = entry || ' ' WHERE id = ` + last}, n},
		"one put in":            {[]string{`INSERT INTO events SELECT ` + last + ` + 1, request_id, entry, prev_hash, hash FROM events WHERE id = ` + last}, n + 1},
		"rewritten from one on": {[]string{`UPDATE events SET prev_hash = '', hash = hash WHERE id = 1000`}, 1000},
		"one before the first":  {[]string{`INSERT INTO events SELECT 0, request_id, entry, prev_hash, hash FROM events WHERE id = 1`}, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken, err := tampered(t, path, c.statements).VerifyChain(context.Background())
			if err != nil || broken != c.broken {
				t.Errorf("the chain is broken at %d (%v), want %d", broken, err, c.broken)
			}
		})
	}
}

func TestVerifyEmptyChain(t *testing.T) {
	t.Parallel()
	intact(t, fresh(t))
}

// The walk is the same on PostgreSQL; the triggers keep everybody off the log who may not drop them.
func TestVerifyChainOnPostgres(t *testing.T) {
	t.Parallel()
	s := onPostgres().fresh(t)
	for n := range 5 {
		if _, err := accept(s, n); err != nil {
			t.Fatal(err)
		}
	}
	intact(t, s)
	set(t, s, `SET session_replication_role = replica; UPDATE events SET entry = replace(entry, 'add_alias', 'set_primary') WHERE id = 3`)
	if broken, err := s.VerifyChain(context.Background()); broken != 3 || err != nil {
		t.Errorf("the chain is broken at %d (%v), want 3", broken, err)
	}
}
