package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	pglab "github.com/aliasd/aliasd/lab/postgres"
	"github.com/aliasd/aliasd/queue"
)

// database is one of the two that stores stand in.
type database struct {
	name string
	// place makes room for a store: a path, or a URL.
	place func(t testing.TB) string
	// open opens the store at a place until the test ends.
	open func(t testing.TB, place string) *Store
	// brief makes a store that may be closed before the test ends, and is then done with.
	brief func(t *testing.T) queue.Store
}

// fresh opens a store of its own until the test ends.
func (d database) fresh(t testing.TB) *Store {
	t.Helper()
	return d.open(t, d.place(t))
}

func onSQLite() database {
	place := func(t testing.TB) string { return filepath.Join(t.TempDir(), "queue.db") }
	return database{"sqlite", place, opened, func(t *testing.T) queue.Store { return opened(t, place(t)) }}
}

func onPostgres() database {
	return database{"postgres", lab.place, openedPostgres, func(t *testing.T) queue.Store {
		url, back := lab.lend(t)
		s := &lent{openedPostgres(t, url), back}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}}
}

// eachDatabase runs a test on both databases.
func eachDatabase(t *testing.T, test func(t *testing.T, d database)) {
	for _, d := range []database{onSQLite(), onPostgres()} {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			test(t, d)
		})
	}
}

func openedPostgres(t testing.TB, url string) *Store {
	t.Helper()
	s, err := OpenPostgres(context.Background(), url)
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

// server is a PostgreSQL that all tests share, each with databases of its own. The first that needs it starts it.
type server struct {
	mu       sync.Mutex
	running  *pglab.Server
	template string   // a database whose schema is made
	free     []string // databases that nobody uses just now, emptied
}

// lab is the one server; TestMain stops it.
var lab server

// need starts the server where it does not run yet. Where it cannot, the test is skipped aloud; continuous integration may not
// skip.
func (l *server) need(t testing.TB) *pglab.Server {
	t.Helper()
	if missing := pglab.Missing(); missing != nil {
		if os.Getenv("ALIASD_TEST_STRICT") != "" {
			t.Fatalf("PostgreSQL is needed here: %v", missing)
		}
		t.Skipf("SKIPPED, PostgreSQL cannot run here: %v", missing)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running == nil {
		if err := l.start(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	return l.running
}

func (l *server) start(ctx context.Context) error {
	running, err := pglab.Start(ctx, pglab.Options{})
	if err != nil {
		return err
	}
	if l.template, err = running.NewDatabase(ctx, ""); err != nil {
		return errors.Join(err, running.Stop())
	}
	s, err := OpenPostgres(ctx, running.URL(l.template))
	if err != nil {
		return errors.Join(err, running.Stop())
	}
	l.running = running
	return s.Close()
}

// database makes an empty database, to be spoilt.
func (l *server) database(t testing.TB) (url string) {
	t.Helper()
	running := l.need(t)
	name, err := running.NewDatabase(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	return running.URL(name)
}

// place makes a database until the test ends, with an empty store in it.
func (l *server) place(t testing.TB) (url string) {
	t.Helper()
	url, back := l.lend(t)
	t.Cleanup(func() {
		if err := back(); err != nil {
			t.Error(err)
		}
	})
	return url
}

// lend gives a database with an empty store in it, to be given back when nobody uses it any more. Giving back twice is
// harmless. Making a database costs more than emptying one.
func (l *server) lend(t testing.TB) (url string, back func() error) {
	t.Helper()
	running := l.need(t)
	l.mu.Lock()
	defer l.mu.Unlock()
	name := ""
	if n := len(l.free); n > 0 {
		name, l.free = l.free[n-1], l.free[:n-1]
	} else {
		var err error
		if name, err = running.NewDatabase(context.Background(), l.template); err != nil {
			t.Fatal(err)
		}
	}
	return running.URL(name), sync.OnceValue(func() error { return l.giveBack(name) })
}

func (l *server) giveBack(name string) error {
	if err := empty(l.running.URL(name)); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free = append(l.free, name)
	return nil
}

// empty removes all rows of a store, past its triggers.
func empty(url string) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	_, err = db.Exec(`SET session_replication_role = replica; DO $$ BEGIN EXECUTE (SELECT 'TRUNCATE ' || string_agg(tablename, ', ') ||
		' RESTART IDENTITY' FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'aliasd_schema'); END $$`)
	return errors.Join(err, db.Close())
}

// lent is a store that gives its database back when it is closed.
type lent struct {
	*Store
	back func() error
}

func (l *lent) Close() error { return errors.Join(l.Store.Close(), l.back()) }

func (l *server) stop() error {
	if l.running == nil {
		return nil
	}
	return l.running.Stop()
}
