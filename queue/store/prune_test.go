package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
)

// inAYear is when retention looks at what the tests made.
func inAYear() time.Time { return time.Now().Add(365 * 24 * time.Hour) }

// prune removes what ended more than a month before a year from now.
func prune(t *testing.T, s *Store) Pruned {
	t.Helper()
	done, err := s.Prune(context.Background(), Pruning{Before: inAYear().Add(-30 * 24 * time.Hour), By: "root", Now: inAYear()})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// past gives a holder n requests that went all the way, one after the other.
func past(t *testing.T, s *Store, holder address.GUID, n int) (all []queue.Request) {
	t.Helper()
	for range n {
		all = append(all, pastOne(t, s, holder, submission(int64(len(all))+1000*int64(holder[0]))))
	}
	return all
}

func pastOne(t *testing.T, s *Store, holder address.GUID, sub queue.Submission) queue.Request {
	t.Helper()
	r, err := wentThrough(s, holder, sub)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wentThrough makes a request that goes all the way.
func wentThrough(s *Store, holder address.GUID, sub queue.Submission) (queue.Request, error) {
	ctx, now := context.Background(), time.Now()
	r, _, err := s.Accept(ctx, sub, queue.Idempotency{}, now)
	if err == nil {
		_, err = s.Resolve(ctx, r.ID, holder, nil, now)
	}
	if err != nil {
		return r, err
	}
	leased, err := s.Claim(ctx, "node", now, time.Minute, 1)
	if err != nil || len(leased) != 1 || leased[0].ID != r.ID {
		return r, fmt.Errorf("claimed %v: %w", leased, err)
	}
	return r, writeAndVerify(s, leased[0], now)
}

func has(t *testing.T, s *Store, id queue.RequestID) bool {
	t.Helper()
	_, err := s.Get(context.Background(), id)
	if err != nil && !errors.Is(err, queue.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

// Old requests go with their entries, open ones stay with theirs wherever they stand, and the chain holds.
func TestPrune(t *testing.T) {
	t.Parallel()
	s := opened(t, livedIn(t, 5))
	before := wantSound(t, s)
	// Each of the five holders has one request, which is the last that wrote to it: nothing goes.
	if done := prune(t, s); done != (Pruned{}) {
		t.Fatalf("removed %+v", done)
	}
	if wantSound(t, s).Head != before.Head {
		t.Error("removing nothing left an entry")
	}
	holder := address.GUID{7, 7}
	wrote := past(t, s, holder, 4)
	if done := prune(t, s); done.Requests != 3 || done.Entries != 18 {
		t.Errorf("removed %+v, want 3 requests and 18 entries", done)
	}
	for i, r := range wrote {
		if has(t, s, r.ID) != (i == 3) {
			t.Errorf("request %d is there: %v", i, i != 3)
		}
	}
	found := wantSound(t, s)
	if found.Removed != 18 || found.Requests != 8 {
		t.Errorf("%+v", found)
	}
	if prior, err := s.Prior(context.Background(), holder, "", time.Now()); err != nil || prior.Last() == nil || !strings.Contains(string(prior.Last().Change.Add[0]), "alias7003") {
		t.Errorf("the holder's last write is %+v, %v", prior.Last(), err)
	}
	if found := verified(t, s, eventlog.Check{Expected: &before.Head}); !found.OK() {
		t.Errorf("the head from before: %v", found.Err())
	}
}

// A step holds up others no longer than some hundred entries take, however many of them a request has.
func TestPruneStepsAreShort(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	const requests, each = 100, 6
	past(t, s, address.GUID{7}, requests)
	p := Pruning{Before: inAYear().Add(-30 * 24 * time.Hour), By: "root", Now: inAYear()}
	var all Pruned
	step := pruneResult{more: true}
	for after := int64(0); step.more; after = step.last {
		if err := s.take(context.Background(), func(t *txn) (err error) {
			step, err = t.prune(p, after)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if step.Entries >= 500+each {
			t.Errorf("one step removed %+v", step.Pruned)
		}
		all.Requests, all.Entries = all.Requests+step.Requests, all.Entries+step.Entries
	}
	if all != (Pruned{requests - 1, each * (requests - 1)}) {
		t.Errorf("removed %+v", all)
	}
	wantSound(t, s)
}

// Gaps grow together, whatever the order in which requests become due, and one open request among thousands stops nothing.
func TestPruneJoinsGaps(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	old := past(t, s, address.GUID{1}, 3)
	if err := halfway(s, 1); err != nil {
		t.Fatal(err)
	}
	past(t, s, address.GUID{2}, 5)
	prune(t, s)
	if found := wantSound(t, s); found.Removed != 6*6 {
		t.Errorf("removed %d entries", found.Removed)
	}
	past(t, s, address.GUID{1}, 2)
	past(t, s, address.GUID{2}, 1)
	prune(t, s)
	prune(t, s)
	found := wantSound(t, s)
	gaps := textOf(t, s, `SELECT group_concat(first_id || '-' || last_id) FROM event_gaps`)
	if found.Removed != 9*6 || has(t, s, old[2].ID) {
		t.Errorf("removed %d entries, gaps %s", found.Removed, gaps)
	}
}

// What is kept whatever its age, since something rests on it.
func TestPruneKeeps(t *testing.T) {
	t.Parallel()
	holder := address.GUID{1}
	cases := map[string]func(t *testing.T, s *Store) (kept []queue.Request){
		"what an open request undoes": func(t *testing.T, s *Store) []queue.Request {
			all := past(t, s, holder, 2)
			undo := submission(99)
			undo.Action, undo.Undoes, undo.Holder = address.Undo, all[0].ID, "other"
			if _, _, err := s.Accept(context.Background(), undo, queue.Idempotency{}, time.Now()); err != nil {
				t.Fatal(err)
			}
			return all
		},
		"what came after a request that an open one undoes": func(t *testing.T, s *Store) []queue.Request {
			all := past(t, s, holder, 4)
			undo := submission(99)
			undo.Action, undo.Undoes, undo.Holder = address.Undo, all[1].ID, "other"
			if _, _, err := s.Accept(context.Background(), undo, queue.Idempotency{}, time.Now()); err != nil {
				t.Fatal(err)
			}
			return all[1:]
		},
		"what came after an open one for the same name": func(t *testing.T, s *Store) []queue.Request {
			if err := halfway(s, 50); err != nil {
				t.Fatal(err)
			}
			sub := submission(51)
			sub.Holder = submission(50).Holder
			first := pastOne(t, s, holder, sub)
			return []queue.Request{first, pastOne(t, s, holder, submission(52))}
		},
		"what an idempotency key names": func(t *testing.T, s *Store) []queue.Request {
			all := past(t, s, holder, 2)
			set(t, s, fmt.Sprintf(`INSERT INTO idempotency_keys VALUES ('helpdesk', 'k', 'd', %d, %d)`, seqOf(t, s, all[0].ID), micros(inAYear())))
			return all
		},
		"a doubt, and the receipt that settled it": func(t *testing.T, s *Store) []queue.Request {
			all := past(t, s, holder, 3)
			set(t, s, fmt.Sprintf(`UPDATE requests SET in_doubt = receipt_dc, receipt_dc = '' WHERE id = '%s'`, all[1].ID))
			prior, err := s.Prior(context.Background(), holder, "", time.Now())
			if err != nil || prior.InDoubt != "" {
				t.Fatal("the doubt is not settled", prior, err)
			}
			set(t, s, fmt.Sprintf(`UPDATE requests SET receipt_dc = 'dc2' WHERE id = '%s'`, all[2].ID))
			return all[1:]
		},
		"the receipt that settled a doubt which stays": func(t *testing.T, s *Store) []queue.Request {
			all := past(t, s, holder, 3)
			set(t, s, fmt.Sprintf(`UPDATE requests SET in_doubt = receipt_dc, receipt_dc = '' WHERE id = '%s'`, all[0].ID))
			set(t, s, fmt.Sprintf(`UPDATE requests SET receipt_dc = 'dc2' WHERE id = '%s'`, all[2].ID))
			set(t, s, fmt.Sprintf(`INSERT INTO idempotency_keys VALUES ('helpdesk', 'k', 'd', %d, %d)`, seqOf(t, s, all[0].ID), micros(inAYear())))
			return all
		},
	}
	for name, make := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fresh(t)
			kept := make(t, s)
			prune(t, s)
			for i, r := range kept {
				if !has(t, s, r.ID) {
					t.Errorf("request %d of %d is gone", i, len(kept))
				}
			}
		})
	}
}

// An undo that comes while retention is at work finds what it undoes, or is refused; it never stands on nothing.
func TestPruneAndUndo(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) {
		all := nodes(t, d, 2)
		for round := range byte(8) {
			made := past(t, all[0], address.GUID{round + 1}, 4)
			accepted := make(chan error, len(made))
			for _, r := range made {
				undo := queue.Submission{Holder: r.Holder, Action: address.Undo, Undoes: r.ID, Ticket: fmt.Sprint(round), SubmittedBy: "helpdesk"}
				go func() {
					_, _, err := all[1].Accept(context.Background(), undo, queue.Idempotency{}, time.Now())
					accepted <- err
				}()
			}
			prune(t, all[0])
			for range made {
				if err := <-accepted; err != nil && !errors.Is(err, queue.ErrNotFound) {
					t.Error(err)
				}
			}
			cancelUndos(t, all[0])
		}
	})
}

// cancelUndos looks whether each accepted undo has what it undoes, and cancels it.
func cancelUndos(t *testing.T, s *Store) {
	t.Helper()
	undos, _, err := s.List(context.Background(), queue.Filter{State: queue.Accepted, Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	for _, undo := range undos {
		if !has(t, s, undo.Undoes) {
			t.Errorf("what undo %d undoes is gone", undo.Seq)
		}
		if _, err := s.Advance(context.Background(), queue.Transition{ID: undo.ID, From: queue.Accepted, To: queue.Cancelled, Now: time.Now()}); err != nil {
			t.Error(err)
		}
	}
}

func seqOf(t *testing.T, s *Store, id queue.RequestID) int64 {
	t.Helper()
	r, err := s.Get(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r.Seq
}

// What a later write to a holder may rest on is the same after retention as before it, whatever was written, refused or left in doubt.
func TestPruneKeepsPrior(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	set(t, s, `DROP TRIGGER requests_ways`)
	var holders []address.GUID
	for h := byte(1); h <= 40; h++ {
		holders = append(holders, address.GUID{h})
		for _, r := range past(t, s, address.GUID{h}, 1+int(h)%5) {
			// Some are left in doubt, on one of two DCs; some wrote nothing.
			switch n := r.Seq * 7 % 11; {
			case n < 3:
				set(t, s, fmt.Sprintf(`UPDATE requests SET in_doubt = 'dc%d', receipt_dc = '', receipt = NULL, touched = '[]', state = 'failed' WHERE id = '%s'`, n%2, r.ID))
			case n < 5:
				set(t, s, fmt.Sprintf(`UPDATE requests SET receipt_dc = 'dc%d', touched = '[]' WHERE id = '%s'`, n%2, r.ID))
			case n < 8:
				set(t, s, fmt.Sprintf(`UPDATE requests SET receipt_dc = 'dc%d' WHERE id = '%s'`, n%2, r.ID))
			}
		}
	}
	was := map[address.GUID]ldapwriter.Prior{}
	for _, h := range holders {
		was[h] = priorOf(t, s, h)
	}
	for range 5 {
		removed := prune(t, s)
		for _, h := range holders {
			if got := priorOf(t, s, h); got.InDoubt != was[h].InDoubt || (got.Last() == nil) != (was[h].Last() == nil) || got.Last() != nil && !address.Set(got.Last().Change.Add).Equal(address.Set(was[h].Last().Change.Add)) {
				t.Errorf("after %+v holder %d has %+v, had %+v", removed, h[0], got, was[h])
			}
		}
	}
	if found := verified(t, s, eventlog.Check{}); found.Break != nil || found.Removed == 0 {
		t.Errorf("%v, %d removed", found.Break, found.Removed)
	}
}

func priorOf(t *testing.T, s *Store, h address.GUID) ldapwriter.Prior {
	t.Helper()
	prior, err := s.Prior(context.Background(), h, "", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return prior
}

// pruned makes a store of which retention removed something, closed.
func pruned(t *testing.T) (path string) {
	t.Helper()
	path = livedIn(t, 2)
	s := opened(t, path)
	past(t, s, address.GUID{5}, 4)
	if done := prune(t, s); done.Requests != 3 {
		t.Fatalf("removed %+v", done)
	}
	wantSound(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// What retention left is as safe from tampering as before.
func TestTamperingAfterPruning(t *testing.T) {
	t.Parallel()
	path := pruned(t)
	cases := map[string]struct {
		statements []string
		kind       eventlog.Kind
	}{
		"an entry before the gap": {[]string{`UPDATE events SET entry = replace(entry, 'helpdesk', 'x') WHERE id = 1`}, eventlog.Changed},
		"an entry behind the gap": {[]string{`UPDATE events SET entry = replace(entry, 'node', 'x') WHERE id = (SELECT max(last_id) + 3 FROM event_gaps)`}, eventlog.Changed},
		"the gap's hash":          {[]string{`UPDATE event_gaps SET hash = 'x'`}, eventlog.Unlinked},
		"the gap's first hash":    {[]string{`UPDATE event_gaps SET prev_hash = 'x'`}, eventlog.BadGap},
		"the gap moved":           {[]string{`UPDATE event_gaps SET first_id = first_id - 1`}, eventlog.BadGap},
		"the gap gone":            {[]string{`DELETE FROM event_gaps`}, eventlog.Missing},
		"the gap made wider": {[]string{`UPDATE event_gaps SET last_id = last_id + 1, hash = (SELECT hash FROM events WHERE id = last_id + 1)`,
			`DELETE FROM events WHERE id = (SELECT max(last_id) FROM event_gaps)`}, eventlog.BadGap},
		"the record of it": {[]string{`UPDATE events SET entry = replace(entry, 'root', 'toor') WHERE request_id = ''`}, eventlog.Changed},
		"a second gap": {[]string{`INSERT INTO event_gaps SELECT 2, 3, (SELECT hash FROM events WHERE id = 1), (SELECT hash FROM events WHERE id = 3)`,
			`DELETE FROM events WHERE id IN (2, 3)`}, eventlog.BadGap},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if b := verified(t, tampered(t, path, c.statements), eventlog.Check{}).Break; b == nil || b.Kind != c.kind {
				t.Errorf("found %+v, want %s", b, c.kind)
			}
		})
	}
}

// Nothing but retention's own way passes: a gap first, over entries of final requests, and it only grows.
func TestOnlyRetentionRemoves(t *testing.T) {
	t.Parallel()
	s := opened(t, pruned(t))
	for _, statement := range []string{
		`DELETE FROM events WHERE id = 2`,
		`DELETE FROM events`,
		`UPDATE events SET hash = 'x'`,
		`DELETE FROM event_gaps`,
		`UPDATE event_gaps SET last_id = last_id - 1`,
		`UPDATE event_gaps SET prev_hash = 'x'`,
		`INSERT INTO event_gaps SELECT id, id, prev_hash, hash FROM events WHERE request_id = ''`,
		`INSERT INTO event_gaps SELECT id, id, prev_hash, hash FROM events WHERE request_id IN (SELECT id FROM requests WHERE state = 'written')`,
		`DELETE FROM requests WHERE state = 'verified'`,
		`DELETE FROM requests WHERE state = 'queued'`,
	} {
		err := s.write(context.Background(), func(t *txn) error {
			_, err := t.exec(statement)
			return err
		})
		if err == nil {
			t.Errorf("%s was taken", statement)
		}
	}
	wantSound(t, s)
}

func TestPruneTooEarly(t *testing.T) {
	t.Parallel()
	s := opened(t, livedIn(t, 1))
	_, err := s.Prune(context.Background(), Pruning{Before: time.Now().Add(-time.Hour), Now: time.Now()})
	if !errors.Is(err, ErrTooYoung) {
		t.Errorf("got %v", err)
	}
}

// Retention and the daemon's work do not disturb one another.
func TestPruneUnderLoad(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		var err error
		for n := int64(1); err == nil && ctx.Err() == nil; n++ {
			err = live(s, n%5+1)
		}
		done <- err
	}()
	total := 0
	for total < 100 && !t.Failed() {
		total += prune(t, s).Requests
		found := verified(t, s, eventlog.Check{})
		if !found.OK() {
			t.Errorf("the log does not hold: %v, %d odd", found.Err(), found.Odd)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func exported(t *testing.T, s *Store, of Selection) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	if _, err := s.Export(context.Background(), &out, of); err != nil {
		t.Fatal(err)
	}
	return &out
}

func verifiedFile(t *testing.T, text string) eventlog.FileResult {
	t.Helper()
	found, err := eventlog.VerifyFile(strings.NewReader(text), eventlog.Check{})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// An export verifies by itself: all of it, a part, and one request's.
func TestExport(t *testing.T) {
	t.Parallel()
	s := opened(t, pruned(t))
	whole := wantSound(t, s)
	all := exported(t, s, Selection{})
	if found := verifiedFile(t, all.String()); !found.OK() || found.Head != whole.Head || found.Removed != whole.Removed || found.Entries != whole.Entries {
		t.Errorf("all: %v, %+v, the store has %+v", found.Err(), found, whole)
	}
	var third struct{ at time.Time }
	story, err := s.Events(context.Background(), queue.RequestID(textOf(t, s, `SELECT request_id FROM events WHERE id = 7`)), queue.Part{})
	if err != nil {
		t.Fatal(err)
	}
	third.at = story[0].At
	part := verifiedFile(t, exported(t, s, Selection{Since: third.at, Until: inAYear().Add(-time.Hour)}).String())
	if !part.OK() || part.Summary.Behind.ID != 6 || part.Head.ID != whole.Head.ID-1 {
		t.Errorf("a part: %v, %+v", part.Err(), part.Summary)
	}
	one := verifiedFile(t, exported(t, s, Selection{Request: story[0].RequestID}).String())
	if !one.OK() || one.Entries != int64(len(story)) || one.Summary.RequestID != story[0].RequestID {
		t.Errorf("one request: %v, %+v", one.Err(), one.Summary)
	}
	none := verifiedFile(t, exported(t, s, Selection{Since: inAYear().Add(time.Hour)}).String())
	if !none.OK() || none.Entries != 0 {
		t.Errorf("nothing: %v, %+v", none.Err(), none)
	}
	if _, err := s.Export(context.Background(), &bytes.Buffer{}, Selection{Request: "x"}); !errors.Is(err, queue.ErrNotFound) {
		t.Errorf("nobody's: %v", err)
	}
}

func TestTamperedExport(t *testing.T) {
	t.Parallel()
	s := opened(t, pruned(t))
	text := exported(t, s, Selection{}).String()
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	n := len(lines)
	without := func(i int) string { return strings.Join(append(append([]string{}, lines[:i]...), lines[i+1:]...), "") }
	for name, changed := range map[string]string{
		"an entry":      strings.Replace(text, "helpdesk", "somebody", 1),
		"one gone":      without(3),
		"the first":     without(0),
		"the last":      without(n - 2),
		"the summary":   without(n - 1),
		"cut off":       strings.Join(lines[:n/2], ""),
		"two swapped":   strings.Join(append(append(append([]string{}, lines[:3]...), lines[4], lines[3]), lines[5:]...), ""),
		"twice":         lines[0] + text,
		"more behind":   text + "\n" + lines[0],
		"the gap":       strings.Replace(text, `"last_id":`, `"last_id":1`, 1),
		"a hash":        strings.Replace(text, `"hash":"`, `"hash":"0`, 1),
		"other summary": strings.Replace(text, `"entries":`, `"entries":1`, 1),
	} {
		if changed == text {
			t.Fatalf("%s: nothing was changed", name)
		}
		found, err := eventlog.VerifyFile(strings.NewReader(changed), eventlog.Check{})
		if err == nil && found.OK() {
			t.Errorf("%s: it holds", name)
		}
	}
	if _, err := eventlog.VerifyFile(strings.NewReader("{}\n"), eventlog.Check{}); !errors.Is(err, eventlog.ErrNoExport) {
		t.Errorf("another file: %v", err)
	}
}
