package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// dialect is all that differs from one database to the other. Statements stand in the code once, as SQLite takes them, and
// say in addition what only PostgreSQL needs: FOR UPDATE.
type dialect struct {
	// name is that of the folder of its migrations.
	name string
	// render makes a statement one of the database; bind makes its parameters those of the text, nil where they are it already.
	render func(query string) (text string, bind binding)
	// seqs are the numbers in the JSON array that is the parameter.
	seqs string
	// texts are the texts in the JSON array that is the parameter.
	texts string
	// lock has a transaction wait until it holds a lock of all nodes, alone or with others that share it; nil where a
	// transaction is alone in any case.
	lock func(t *txn, which lock, shared bool) error
	// bold has a group tried without savepoints first: each statement is a round trip to a server, and failures are few.
	bold bool
	// insertEvents writes entries of the event log.
	insertEvents func(t *txn, sealed []sealed) error
	// fault tells what an error of the database means.
	fault func(error) fault
	// commit ends a transaction.
	commit func(*sql.Tx) error
	// version reads the number of the last step of the schema, setVersion (with a %d) sets it.
	version, setVersion string
	// tables lists the tables of the store by name.
	tables string
	// schema reads all that stands in the schema, and made makes what has to stand there by the given steps.
	schema string
	made   func(ctx context.Context, db *sql.DB, steps []string) (schema, error)
	// beforeCopy is done at the beginning of a transaction that reads or writes all that there is.
	beforeCopy string
	// afterCopy is done when all rows have been copied into a store.
	afterCopy string
	// lastSeq reads the last number that a request was given, setLastSeq (with a %d) sets it: retention may have removed that request,
	// and no number is given twice.
	lastSeq, setLastSeq string
	// isolation is that of a transaction that reads one state of the database, and beforeSnapshot is done at its beginning.
	isolation      sql.IsolationLevel
	beforeSnapshot string
	// beforeVersion is done before the version is read.
	beforeVersion []string
}

// fault is what an error of a database means for the write that met it.
type fault int

const (
	// own: the write's own; the others in its transaction need not mind.
	own fault = iota
	// full: the database cannot be written just now.
	full
	// late: another transaction was in the way, or so much else to do, until the time was over.
	late
	// away: the database cannot be reached, or ended the connection.
	away
	// unsure: the database went away while it committed; nobody knows whether it did.
	unsure
	// collided: another transaction was in the way; run again, it succeeds.
	collided
)

// lock names one of the locks that order what nodes do. Who takes several takes them in this order, and rows before
// the last.
type lock int

const (
	// intakeLock makes the order of Seq the order in which requests become visible, and lets one node at a time claim
	// addresses.
	intakeLock lock = iota + 1
	// pauseLock stands between the stop switch on one side and claims and intents on the other: those share it, and the switch is turned
	// when none is under way. So is a request put before another of its holder.
	pauseLock
	// capsLock is held by who spends of a cap: two nodes must not both see the last bit of room.
	capsLock
	// chainLock is held by who appends to the event log.
	chainLock
)

// binding makes the parameters of a statement those of its text.
type binding func(args []any) ([]any, error)

// What only one of the databases knows.
var (
	forUpdate = regexp.MustCompile(`\s+FOR UPDATE( OF \w+)?( SKIP LOCKED)?`)
	indexedBy = regexp.MustCompile(`\s+INDEXED BY \w+`)
	parameter = regexp.MustCompile(`'[^']*'|\?|@\w+`)
)

// forSQLite leaves out what is for PostgreSQL: in SQLite a transaction that writes is alone.
func forSQLite(query string) (string, binding) { return forUpdate.ReplaceAllString(query, ""), nil }

// forPostgres numbers the parameters and leaves out which index SQLite shall use.
func forPostgres(query string) (string, binding) {
	var names []string
	n := 0
	text := parameter.ReplaceAllStringFunc(indexedBy.ReplaceAllString(query, ""), func(found string) string {
		switch found[0] {
		case '?':
			n++
			return "$" + strconv.Itoa(n)
		case '@':
			at := slices.Index(names, found[1:])
			if at < 0 {
				at, names = len(names), append(names, found[1:])
			}
			return "$" + strconv.Itoa(at+1)
		}
		return found
	})
	return text, func(args []any) ([]any, error) { return plain(names, args) }
}

// plain gives parameters as pgx takes them quickest: bare values, in the order of the names where there are names.
func plain(names []string, args []any) ([]any, error) {
	byName := map[string]any{}
	bound := make([]any, 0, len(args))
	for _, arg := range args {
		named, ok := arg.(sql.NamedArg)
		if ok {
			arg = named.Value
		}
		bare, err := bare(arg)
		if err != nil {
			return nil, err
		}
		byName[named.Name] = bare
		bound = append(bound, bare)
	}
	if names == nil {
		return bound, nil
	}
	bound = bound[:0]
	for _, name := range names {
		arg, ok := byName[name]
		if !ok {
			return nil, fmt.Errorf("parameter @%s is not given", name)
		}
		bound = append(bound, arg)
	}
	return bound, nil
}

// bare is a parameter as int64, string, bool, []byte or nil; whole columns stay what they are.
func bare(arg any) (any, error) {
	switch arg.(type) {
	case []int64, []string:
		return arg, nil
	}
	plain, err := driver.DefaultParameterConverter.ConvertValue(arg)
	if text, ok := plain.(string); ok && (!utf8.ValidString(text) || strings.ContainsRune(text, 0)) {
		return nil, errNoText
	}
	return plain, err
}

// errNoText: a parameter is text that PostgreSQL does not keep.
var errNoText = errors.New("these bytes are no text")
