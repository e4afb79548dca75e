package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
)

// Unresolved is queue.Work's.
func (s *Store) Unresolved(ctx context.Context, now time.Time, n int) ([]queue.Request, error) {
	due, err := s.requests(ctx, `SELECT `+columns+` FROM requests
		WHERE state = 'accepted' AND (not_before <= ? OR not_before > ?)
		ORDER BY seq LIMIT ?`, micros(queue.Instant(now)), farthest(now), max(n, 0))
	if err != nil {
		return nil, fmt.Errorf("read accepted requests: %w", err)
	}
	return due, nil
}

// Unknown is queue.Work's.
func (s *Store) Unknown(ctx context.Context, before int64) ([]queue.Request, error) {
	found, err := s.requests(ctx, `SELECT `+columns+` FROM requests WHERE state = 'accepted' AND seq < ? ORDER BY seq`, before)
	if err != nil {
		return nil, fmt.Errorf("read accepted requests: %w", err)
	}
	return found, nil
}

// farthest is the last time that can be meant.
func farthest(now time.Time) int64 { return micros(queue.Instant(now.Add(queue.Farthest))) }

// Resolve is queue.Work's.
func (s *Store) Resolve(ctx context.Context, id queue.RequestID, holder address.GUID, claims []queue.Claim, now time.Time) (queue.Request, error) {
	var r queue.Request
	err := s.take(ctx, func(t *txn) (err error) {
		r, err = t.resolve(id, holder, claims, queue.Instant(now))
		return err
	})
	if err != nil {
		return queue.Request{}, fmt.Errorf("resolve: %w", err)
	}
	return r, nil
}

func (t *txn) resolve(id queue.RequestID, holder address.GUID, claims []queue.Claim, now time.Time) (r queue.Request, err error) {
	made := queue.Transition{ID: id, From: queue.Accepted, To: queue.Queued, Now: now, What: "resolved",
		Detail: map[string]string{"object_guid": holder.String()}}
	obstacle, err := t.obstacle(id, holder, claims)
	if err != nil {
		return r, err
	}
	if obstacle != nil {
		made.To, made.What, made.Cause = queue.Refused, "refused", &obstacle.Cause
	}
	why, err := orNull(made.Cause)
	if err != nil {
		return r, err
	}
	found, err := t.row(`UPDATE requests SET state = ?, cause = ?, object = ?, attempts = 0, not_before = 0, updated_at = ?
		WHERE id = ? AND state = 'accepted' RETURNING `+columns,
		[]any{made.To, why, holder.String(), micros(now), id}, fields(&r)...)
	if err != nil {
		return r, err
	}
	if !found {
		return r, t.passedBy(id)
	}
	if obstacle == nil {
		if err := t.claim(r.Seq, claims); err != nil {
			return r, err
		}
	}
	return r, t.log(made)
}

// obstacle is why a request cannot be put into its holder's line; nil where it can.
func (t *txn) obstacle(id queue.RequestID, holder address.GUID, claims []queue.Claim) (*cause.Error, error) {
	if err := t.stopClaims(id, holder); err != nil {
		return nil, err
	}
	var later queue.Request
	passed, err := t.row(`SELECT `+columns+` FROM requests
		WHERE object = ? AND object <> '' AND seq > (SELECT seq FROM requests WHERE id = ?)
			AND state IN ('writing', 'written', 'verified', 'mismatched', 'superseded', 'failed')
		ORDER BY seq LIMIT 1`, []any{holder.String(), id}, fields(&later)...)
	if err != nil {
		return nil, err
	}
	if passed {
		return queue.Late(later), nil
	}
	by, taken, busy, err := t.busy(holder, claims)
	if err != nil || !busy {
		return nil, err
	}
	return queue.Busy(by, taken), nil
}

// stopClaims keeps every node from claiming until this transaction ends, where a later request of the holder waits for its turn: it could be
// claimed without anybody's seeing that another one stands before it now.
func (t *txn) stopClaims(id queue.RequestID, holder address.GUID) error {
	var n int
	waits, err := t.row(`SELECT 1 FROM requests
		WHERE object = ? AND seq > (SELECT seq FROM requests WHERE id = ?) AND state IN ('queued', 'held', 'writing') LIMIT 1`, []any{holder.String(), id}, &n)
	if err != nil || !waits {
		return err
	}
	return t.lock(pauseLock)
}

// busy finds the oldest open request for another holder that takes an address which claims want to take. It says IS DISTINCT FROM
// because <> with a parameter, which an index condition has too, makes SQLite compile the statement anew each time.
func (t *txn) busy(holder address.GUID, claims []queue.Claim) (by queue.Request, taken address.Key, found bool, err error) {
	for _, c := range claims {
		if c.Kind != queue.Take {
			continue
		}
		var other queue.Request
		held, err := t.row(`SELECT r.seq, r.id, r.holder, r.state FROM claims AS c JOIN requests AS r ON r.seq = c.seq
			WHERE c.address = ? AND c.kind = 'take' AND r.object IS DISTINCT FROM ? ORDER BY r.seq LIMIT 1`,
			[]any{c.Address, holder.String()}, &other.Seq, &other.ID, &other.Holder, &other.State)
		if err != nil {
			return by, "", false, err
		}
		if held && (!found || other.Seq < by.Seq) {
			by, taken, found = other, c.Address, true
		}
	}
	return by, taken, found, nil
}

