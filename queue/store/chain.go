package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/aliasd/aliasd/queue"
)

// head is the end of the event log.
type head struct {
	id   int64
	hash string
}

// log puts the event of a transition into the event log, at the end of the transaction.
func (t *txn) log(made queue.Transition) error {
	e, err := made.Event()
	if err != nil {
		return err
	}
	t.events = append(t.events, e)
	return nil
}

// appendEvents appends the transaction's events to the log. It comes last, since nobody else can append until the
// transaction has ended. Where it fails, the transaction is broken.
func (t *txn) appendEvents() error {
	if len(t.events) == 0 {
		return nil
	}
	err := t.lock(chainLock)
	var at head
	if err == nil {
		_, err = t.row(`SELECT id, hash FROM events ORDER BY id DESC LIMIT 1`, nil, &at.id, &at.hash)
	}
	for i := 0; i < len(t.events) && err == nil; i++ {
		err = t.appendEvent(&at, t.events[i])
	}
	t.last = at
	if err != nil {
		return fmt.Errorf("%w: append to the event log: %w", errBroken, err)
	}
	return nil
}

func (t *txn) appendEvent(at *head, e queue.Event) error {
	e.ID = at.id + 1
	sealed, canonical, err := e.Sealed(at.hash)
	if err != nil {
		return err
	}
	*at = head{sealed.ID, sealed.Hash}
	_, err = t.exec(`INSERT INTO events (id, request_id, entry, prev_hash, hash) VALUES (?, ?, ?, ?, ?)`,
		sealed.ID, sealed.RequestID, string(canonical), sealed.PrevHash, sealed.Hash)
	return err
}

// Events returns a request's events, oldest first; ErrNotFound where there is no such request.
func (s *Store) Events(ctx context.Context, id queue.RequestID) ([]queue.Event, error) {
	var story []queue.Event
	err := s.rows(ctx, `SELECT entry, prev_hash, hash FROM events WHERE request_id = ? ORDER BY id`, []any{id}, func(rows *sql.Rows) error {
		var entry, prev, hash string
		if err := rows.Scan(&entry, &prev, &hash); err != nil {
			return err
		}
		e, err := queue.ParseEvent([]byte(entry), prev, hash)
		story = append(story, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the events of request %s: %w", id, ended(ctx, err))
	}
	if len(story) == 0 {
		return nil, noRequest(id)
	}
	return story, nil
}

// verifyBatch is how many entries VerifyChain reads at a time, so that it never holds up the clearing of the WAL for long.
const verifyBatch = 1000

// errBrokenLink stops the walk along the chain.
var errBrokenLink = errors.New("broken link")

// VerifyChain walks the whole event log. It returns the id of the first entry that is not what was written: changed, left
// out or moved; 0 where every link holds.
func (s *Store) VerifyChain(ctx context.Context) (firstBroken int64, err error) {
	at := head{}
	after := int64(math.MinInt64) // what stands before the first entry is none of ours
	for more := true; more; {
		before := at.id
		err := s.rows(ctx, `SELECT id, request_id, entry, prev_hash, hash FROM events WHERE id > ? ORDER BY id LIMIT ?`,
			[]any{after, verifyBatch}, func(rows *sql.Rows) error { return at.follow(rows) })
		if errors.Is(err, errBrokenLink) {
			return at.id + 1, nil
		}
		if err != nil {
			return 0, fmt.Errorf("verify the event log: %w", ended(ctx, err))
		}
		after, more = at.id, at.id > before
	}
	return 0, nil
}

// follow goes one link further: the entry that is next, unchanged, behind the one before it.
func (h *head) follow(row scanner) error {
	var id int64
	var request queue.RequestID
	var entry, prev, hash string
	if err := row.Scan(&id, &request, &entry, &prev, &hash); err != nil {
		return err
	}
	var says struct {
		ID        int64           `json:"id"`
		RequestID queue.RequestID `json:"request_id"`
	}
	readable := json.Unmarshal([]byte(entry), &says) == nil
	if !readable || id != h.id+1 || says.ID != id || says.RequestID != request || prev != h.hash ||
		hash != queue.ChainHash(h.hash, []byte(entry)) {
		return errBrokenLink
	}
	h.id, h.hash = id, hash
	return nil
}
