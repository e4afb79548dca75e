package store

import (
	"context"
	"database/sql"
	"errors"
	"math"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
)

// frozen reads one state of the store, whatever is written meanwhile.
type frozen struct {
	ctx     context.Context
	tx      *sql.Tx
	dialect *dialect
}

// snapshot runs do on one state of the store. What is written meanwhile cannot be folded into the file before it ends.
func (s *Store) snapshot(ctx context.Context, do func(*frozen) error) error {
	select {
	case <-s.quit:
		return ErrClosed
	default:
	}
	tx, err := s.reads.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: s.dialect.isolation})
	if err != nil {
		return s.inWords(err)
	}
	// Nothing was written: there is nothing to commit.
	defer func() { _ = tx.Rollback() }()
	if before := s.dialect.beforeSnapshot; before != "" {
		if _, err := tx.ExecContext(ctx, before); err != nil {
			return s.inWords(err)
		}
	}
	return s.inWords(do(&frozen{ctx: ctx, tx: tx, dialect: s.dialect}))
}

// row reads exactly one row.
func (v *frozen) row(query string, args []any, to ...any) error {
	text, bound, err := v.render(query, args)
	if err != nil {
		return err
	}
	return v.tx.QueryRowContext(v.ctx, text, bound...).Scan(to...)
}

// rows calls each for every row that a query gives.
func (v *frozen) rows(query string, args []any, each func(*sql.Rows) error) error {
	text, bound, err := v.render(query, args)
	if err != nil {
		return err
	}
	rows, err := v.tx.QueryContext(v.ctx, text, bound...)
	return every(rows, err, each)
}

// render makes a statement and its parameters those of the database.
func (v *frozen) render(query string, args []any) (string, []any, error) {
	text, bind := v.dialect.render(query)
	bound, err := statement{bind: bind}.with(args)
	return text, bound, err
}

// errEnough stops the reading of rows.
var errEnough = errors.New("enough")

// links goes along the event log in the order of the entries, gaps where they belong, until one of the two says false.
func (v *frozen) links(of span, entry func(eventlog.Record) bool, gap func(eventlog.Gap) bool) error {
	if of.last == 0 {
		of.last = math.MaxInt64
	}
	query, args := `SELECT id, request_id, entry, prev_hash, hash FROM events WHERE id BETWEEN ? AND ? ORDER BY id`, []any{of.first, of.last}
	if of.first == 0 {
		args[0] = int64(math.MinInt64) // what stands before the first entry is none of ours
	}
	if of.request != "" {
		query, args = `SELECT id, request_id, entry, prev_hash, hash FROM events WHERE request_id = ? ORDER BY id`, []any{of.request}
	}
	gaps, err := v.gaps(of)
	if err != nil {
		return err
	}
	err = v.rows(query, args, func(row *sql.Rows) error {
		r, err := scanRecord(row)
		if err != nil {
			return err
		}
		for len(gaps) > 0 && gaps[0].First <= r.ID {
			if !gap(gaps[0]) {
				return errEnough
			}
			gaps = gaps[1:]
		}
		if !entry(r) {
			return errEnough
		}
		return nil
	})
	for ; err == nil && len(gaps) > 0; gaps = gaps[1:] {
		if !gap(gaps[0]) {
			return nil
		}
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func scanRecord(row scanner) (r eventlog.Record, err error) {
	var entry string
	err = row.Scan(&r.ID, &r.RequestID, &entry, &r.PrevHash, &r.Hash)
	r.Entry = []byte(entry)
	return r, err
}

// gaps are the removed runs within a part of the log.
func (v *frozen) gaps(of span) (all []eventlog.Gap, err error) {
	if of.request != "" {
		return nil, nil
	}
	err = v.rows(`SELECT first_id, last_id, prev_hash, hash FROM event_gaps WHERE first_id >= ? AND last_id <= ? ORDER BY first_id`,
		[]any{of.first, of.last}, func(row *sql.Rows) error {
			g, err := scanGap(row)
			all = append(all, g)
			return err
		})
	return all, err
}

func scanGap(row scanner) (g eventlog.Gap, err error) {
	err = row.Scan(&g.First, &g.Last, &g.PrevHash, &g.Hash)
	return g, err
}

// span is a part of the log: the entries from first to last, or one request's. Zero fields bound nothing.
type span struct {
	first, last int64
	request     queue.RequestID
}
