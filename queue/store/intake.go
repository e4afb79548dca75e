package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/aliasd/aliasd/queue"
)

const (
	// keyLife is how long an idempotency key holds.
	keyLife = 7 * 24 * time.Hour
	// keyKept is how long it is kept at least: a clock that is ahead for a moment must not forget what holds still.
	keyKept = 2 * keyLife
)

// Accept is queue.Intake's.
func (s *Store) Accept(ctx context.Context, sub queue.Submission, key queue.Idempotency, now time.Time) (r queue.Request, created bool, err error) {
	if err := sub.Check(key); err != nil {
		return queue.Request{}, false, fmt.Errorf("accept a request: %w", err)
	}
	now = queue.Instant(now)
	a := acceptance{Submission: sub, key: key.Key, digest: sub.Digest(), keyDigest: key.Digest, now: now}
	if a.keyDigest == "" {
		a.keyDigest = a.digest
	}
	err = s.take(ctx, func(t *txn) error {
		r, created, err = t.accept(a)
		return err
	})
	if err != nil {
		return queue.Request{}, false, fmt.Errorf("accept a request: %w", err)
	}
	return r, created, nil
}

// acceptance is a submission on its way in.
type acceptance struct {
	queue.Submission
	key               string
	digest, keyDigest string
	now               time.Time
}

func (t *txn) accept(a acceptance) (r queue.Request, created bool, err error) {
	earlier, found, err := t.earlier(a)
	if err != nil || found {
		return earlier, false, err
	}
	if err := t.mustHave(a.Undoes); err != nil {
		return r, false, err
	}
	r = queue.Request{ID: queue.NewRequestID(a.now), Submission: a.Submission, State: queue.Accepted, CreatedAt: a.now, UpdatedAt: a.now}
	if len(r.Allow) == 0 {
		r.Allow = nil
	}
	if r.Seq, err = t.insert(a, r.ID); err != nil {
		return r, false, err
	}
	if err := t.log(queue.Transition{ID: r.ID, To: queue.Accepted, Now: a.now, Detail: a.Submission}); err != nil {
		return r, false, err
	}
	return r, true, t.useKey(a, r.Seq)
}

// mustHave refuses an undo of a request that is not there. Retention removes requests in the same lane: what is there now stays
// as long as the undo is open.
func (t *txn) mustHave(undone queue.RequestID) error {
	if undone == "" {
		return nil
	}
	var seq int64
	found, err := t.row(`SELECT seq FROM requests WHERE id = ?`, []any{undone}, &seq)
	if err == nil && !found {
		err = noRequest(undone)
	}
	return err
}

// earlier finds the request that answers a submission already: the one that its key was used for, or without a key an
// identical one that is open, not contradicted, and the last word on its holder: a later one that may have written is the last
// word, and one whose holder nobody has looked up may be for the same holder. (The list of states is that of the index.)
func (t *txn) earlier(a acceptance) (r queue.Request, found bool, err error) {
	if a.key == "" {
		found, err = t.row(`SELECT `+columns+` FROM requests WHERE digest = ? AND submitted_by = ?
			AND state IN ('accepted', 'queued', 'held', 'writing', 'written', 'mismatched') AND state <> 'mismatched'
			AND NOT EXISTS (SELECT 1 FROM requests later WHERE later.holder_key = requests.holder_key AND later.seq > requests.seq
				AND later.state NOT IN ('refused', 'cancelled'))
			AND NOT EXISTS (SELECT 1 FROM requests later WHERE later.object = requests.object AND later.object <> ''
				AND later.seq > requests.seq AND later.state NOT IN ('refused', 'cancelled'))
			AND NOT EXISTS (SELECT 1 FROM requests later WHERE later.state = 'accepted' AND later.seq > requests.seq)
			ORDER BY seq DESC LIMIT 1`,
			[]any{a.digest, a.SubmittedBy}, fields(&r)...)
		return r, found, err
	}
	var digest string
	var seq int64
	found, err = t.row(`SELECT digest, seq FROM idempotency_keys WHERE submitted_by = ? AND key = ? AND created_at > ? AND created_at < ?`,
		[]any{a.SubmittedBy, a.key, micros(a.now.Add(-keyLife)), micros(a.now.Add(keyLife))}, &digest, &seq)
	if err != nil || !found {
		return r, false, err
	}
	if digest != a.keyDigest {
		return r, false, queue.ErrKeyReused
	}
	found, err = t.row(`SELECT `+columns+` FROM requests WHERE seq = ?`, []any{seq}, fields(&r)...)
	return r, found, err
}

