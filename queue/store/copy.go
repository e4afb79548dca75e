package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/queue/eventlog"
	"github.com/aliasd/aliasd/sqlitefile"
)

// Errors of Copy.
var (
	// ErrNotEmpty: the store that is to be copied into has requests, events or tokens.
	ErrNotEmpty = errors.New("the target is not empty")
	// ErrDiffers: the copy is not what the source is.
	ErrDiffers = errors.New("the copy differs from the source")
)

// Copied is what Copy has copied.
type Copied struct {
	// Tables are in the order in which the schema makes them.
	Tables []CopiedTable
	// Events is the number of the last entry of the event log, and Head its hash, on both sides.
	Events int64
	Head   string
}

// CopiedTable is a table with the number of its rows.
type CopiedTable struct {
	Name string `json:"table"`
	Rows int64  `json:"rows"`
}

// Copy copies all that stands in a store into another one that is empty, of whichever database, in one transaction: every row
// of every table, events byte for byte. It reads back what it wrote and compares all of it before it commits, and verifies
// both sides. The source is only read; nobody may write to it meanwhile. Errors: ErrNotEmpty, ErrDiffers.
func Copy(ctx context.Context, from, to *Store) (Copied, error) {
	if err := from.mustHold(ctx, "source"); err != nil {
		return Copied{}, err
	}
	source, err := from.reads.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return Copied{}, fmt.Errorf("read the store: %w", from.inWords(err))
	}
	defer func() { _ = source.Rollback() }() // it wrote nothing
	var copied Copied
	err = sqlitefile.InTx(ctx, to.work.statements.db, func(target *sql.Tx) (err error) {
		c := &copying{ctx: ctx, from: from, source: source, to: to, target: target}
		copied, err = c.all()
		return err
	})
	if err != nil {
		return Copied{}, fmt.Errorf("copy the store: %w", to.inWords(err))
	}
	head, err := to.Head(ctx)
	if err == nil {
		err = to.mustHold(ctx, "copy")
	}
	copied.Events, copied.Head = head.ID, head.Hash
	return copied, err
}

// mustHold verifies one of the two.
func (s *Store) mustHold(ctx context.Context, which string) error {
	found, err := s.Verify(ctx, eventlog.Check{})
	if err == nil {
		err = found.Err()
	}
	if err != nil {
		return fmt.Errorf("the %s: %w", which, err)
	}
	return nil
}

// copying is one run of Copy.
type copying struct {
	ctx      context.Context
	from, to *Store
	// source sees one moment of the source; target is committed when all is well.
	source, target *sql.Tx
}

func (c *copying) all() (Copied, error) {
	for tx, statement := range map[*sql.Tx]string{c.source: c.from.dialect.beforeCopy, c.target: c.to.dialect.beforeCopy} {
		if _, err := tx.ExecContext(c.ctx, statement); err != nil {
			return Copied{}, err
		}
	}
	tables, err := c.tables()
	if err == nil {
		err = c.empty(tables)
	}
	if err != nil {
		return Copied{}, err
	}
	var copied Copied
	for _, table := range tables {
		rows, err := c.table(table)
		if err != nil {
			return Copied{}, fmt.Errorf("table %s: %w", table, err)
		}
		copied.Tables = append(copied.Tables, CopiedTable{table, rows})
	}
	return copied, c.goOn()
}

