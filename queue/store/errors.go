package store

import (
	"context"
	"fmt"

	"github.com/aliasd/aliasd/queue"
)

// missing is an error for something that is not there: it is a queue.ErrNotFound with a text of its own.
type missing string

func (m missing) Error() string { return string(m) }

// Is makes it a queue.ErrNotFound.
func (m missing) Is(target error) bool { return target == queue.ErrNotFound }

func noRequest(id queue.RequestID) error { return fmt.Errorf("request %s: %w", id, queue.ErrNotFound) }

// passedBy tells why a guarded transition found nothing to change.
func (t *txn) passedBy(id queue.RequestID) error {
	var state queue.State
	found, err := t.row(`SELECT state FROM requests WHERE id = ?`, []any{id}, &state)
	switch {
	case err != nil:
		return err
	case !found:
		return noRequest(id)
	}
	return fmt.Errorf("request %s is %s: %w", id, state, queue.ErrStale)
}

// ended tells whether a context ended; a read that it stopped gives errors of all kinds.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
