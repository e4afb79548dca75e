package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/queue"
)

// The states stand in the code and in the CHECK: both list the same.
func TestCheckListsTheStates(t *testing.T) {
	t.Parallel()
	for d, query := range map[string]string{
		"sqlite": `SELECT sql FROM sqlite_master WHERE name = 'requests'`,
		"postgres": `SELECT 'DEFAULT ''accepted'' CHECK (state IN (' || pg_get_constraintdef(oid) || '))' FROM pg_constraint
			WHERE conname = 'requests_state_check'`,
	} {
		t.Run(d, func(t *testing.T) {
			t.Parallel()
			s := map[string]func() database{"sqlite": onSQLite, "postgres": onPostgres}[d]().fresh(t)
			var table string
			if _, err := s.row(context.Background(), query, nil, &table); err != nil {
				t.Fatal(err)
			}
			check := regexp.MustCompile(`(?s)DEFAULT 'accepted' CHECK \(state IN \((.*?)\)\)`).FindStringSubmatch(table)
			if check == nil {
				t.Fatalf("no CHECK of the states in\n%s", table)
			}
			var listed []queue.State
			for _, quoted := range regexp.MustCompile(`'(\w+)'`).FindAllStringSubmatch(check[1], -1) {
				listed = append(listed, queue.State(quoted[1]))
			}
			if !slices.Equal(listed, queue.States()) {
				t.Errorf("the CHECK lists %v, the code %v", listed, queue.States())
			}
		})
	}
}

// The ways out of the states stand in the code and in the database: both let the same pass, whatever asks.
func TestDatabaseKnowsTheWays(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) { databaseKnowsTheWays(t, d.fresh(t)) })
}

func databaseKnowsTheWays(t *testing.T, s *Store) {
	for _, from := range queue.States() {
		for _, to := range append(queue.States(), "nonsense") {
			err := force(s, from, to)
			if allowed := from == to || from.CanGo(to); allowed != (err == nil) {
				t.Errorf("from %s to %s: the code says %v, the database %v", from, to, allowed, err)
			}
		}
	}
}

// force puts a request into a state and moves it on, by bare SQL.
func force(s *Store, from, to queue.State) error {
	const seq = 1
	err := s.write(context.Background(), func(t *txn) error {
		insert := `INSERT INTO requests (seq, id, holder, holder_key, action, address, address_key, undoes, ticket, requester, note, allow,
			submitted_by, digest, created_at, updated_at, object, receipt, state, lease_until)
			VALUES (?, 'forced', '', '', '', '', '', '', '', '', '', '[]', '', '', 1, 1, 'o', '{}', ?, ?)`
		if _, err := t.exec(insert, seq, from, leased(from)); err != nil {
			return fmt.Errorf("a request in %s cannot be: %w", from, err)
		}
		if _, err := t.exec(`UPDATE requests SET state = ?, lease_until = ?`, to, leased(to)); err != nil {
			return err
		}
		return errTaken // and nothing of it stays
	})
	if errors.Is(err, errTaken) {
		return nil
	}
	return err
}

// errTaken: the database took it.
var errTaken = errors.New("taken")

func leased(s queue.State) int {
	if s == queue.Writing {
		return 1
	}
	return 0
}

// What cannot be true cannot be stored, not even by bare SQL.
func TestDatabaseRefusesTheImpossible(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) { databaseRefusesTheImpossible(t, d.fresh(t)) })
}

