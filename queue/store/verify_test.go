package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
)

// livedIn makes a store with n requests that went all the way, one that is queued and one that is written, and gives its file, closed.
func livedIn(t *testing.T, n int64) (path string) {
	t.Helper()
	path = emptyFile(t)
	s := opened(t, path)
	for i := range n {
		if err := live(s, i+1); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(halfway(s, n+1), writtenOnly(s, n+2), s.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// halfway makes a request that is queued.
func halfway(s *Store, n int64) error {
	r, err := accept(s, int(n))
	if err != nil {
		return err
	}
	later := time.Now().Add(time.Hour)
	if _, err = s.Resolve(context.Background(), r.ID, address.GUID{9, byte(n)}, nil, time.Now()); err != nil {
		return err
	}
	_, err = s.Advance(context.Background(), queue.Transition{ID: r.ID, From: queue.Queued, To: queue.Queued, Now: time.Now(), What: "retry", NotBefore: &later})
	return err
}

// writtenOnly makes a request that waits for the cloud.
func writtenOnly(s *Store, n int64) error {
	ctx := context.Background()
	r, err := accept(s, int(n))
	if err != nil {
		return err
	}
	if _, err := s.Resolve(ctx, r.ID, address.GUID{8, byte(n)}, nil, time.Now()); err != nil {
		return err
	}
	leased, err := s.Claim(ctx, "node", time.Now(), time.Minute, 1)
	if err != nil || len(leased) != 1 {
		return fmt.Errorf("claimed %d: %w", len(leased), err)
	}
	for _, step := range steps(leased[0], time.Now())[:2] {
		if _, err := s.Advance(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

func verified(t *testing.T, s *Store, c eventlog.Check) eventlog.Result {
	t.Helper()
	found, err := s.Verify(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// sound stops the test where a store is not what it was.
func wantSound(t *testing.T, s *Store) eventlog.Result {
	t.Helper()
	found := verified(t, s, eventlog.Check{})
	if !found.OK() {
		t.Fatalf("the log does not hold: %v, %d odd", found.Err(), found.Odd)
	}
	return found
}

// Each way of tampering with the log is found, at its first entry, and called by its name.
func TestVerifyNamesTheBreak(t *testing.T) {
	t.Parallel()
	path := livedIn(t, 5)
	cases := map[string]struct {
		statements []string
		id         int64
		kind       eventlog.Kind
		says       string
	}{
		"an entry changed":   {[]string{`UPDATE events SET entry = replace(entry, 'helpdesk', 'somebody') WHERE id = 7`}, 7, eventlog.Changed, "entry 7 was changed"},
		"an entry no JSON":   {[]string{`UPDATE events SET entry = 'x' WHERE id = 3`}, 3, eventlog.Changed, "cannot be read"},
		"a hash changed":     {[]string{`UPDATE events SET hash = 'x' WHERE id = 8`}, 8, eventlog.Changed, "entry 8 was changed"},
		"the link changed":   {[]string{`UPDATE events SET prev_hash = 'x' WHERE id = 8`}, 8, eventlog.Changed, "link"},
		"another request's":  {[]string{`UPDATE events SET request_id = 'x' WHERE id = 9`}, 9, eventlog.Changed, "stands with request"},
		"the first gone":     {[]string{`DELETE FROM events WHERE id = 1`}, 1, eventlog.Missing, "beginning of the log was cut off"},
		"the first ten gone": {[]string{`DELETE FROM events WHERE id <= 10`}, 1, eventlog.Missing, "entries 1 to 10"},
		"one gone":           {[]string{`DELETE FROM events WHERE id = 5`}, 5, eventlog.Missing, "entry 5 is missing"},
		"one gone, closed":   {[]string{`DELETE FROM events WHERE id = 5`, `UPDATE events SET id = id - 1 WHERE id > 5`}, 5, eventlog.Moved, "written as entry 6"},
		"two changed places": {[]string{`UPDATE events SET id = -1 WHERE id = 4`, `UPDATE events SET id = 4 WHERE id = 5`, `UPDATE events SET id = 5 WHERE id = -1`}, 4, eventlog.Moved, "written as entry 5"},
		"renumbered":         {[]string{`UPDATE events SET id = id + 100`}, 1, eventlog.Missing, "beginning"},
		"one put in before":  {[]string{`INSERT INTO events SELECT 0, request_id, entry, prev_hash, hash FROM events WHERE id = 1`}, 1, eventlog.Inserted, "before entry 1"},
		"one put in behind":  {[]string{`INSERT INTO events SELECT 1 + (SELECT max(id) FROM events), request_id, entry, prev_hash, hash FROM events WHERE id = 3`}, 0, eventlog.Moved, "written as entry 3"},
		"an entry replaced":  {[]string{`UPDATE events SET prev_hash = (SELECT hash FROM events WHERE id = 2) WHERE id = 6`}, 6, eventlog.Changed, ""},
		"a gap made up": {[]string{`INSERT INTO event_gaps SELECT 4, 5, (SELECT hash FROM events WHERE id = 3), (SELECT hash FROM events WHERE id = 5)`,
			`DELETE FROM events WHERE id IN (4, 5)`}, 0, eventlog.BadGap, "no entry tells that retention did it"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := verified(t, tampered(t, path, c.statements), eventlog.Check{})
			b := found.Break
			if b == nil || b.Kind != c.kind || c.id != 0 && b.ID != c.id || !strings.Contains(b.Message, c.says) {
				t.Errorf("found %+v, want %s at %d: %s", b, c.kind, c.id, c.says)
			}
		})
	}
}

// A request whose row was edited, taken out or put in by hand is found and named, though the chain holds.
func TestVerifyNamesTheRequest(t *testing.T) {
	t.Parallel()
	path := livedIn(t, 3)
	const of = ` WHERE seq = 2`
	cases := map[string]struct{ statement, says string }{
		"state":      {`UPDATE requests SET state = 'cancelled'` + of, "it is cancelled, and its last entry"},
		"time":       {`UPDATE requests SET updated_at = updated_at + 1` + of, "it was changed last at"},
		"address":    {`UPDATE requests SET address = 'boss@contoso.test'` + of, "submission"},
		"requester":  {`UPDATE requests SET requester = 'nobody'` + of, "submission"},
		"holder":     {`UPDATE requests SET object = '09010203-0405-0607-0809-0a0b0c0d0e0f'` + of, "objectGUID"},
		"receipt":    {`UPDATE requests SET receipt = replace(receipt, 'alias2@', 'alias9@')` + of, "receipt"},
		"no receipt": {`UPDATE requests SET state = 'refused', receipt = NULL` + of, "it is refused"},
		"intent":     {`UPDATE requests SET intent = NULL` + of, "intent"},
		"successor":  {`UPDATE requests SET superseded_by = 'x'` + of, "superseded_by"},
		"written at": {`UPDATE requests SET written_at = 1` + of, "time of the write"},
		"nonsense":   {`UPDATE requests SET receipt = 'x'` + of, "cannot be read"},
		"taken out":  {`DELETE FROM requests` + of, "the store has it no more"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tampered(t, path, nil)
			id := textOf(t, s, `SELECT id FROM requests`+of)
			tamper(t, s, c.statement)
			found := verified(t, s, eventlog.Check{})
			if found.Break != nil || found.Odd != 1 || string(found.Findings[0].RequestID) != id || !strings.Contains(found.Findings[0].Message, c.says) {
				t.Errorf("found %v and %+v, want one on %s: %s", found.Break, found.Findings, id, c.says)
			}
		})
	}
}

// textOf reads one text.
func textOf(t *testing.T, s *Store, query string) (text string) {
	t.Helper()
	if found, err := s.row(context.Background(), query, nil, &text); err != nil || !found {
		t.Fatal(found, err)
	}
	return text
}

// A bare chain does not show that its newest entries are gone: the requests do, and a head that was kept elsewhere does.
func TestVerifyFindsTheCutTail(t *testing.T) {
	t.Parallel()
	path := livedIn(t, 3)
	s := tampered(t, path, nil)
	was := wantSound(t, s)
	tamper(t, s, `DELETE FROM events WHERE id > 15`)
	found := verified(t, s, eventlog.Check{})
	if found.Break != nil || found.Odd == 0 {
		t.Errorf("without a head: %v, %d odd", found.Break, found.Odd)
	}
	found = verified(t, s, eventlog.Check{Expected: &was.Head})
	if b := found.Break; b == nil || b.Kind != eventlog.CutOff || b.ID != 16 {
		t.Errorf("with a head: %+v", b)
	}
}

// A log that was rewritten from an entry on is a chain, and not the one whose head was kept.
func TestVerifyComparesTheHead(t *testing.T) {
	t.Parallel()
	path := livedIn(t, 3)
	s := tampered(t, path, nil)
	was := wantSound(t, s).Head
	if err := live(s, 7); err != nil {
		t.Fatal(err)
	}
	if found := verified(t, s, eventlog.Check{Expected: &was}); !found.OK() {
		t.Errorf("a log that grew: %v", found.Err())
	}
	was.Hash = strings.Repeat("0", 64)
	if b := verified(t, s, eventlog.Check{Expected: &was}).Break; b == nil || b.Kind != eventlog.Changed || b.ID != was.ID {
		t.Errorf("another log: %+v", b)
	}
}

// The log is read as it stood at one moment, whatever is written meanwhile: no request seems ahead of its entries.
func TestVerifyUnderLoad(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		for n := int64(1); ctx.Err() == nil; n++ {
			if err := live(s, n); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for seen := int64(0); seen < 50 && !t.Failed(); {
		found := verified(t, s, eventlog.Check{})
		if seen = found.Requests; !found.OK() {
			t.Errorf("the log does not hold: %v, %d odd", found.Err(), found.Odd)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// An intent whose time the runner set anew, after the clock was set back, is no row that was edited by hand.
func TestVerifyKnowsAnIntentsNewTime(t *testing.T) {
	t.Parallel()
	s, ctx, now := onSQLite().fresh(t), context.Background(), time.Now()
	ahead := now.Add(72 * time.Hour)
	sent := intentOf(leasedBy(t, s, 1, ahead)[0], ahead, queue.Caps{})
	sent.Detail = *sent.Intent
	r, err := s.Advance(ctx, sent)
	if err != nil {
		t.Fatal(err)
	}
	again, until := *r.Intent, now.Add(5*time.Minute)
	again.At = now
	if _, err := s.Advance(ctx, queue.Transition{ID: r.ID, From: queue.Writing, To: queue.Writing, Owner: r.Owner, Now: now, What: "in doubt",
		Intent: &again, LeaseUntil: &until}); err != nil {
		t.Fatal(err)
	}
	if found, err := s.Verify(ctx, eventlog.Check{}); err != nil || !found.OK() {
		t.Errorf("found %+v: %v", found.Findings, err)
	}
}

// A start finds a request that was ended and is open again by hand, though its row and its last entry fit: the log lacks the entry of its end, or
// has another one in its place.
func TestGlanceFindsWhatIsOpenAgain(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) {
		for name, forge := range map[string]func(*testing.T, *Store, queue.Request, eventlog.Record){
			"its last entry taken out": func(t *testing.T, s *Store, _ queue.Request, last eventlog.Record) {
				tamper(t, s, fmt.Sprintf(`DELETE FROM events WHERE id = %d`, last.ID))
			},
			"its last entry replaced": func(t *testing.T, s *Store, r queue.Request, last eventlog.Record) {
				e, canonical, err := queue.Event{ID: last.ID, RequestID: r.ID, At: r.UpdatedAt, From: queue.Queued, To: queue.Queued, What: "retry"}.Sealed(last.PrevHash)
				if err != nil {
					t.Fatal(err)
				}
				tamper(t, s, fmt.Sprintf(`UPDATE events SET entry = '%s', hash = '%s' WHERE id = %d`, canonical, e.Hash, last.ID))
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s, ctx := d.fresh(t), context.Background()
				if err := halfway(s, 1); err != nil {
					t.Fatal(err)
				}
				queued, _, err := s.List(ctx, queue.Filter{})
				if err != nil {
					t.Fatal(err)
				}
				before := contentOf(t, s, "requests")
				r, err := s.Advance(ctx, queue.Transition{ID: queued[0].ID, From: queue.Queued, To: queue.Cancelled, Now: time.Now()})
				if err != nil {
					t.Fatal(err)
				}
				var last eventlog.Record
				if _, err := s.row(ctx, `SELECT id, prev_hash FROM events ORDER BY id DESC LIMIT 1`, nil, &last.ID, &last.PrevHash); err != nil {
					t.Fatal(err)
				}
				ended, err := accept(s, 2)
				if err == nil {
					_, err = s.Advance(ctx, queue.Transition{ID: ended.ID, From: queue.Accepted, To: queue.Cancelled, Now: time.Now()})
				}
				if err != nil {
					t.Fatal(err)
				}
				forge(t, s, r, last)
				put := func(column string) any { return before.values[0][slices.Index(before.columns, column)] }
				tamper(t, s, fmt.Sprintf(`UPDATE requests SET state = 'queued', updated_at = %v, not_before = %v WHERE id = '%s'`, put("updated_at"), put("not_before"), r.ID))
				found, err := s.Glance(ctx)
				if err != nil || found.Break == nil {
					t.Errorf("found %+v, %v", found, err)
				}
			})
		}
	})
}
