package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"

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

// appendEvents appends the transaction's events to the log, with what the store keeps of what they tell of. It comes last, since nobody else can append until the
// transaction has ended. Where it fails, the transaction is broken.
func (t *txn) appendEvents() error {
	if len(t.events) == 0 {
		return nil
	}
	err := t.keepRows()
	if err == nil {
		err = t.lock(chainLock)
	}
	var at head
	if err == nil {
		_, err = t.row(`SELECT id, hash FROM events ORDER BY id DESC LIMIT 1`, nil, &at.id, &at.hash)
	}
	entries := make([]sealed, len(t.events))
	for i := 0; i < len(t.events) && err == nil; i++ {
		entries[i], err = at.seal(t.events[i])
	}
	if err == nil {
		err = t.statements.dialect.insertEvents(t, entries)
	}
	t.last = at
	if err != nil {
		return fmt.Errorf("%w: append to the event log: %w", errBroken, err)
	}
	return nil
}

// sealed is an event in its place in the log, and the bytes that are kept of it.
type sealed struct {
	queue.Event
	entry string
}

// seal puts an event behind the end of the log, which it becomes.
func (h *head) seal(e queue.Event) (sealed, error) {
	e.ID = h.id + 1
	e, canonical, err := e.Sealed(h.hash)
	*h = head{e.ID, e.Hash}
	return sealed{e, string(canonical)}, err
}

// insertEach writes entries one by one.
func insertEach(t *txn, entries []sealed) error {
	for _, e := range entries {
		_, err := t.exec(`INSERT INTO events (id, request_id, entry, prev_hash, hash) VALUES (?, ?, ?, ?, ?)`,
			e.ID, e.RequestID, e.entry, e.PrevHash, e.Hash)
		if err != nil {
			return err
		}
	}
	return nil
}

// insertTogether writes entries by one statement.
func insertTogether(t *txn, entries []sealed) error {
	var ids []int64
	var requests, texts, before, hashes []string
	for _, e := range entries {
		ids, requests, texts = append(ids, e.ID), append(requests, string(e.RequestID)), append(texts, e.entry)
		before, hashes = append(before, e.PrevHash), append(hashes, e.Hash)
	}
	_, err := t.exec(`INSERT INTO events (id, request_id, entry, prev_hash, hash)
		SELECT * FROM unnest(CAST(? AS BIGINT[]), CAST(? AS TEXT[]), CAST(? AS TEXT[]), CAST(? AS TEXT[]), CAST(? AS TEXT[]))`,
		ids, requests, texts, before, hashes)
	return err
}

// Events is queue.Intake's.
func (s *Store) Events(ctx context.Context, id queue.RequestID, of queue.Part) ([]queue.Event, error) {
	before, most := cmp.Or(of.Before, math.MaxInt64), cmp.Or(int64(of.Most), math.MaxInt64)
	var story []queue.Event
	err := s.rows(ctx, `SELECT entry, prev_hash, hash FROM events WHERE request_id = ? AND id < ? ORDER BY id DESC LIMIT ?`,
		[]any{id, before, most}, func(rows *sql.Rows) error {
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
	if len(story) > 0 {
		slices.Reverse(story)
		return story, nil
	}
	_, err = s.Get(ctx, id)
	return nil, err
}
