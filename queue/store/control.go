package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
)

// Paused is queue.Control's.
func (s *Store) Paused(ctx context.Context) (since time.Time, by string, err error) {
	_, err = s.row(ctx, `SELECT paused_at, paused_by FROM pause`, nil, instant{&since}, &by)
	if err != nil {
		return time.Time{}, "", fmt.Errorf("read the stop switch: %w", ended(ctx, err))
	}
	return since, by, nil
}

// SetPaused is queue.Control's. Stopping what is stopped keeps since when and by whom. It waits for the claims and the
// intents that are under way: none is made after it has returned.
func (s *Store) SetPaused(ctx context.Context, paused bool, by string, now time.Time) error {
	err := s.write(ctx, func(t *txn) (err error) {
		if err := t.lock(pauseLock); err != nil {
			return err
		}
		if paused {
			return t.stop(by, queue.Instant(now))
		}
		return t.goOn(by, queue.Instant(now))
	})
	if err != nil {
		return fmt.Errorf("set the stop switch: %w", err)
	}
	return nil
}

func (t *txn) stop(by string, now time.Time) error {
	stopped, err := t.exec(`INSERT INTO pause (`+pauseColumns+`) VALUES (1, ?, ?) ON CONFLICT DO NOTHING`, micros(now), by)
	if err != nil || stopped == 0 {
		return err
	}
	return t.tell(eventlog.Stopped, now, eventlog.Switched{By: by}, digestRow(pauseColumns, int64(1), micros(now), by))
}

func (t *txn) goOn(by string, now time.Time) error {
	ended, err := t.exec(`DELETE FROM pause`)
	if err != nil || ended == 0 {
		return err
	}
	return t.tell(eventlog.GoesOn, now, eventlog.Switched{By: by}, queue.Gone)
}

// tell puts an entry that belongs to no request into the event log, with the digest of the row that it leaves.
func (t *txn) tell(what string, now time.Time, detail any, row string) error {
	text, err := json.Marshal(detail)
	if err != nil {
		return err
	}
	t.events = append(t.events, queue.Event{At: now, What: what, Detail: text, Kept: queue.Kept{Row: row}})
	return nil
}

// Meta returns a note that the daemon keeps for itself, "" where there is none: when the last report was made, say.
func (s *Store) Meta(ctx context.Context, key string) (value string, err error) {
	_, err = s.row(ctx, `SELECT value FROM meta WHERE key = ?`, []any{key}, &value)
	if err != nil {
		return "", fmt.Errorf("read note %s: %w", key, ended(ctx, err))
	}
	return value, nil
}

// SetMeta keeps a note for the daemon in place of the one before.
func (s *Store) SetMeta(ctx context.Context, key, value string) error {
	err := s.write(ctx, func(t *txn) error {
		_, err := t.exec(`INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep note %s: %w", key, err)
	}
	return nil
}
