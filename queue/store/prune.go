package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
)

// ErrTooYoung: retention would remove requests that idempotency keys may still name.
var ErrTooYoung = fmt.Errorf("requests are kept for %d days at least", int(keyLife.Hours()/24))

const (
	// pruneStep is how many entries one transaction removes, and those of the last request: each may be a gap of its own, which takes
	// several statements, and nothing is taken in meanwhile.
	pruneStep = 500
	// pruneLook is how many requests it looks for. They have two entries at least.
	pruneLook = pruneStep / 2
)

// Pruning is what retention removes: requests that ended before a time, with their entries in the event log.
type Pruning struct {
	Before time.Time
	By     string // who wants it; it stands in the log
	Now    time.Time
}

// Pruned is what retention removed.
type Pruned struct {
	Requests int `json:"requests"`
	Entries  int `json:"entries"`
}

// Prune removes final requests that were changed last before a time, each with all its entries. What stays of the event log is a
// chain still: gaps keep the hashes at their edges, and an entry "pruned" tells of them. Kept are, whatever their age: requests that an
// idempotency key names; those that an open request undoes, or that came after an open one for the same holder; the newest final
// one that wrote to a holder, and those that say or settle what came of a modify: a later write rests on them (Prior); and the one with the
// newest entry, which the next one follows. It works in steps, on one node at a time; where
// one fails, those before it are done and told.
func (s *Store) Prune(ctx context.Context, p Pruning) (all Pruned, err error) {
	p.Before, p.Now = queue.Instant(p.Before), queue.Instant(p.Now)
	if p.Before.After(p.Now.Add(-keyLife)) {
		return all, fmt.Errorf("prune: %w", ErrTooYoung)
	}
	for after, more := int64(0), true; more; {
		var step pruneResult
		err := s.take(ctx, func(t *txn) (err error) {
			step, err = t.prune(p, after)
			return err
		})
		if err != nil {
			return all, fmt.Errorf("prune: %w", err)
		}
		all.Requests, all.Entries = all.Requests+step.Requests, all.Entries+step.Entries
		after, more = step.last, step.more
	}
	return all, nil
}

// pruneResult is what one step did: the last request that it looked at, and whether there may be more behind it.
type pruneResult struct {
	Pruned
	last int64
	more bool
}

// prune makes one step: it removes the next requests behind one.
func (t *txn) prune(p Pruning, after int64) (done pruneResult, err error) {
	held := p.Now.Add(-keyLife)
	due, err := t.prunable(p.Before, held, after)
	if err != nil || len(due) == 0 {
		return done, err
	}
	if err := t.dropKeys(held); err != nil {
		return done, err
	}
	found := len(due)
	due, entries, err := t.entriesOf(due)
	if err != nil {
		return done, err
	}
	for _, run := range runs(entries) {
		if err := t.makeGap(run); err != nil {
			return done, err
		}
	}
	if err := t.dropRequests(due); err != nil {
		return done, err
	}
	done = pruneResult{Pruned{len(due), len(entries)}, due[len(due)-1].seq, len(due) < found || found == pruneLook}
	return done, t.logPruned(p, done.Pruned)
}

// dropKeys drops idempotency keys that are as old as that.
func (t *txn) dropKeys(until time.Time) error {
	_, err := t.exec(`DELETE FROM idempotency_keys WHERE created_at <= ?`, micros(until))
	return err
}

// endedRequest names a request that retention removes.
type endedRequest struct {
	seq int64
	id  queue.RequestID
}

// prunable finds the next requests that may go; keys that are as old as held do not hold them. Prior and Accept rest on what is kept here,
// and so does an open undo: on what it undoes, and on what the holder's later requests wrote.
func (t *txn) prunable(before, held time.Time, after int64) (due []endedRequest, err error) {
	err = t.rows(`SELECT r.seq, r.id FROM requests AS r INDEXED BY requests_ended
		WHERE r.seq > ? AND r.updated_at < ? AND r.state IN ('verified', 'superseded', 'refused', 'failed', 'cancelled')
			AND NOT EXISTS (SELECT 1 FROM events AS e WHERE e.request_id = r.id AND e.id = (SELECT max(id) FROM events))
			AND NOT EXISTS (SELECT 1 FROM idempotency_keys AS k WHERE k.seq = r.seq AND k.created_at > ?)
			AND NOT EXISTS (SELECT 1 FROM requests AS o WHERE o.undoes = r.id AND o.undoes <> ''
				AND o.state IN ('accepted', 'queued', 'held', 'writing', 'written', 'mismatched'))
			AND NOT EXISTS (SELECT 1 FROM requests AS undone JOIN requests AS o ON o.undoes = undone.id AND o.undoes <> ''
				AND o.state IN ('accepted', 'queued', 'held', 'writing', 'written', 'mismatched')
				WHERE undone.object = r.object AND undone.object <> '' AND undone.seq < r.seq)
			AND NOT EXISTS (SELECT 1 FROM requests AS o WHERE o.holder_key = r.holder_key AND o.seq < r.seq
				AND o.state IN ('accepted', 'queued', 'held', 'writing', 'written', 'mismatched'))
			AND NOT EXISTS (SELECT 1 FROM requests AS o WHERE o.object = r.object AND o.object <> '' AND o.seq < r.seq
				AND o.state IN ('accepted', 'queued', 'held', 'writing', 'written', 'mismatched'))
			AND (r.receipt IS NULL OR r.touched = '[]' OR EXISTS (
				SELECT 1 FROM requests AS o WHERE o.object = r.object AND o.object <> '' AND o.seq > r.seq AND o.receipt IS NOT NULL
					AND o.touched <> '[]' AND o.state IN ('verified', 'superseded', 'failed')))
			AND (r.in_doubt = '' OR EXISTS (
				SELECT 1 FROM requests AS o WHERE o.object = r.object AND o.object <> '' AND o.seq > r.seq AND o.receipt_dc = r.in_doubt))
			AND (r.receipt_dc = '' OR NOT EXISTS (
				SELECT 1 FROM requests AS o WHERE o.object = r.object AND o.object <> '' AND o.seq < r.seq AND o.in_doubt = r.receipt_dc))
		ORDER BY r.seq LIMIT ?`,
		[]any{after, micros(before), micros(held), pruneLook}, func(row *sql.Rows) error {
			var e endedRequest
			err := row.Scan(&e.seq, &e.id)
			due = append(due, e)
			return err
		})
	return due, err
}

