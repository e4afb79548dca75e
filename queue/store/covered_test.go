package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
	"github.com/aliasd/aliasd/sqlitefile"
)

// coverage is what the documentation says of each column, by "table.column": whether a change by hand is harmless.
func coverage(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../../docs/eventlog.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## What is covered\n")
	section, _, _ = strings.Cut(section, "\n## ")
	harmless := map[string]bool{}
	quoted := regexp.MustCompile("`([a-z_]+)`")
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (.+?) \\| (.+) \\|$").FindAllStringSubmatch(section, -1) {
		for _, column := range quoted.FindAllStringSubmatch(row[2], -1) {
			name := row[1] + "." + column[1]
			if _, twice := harmless[name]; twice {
				t.Errorf("%s is listed twice", name)
			}
			harmless[name] = strings.HasPrefix(row[3], "harmless")
		}
	}
	return harmless
}

// Each column of each table, changed by hand in every row, is found; or it is one of those that the documentation calls harmless, and is not.
// So a new column cannot be forgotten.
func TestEachColumnIsCovered(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) {
		s := d.fresh(t)
		fill(t, s)
		documented := coverage(t)
		tables, err := names(s.reads.db.Query(s.dialect.tables))
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			rows := contentOf(t, s, table)
			if len(rows.values) == 0 {
				t.Errorf("the store has nothing in %s", table)
			}
			for i, column := range rows.columns {
				harmless, listed := documented[table+"."+column]
				if !listed {
					t.Errorf("%s.%s: docs/eventlog.md does not say how it is covered", table, column)
				}
				delete(documented, table+"."+column)
				forged := rows.forged(i)
				if err := replaceAll(t, s, table, rows, forged, i); err != nil {
					if s.file != "" {
						t.Errorf("%s.%s cannot be changed: %v", table, column, err)
					}
					continue // PostgreSQL does not let anybody past a CHECK
				}
				found := rowsVerified(t, s)
				if err := replaceAll(t, s, table, forged, rows, i); err != nil {
					t.Fatal(err)
				}
				least := 1
				if slices.Contains([]string{"requests", "tokens", "spent", "idempotency_keys"}, table) {
					least = len(rows.values)
				}
				if got := found.Break != nil || found.Odd >= least; got == harmless {
					t.Errorf("%s.%s: harmless %v, and found %v, %d of %d: %v", table, column, harmless, found.Break, found.Odd, len(rows.values), found.Findings)
				}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(documented)) {
			t.Errorf("%s is documented, and is no column", name)
		}
		if found := rowsVerified(t, s); !found.OK() {
			t.Errorf("in the end: %v", found.Err())
		}
	})
}

