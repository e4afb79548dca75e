package store

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"reflect"
	"testing"
	"time"

	"github.com/aliasd/aliasd/queue"
)

// fill puts something into every table of a store.
func fill(t *testing.T, s *Store) {
	t.Helper()
	ctx, now := context.Background(), time.Date(2026, 3, 2, 9, 0, 0, 123456000, time.UTC)
	for n := range int64(5) {
		if err := live(s, n); err != nil {
			t.Fatal(err)
		}
	}
	past(t, s, [16]byte{77}, 2)
	prune(t, s)
	spent, err := accept(s, 99)
	if err != nil {
		t.Fatal(err)
	}
	if err := spendOf(ctx, s, spent.ID, now); err != nil {
		t.Fatal(err)
	}
	r, _, err := s.Accept(ctx, queue.Submission{Holder: "Jürgen 日本 '\\\"", Note: "a\nb\x01", SubmittedBy: "helpdesk"}, queue.Idempotency{Key: "k"}, now)
	if err != nil {
		t.Fatal(err)
	}
	_, resolveErr := s.Resolve(ctx, r.ID, [16]byte{9}, []queue.Claim{{Address: "x@contoso.test", Kind: queue.Take}}, now)
	leased, claimErr := s.Claim(ctx, "x", now, time.Hour, 1)
	if claimErr != nil || len(leased) != 1 {
		t.Fatalf("leased %d: %v", len(leased), claimErr)
	}
	_, spendErr := s.Advance(ctx, intentOf(leased[0], now, queue.Caps{Writes: 9}))
	_, _, slotErr := s.Slot(ctx, now, time.Second, 0)
	for _, err := range []error{
		resolveErr, spendErr, slotErr, s.SetPaused(ctx, true, "root", now), s.SetMeta(ctx, "last_report", "x"),
		s.CreateToken(ctx, "helpdesk", []string{"read"}, hashOf("secret"), now), s.CreateToken(ctx, "old", nil, hashOf("old"), now),
		s.RevokeToken(ctx, "old", now),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// spendOf has a request spend of the caps, and of the pace.
func spendOf(ctx context.Context, s *Store, id queue.RequestID, now time.Time) error {
	if _, err := s.Resolve(ctx, id, [16]byte{99}, nil, now); err != nil {
		return err
	}
	if _, err := s.Claim(ctx, "x", now, time.Hour, 1); err != nil {
		return err
	}
	if _, _, err := s.Slot(ctx, now, time.Second, time.Minute); err != nil {
		return err
	}
	_, err := s.Advance(ctx, queue.Transition{ID: id, From: queue.Writing, To: queue.Writing, Owner: "x", Now: now,
		Intent: &queue.Intent{DC: "dc", Sent: true}, Spend: &queue.Spend{Caps: queue.Caps{Writes: 99, Removals: 99}}})
	return err
}

// view is what a store shows.
func view(t *testing.T, s *Store) (requests []queue.Request, events [][]queue.Event, tokens []Token) {
	t.Helper()
	requests, _, err := s.List(context.Background(), queue.Filter{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range requests {
		story, err := s.Events(context.Background(), r.ID, queue.Part{})
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, story)
	}
	if tokens, err = s.ListTokens(context.Background()); err != nil {
		t.Fatal(err)
	}
	return requests, events, tokens
}

// There and back again: each copy shows what the first store shows, and work goes on from there.
func TestCopy(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	first := onSQLite().fresh(t)
	fill(t, first)
	requests, events, tokens := view(t, first)
	last := first
	for _, next := range []database{onPostgres(), onPostgres(), onSQLite()} {
		s := next.fresh(t)
		copied, err := Copy(ctx, last, s)
		if err != nil {
			t.Fatal(err)
		}
		gotRequests, gotEvents, gotTokens := view(t, s)
		if !reflect.DeepEqual(gotRequests, requests) || !reflect.DeepEqual(gotEvents, events) || !reflect.DeepEqual(gotTokens, tokens) {
			t.Fatalf("the copy in %s shows something else", next.name)
		}
		head, err := first.Head(ctx)
		if err != nil || copied.Events != head.ID || copied.Head != head.Hash {
			t.Errorf("the heads are %v and %+v: %v", head, copied, err)
		}
		for _, table := range copied.Tables {
			if table.Rows == 0 {
				t.Errorf("table %s is empty: the test copies nothing of it", table.Name)
			}
		}
		used, err := s.Used(ctx, time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC))
		if want, wantErr := first.Used(ctx, time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)); err != nil || wantErr != nil || used != want || used.NextSlot.IsZero() {
			t.Errorf("the brakes: %+v, want %+v: %v", used, want, err)
		}
		if since, by, err := s.Paused(ctx); err != nil || by != "root" || since.IsZero() {
			t.Errorf("the stop switch: %v, %s: %v", since, by, err)
		}
		last = s
	}
	if again, _, err := last.Accept(ctx, queue.Submission{Holder: "Jürgen 日本 '\\\"", Note: "a\nb\x01", SubmittedBy: "helpdesk"}, queue.Idempotency{Key: "k"}, time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)); err != nil || again.ID != requests[0].ID {
		t.Errorf("a key gives %s: %v", again.ID, err)
	}
}