// goOn has the numbers that the target gives go on behind those that the source gave.
func (c *copying) goOn() error {
	var last int64
	if err := c.source.QueryRowContext(c.ctx, c.from.dialect.lastSeq).Scan(&last); err != nil {
		return err
	}
	for _, statement := range []string{c.to.dialect.afterCopy, fmt.Sprintf(c.to.dialect.setLastSeq, last)} {
		if statement == "" {
			continue
		}
		if _, err := c.target.ExecContext(c.ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// tables are those of both sides, in the order in which the steps of the schema make them, so that a row comes after those that
// it names. A database that was restored from a dump has made them in another order.
func (c *copying) tables() ([]string, error) {
	ours, err := names(c.source.QueryContext(c.ctx, c.from.dialect.tables))
	if err != nil {
		return nil, err
	}
	theirs, err := names(c.target.QueryContext(c.ctx, c.to.dialect.tables))
	if err != nil {
		return nil, err
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	if !slices.Equal(ours, theirs) {
		return nil, fmt.Errorf("the source has the tables %v, the target %v", ours, theirs)
	}
	made, err := c.to.dialect.tablesMade()
	slices.SortStableFunc(ours, func(a, b string) int { return slices.Index(made, a) - slices.Index(made, b) })
	return ours, err
}

func names(rows *sql.Rows, err error) (all []string, _ error) {
	return all, every(rows, err, func(row *sql.Rows) error {
		var name string
		err := row.Scan(&name)
		all = append(all, name)
		return err
	})
}

// empty refuses a target that is in use, and clears what the steps of the schema put there.
func (c *copying) empty(tables []string) error {
	for _, table := range []string{"requests", "events", "tokens"} {
		var used bool
		if err := c.target.QueryRowContext(c.ctx, `SELECT EXISTS (SELECT 1 FROM `+table+`)`).Scan(&used); err != nil {
			return err
		}
		if used {
			return fmt.Errorf("%w: it has %s; copy into a new database", ErrNotEmpty, table)
		}
	}
	for _, table := range tables {
		if _, err := c.target.ExecContext(c.ctx, `DELETE FROM `+table); err != nil {
			return err
		}
	}
	return nil
}

// table copies the rows of a table and compares what is there then with what was read.
func (c *copying) table(table string) (rows int64, err error) {
	columns, insert, err := c.insert(table)
	if err != nil {
		return 0, err
	}
	query := `SELECT ` + strings.Join(columns, ", ") + ` FROM ` + table
	var read, written content
	source, err := c.source.QueryContext(c.ctx, query)
	err = read.of(source, err, len(columns), func(values []any) error {
		_, err := insert.ExecContext(c.ctx, values...)
		return err
	})
	if err != nil {
		return 0, errors.Join(err, insert.Close())
	}
	target, err := c.target.QueryContext(c.ctx, query)
	err = written.of(target, err, len(columns), func([]any) error { return nil })
	if err == nil && read != written {
		err = fmt.Errorf("%w: %d rows were read, %d are there, or not the same ones", ErrDiffers, read.rows, written.rows)
	}
	return read.rows, errors.Join(err, insert.Close())
}

// insert prepares the writing of a row, of the columns that the source has.
func (c *copying) insert(table string) (columns []string, insert *sql.Stmt, err error) {
	none, err := c.source.QueryContext(c.ctx, `SELECT * FROM `+table+` LIMIT 0`)
	if err != nil {
		return nil, nil, err
	}
	columns, err = none.Columns()
	if err := errors.Join(err, none.Close()); err != nil {
		return nil, nil, err
	}
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", ")
	text, _ := c.to.dialect.render(`INSERT INTO ` + table + ` (` + strings.Join(columns, ", ") + `) VALUES (` + marks + `)`)
	insert, err = c.target.PrepareContext(c.ctx, text)
	return columns, insert, err
}

// content is what stands in a table, in whichever order: how many rows, and the sum of their hashes.
type content struct {
	rows int64
	sum  [sha256.Size]byte
}

// of reads a table and hands every row on.
func (n *content) of(rows *sql.Rows, err error, columns int, each func(values []any) error) error {
	values, at := make([]any, columns), make([]any, columns)
	for i := range values {
		at[i] = &values[i]
	}
	return every(rows, err, func(row *sql.Rows) error {
		if err := row.Scan(at...); err != nil {
			return err
		}
		n.add(values)
		return each(values)
	})
}

func (n *content) add(values []any) {
	h := sha256.New()
	for _, value := range values {
		fmt.Fprintf(h, "%T %#v\x00", value, value)
	}
	for i, b := range h.Sum(nil) {
		n.sum[i] ^= b
	}
	n.rows++
}
