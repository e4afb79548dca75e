package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// Prior is queue.Work's.
func (s *Store) Prior(ctx context.Context, holder address.GUID, except queue.RequestID, since time.Time) (ldapwriter.Prior, error) {
	var prior ldapwriter.Prior
	err := s.rows(ctx, `SELECT receipt FROM requests
		WHERE object = ? AND object <> '' AND id <> ? AND receipt IS NOT NULL AND (written_at >= ? OR seq = (
			SELECT max(seq) FROM requests WHERE object = ? AND object <> '' AND id <> ? AND receipt IS NOT NULL AND touched <> '[]'))
		ORDER BY seq`,
		[]any{holder.String(), except, micros(queue.Instant(since)), holder.String(), except}, func(row *sql.Rows) error {
			var r ldapwriter.Receipt
			err := row.Scan(document{&r})
			if !r.Change.Empty() || r.Doubted {
				prior.Receipts = append(prior.Receipts, r)
			}
			return err
		})
	if err == nil {
		_, err = s.row(ctx, `SELECT in_doubt FROM requests AS sent
			WHERE object = ? AND object <> '' AND id <> ? AND in_doubt <> '' AND NOT EXISTS (
				SELECT 1 FROM requests AS later
				WHERE later.object = sent.object AND later.object <> '' AND later.seq > sent.seq AND later.receipt_dc = sent.in_doubt)
			ORDER BY seq DESC LIMIT 1`,
			[]any{holder.String(), except}, &prior.InDoubt)
	}
	if err != nil {
		return ldapwriter.Prior{}, fmt.Errorf("read earlier writes to %s: %w", holder, ended(ctx, err))
	}
	return prior, nil
}

// Awaiting is queue.Work's.
func (s *Store) Awaiting(ctx context.Context, now time.Time) ([]queue.Waiting, error) {
	var all []queue.Waiting
	err := s.rows(ctx, `SELECT seq, object, state, not_before, written_at FROM requests INDEXED BY requests_awaiting
		WHERE seq > 0 AND state IN ('written', 'mismatched') AND (state = 'written' OR not_before <= ?
			OR not_before > ? AND not_before < ?) ORDER BY seq`,
		[]any{micros(queue.Instant(now)), farthest(now), micros(queue.Never())}, func(row *sql.Rows) error {
			var w queue.Waiting
			err := row.Scan(&w.Seq, guid{&w.Object}, &w.State, instant{&w.NotBefore}, instant{&w.WrittenAt})
			all = append(all, w)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("read what waits for the cloud: %w", ended(ctx, err))
	}
	return all, nil
}

// Awaited is queue.Work's.
func (s *Store) Awaited(ctx context.Context, seqs []int64) ([]queue.Request, error) {
	list, err := asList(seqs)
	if err != nil {
		return nil, err
	}
	waiting, err := s.requests(ctx, `SELECT `+columns+` FROM requests
		WHERE seq IN (`+s.dialect.seqs+`) AND state || '' IN ('written', 'mismatched') ORDER BY seq`, list)
	if err != nil {
		return nil, fmt.Errorf("read the requests to sweep: %w", err)
	}
	return waiting, nil
}
