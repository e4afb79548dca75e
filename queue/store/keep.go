package store

import (
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/queue"
)

// requestRows reads requests with all their columns and, as one column more, how many claims they have and which, each on a line.
const requestRows = `SELECT r.*, (SELECT count(*) || string_agg('
' || c.kind || ' ' || c.address, '') FROM claims AS c WHERE c.seq = r.seq) AS claims FROM requests AS r`

// rowDigest makes digests of rows with the same columns, which it takes in the order of their names. A column that is empty (NULL, 0, no
// text, an empty list) leaves no trace, so that a later version may add columns that are empty at first.
type rowDigest struct {
	columns []string
	order   []int
	sum     hash.Hash
}

// unsealed are the columns of tables that no digest covers: forging them decides nothing.
func unsealed(column string) bool { return column == "last_used_at" }

func digestOf(columns []string) *rowDigest {
	d := &rowDigest{columns: columns, sum: sha256.New()}
	for i, name := range columns {
		if !unsealed(name) {
			d.order = append(d.order, i)
		}
	}
	slices.SortFunc(d.order, func(a, b int) int { return strings.Compare(columns[a], columns[b]) })
	return d
}

// of is the digest of a row, in base64.
func (d *rowDigest) of(values []any) string {
	d.sum.Reset()
	var number [8]byte
	for _, at := range d.order {
		var kind byte
		var text string
		switch v := values[at].(type) {
		case nil:
		case int64:
			if v != 0 {
				binary.BigEndian.PutUint64(number[:], uint64(v))
				kind, text = 'i', string(number[:])
			}
		case string:
			kind, text = 's', v
		case []byte:
			kind, text = 'b', string(v)
		default:
			kind, text = 'o', fmt.Sprintf("%T %v", v, v)
		}
		if d.columns[at] == "claims" {
			text = sortedLines(text)
		}
		if text == "" || text == "[]" {
			continue
		}
		fmt.Fprintf(d.sum, "%s %c %d ", d.columns[at], kind, len(text)) // a hash takes everything
		d.sum.Write([]byte(text))
	}
	return base64.RawStdEncoding.EncodeToString(d.sum.Sum(nil))
}

func sortedLines(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// digestRow is the digest of a row that is given by its columns.
func digestRow(columns string, values ...any) string {
	return digestOf(strings.Split(columns, ", ")).of(values)
}

// rawRows reads rows whose columns the code does not know.
type rawRows struct {
	digest *rowDigest
	values []any
	at     []any
}

// scan reads the next row.
func (r *rawRows) scan(row *sql.Rows) error {
	if r.digest == nil {
		columns, err := row.Columns()
		if err != nil {
			return err
		}
		r.digest, r.values, r.at = digestOf(columns), make([]any, len(columns)), make([]any, len(columns))
		for i := range r.values {
			r.at[i] = &r.values[i]
		}
	}
	return row.Scan(r.at...)
}

// sum is the digest of the row that was read.
func (r *rawRows) sum() string { return r.digest.of(r.values) }

// column is one value of the row that was read.
func (r *rawRows) column(name string) any { return r.values[slices.Index(r.digest.columns, name)] }

// digestsBySeq are digests of rows that belong to requests, by the requests' numbers.
type digestsBySeq map[int64]string

// add takes the rows of a query in.
func (d digestsBySeq) add() func(*sql.Rows) error {
	var read rawRows
	return func(row *sql.Rows) error {
		if err := read.scan(row); err != nil {
			return err
		}
		if seq, ok := read.column("seq").(int64); ok {
			d[seq] += read.sum() // a second one is one too many
		}
		return nil
	}
}

// keepRows notes in the transaction's events what becomes of the requests that they tell of. It comes when nothing of them changes any
// more.
func (t *txn) keepRows() error {
	var ids []queue.RequestID
	for _, e := range t.events {
		if e.RequestID != "" && !slices.Contains(ids, e.RequestID) {
			ids = append(ids, e.RequestID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	list, err := asList(ids)
	if err != nil {
		return err
	}
	kept := make(map[queue.RequestID]string, len(ids))
	var read rawRows
	err = t.rows(requestRows+` WHERE r.id IN (`+t.statements.dialect.texts+`)`, []any{list}, func(row *sql.Rows) error {
		if err := read.scan(row); err != nil {
			return err
		}
		kept[queue.RequestID(read.column("id").(string))] = read.sum()
		return nil
	})
	for i := range t.events {
		if e := &t.events[i]; e.RequestID != "" {
			e.Kept.Row = kept[e.RequestID]
		}
	}
	return err
}

// keep gives what the newest event of the transaction says of the rows that are kept, to be filled in.
func (t *txn) keep() *queue.Kept { return &t.events[len(t.events)-1].Kept }

const (
	// keyColumns and spentColumns are the tables' columns, as their digests take them.
	keyColumns   = "submitted_by, key, digest, seq, created_at"
	spentColumns = "seq, spent_at, removals"
	pauseColumns = "id, paused_at, paused_by"
)

// oneDigest is the digest of the one row of a query; "" where there is none.
func (t *txn) oneDigest(query string, args ...any) (digest string, err error) {
	var read rawRows
	err = t.rows(query, args, func(row *sql.Rows) error {
		err := read.scan(row)
		if err == nil {
			digest = read.sum()
		}
		return err
	})
	return digest, err
}
