package store

import (
	"context"
	"fmt"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// Prior is queue.Work's.
func (s *Store) Prior(ctx context.Context, holder address.GUID, except queue.RequestID) (ldapwriter.Prior, error) {
	var prior ldapwriter.Prior
	_, err := s.row(ctx, `SELECT receipt FROM requests
		WHERE object = ? AND object <> '' AND id <> ? AND receipt IS NOT NULL AND touched <> '[]' ORDER BY seq DESC LIMIT 1`,
		[]any{holder.String(), except}, document{&prior.Last})
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
func (s *Store) Awaiting(ctx context.Context, now time.Time, after int64, n int) ([]queue.Request, error) {
	waiting, err := s.requests(ctx, `SELECT `+columns+` FROM requests INDEXED BY requests_awaiting
		WHERE state IN ('written', 'mismatched') AND seq > ? AND (state = 'written' OR not_before <= ?) ORDER BY seq LIMIT ?`,
		after, micros(queue.Instant(now)), max(n, 0))
	if err != nil {
		return nil, fmt.Errorf("read the requests to sweep: %w", err)
	}
	return waiting, nil
}
