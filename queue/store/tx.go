package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"

	"github.com/aliasd/aliasd/queue"
)

// prepared keeps the statements of a pool, so that each is compiled once per connection.
type prepared struct {
	db      *sql.DB
	dialect *dialect

	mu         sync.Mutex
	statements map[string]statement // by their text in the code
	wanted     []string             // used by the writer goroutine alone
}

// statement is a prepared one, and how its parameters are given to it.
type statement struct {
	*sql.Stmt
	bind binding
}

func prepare(db *sql.DB, d *dialect) *prepared {
	return &prepared{db: db, dialect: d, statements: map[string]statement{}}
}

// get gives the statement of a query, outside of transactions. Nobody waits for one that another is preparing.
func (p *prepared) get(ctx context.Context, query string) (statement, error) {
	if known, ok := p.known(query); ok {
		return known, nil
	}
	text, bind := p.dialect.render(query)
	stmt, err := p.db.PrepareContext(ctx, text)
	if err != nil {
		return statement{}, err
	}
	return p.keep(query, statement{stmt, bind})
}

func (p *prepared) known(query string) (statement, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.statements[query]
	return known, ok
}

// keep keeps a statement, unless another was faster.
func (p *prepared) keep(query string, made statement) (statement, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.statements[query]; ok {
		return known, made.Close()
	}
	p.statements[query] = made
	return made, nil
}

// in gives the statement of a query in a transaction. One that is new is compiled for this transaction alone, and wanted
// for the next: while the only connection is in a transaction, no statement can be prepared beside it.
func (p *prepared) in(ctx context.Context, tx *sql.Tx, query string) (statement, error) {
	if known, ok := p.known(query); ok {
		return statement{tx.StmtContext(ctx, known.Stmt), known.bind}, nil
	}
	p.wanted = append(p.wanted, query)
	text, bind := p.dialect.render(query)
	stmt, err := tx.PrepareContext(ctx, text)
	return statement{stmt, bind}, err
}

// prepareWanted prepares what transactions wanted. One that cannot be prepared now stays as it was: compiled each time.
func (p *prepared) prepareWanted(ctx context.Context) {
	wanted := p.wanted
	p.wanted = nil
	for _, query := range wanted {
		_, _ = p.get(ctx, query)
	}
}

// with are the parameters as the statement takes them.
func (s statement) with(args []any) ([]any, error) {
	if s.bind == nil {
		return args, nil
	}
	return s.bind(args)
}

func (s statement) exec(ctx context.Context, args []any) (sql.Result, error) {
	bound, err := s.with(args)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, bound...)
}

func (s statement) query(ctx context.Context, args []any) (*sql.Rows, error) {
	bound, err := s.with(args)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, bound...)
}

// one reads at most one row into to; false where there is none.
func (s statement) one(ctx context.Context, args, to []any) (found bool, err error) {
	bound, err := s.with(args)
	if err != nil {
		return false, err
	}
	err = s.QueryRowContext(ctx, bound...).Scan(to...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// txn is one write's view of the transaction that it runs in.
type txn struct {
	ctx        context.Context
	tx         *sql.Tx
	statements *prepared
	// events are those of the transaction so far; they are appended to the log at its end.
	events []queue.Event
	// last is the last of them in the log.
	last head
	// bold: there are no savepoints. touched: since the last write began something was written, or a statement failed.
	bold, touched bool
}

// exec runs a statement and tells how many rows it changed.
func (t *txn) exec(query string, args ...any) (changed int64, err error) {
	defer func() { t.note(query, changed > 0, err) }()
	stmt, err := t.statements.in(t.ctx, t.tx, query)
	if err != nil {
		return 0, err
	}
	result, err := stmt.exec(t.ctx, args)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// row reads at most one row into to; false where there is none.
func (t *txn) row(query string, args []any, to ...any) (found bool, err error) {
	defer func() { t.note(query, found, err) }()
	stmt, err := t.statements.in(t.ctx, t.tx, query)
	if err != nil {
		return false, err
	}
	return stmt.one(t.ctx, args, to)
}

// rows calls each for every row that a query gives.
func (t *txn) rows(query string, args []any, each func(*sql.Rows) error) (err error) {
	some := false
	defer func() { t.note(query, some, err) }()
	stmt, err := t.statements.in(t.ctx, t.tx, query)
	if err != nil {
		return err
	}
	rows, err := stmt.query(t.ctx, args)
	return every(rows, err, func(row *sql.Rows) error {
		some = true
		return each(row)
	})
}

// note keeps in mind that a statement had an effect, or failed.
func (t *txn) note(query string, effect bool, err error) {
	t.touched = t.touched || err != nil || effect && !strings.HasPrefix(query, "SELECT")
}

// lock waits until no other transaction holds a lock, on any node; it is held until the transaction ends.
func (t *txn) lock(which lock) error { return t.hold(which, false) }

// share waits until no other transaction holds a lock alone.
func (t *txn) share(which lock) error { return t.hold(which, true) }

func (t *txn) hold(which lock, shared bool) error {
	if t.statements.dialect.lock == nil {
		return nil
	}
	return t.statements.dialect.lock(t, which, shared)
}

// row reads at most one row, outside of any transaction; false where there is none.
func (s *Store) row(ctx context.Context, query string, args []any, to ...any) (found bool, err error) {
	stmt, err := s.reading(ctx, query)
	if err != nil {
		return false, s.read(err)
	}
	found, err = stmt.one(ctx, args, to)
	return found, s.read(err)
}

// rows calls each for every row that a query gives, outside of any transaction.
func (s *Store) rows(ctx context.Context, query string, args []any, each func(*sql.Rows) error) error {
	stmt, err := s.reading(ctx, query)
	if err != nil {
		return s.read(err)
	}
	rows, err := stmt.query(ctx, args)
	return s.read(every(rows, err, each))
}

// read is the outcome of a read: what cannot be kept is not there, and a database that cannot be reached, or is too slow, is told.
func (s *Store) read(err error) error {
	if errors.Is(err, errNoText) {
		return nil
	}
	if err == nil {
		return nil
	}
	switch s.dialect.fault(err) {
	case away, late:
		return s.inWords(err)
	}
	return err
}

func (s *Store) reading(ctx context.Context, query string) (statement, error) {
	select {
	case <-s.quit:
		return statement{}, ErrClosed
	default:
		return s.reads.get(ctx, query)
	}
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