// rowsVerified is Verify without the schema.
func rowsVerified(t *testing.T, s *Store) (found eventlog.Result) {
	t.Helper()
	err := s.snapshot(context.Background(), func(v *frozen) (err error) {
		walk := &walking{frozen: v, walker: eventlog.NewWalker(eventlog.Anchor{}, nil), stories: eventlog.NewStories()}
		found, err = walk.run()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// tableContent is all that is in a table.
type tableContent struct {
	columns []string
	values  [][]any
}

func contentOf(t *testing.T, s *Store, table string) (all tableContent) {
	t.Helper()
	rows, err := s.work.statements.db.Query(`SELECT * FROM ` + table)
	var read rawRows
	err = every(rows, err, func(row *sql.Rows) error {
		err := read.scan(row)
		all.values = append(all.values, slices.Clone(read.values))
		return err
	})
	if err != nil || read.digest == nil {
		t.Fatalf("%s: %v", table, err)
	}
	all.columns = read.digest.columns
	return all
}

// forged is the same with another value in one column of each row, of a form that the column may have.
func (c tableContent) forged(column int) tableContent {
	other := tableContent{columns: c.columns}
	for _, row := range c.values {
		row = slices.Clone(row)
		switch v := row[column].(type) {
		case nil:
			row[column] = "{}"
		case int64:
			row[column] = v + 1000
		case []byte:
			row[column] = append(bytes.Clone(v), 'x')
		case string:
			row[column] = forgedText(v)
		}
		other.values = append(other.values, row)
	}
	return other
}

func forgedText(was string) string {
	switch {
	case strings.HasPrefix(was, "{") && was != "{}":
		return `{"forged":1,` + was[1:]
	case strings.HasPrefix(was, "["):
		return `["forged"]`
	}
	return was + "x"
}

// replaceAll puts other values into one column of each row, past triggers, foreign keys and, in SQLite, CHECKs.
func replaceAll(t *testing.T, s *Store, table string, is, other tableContent, column int) error {
	t.Helper()
	var same []string
	for _, name := range is.columns {
		same = append(same, name+` IS NOT DISTINCT FROM ?`)
	}
	query := `UPDATE ` + table + ` SET ` + is.columns[column] + ` = ? WHERE ` + strings.Join(same, " AND ")
	return unguarded(t, s, func(tx *sql.Tx) error {
		for i, row := range is.values {
			text, _ := s.dialect.render(query)
			result, err := tx.Exec(text, append([]any{other.values[i][column]}, row...)...)
			if err != nil {
				return err
			}
			if n, err := result.RowsAffected(); n != 1 {
				return fmt.Errorf("%d rows were changed, not one: %w", n, err)
			}
		}
		return nil
	})
}

// unguarded runs do past whatever guards the rows, and leaves the guards as they were.
func unguarded(t *testing.T, s *Store, do func(*sql.Tx) error) error {
	t.Helper()
	off, on := []string{`SET session_replication_role = 'replica'`}, []string{`SET session_replication_role = 'origin'`}
	if s.file != "" {
		off, on = []string{`PRAGMA foreign_keys = 0`, `PRAGMA ignore_check_constraints = 1`}, []string{`PRAGMA foreign_keys = 1`, `PRAGMA ignore_check_constraints = 0`}
		err := s.rows(context.Background(), `SELECT name, sql FROM sqlite_master WHERE type = 'trigger'`, nil, func(row *sql.Rows) error {
			var name, text string
			err := row.Scan(&name, &text)
			off, on = append(off, `DROP TRIGGER `+name), append(on, text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, statement := range off {
		set(t, s, statement)
	}
	err := sqlitefile.InTx(context.Background(), s.work.statements.db, do)
	for _, statement := range on {
		set(t, s, statement)
	}
	return err
}

// tamper runs statements past all that guards the rows.
func tamper(t *testing.T, s *Store, statements ...string) {
	t.Helper()
	err := unguarded(t, s, func(tx *sql.Tx) error {
		for _, statement := range statements {
			if _, err := tx.Exec(statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A row that is taken out by hand, and one that is put in, is found.
func TestEachRowIsCovered(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) {
		for name, statement := range map[string]string{
			"a request taken out":            `DELETE FROM requests WHERE state = 'accepted'`,
			"a claim taken out":              `DELETE FROM claims`,
			"a claim put in":                 `INSERT INTO claims SELECT 'boss@contoso.test', 'take', min(seq) FROM requests`,
			"a claim of no request":          `INSERT INTO claims VALUES ('boss@contoso.test', 'take', 4711)`,
			"a share taken out":              `DELETE FROM spent`,
			"a share put in":                 `INSERT INTO spent SELECT max(seq), 1, 1 FROM requests`,
			"a key taken out":                `DELETE FROM idempotency_keys`,
			"a key put in":                   `INSERT INTO idempotency_keys SELECT 'helpdesk', 'k2', 'd', max(seq), 1 FROM requests`,
			"a second key put in":            `INSERT INTO idempotency_keys SELECT 'helpdesk', 'k2', 'd', seq, 1 FROM idempotency_keys`,
			"a token taken out":              `DELETE FROM tokens WHERE name = 'old'`,
			"a token put in":                 `INSERT INTO tokens (id, name, scopes, hash, created_at) SELECT 99, 'boss', '["admin"]', CAST('x' AS ` + blob(d) + `), 1`,
			"a token in force again":         `UPDATE tokens SET revoked_at = 0 WHERE name = 'old'`,
			"the stop switch taken out":      `DELETE FROM pause`,
			"the newest entry taken out":     `DELETE FROM events WHERE id = (SELECT max(id) FROM events)`,
			"a released request":             `UPDATE requests SET released_by = 'boss' WHERE state = 'accepted'`,
			"a request that is not due":      `UPDATE requests SET not_before = 9000000000000000 WHERE state = 'accepted'`,
			"a request that touched nothing": `UPDATE requests SET touched = '[]' WHERE receipt IS NOT NULL`,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := d.fresh(t)
				lively(t, s)
				wantSound(t, s)
				tamper(t, s, statement)
				if found := rowsVerified(t, s); found.OK() {
					t.Error("nothing was found")
				}
			})
		}
	})
}

func blob(d database) string {
	if d.name == "sqlite" {
		return "BLOB"
	}
	return "BYTEA"
}

// lively fills a store with rows of every kind, of this hour.
func lively(t *testing.T, s *Store) {
	t.Helper()
	ctx, now := context.Background(), time.Now()
	errs := []error{live(s, 1)}
	r, _, err := s.Accept(ctx, submission(2), queue.Idempotency{Key: "k"}, now)
	errs = append(errs, err, spendOf(ctx, s, r.ID, now), writtenOnly(s, 3))
	_, err = accept(s, 4)
	claiming, acceptErr := accept(s, 5)
	_, resolveErr := s.Resolve(ctx, claiming.ID, [16]byte{5}, []queue.Claim{{Address: "x@contoso.test", Kind: queue.Take}}, now)
	errs = append(errs, err, acceptErr, resolveErr, s.CreateToken(ctx, "helpdesk", []string{"read"}, hashOf("secret"), now), s.CreateToken(ctx, "old", nil, hashOf("old"), now),
		s.RevokeToken(ctx, "old", now), s.SetPaused(ctx, true, "root", now))
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Each part of the schema that is dropped, changed or put in by hand is found, and named.
func TestSchemaIsCompared(t *testing.T) {
	t.Parallel()
	s := onSQLite().fresh(t)
	wantSound(t, s)
	parts := map[string]string{} // what drops a part, by its name
	again := map[string]string{}
	err := s.rows(context.Background(), `SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type <> 'table'`, nil, func(row *sql.Rows) error {
		var kind, name, text string
		err := row.Scan(&kind, &name, &text)
		parts[kind+" "+name], again[kind+" "+name] = `DROP `+kind+` `+name, text
		return err
	})
	if err != nil || len(parts) < 20 {
		t.Fatalf("%d parts: %v", len(parts), err)
	}
	for part, drop := range parts {
		set(t, s, drop)
		wantNamed(t, s, part)
		set(t, s, again[part])
	}
	wantSound(t, s)
	for _, c := range []struct{ part, put, out string }{
		{"trigger forged", `CREATE TRIGGER forged AFTER INSERT ON pause BEGIN DELETE FROM pause; END`, `DROP TRIGGER forged`},
		{"index forged", `CREATE INDEX forged ON requests (note)`, `DROP INDEX forged`},
		{"table forged", `CREATE TABLE forged (a)`, `DROP TABLE forged`},
		{"view forged", `CREATE VIEW forged AS SELECT 1`, `DROP VIEW forged`},
		{"table meta", `ALTER TABLE meta ADD COLUMN forged TEXT`, `ALTER TABLE meta DROP COLUMN forged`},
	} {
		set(t, s, c.put)
		wantNamed(t, s, c.part)
		set(t, s, c.out)
	}
	set(t, s, `ANALYZE`)
	wantSound(t, s)
}

// The same in PostgreSQL, where the catalog has more kinds of parts.
func TestCatalogIsCompared(t *testing.T) {
	t.Parallel()
	s := onPostgres().open(t, lab.database(t))
	wantSound(t, s)
	for _, c := range []struct{ part, put, out string }{
		{"trigger events_keep", `ALTER TABLE events DISABLE TRIGGER events_keep`, `ALTER TABLE events ENABLE TRIGGER events_keep`},
		{"trigger events_whole", `DROP TRIGGER events_whole ON events`, `CREATE TRIGGER events_whole BEFORE TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION events_keep()`},
		{"function requests_stay()", `ALTER FUNCTION requests_stay() RENAME TO forged`, `ALTER FUNCTION forged() RENAME TO requests_stay`},
		{"function forged()", `CREATE FUNCTION forged() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`, `DROP FUNCTION forged()`},
		{"trigger forged", `CREATE TRIGGER forged AFTER INSERT ON pause FOR EACH ROW EXECUTE FUNCTION events_keep()`, `DROP TRIGGER forged ON pause`},
		{"index requests_waiting", `DROP INDEX requests_waiting`, `CREATE INDEX requests_waiting ON requests (object, seq) WHERE state IN ('queued', 'held', 'writing')`},
		{"index requests_by_state", `ALTER INDEX requests_by_state RENAME TO forged`, `ALTER INDEX forged RENAME TO requests_by_state`},
		{"table forged", `CREATE TABLE forged (a TEXT)`, `DROP TABLE forged`},
		{"view forged", `CREATE VIEW forged AS SELECT 1 AS one`, `DROP VIEW forged`},
		{"rule meta.forged", `CREATE RULE forged AS ON UPDATE TO meta DO INSTEAD NOTHING`, `DROP RULE forged ON meta`},
		{"column meta.forged", `ALTER TABLE meta ADD COLUMN forged TEXT`, `ALTER TABLE meta DROP COLUMN forged`},
		{"column tokens.revoked_at", `ALTER TABLE tokens ALTER COLUMN revoked_at SET DEFAULT 1`, `ALTER TABLE tokens ALTER COLUMN revoked_at SET DEFAULT 0`},
		{"policy pause.forged", `CREATE POLICY forged ON pause USING (false)`, `DROP POLICY forged ON pause`},
		{"table pause", `ALTER TABLE pause ENABLE ROW LEVEL SECURITY`, `ALTER TABLE pause DISABLE ROW LEVEL SECURITY`},
		{"child table forged", `CREATE TABLE forged () INHERITS (pause)`, `DROP TABLE forged`},
		{"constraint claims.claims_kind_check", `ALTER TABLE claims DROP CONSTRAINT claims_kind_check`, `ALTER TABLE claims ADD CONSTRAINT claims_kind_check CHECK (kind IN ('take', 'release'))`},
	} {
		set(t, s, c.put)
		wantNamed(t, s, c.part)
		set(t, s, c.out)
		if t.Failed() {
			return
		}
	}
	wantSound(t, s)
}

func wantNamed(t *testing.T, s *Store, part string) {
	t.Helper()
	found, err := s.Glance(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(found.Findings, func(f eventlog.Finding) bool { return f.Row == part }) {
		t.Errorf("%s is not named: %v", part, found.Findings)
	}
}

// An account that may make no schema works, and is told that the schema was not compared.
func TestSchemaOfAnAccountThatMayMakeNone(t *testing.T) {
	t.Parallel()
	place := lab.database(t)
	owner := onPostgres().open(t, place)
	modest := fmt.Sprintf("modest%d", time.Now().UnixNano()) // all databases of the server have the same roles
	set(t, owner, `CREATE ROLE `+modest+` LOGIN`)
	set(t, owner, `GRANT CREATE, USAGE ON SCHEMA public TO `+modest)
	set(t, owner, `GRANT ALL ON ALL TABLES IN SCHEMA public TO `+modest)
	set(t, owner, `GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO `+modest)
	as, err := url.Parse(place)
	if err != nil {
		t.Fatal(err)
	}
	as.User = url.User(modest)
	s := onPostgres().open(t, as.String())
	set(t, owner, `DROP TRIGGER events_keep ON events`)
	found := verified(t, s, eventlog.Check{})
	if !found.OK() || !strings.Contains(found.SchemaUnknown, "make the account the database's owner") {
		t.Errorf("%v, %q", found.Err(), found.SchemaUnknown)
	}
}
