package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// prepared keeps the statements of a pool, so that each is compiled once per connection.
type prepared struct {
	db *sql.DB

	mu         sync.Mutex
	statements map[string]*sql.Stmt
	wanted     []string
}

func prepare(db *sql.DB) *prepared { return &prepared{db: db, statements: map[string]*sql.Stmt{}} }

// get gives the statement of a query, outside of transactions.
func (p *prepared) get(ctx context.Context, query string) (*sql.Stmt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.statements[query]; ok {
		return known, nil
	}
	stmt, err := p.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	p.statements[query] = stmt
	return stmt, nil
}

// in gives the statement of a query in a transaction. One that is new is compiled for this transaction alone, and wanted
// for the next: while the only connection is in a transaction, no statement can be prepared beside it.
func (p *prepared) in(ctx context.Context, tx *sql.Tx, query string) (*sql.Stmt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.statements[query]; ok {
		return tx.StmtContext(ctx, known), nil
	}
	p.wanted = append(p.wanted, query)
	return tx.PrepareContext(ctx, query)
}

// prepareWanted prepares what transactions wanted. One that cannot be prepared now stays as it was: compiled each time.
func (p *prepared) prepareWanted(ctx context.Context) {
	wanted := p.wanted
	p.wanted = nil
	for _, query := range wanted {
		_, _ = p.get(ctx, query)
	}
}

// txn is one write's view of the transaction that it runs in.
type txn struct {
	ctx        context.Context
	tx         *sql.Tx
	statements *prepared
	// head is the end of the event log, nil until it was read.
	head *head
}

// exec runs a statement and tells how many rows it changed.
func (t *txn) exec(query string, args ...any) (changed int64, err error) {
	result, err := t.run(query, args)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// insertRow runs an INSERT of one row and gives the row's INTEGER PRIMARY KEY.
func (t *txn) insertRow(query string, args ...any) (key int64, err error) {
	result, err := t.run(query, args)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

func (t *txn) run(query string, args []any) (sql.Result, error) {
	stmt, err := t.statements.in(t.ctx, t.tx, query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(t.ctx, args...)
}

// row reads at most one row into to; false where there is none.
func (t *txn) row(query string, args []any, to ...any) (found bool, err error) {
	stmt, err := t.statements.in(t.ctx, t.tx, query)
	if err != nil {
		return false, err
	}
	return one(stmt.QueryRowContext(t.ctx, args...), to)
}

// rows calls each for every row that a query gives.
func (t *txn) rows(query string, args []any, each func(*sql.Rows) error) error {
	stmt, err := t.statements.in(t.ctx, t.tx, query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(t.ctx, args...)
	return every(rows, err, each)
}

// row reads at most one row, outside of any transaction; false where there is none.
func (s *Store) row(ctx context.Context, query string, args []any, to ...any) (found bool, err error) {
	stmt, err := s.reading(ctx, query)
	if err != nil {
		return false, err
	}
	return one(stmt.QueryRowContext(ctx, args...), to)
}

// rows calls each for every row that a query gives, outside of any transaction.
func (s *Store) rows(ctx context.Context, query string, args []any, each func(*sql.Rows) error) error {
	stmt, err := s.reading(ctx, query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	return every(rows, err, each)
}

func (s *Store) reading(ctx context.Context, query string) (*sql.Stmt, error) {
	select {
	case <-s.quit:
		return nil, ErrClosed
	default:
		return s.reads.get(ctx, query)
	}
}

func one(row *sql.Row, to []any) (found bool, err error) {
	err = row.Scan(to...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func every(rows *sql.Rows, err error, each func(*sql.Rows) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