func (t *txn) insert(a acceptance, id queue.RequestID) (seq int64, err error) {
	allow, err := asList(a.Allow)
	if err != nil {
		return 0, err
	}
	_, err = t.row(`INSERT INTO requests (id, holder, holder_key, action, address, address_key, undoes, ticket, requester, note, allow,
			submitted_by, digest, created_at, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq`,
		[]any{id, a.Holder, strings.ToLower(a.Holder), a.Action, a.Address, a.Address.Key(), a.Undoes, a.Ticket, a.Requester, a.Note, allow,
			a.SubmittedBy, a.digest, micros(a.now), micros(a.now)}, &seq)
	return seq, err
}

// useKey notes the request that a key was used for, in the place of one for which it holds no more. Keys that are old go.
func (t *txn) useKey(a acceptance, seq int64) error {
	if a.key == "" {
		return nil
	}
	if err := t.dropKeys(a.now.Add(-keyKept)); err != nil {
		return err
	}
	kept := t.keep()
	if _, err := t.row(`SELECT r.id FROM idempotency_keys AS k JOIN requests AS r ON r.seq = k.seq WHERE k.submitted_by = ? AND k.key = ?`,
		[]any{a.SubmittedBy, a.key}, &kept.KeyOf); err != nil {
		return err
	}
	kept.Key = digestRow(keyColumns, a.SubmittedBy, a.key, a.keyDigest, seq, micros(a.now))
	_, err := t.exec(`INSERT INTO idempotency_keys (`+keyColumns+`) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (submitted_by, key) DO UPDATE SET digest = excluded.digest, seq = excluded.seq, created_at = excluded.created_at`,
		a.SubmittedBy, a.key, a.keyDigest, seq, micros(a.now))
	return err
}

// Get is queue.Intake's.
func (s *Store) Get(ctx context.Context, id queue.RequestID) (queue.Request, error) {
	var r queue.Request
	found, err := s.row(ctx, `SELECT `+columns+` FROM requests WHERE id = ?`, []any{id}, fields(&r)...)
	if err != nil {
		return queue.Request{}, fmt.Errorf("read request %s: %w", id, ended(ctx, err))
	}
	if !found {
		return queue.Request{}, noRequest(id)
	}
	return r, nil
}

// Stats is queue.Intake's.
func (s *Store) Stats(ctx context.Context) (queue.Stats, error) {
	stats := queue.Stats{ByState: map[queue.State]int{}}
	for _, state := range queue.States() {
		stats.ByState[state] = 0
	}
	err := s.rows(ctx, `SELECT state, count(*) FROM requests GROUP BY state`, nil, func(row *sql.Rows) error {
		var state queue.State
		var n int
		err := row.Scan(&state, &n)
		stats.ByState[state] = n
		return err
	})
	if err == nil {
		_, err = s.row(ctx, `SELECT created_at FROM requests WHERE seq = (
			SELECT min(seq) FROM requests WHERE state IN ('accepted', 'queued', 'held', 'writing', 'written'))`, nil, instant{&stats.OldestWaiting})
	}
	if err == nil {
		_, err = s.row(ctx, `SELECT count(*) FROM requests WHERE state = 'writing' AND in_doubt <> ''`, nil, &stats.InFlight)
	}
	if err != nil {
		return queue.Stats{}, fmt.Errorf("count requests: %w", ended(ctx, err))
	}
	return stats, nil
}
