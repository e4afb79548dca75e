package store

import (
	"context"
	"database/sql"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// On PostgreSQL too: with the settings of our connections, no plan goes through a whole table. It is asked for the plans that
// are made while the tables are all but empty, when going through them looks cheapest.
func TestNoStatementScansOnPostgres(t *testing.T) {
	t.Parallel()
	s := onPostgres().fresh(t)
	useAll(t, s)
	seen := 0
	for _, pool := range []*prepared{s.intake.statements, s.work.statements, s.reads} {
		for _, query := range slices.Sorted(maps.Keys(pool.statements)) {
			if !strings.Contains(query, "FROM") && !strings.HasPrefix(query, "UPDATE") {
				continue
			}
			seen++
			for _, step := range planOnPostgres(t, s, query) {
				if strings.Contains(step, "Seq Scan") && !strings.Contains(step, "Seq Scan on pause") { // one row at most
					t.Errorf("%s\nin %s", step, query)
				}
			}
		}
	}
	if seen < 16 {
		t.Errorf("only %d statements were used", seen)
	}
}

// planOnPostgres is how PostgreSQL goes about a query whose parameters it does not know.
func planOnPostgres(t *testing.T, s *Store, query string) (steps []string) {
	t.Helper()
	conn, err := s.reads.db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	text, _ := forPostgres(query)
	parameters := map[string]bool{}
	for _, p := range regexp.MustCompile(`\$\d+`).FindAllString(text, -1) {
		parameters[p] = true
	}
	execute := "EXPLAIN EXECUTE asked"
	if len(parameters) > 0 {
		execute += "(" + strings.TrimSuffix(strings.Repeat("NULL, ", len(parameters)), ", ") + ")"
	}
	if _, err := conn.ExecContext(context.Background(), "DEALLOCATE ALL; PREPARE asked AS "+text); err != nil {
		t.Fatalf("%v\nin %s", err, query)
	}
	rows, err := conn.QueryContext(context.Background(), execute, pgx.QueryExecModeSimpleProtocol)
	err = every(rows, err, func(row *sql.Rows) error {
		var step string
		err := row.Scan(&step)
		steps = append(steps, step)
		return err
	})
	if err != nil {
		t.Fatalf("%v\nin %s", err, query)
	}
	return steps
}
