package store

import (
	"context"
	"database/sql"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/queue"
)

// Every statement finds its rows by an index: none goes through a whole table, however long the queue and its past are.
// Counting does, through the smallest index that there is. No page is sorted out of all that there is.
func TestNoStatementScans(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	useAll(t, s)
	for _, pool := range []*prepared{s.work.statements, s.reads} {
		if len(pool.statements) < 8 {
			t.Fatalf("only %d statements were used", len(pool.statements))
		}
		for _, query := range slices.Sorted(maps.Keys(pool.statements)) {
			for _, step := range plan(t, s, query) {
				counts := strings.Contains(step, "USING COVERING INDEX requests_by_state") && strings.Contains(query, "GROUP BY")
				small := strings.Contains(step, "SCAN pause") || step == "SCAN due" || step == "SCAN expired" || step == "SCAN counted" || strings.Contains(step, "SCAN tokens") || strings.HasPrefix(step, "SCAN json_each") || strings.Contains(step, "SCAN events") && strings.Contains(query, "DESC LIMIT 1")
				sorts := strings.Contains(step, "USE TEMP B-TREE") && strings.Contains(query, "LIMIT ?") && !strings.Contains(query, "holder_key = ? OR")
				if strings.HasPrefix(step, "SCAN") && !counts && !small || sorts {
					t.Errorf("%s\nin %s", step, query)
				}
			}
		}
	}
}

// plan is how SQLite goes about a query.
func plan(t *testing.T, s *Store, query string) []string {
	t.Helper()
	if !strings.Contains(query, "FROM") && !strings.HasPrefix(query, "UPDATE") {
		return nil
	}
	var steps []string
	text, _ := forSQLite(query)
	rows, err := s.work.statements.db.Query("EXPLAIN QUERY PLAN "+text, unbound(query)...)
	err = every(rows, err, func(row *sql.Rows) error {
		var id, parent, unused int
		var detail string
		err := row.Scan(&id, &parent, &unused, &detail)
		steps = append(steps, detail)
		return err
	})
	if err != nil {
		t.Fatalf("%v\nin %s", err, query)
	}
	return steps
}

// unbound are parameters for a query of which only the plan is asked for.
func unbound(query string) []any {
	var named []any
	for _, name := range regexp.MustCompile(`@(\w+)`).FindAllStringSubmatch(query, -1) {
		named = append(named, sql.Named(name[1], nil))
	}
	if named != nil {
		return named
	}
	return make([]any, strings.Count(query, "?"))
}

// useAll has a store run every statement that it knows.
func useAll(t *testing.T, s *Store) {
	t.Helper()
	ctx, now := context.Background(), time.Now()
	for n := range int64(2) {
		if err := live(s, n); err != nil {
			t.Fatal(err)
		}
	}
	past(t, s, address.GUID{77}, 2)
	sub := submission(9)
	r, _, err := s.Accept(ctx, sub, queue.Idempotency{Key: "k"}, now)
	errs := []error{err}
	_, _, err = s.Accept(ctx, sub, queue.Idempotency{Key: "k"}, now)
	errs = append(errs, err)
	for range 2 {
		_, _, err = s.Wake(ctx, r.ID, "x", now)
		errs = append(errs, err)
	}
	errs = append(errs, s.SetPaused(ctx, true, "x", now), s.SetPaused(ctx, false, "x", now), s.SetMeta(ctx, "k", "v"))
	_, err = s.Unresolved(ctx, now, 1)
	errs = append(errs, err)
	_, err = s.Unknown(ctx, 9)
	errs = append(errs, err)
	_, err = s.Awaiting(ctx, now)
	errs = append(errs, err)
	_, err = s.Awaited(ctx, []int64{1})
	errs = append(errs, err)
	_, err = s.Prior(ctx, address.GUID{1}, r.ID, time.Now())
	errs = append(errs, err)
	_, err = s.Releasing(ctx, r.ID)
	errs = append(errs, err)
	_, err = s.Events(ctx, r.ID, queue.Part{})
	errs = append(errs, err)
	_, err = s.Stats(ctx)
	errs = append(errs, err)
	_, err = s.Used(ctx, now)
	errs = append(errs, err)
	for range 2 {
		_, _, err = s.Slot(ctx, now, time.Hour, time.Minute)
		errs = append(errs, err)
	}
	_, err = s.FromSource(ctx, r, now, 9)
	errs = append(errs, err, spendAndGiveBack(ctx, s, r.ID, now))
	_, err = s.VerifyChain(ctx)
	errs = append(errs, err)
	_, err = s.Head(ctx)
	errs = append(errs, err)
	if done := prune(t, s); done.Requests == 0 {
		t.Fatal("nothing was removed")
	}
	for _, f := range []queue.Filter{{}, {State: queue.Accepted}, {Holder: "x"}, {Holder: address.GUID{1}.String()}, {Ticket: "x"}, {Since: now}} {
		_, _, err = s.List(ctx, f)
		errs = append(errs, err)
	}
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// spendAndGiveBack has a request spend of the caps and give its share back.
func spendAndGiveBack(ctx context.Context, s *Store, id queue.RequestID, now time.Time) error {
	if _, err := s.Resolve(ctx, id, address.GUID{99}, nil, now); err != nil {
		return err
	}
	if _, err := s.Claim(ctx, "x", now, time.Hour, 1); err != nil {
		return err
	}
	t := queue.Transition{ID: id, From: queue.Writing, To: queue.Writing, Owner: "x", Now: now,
		Intent: &queue.Intent{DC: "dc", Sent: true}, Spend: &queue.Spend{Caps: queue.Caps{Writes: 99, Removals: 99}}}
	if _, err := s.Advance(ctx, t); err != nil {
		return err
	}
	_, err := s.Advance(ctx, queue.Transition{ID: t.ID, From: queue.Writing, To: queue.Queued, Owner: "x", Now: now})
	return err
}