// entriesOf are the entries of requests as gaps of one entry, in the order of the log, and the requests that they are of: as many as
// one step takes.
func (t *txn) entriesOf(due []endedRequest) (taken []endedRequest, entries []eventlog.Gap, err error) {
	for n := 0; n < len(due) && len(entries) < pruneStep; n++ {
		taken = due[:n+1]
		err := t.rows(`SELECT id, id, prev_hash, hash FROM events WHERE request_id = ? ORDER BY id`, []any{due[n].id}, func(row *sql.Rows) error {
			g, err := scanGap(row)
			entries = append(entries, g)
			return err
		})
		if err != nil {
			return nil, nil, err
		}
	}
	slices.SortFunc(entries, func(a, b eventlog.Gap) int { return int(a.First - b.First) })
	return taken, entries, nil
}

// runs joins gaps that follow one another.
func runs(entries []eventlog.Gap) (joined []eventlog.Gap) {
	for _, e := range entries {
		if last := len(joined) - 1; last >= 0 && joined[last].Last+1 == e.First {
			joined[last].Last, joined[last].Hash = e.Last, e.Hash
			continue
		}
		joined = append(joined, e)
	}
	return joined
}

// makeGap removes a run of entries and joins it with the gaps beside it.
func (t *txn) makeGap(run eventlog.Gap) error {
	wide := run
	before, err := t.gap(`last_id = ?`, run.First-1)
	if err != nil {
		return err
	}
	behind, err := t.gap(`first_id = ?`, run.Last+1)
	if err != nil {
		return err
	}
	if before != nil {
		wide.First, wide.PrevHash = before.First, before.PrevHash
	}
	if behind != nil {
		wide.Last, wide.Hash = behind.Last, behind.Hash
	}
	return t.widen(run, wide, behind)
}

// widen makes wide the gap that takes in run, and drops the one behind, which it takes in too.
func (t *txn) widen(run, wide eventlog.Gap, behind *eventlog.Gap) error {
	_, err := t.exec(`INSERT INTO event_gaps (first_id, last_id, prev_hash, hash) VALUES (?, ?, ?, ?)
		ON CONFLICT (first_id) DO UPDATE SET last_id = excluded.last_id, hash = excluded.hash`, wide.First, wide.Last, wide.PrevHash, wide.Hash)
	if err != nil {
		return err
	}
	if behind != nil {
		if _, err := t.exec(`DELETE FROM event_gaps WHERE first_id = ?`, behind.First); err != nil {
			return err
		}
	}
	_, err = t.exec(`DELETE FROM events WHERE id BETWEEN ? AND ?`, run.First, run.Last)
	return err
}

func (t *txn) gap(where string, id int64) (*eventlog.Gap, error) {
	var g eventlog.Gap
	found, err := t.row(`SELECT first_id, last_id, prev_hash, hash FROM event_gaps WHERE `+where, []any{id}, &g.First, &g.Last, &g.PrevHash, &g.Hash)
	if err != nil || !found {
		return nil, err
	}
	return &g, nil
}

func (t *txn) dropRequests(due []endedRequest) error {
	for _, r := range due {
		dropped, err := t.exec(`DELETE FROM requests WHERE seq = ?`, r.seq)
		if err != nil {
			return err
		}
		if dropped != 1 {
			return errors.New("request " + string(r.id) + " was not there to be removed")
		}
	}
	return nil
}

// logPruned tells in the log what went, with a digest over all gaps that there are now.
func (t *txn) logPruned(p Pruning, done Pruned) error {
	digest := eventlog.NewDigest()
	err := t.rows(`SELECT first_id, last_id, prev_hash, hash FROM event_gaps WHERE first_id > 0 ORDER BY first_id`, nil, func(row *sql.Rows) error {
		g, err := scanGap(row)
		digest.Add(g)
		return err
	})
	if err != nil {
		return err
	}
	told := eventlog.Removal{Before: p.Before.Format(time.RFC3339Nano), By: p.By, Requests: done.Requests, Entries: done.Entries}
	told.Digest, told.Gaps = digest.Sum()
	return t.tell(eventlog.Pruned, p.Now, told, "")
}
