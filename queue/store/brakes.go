package store

import (
	"context"
	"fmt"
	"time"

	"github.com/aliasd/aliasd/queue"
)

const (
	// spentKept is how long a request's share is kept. The caps count an hour; the rest is for a clock that jumps forward and is
	// set back.
	spentKept = 7 * 24 * time.Hour
	// spentStep is how many old shares go when one is entered.
	spentStep = 100
)

// lockBrakes makes what this transaction reads of the stop switch and of the caps stay true until it ends, whatever other
// nodes do. It comes before the rows that the transaction changes.
func (t *txn) lockBrakes(made queue.Transition) error {
	if err := t.share(pauseLock); err != nil {
		return err
	}
	if made.Spend == nil || made.Spend.Caps == (queue.Caps{}) {
		return nil
	}
	return t.lock(capsLock)
}

// brake holds a transition that was just made and logged to the stop switch and the caps; where they say no, it is rolled back.
func (t *txn) brake(seq int64, made queue.Transition) error {
	switch {
	case made.Sends():
		if err := t.mustNotBePaused(made.ID); err != nil || made.Spend == nil {
			return err
		}
		return t.spend(seq, *made.Spend, made.Now)
	case made.Unspends():
		given, err := t.exec(`DELETE FROM spent WHERE seq = ?`, seq)
		if given > 0 {
			t.keep().Spent = queue.Gone
		}
		return err
	}
	return nil
}

func (t *txn) mustNotBePaused(id queue.RequestID) error {
	var since int64
	paused, err := t.row(`SELECT paused_at FROM pause`, nil, &since)
	if err == nil && paused {
		err = fmt.Errorf("intent of request %s: %w", id, queue.ErrPaused)
	}
	return err
}

// counted is the condition on the shares that the caps count at a time, and its arguments.
func counted(now time.Time) (condition string, args []any) {
	since, until := queue.SpentWithin(now)
	return `spent_at > ? AND spent_at <= ?`, []any{micros(queue.Instant(since)), micros(queue.Instant(until))}
}

// spend enters a request's share, where the caps leave room for it.
func (t *txn) spend(seq int64, s queue.Spend, now time.Time) error {
	within, args := counted(now)
	args = append(args, seq)
	var own queue.Spend
	has, err := t.row(`SELECT removals FROM spent WHERE `+within+` AND seq = ?`, args, &own.Removals)
	if err != nil {
		return err
	}
	var share *queue.Spend
	if has {
		share = &own
		s.Removals = max(s.Removals, own.Removals)
	}
	if s.Caps != (queue.Caps{}) {
		var others queue.Used
		_, err := t.row(`SELECT count(*), coalesce(sum(removals), 0) FROM spent WHERE `+within+` AND seq <> ?`,
			args, &others.Writes, &others.Removals)
		if err != nil {
			return err
		}
		if err := s.Room(others, share); err != nil {
			return err
		}
	}
	if err := t.dropSpent(now); err != nil {
		return err
	}
	t.keep().Spent = digestRow(spentColumns, seq, micros(now), int64(s.Removals))
	_, err = t.exec(`INSERT INTO spent (`+spentColumns+`) VALUES (?, ?, ?)
		ON CONFLICT (seq) DO UPDATE SET spent_at = excluded.spent_at, removals = excluded.removals`, seq, micros(now), s.Removals)
	return err
}

// dropSpent drops shares that no cap counts any more. It waits for nobody.
func (t *txn) dropSpent(now time.Time) error {
	_, err := t.exec(`DELETE FROM spent WHERE seq IN (
		SELECT seq FROM spent WHERE spent_at <= ? ORDER BY spent_at LIMIT ? FOR UPDATE SKIP LOCKED)`, micros(now.Add(-spentKept)), spentStep)
	return err
}

// Used is queue.Brakes's.
func (s *Store) Used(ctx context.Context, now time.Time) (used queue.Used, err error) {
	within, args := counted(queue.Instant(now))
	_, err = s.row(ctx, `SELECT count(*), coalesce(sum(removals), 0) FROM spent WHERE `+within, args, &used.Writes, &used.Removals)
	if err == nil {
		used.NextSlot, err = s.NextSlot(ctx)
	}
	if err != nil {
		return queue.Used{}, fmt.Errorf("read what was written in the last hour: %w", ended(ctx, err))
	}
	return used, nil
}

// NextSlot is queue.Brakes's.
func (s *Store) NextSlot(ctx context.Context) (next time.Time, err error) {
	_, err = s.row(ctx, `SELECT next_slot FROM pace WHERE id = 1`, nil, instant{&next})
	if err != nil {
		return time.Time{}, fmt.Errorf("read the pace's next slot: %w", ended(ctx, err))
	}
	return next, nil
}

// Slot is queue.Brakes's.
func (s *Store) Slot(ctx context.Context, now time.Time, every, patience time.Duration) (at time.Time, ok bool, err error) {
	now = queue.Instant(now)
	err = s.write(ctx, func(t *txn) (err error) {
		at, ok, err = t.slot(now, every, patience)
		return err
	})
	if err != nil {
		return time.Time{}, false, fmt.Errorf("take a slot of the pace: %w", err)
	}
	return at, ok, nil
}

func (t *txn) slot(now time.Time, every, patience time.Duration) (at time.Time, ok bool, err error) {
	latest, far := micros(queue.Instant(now.Add(patience))), micros(queue.Instant(queue.FarthestSlot(now, every, patience)))
	ok, err = t.row(`INSERT INTO pace (id, next_slot) VALUES (1, ?)
		ON CONFLICT (id) DO UPDATE SET next_slot = CASE WHEN pace.next_slot > ? AND pace.next_slot <= ? THEN pace.next_slot ELSE ? END + ?
		WHERE pace.next_slot <= ? OR pace.next_slot > ? RETURNING next_slot`,
		[]any{micros(now.Add(every)), micros(now), far, micros(now), every.Microseconds(), latest, far}, instant{&at})
	if ok {
		return at.Add(-every.Truncate(time.Microsecond)), true, err
	}
	if err == nil {
		_, err = t.row(`SELECT next_slot FROM pace WHERE id = 1`, nil, instant{&at})
	}
	return at, false, err
}

// FromSource is queue.Brakes's.
func (s *Store) FromSource(ctx context.Context, r queue.Request, since time.Time, most int) (n int, err error) {
	_, err = s.row(ctx, `SELECT count(*) FROM (
			SELECT 1 FROM requests WHERE submitted_by = ? AND requester = ? AND created_at > ? AND created_at <= ? AND seq <= ? LIMIT ?) AS counted`,
		[]any{r.SubmittedBy, r.Requester, micros(queue.Instant(since)), farthest(r.CreatedAt), r.Seq, most + 1}, &n)
	if err != nil {
		return 0, fmt.Errorf("count the requests of %s: %w", r.SubmittedBy, ended(ctx, err))
	}
	return n, nil
}