func databaseRefusesTheImpossible(t *testing.T, s *Store) {
	if _, err := accept(s, 1); err != nil {
		t.Fatal(err)
	}
	statements := []string{
		`UPDATE requests SET lease_until = 1`,
		`UPDATE requests SET state = 'queued'`,
		`UPDATE requests SET state = 'accepted', object = NULL`,
		`INSERT INTO claims (address, kind, seq) VALUES ('a', 'take', 999)`,
		`INSERT INTO claims (address, kind, seq) VALUES ('a', 'keep', 1)`,
		`UPDATE events SET hash = ''`,
		`DELETE FROM events`,
		`INSERT INTO pause (id, paused_at, paused_by) VALUES (2, 1, '')`,
	}
	if s.dialect.name == "postgres" {
		statements = append(statements, `TRUNCATE events`)
	}
	for _, statement := range statements {
		err := s.write(context.Background(), func(t *txn) error {
			_, err := t.exec(statement)
			return err
		})
		if err == nil {
			t.Errorf("%s was taken", statement)
		}
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "queue.db")
	s := opened(t, path)
	if _, err := s.work.statements.db.Exec(`PRAGMA user_version = 99`); err != nil {
		t.Fatal(err)
	}
	_, err := Open(context.Background(), path)
	if err == nil || !strings.Contains(err.Error(), "version 99") || !strings.Contains(err.Error(), "newer aliasd") {
		t.Errorf("got %v", err)
	}
}

func TestNewerSchemaIsRefusedByPostgres(t *testing.T) {
	t.Parallel()
	url := lab.database(t)
	if _, err := openedPostgres(t, url).work.statements.db.Exec(`UPDATE aliasd_schema SET version = 99`); err != nil {
		t.Fatal(err)
	}
	_, err := OpenPostgres(context.Background(), url)
	if err == nil || !strings.Contains(err.Error(), "version 99") || !strings.Contains(err.Error(), "newer aliasd") {
		t.Errorf("got %v", err)
	}
}

// Both databases have the same steps, by the same names.
func TestStepsOfBothDatabases(t *testing.T) {
	t.Parallel()
	var names [2][]string
	for i, d := range []*dialect{sqlite(), postgres()} {
		steps, err := fs.Glob(migrations, "migrations/"+d.name+"/*.sql")
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range steps {
			names[i] = append(names[i], filepath.Base(step))
		}
	}
	if !slices.Equal(names[0], names[1]) || len(names[0]) == 0 {
		t.Errorf("SQLite has %v, PostgreSQL %v", names[0], names[1])
	}
}

// Opening again finds everything; the steps of the schema are made once.
func TestOpenAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "queue.db")
	first := opened(t, path)
	r, err := accept(first, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again := opened(t, path)
	if got, err := again.Get(context.Background(), r.ID); err != nil || got.Seq != r.Seq {
		t.Fatalf("got %+v: %v", got, err)
	}
	var version int
	steps, err := fs.Glob(migrations, "migrations/sqlite/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.row(context.Background(), `PRAGMA user_version`, nil, &version); err != nil || version != len(steps) {
		t.Errorf("the schema has version %d of %d: %v", version, len(steps), err)
	}
	for i, step := range steps {
		if !strings.HasPrefix(filepath.Base(step), fmt.Sprintf("%04d_", i+1)) {
			t.Errorf("step %d is called %s", i+1, step)
		}
	}
}

// A store that does not exist yet is made, also by a command that leaves those of earlier versions as they are.
func TestAsItIsMakesANewStore(t *testing.T) {
	t.Parallel()
	s, err := Open(context.Background(), filepath.Join(t.TempDir(), "new.db"), AsItIs())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A step that fails leaves the schema as it was.
func TestFailedMigrationLeavesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "queue.db")
	db, err := connect(path, 1, "query_only(0)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE meta (taken TEXT)`); err != nil { // the last table of the first step
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), path); err == nil || !strings.Contains(err.Error(), "0001_") {
		t.Fatalf("got %v", err)
	}
	var tables, version int
	if err := db.QueryRow(`SELECT count(*) FROM sqlite_master WHERE type = 'table'`).Scan(&tables); err != nil || tables != 1 {
		t.Errorf("%d tables are there: %v", tables, err)
	}
	if err := db.QueryRow(`PRAGMA user_version`).Scan(&version); err != nil || version != 0 {
		t.Errorf("the version is %d: %v", version, err)
	}
}
