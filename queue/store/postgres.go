package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// lockSpace is the first key of every advisory lock of aliasd, so that others who use the database are not in the way: "alia".
const lockSpace = 0x616c6961

// postgres is the dialect of PostgreSQL: many nodes write at the same time.
func postgres() *dialect {
	return &dialect{
		name: "postgres", render: forPostgres, fault: postgresFault, commit: commitPostgres, lock: lockPostgres,
		bold: true, insertEvents: insertTogether,
		seqs:  `SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST(? AS JSON))`,
		texts: `SELECT value FROM json_array_elements_text(CAST(? AS JSON))`,
		tables: `SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
			AND relname <> 'aliasd_schema'`,
		schema: postgresSchema, made: madePostgres,
		beforeCopy: `SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0`,
		// Numbers that the database gives go on behind those that were copied.
		afterCopy: `DO $$ DECLARE c record; BEGIN
			FOR c IN SELECT table_name, column_name FROM information_schema.columns
				WHERE table_schema = current_schema() AND is_identity = 'YES' LOOP
				EXECUTE format('SELECT setval(pg_get_serial_sequence(%L, %L), coalesce(max(%I), 0) + 1, false) FROM %I',
					quote_ident(c.table_name), c.column_name, c.column_name, c.table_name);
			END LOOP; END $$`,
		lastSeq: `SELECT greatest(coalesce(pg_sequence_last_value(CAST(pg_get_serial_sequence('requests', 'seq') AS regclass)), 0),
			(SELECT coalesce(max(seq), 0) FROM requests))`,
		setLastSeq: `SELECT setval(pg_get_serial_sequence('requests', 'seq'), greatest(%[1]d, 1), %[1]d > 0)`,
		beforeVersion: []string{
			`SELECT pg_advisory_xact_lock(` + strconv.Itoa(lockSpace) + `, 0)`,
			`CREATE TABLE IF NOT EXISTS aliasd_schema (one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one), version INTEGER NOT NULL)`,
			`INSERT INTO aliasd_schema (version) VALUES (0) ON CONFLICT DO NOTHING`,
		},
		isolation: sql.LevelRepeatableRead, beforeSnapshot: `SET LOCAL statement_timeout = 0`, // a long log takes its time
		version: `SELECT version FROM aliasd_schema`, setVersion: `UPDATE aliasd_schema SET version = %d`,
	}
}

// OpenPostgres opens the store in the PostgreSQL database of a URL, of which parts may be left to PostgreSQL's environment
// variables. It brings an older schema up to date, one node at a time (but AsItIs), and refuses
// one that a newer version of the program made. It refuses a connection that leaves the machine without encryption or without
// a check of the server's certificate. No error holds anything of a password.
func OpenPostgres(ctx context.Context, url string, options ...Option) (*Store, error) {
	o := optionsOf(options)
	p, err := newPools(url, o)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	s, err := openPostgres(ctx, p.open, o)
	if err != nil {
		return nil, fmt.Errorf("open the store in %s: %w", p, p.told(err))
	}
	return s, nil
}

// Probe is what ProbePostgres found.
type Probe struct {
	// ClockAhead is how far the database's clock is before this machine's.
	ClockAhead time.Duration
	// Connections are those that aliasd has open to the database, on all nodes.
	Connections int
}

// ProbePostgres looks whether OpenPostgres could open a store, and changes nothing.
func ProbePostgres(ctx context.Context, url string, now func() time.Time, options ...Option) (Probe, error) {
	p, err := newPools(url, optionsOf(options))
	if err != nil {
		return Probe{}, err
	}
	db := p.open(1)
	defer db.Close()
	var found Probe
	var micros int64
	err = checkEncoding(ctx, db)
	if err == nil {
		err = db.QueryRowContext(ctx, `SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT), (SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'aliasd' AND pid <> pg_backend_pid())`).Scan(&micros, &found.Connections)
	}
	if err != nil {
		return Probe{}, fmt.Errorf("%s: %w", p, p.told(err))
	}
	found.ClockAhead = time.UnixMicro(micros).Sub(now())
	return found, nil
}

func openPostgres(ctx context.Context, connect func(connections int) *sql.DB, o options) (*Store, error) {
	d := postgres()
	intake := connect(1)
	if err := checkEncoding(ctx, intake); err != nil {
		return nil, errors.Join(err, intake.Close())
	}
	if err := migrate(ctx, intake, d, o); err != nil {
		return nil, errors.Join(err, intake.Close())
	}
	s := newStore(d, connect(readers), newLane(intake, d, intakeLock), newLane(connect(1), d, 0))
	s.sessions = connect(0)
	s.sessions.SetMaxIdleConns(-1) // a connection ends with its turn, and its locks with it
	return s, nil
}

// checkEncoding refuses a database that does not keep every text as it is.
func checkEncoding(ctx context.Context, db *sql.DB) error {
	var encoding string
	if err := db.QueryRowContext(ctx, `SHOW server_encoding`).Scan(&encoding); err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("its encoding is %s: make it anew with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0", encoding)
	}
	return nil
}

func lockPostgres(t *txn, which lock, shared bool) error {
	function := `pg_advisory_xact_lock`
	if shared {
		function = `pg_advisory_xact_lock_shared`
	}
	_, err := t.exec(`SELECT `+function+`(`+strconv.Itoa(lockSpace)+`, ?)`, int64(which))
	return err
}

// errUnsure: a commit got no answer.
var errUnsure = errors.New("the commit got no answer")

// commitPostgres commits. What the server says of it is the outcome, unless it says so while it hangs up.
func commitPostgres(tx *sql.Tx) error {
	err := tx.Commit()
	var answer *pgconn.PgError
	if err == nil || errors.As(err, &answer) && answer.Severity == "ERROR" || errors.Is(err, pgx.ErrTxCommitRollback) {
		return err
	}
	return fmt.Errorf("%w: %w", errUnsure, err)
}
