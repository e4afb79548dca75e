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
	return database{"sqlite", emptyFile, opened, func(t *testing.T) queue.Store { return fresh(t) }}
}

func onPostgres() database {
	return database{"postgres", lab.place, openedPostgres, func(t *testing.T) queue.Store { return lab.lendStore(t) }}
}

// madeFile is the content of a SQLite file with an empty store: to make the schema costs more than most tests.
var madeFile = sync.OnceValues(func() (content []byte, err error) {
	dir, err := os.MkdirTemp("", "aliasd-store-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "queue.db")
	s, err := Open(context.Background(), path)
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// emptyFile makes a SQLite file with an empty store until the test ends.
func emptyFile(t testing.TB) (path string) {
	t.Helper()
	content, err := madeFile()
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "queue.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
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
	template string      // a database whose schema is made
	free     []*borrowed // what nobody uses just now, emptied
	stores   []*borrowed // the same, each with its store open
}

// borrowed is a database that tests use one after the other.
type borrowed struct {
	url string
	// admin is one connection: a new one costs more than to empty the database.
	admin *sql.DB
	// store is the store in it, where it stays open.
	store *Store
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
	b := l.lend(t)
	t.Cleanup(func() {
		if err := b.empty(); err != nil {
			t.Error(err)
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.free = append(l.free, b)
	})
	return b.url
}

// lend gives a database with an empty store in it. Making one costs more than emptying one.
func (l *server) lend(t testing.TB) *borrowed {
	t.Helper()
	running := l.need(t)
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.free); n > 0 {
		b := l.free[n-1]
		l.free = l.free[:n-1]
		return b
	}
	name, err := running.NewDatabase(context.Background(), l.template)
	if err != nil {
		t.Fatal(err)
	}
	b := &borrowed{url: running.URL(name)}
	if b.admin, err = sql.Open("pgx", b.url); err != nil {
		t.Fatal(err)
	}
	b.admin.SetMaxOpenConns(1)
	return b
}

// empty removes all rows of a store, past its triggers. There are few: TRUNCATE, which makes every table anew, takes longer.
func (b *borrowed) empty() error {
	_, err := b.admin.Exec(`DO $$ DECLARE r record; BEGIN
		PERFORM set_config('session_replication_role', 'replica', true);
		FOR r IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'aliasd_schema' LOOP
			EXECUTE format('DELETE FROM %I', r.tablename);
		END LOOP;
		FOR r IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' LOOP
			PERFORM setval(CAST(quote_ident(r.sequencename) AS regclass), 1, false);
		END LOOP; END $$`)
	return err
}

// lendStore gives an empty store that is open already where one is free. Its Close gives it back.
func (l *server) lendStore(t testing.TB) *lent {
	t.Helper()
	b := l.freeStore()
	if b == nil {
		b = l.lend(t)
		var err error
		if b.store, err = OpenPostgres(context.Background(), b.url); err != nil {
			t.Fatal(err)
		}
	}
	s := &lent{b.store, sync.OnceValue(func() error {
		if err := b.empty(); err != nil {
			return err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.stores = append(l.stores, b)
		return nil
	})}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// freeStore takes a store that nobody uses just now; nil where there is none.
func (l *server) freeStore() *borrowed {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.stores)
	if n == 0 {
		return nil
	}
	b := l.stores[n-1]
	l.stores = l.stores[:n-1]
	return b
}

// lent is a store that is given back, emptied, when it is closed. Closing twice is harmless.
type lent struct {
	*Store
	back func() error
}

func (s *lent) Close() error { return s.back() }

func (l *server) stop() error {
	if l.running == nil {
		return nil
	}
	var errs []error
	for _, b := range l.stores {
		errs = append(errs, b.store.Close())
	}
	for _, b := range append(l.stores, l.free...) {
		errs = append(errs, b.admin.Close())
	}
	return errors.Join(append(errs, l.running.Stop())...)
}