func (t *txn) claim(seq int64, claims []queue.Claim) error {
	for _, c := range claims {
		if _, err := t.exec(`INSERT INTO claims (address, kind, seq) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, c.Address, c.Kind, seq); err != nil {
			return err
		}
	}
	return nil
}

// Claim is queue.Work's.
func (s *Store) Claim(ctx context.Context, owner string, now time.Time, lease time.Duration, n int) ([]queue.Request, error) {
	now = queue.Instant(now)
	var leased []queue.Request
	err := s.write(ctx, func(t *txn) error {
		if err := t.share(pauseLock); err != nil {
			return err
		}
		l := leasing{owner: owner, now: now, until: queue.Instant(now.Add(lease))}
		expired, err := t.takeOver(l, max(n, 0))
		if err != nil {
			return err
		}
		queued, err := t.lease(l, max(n, 0)-len(expired))
		leased = append(expired, queued...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	return leased, nil
}

// TakeOver is queue.Work's.
func (s *Store) TakeOver(ctx context.Context, owner string, now time.Time, lease time.Duration, n int) (leased []queue.Request, err error) {
	now = queue.Instant(now)
	err = s.write(ctx, func(t *txn) error {
		leased, err = t.takeOver(leasing{owner: owner, now: now, until: queue.Instant(now.Add(lease))}, max(n, 0))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take over: %w", err)
	}
	return leased, nil
}

// leasing is to whom, when and until when requests are leased.
type leasing struct {
	owner      string
	now, until time.Time
}

func (t *txn) takeOver(l leasing, n int) ([]queue.Request, error) {
	return t.leased(queue.Transition{From: queue.Writing, What: "taken over"}, l,
		`WITH expired AS MATERIALIZED (
			SELECT seq FROM requests WHERE state = 'writing' AND (lease_until <= @now OR lease_until > @far)
			ORDER BY seq LIMIT @n FOR UPDATE SKIP LOCKED)
		UPDATE requests SET owner = @owner, lease_until = @until, updated_at = @now
		WHERE seq IN (SELECT seq FROM expired)
		RETURNING `+columns, n)
}

// lease takes queued requests whose turn it is. The order of the holder's requests is kept by the statement itself, and so is the stop
// switch.
func (t *txn) lease(l leasing, n int) ([]queue.Request, error) {
	return t.leased(queue.Transition{From: queue.Queued, What: "claimed"}, l,
		`WITH due AS MATERIALIZED (
			SELECT seq FROM requests AS r INDEXED BY requests_queued
			WHERE r.seq > 0 AND r.state = 'queued' AND (r.not_before <= @now OR r.not_before > @far)
				AND NOT EXISTS (SELECT 1 FROM pause)
				AND NOT EXISTS (
					SELECT 1 FROM requests AS earlier
					WHERE earlier.object = r.object AND earlier.seq < r.seq AND earlier.state IN ('queued', 'held', 'writing'))
			ORDER BY r.seq LIMIT @n FOR UPDATE OF r SKIP LOCKED)
		UPDATE requests SET state = 'writing', owner = @owner, lease_until = @until, updated_at = @now
		WHERE seq IN (SELECT seq FROM due)
		RETURNING `+columns, n)
}

// leased runs a leasing statement and logs what it leased, oldest first.
func (t *txn) leased(made queue.Transition, l leasing, query string, n int) ([]queue.Request, error) {
	if n == 0 {
		return nil, nil
	}
	var leased []queue.Request
	args := []any{sql.Named("owner", l.owner), sql.Named("until", micros(l.until)), sql.Named("now", micros(l.now)),
		sql.Named("far", farthest(l.now)), sql.Named("n", n)}
	err := t.rows(query, args, func(row *sql.Rows) error {
		r, err := scanRequest(row)
		leased = append(leased, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(leased, bySeq)
	made.To, made.Owner, made.Now = queue.Writing, l.owner, l.now
	for _, r := range leased {
		made.ID = r.ID
		if err := t.log(made); err != nil {
			return nil, err
		}
	}
	return leased, nil
}

func bySeq(a, b queue.Request) int { return int(a.Seq - b.Seq) }

// Releasing is queue.Work's.
func (s *Store) Releasing(ctx context.Context, id queue.RequestID) (*queue.Request, error) {
	found, err := s.requests(ctx, `SELECT `+columns+` FROM requests WHERE seq = (
		SELECT min(earlier.seq)
		FROM requests AS r
			JOIN claims AS mine ON mine.seq = r.seq AND mine.kind = 'take'
			JOIN claims AS theirs ON theirs.address = mine.address AND theirs.kind = 'release'
			JOIN requests AS earlier ON earlier.seq = theirs.seq AND earlier.object <> r.object
		WHERE r.id = ? AND (earlier.seq < r.seq OR earlier.state IN ('written', 'mismatched')))`, id)
	if err != nil {
		return nil, fmt.Errorf("read the claims of request %s: %w", id, err)
	}
	if len(found) == 1 {
		return &found[0], nil
	}
	_, err = s.Get(ctx, id)
	return nil, err
}
