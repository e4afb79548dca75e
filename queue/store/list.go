package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/queue"
)

// Sizes of a page of List.
const (
	pageSize    = 50
	maxPageSize = 500
)

// List is queue.Intake's. The cursor is the Seq of the last request on the page.
func (s *Store) List(ctx context.Context, f queue.Filter) (page []queue.Request, next string, err error) {
	before := int64(math.MaxInt64)
	if f.Cursor != "" {
		if before, err = strconv.ParseInt(f.Cursor, 10, 64); err != nil {
			return nil, "", queue.ErrBadCursor
		}
	}
	size := f.Limit
	if size <= 0 {
		size = pageSize
	}
	size = min(size, maxPageSize)
	where, args := conditions(f)
	page, err = s.requests(ctx, `SELECT `+columns+` FROM requests WHERE seq < ?`+where+` ORDER BY seq DESC LIMIT ?`,
		append(append([]any{before}, args...), size+1)...)
	if err != nil {
		return nil, "", fmt.Errorf("list requests: %w", err)
	}
	if len(page) > size {
		page = page[:size]
		next = strconv.FormatInt(page[size-1].Seq, 10)
	}
	return page, next, nil
}

// conditions are what a filter adds to a WHERE, so that each filter can use its index.
func conditions(f queue.Filter) (where string, args []any) {
	add := func(condition string, values ...any) {
		where += ` AND ` + condition
		args = append(args, values...)
	}
	if f.State != "" {
		add(`state = ?`, f.State)
	}
	if guid, err := address.ParseGUID(f.Holder); err == nil {
		add(`(holder_key = ? OR (object = ? AND object <> ''))`, strings.ToLower(f.Holder), guid.String())
	} else if f.Holder != "" {
		add(`holder_key = ?`, strings.ToLower(f.Holder))
	}
	if f.Ticket != "" {
		add(`ticket = ? AND ticket <> ''`, f.Ticket)
	}
	if !f.Since.IsZero() {
		add(`updated_at >= ?`, micros(queue.Instant(f.Since)))
	}
	return where, args
}

// requests reads the requests that a query gives.
func (s *Store) requests(ctx context.Context, query string, args ...any) ([]queue.Request, error) {
	var found []queue.Request
	err := s.rows(ctx, query, args, func(row *sql.Rows) error {
		r, err := scanRequest(row)
		found = append(found, r)
		return err
	})
	return found, ended(ctx, err)
}