// What is accepted after a copy gets the next number, and the log goes on.
func TestCopyGoesOn(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) {
		from, to := onSQLite().fresh(t), d.fresh(t)
		fill(t, from)
		if _, err := Copy(context.Background(), from, to); err != nil {
			t.Fatal(err)
		}
		newest, _, err := from.List(context.Background(), queue.Filter{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		r, err := accept(to, 1000)
		if err != nil || r.Seq != newest[0].Seq+1 {
			t.Errorf("the next request is number %d: %v", r.Seq, err)
		}
		if err := to.CreateToken(context.Background(), "new", nil, hashOf("new"), time.Now()); err != nil {
			t.Error(err)
		}
		intact(t, to)
	})
}

// No number is given twice, though retention removed the newest request before the copy: nor after a copy of the copy.
func TestCopyGivesNoNumberTwice(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) {
		from := d.fresh(t)
		newest := newestRemoved(t, from)
		for _, next := range []database{onSQLite(), onPostgres(), onPostgres(), onSQLite(), onSQLite()} {
			to := next.fresh(t)
			if _, err := Copy(context.Background(), from, to); err != nil {
				t.Fatal(err)
			}
			from = to
		}
		if r, err := accept(from, 1000); err != nil || r.Seq != newest+1 {
			t.Errorf("the next request is number %d, want %d: %v", r.Seq, newest+1, err)
		}
	})
}

// newestRemoved gives the number of the newest request, which retention has removed.
func newestRemoved(t *testing.T, s *Store) (seq int64) {
	t.Helper()
	ctx := context.Background()
	stays, err := accept(s, 1)
	if err != nil {
		t.Fatal(err)
	}
	goes, err := accept(s, 2)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Advance(ctx, queue.Transition{ID: goes.ID, From: queue.Accepted, To: queue.Cancelled, Now: time.Now()})
	if err == nil {
		// So that the newest entry is not of what goes.
		_, err = s.Advance(ctx, queue.Transition{ID: stays.ID, From: queue.Accepted, To: queue.Accepted, What: "retry", Now: time.Now()})
	}
	if err != nil {
		t.Fatal(err)
	}
	prune(t, s)
	if has(t, s, goes.ID) {
		t.Fatal("retention keeps the newest request")
	}
	return goes.Seq
}

// A database that was restored from a dump has made its tables in another order. It is copied, and copied into, all the same.
func TestCopyOfARestoredDatabase(t *testing.T) {
	t.Parallel()
	url := lab.place(t)
	fill(t, openedPostgres(t, url))
	restored := restoredDump(t, url)
	want, _, _ := view(t, restored)
	if len(want) == 0 {
		t.Fatal("nothing was restored")
	}
	for _, to := range []*Store{onSQLite().fresh(t), restoredDump(t, lab.place(t))} {
		if _, err := Copy(context.Background(), restored, to); err != nil {
			t.Fatal(err)
		}
		if got, _, _ := view(t, to); !reflect.DeepEqual(got, want) {
			t.Errorf("%d requests were copied, or not the same ones", len(got))
		}
		intact(t, to)
	}
}

// restoredDump opens a copy of a database that went through pg_dump.
func restoredDump(t *testing.T, url string) *Store {
	t.Helper()
	dump, err := exec.Command("pg_dump", "--dbname", url).Output()
	if err != nil {
		t.Fatal(err)
	}
	to := lab.database(t)
	restore := exec.Command("psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", to)
	restore.Stdin = bytes.NewReader(dump)
	if out, err := restore.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return openedPostgres(t, to)
}

func TestCopyRefuses(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) {
		from, to := onSQLite().fresh(t), d.fresh(t)
		fill(t, from)
		if _, err := accept(to, 1); err != nil {
			t.Fatal(err)
		}
		if _, err := Copy(context.Background(), from, to); !errors.Is(err, ErrNotEmpty) {
			t.Errorf("a target in use gives %v", err)
		}
		if n := accepted(t, to); n != 1 {
			t.Errorf("%d requests are there", n)
		}
		tamper(t, from, `UPDATE events SET entry = entry || ' ' WHERE id = 2`)
		if _, err := Copy(context.Background(), from, d.fresh(t)); err == nil {
			t.Error("a broken log was copied")
		}
	})
}

// A copy that is not what was read is not committed.
func TestCopyCompares(t *testing.T) {
	t.Parallel()
	from, to := onSQLite().fresh(t), onSQLite().fresh(t)
	fill(t, from)
	set(t, to, `CREATE TRIGGER spoil AFTER INSERT ON meta BEGIN UPDATE meta SET value = 'y'; END`)
	if _, err := Copy(context.Background(), from, to); !errors.Is(err, ErrDiffers) {
		t.Errorf("got %v", err)
	}
	if requests, _, _ := view(t, to); len(requests) != 0 {
		t.Errorf("%d requests were copied", len(requests))
	}
}
