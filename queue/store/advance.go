package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/queue"
)

// Advance is queue.Work's.
func (s *Store) Advance(ctx context.Context, made queue.Transition) (queue.Request, error) {
	if err := made.Check(); err != nil {
		return queue.Request{}, fmt.Errorf("advance: %w", err)
	}
	made = made.Kept()
	values, err := valuesOf(made)
	if err != nil {
		return queue.Request{}, fmt.Errorf("advance: %w", err)
	}
	var r queue.Request
	err = s.write(ctx, func(t *txn) (err error) {
		r, err = t.advance(made, values)
		return err
	})
	if err != nil {
		return queue.Request{}, fmt.Errorf("advance: %w", err)
	}
	return r, nil
}

func (t *txn) advance(made queue.Transition, values []any) (r queue.Request, err error) {
	if made.Sends() {
		if err := t.lockBrakes(made); err != nil {
			return r, err
		}
	}
	found, err := t.row(`UPDATE requests SET
			state          = @to,
			cause          = coalesce(@cause, CASE WHEN @clear THEN NULL ELSE cause END),
			not_before     = CASE WHEN @as_of = updated_at OR @as_of = 0 THEN coalesce(@not_before, not_before) ELSE not_before END,
			attempts       = coalesce(@attempts, attempts),
			owner          = CASE WHEN @to = 'writing' THEN owner ELSE '' END,
			lease_until    = CASE WHEN @to = 'writing' THEN coalesce(@lease_until, lease_until) ELSE 0 END,
			cloud_id       = coalesce(nullif(@cloud_id, ''), cloud_id),
			intent         = coalesce(@intent, intent),
			receipt        = coalesce(@receipt, receipt),
			expectation    = coalesce(@expectation, expectation),
			in_doubt       = coalesce(@in_doubt, in_doubt),
			receipt_dc     = coalesce(@receipt_dc, receipt_dc),
			touched        = coalesce(@touched, touched),
			seen           = coalesce(@seen, seen),
			last_sync_seen = coalesce(@last_sync_seen, last_sync_seen),
			sync_moves     = coalesce(@sync_moves, sync_moves),
			notes          = coalesce(@notes, notes),
			released_by    = coalesce(nullif(@released_by, ''), released_by),
			updated_at     = @now,
			written_at     = CASE WHEN @to = 'written' AND state <> @to THEN @now ELSE written_at END,
			verified_at    = CASE WHEN @to = 'verified' AND state <> @to THEN @now ELSE verified_at END
		WHERE id = @id AND state = @from AND (state <> 'writing' OR (owner = @owner AND lease_until > @now))
		RETURNING `+columns, values, fields(&r)...)
	if err != nil {
		return r, err
	}
	if !found {
		return r, t.passedBy(made.ID)
	}
	if err := t.log(made); err != nil {
		return r, err
	}
	if err := t.brake(r.Seq, made); err != nil {
		return r, err
	}
	if made.To.Final() || made.Unclaim {
		return r, t.unclaim(r.Seq)
	}
	return r, t.supersede(r, made)
}

// valuesOf are the parameters of the statement of a transition; NULL leaves what stands.
func valuesOf(made queue.Transition) ([]any, error) {
	named := []any{
		sql.Named("id", made.ID), sql.Named("from", made.From), sql.Named("to", made.To), sql.Named("owner", made.Owner),
		sql.Named("now", micros(made.Now)), sql.Named("clear", made.ClearCause), sql.Named("not_before", microsOrNull(made.NotBefore)),
		sql.Named("as_of", micros(made.AsOf)),
		sql.Named("lease_until", microsOrNull(made.LeaseUntil)), sql.Named("last_sync_seen", microsOrNull(made.LastSyncSeen)),
		sql.Named("attempts", made.Attempts), sql.Named("sync_moves", made.SyncMoves), sql.Named("cloud_id", made.CloudID),
		sql.Named("in_doubt", inDoubt(made)), sql.Named("receipt_dc", receiptDC(made)),
		sql.Named("released_by", made.ReleasedBy),
	}
	documents := []struct {
		name string
		give func() (any, error)
	}{
		{"cause", func() (any, error) { return orNull(made.Cause) }},
		{"intent", func() (any, error) { return orNull(made.Intent) }},
		{"receipt", func() (any, error) { return orNull(made.Receipt) }},
		{"expectation", func() (any, error) { return orNull(made.Expectation) }},
		{"seen", func() (any, error) { return orNull(made.Seen) }},
		{"touched", func() (any, error) { return touched(made) }},
		{"notes", func() (any, error) { return notes(made) }},
	}
	for _, d := range documents {
		value, err := d.give()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.name, err)
		}
		named = append(named, sql.Named(d.name, value))
	}
	return named, nil
}

// inDoubt is the DC of an intent that was sent without an answer so far; a receipt is one. NULL where t does not say.
func inDoubt(made queue.Transition) any {
	switch {
	case made.Receipt == nil && made.Intent == nil:
		return nil
	case made.Receipt == nil:
		return queue.DoubtOf(made.Intent).DC()
	}
	return ""
}

func receiptDC(made queue.Transition) any {
	if made.Receipt == nil {
		return nil
	}
	return made.Receipt.DC
}

func touched(made queue.Transition) (any, error) {
	if made.Receipt == nil {
		return nil, nil
	}
	keys := []address.Key{}
	for _, a := range made.Receipt.Change.Addresses() {
		keys = append(keys, a.Key())
	}
	return asList(keys)
}

func notes(made queue.Transition) (any, error) {
	if made.Notes == nil {
		return nil, nil
	}
	return asList(made.Notes)
}

// Wake is queue.Work's.
func (s *Store) Wake(ctx context.Context, id queue.RequestID, by string, now time.Time) (r queue.Request, woken bool, err error) {
	err = s.write(ctx, func(t *txn) (err error) {
		r, woken, err = t.wake(id, by, queue.Instant(now))
		return err
	})
	if err != nil {
		return queue.Request{}, false, fmt.Errorf("wake: %w", err)
	}
	return r, woken, nil
}

func (t *txn) wake(id queue.RequestID, by string, now time.Time) (r queue.Request, woken bool, err error) {
	woken, err = t.row(`UPDATE requests SET not_before = 0, updated_at = ?
		WHERE id = ? AND not_before <> 0 AND state IN ('accepted', 'queued', 'written', 'mismatched') RETURNING `+columns,
		[]any{micros(now), id}, fields(&r)...)
	if err != nil {
		return r, false, err
	}
	if woken {
		return r, true, t.log(queue.Waking(r, by, now))
	}
	awake, err := t.row(`SELECT `+columns+` FROM requests
		WHERE id = ? AND state IN ('accepted', 'queued', 'written', 'mismatched')`, []any{id}, fields(&r)...)
	if err == nil && !awake {
		err = t.passedBy(id)
	}
	return r, false, err
}
