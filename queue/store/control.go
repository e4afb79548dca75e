package store

import (
	"context"
	"fmt"
	"time"

	"github.com/aliasd/aliasd/queue"
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
			_, err = t.exec(`INSERT INTO pause (id, paused_at, paused_by) VALUES (1, ?, ?) ON CONFLICT DO NOTHING`, micros(queue.Instant(now)), by)
		} else {
			_, err = t.exec(`DELETE FROM pause`)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("set the stop switch: %w", err)
	}
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
