package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// lockSpace is the first key of every advisory lock of aliasd: "alia".
const lockSpace = 0x616c6961

// postgres is the dialect of PostgreSQL.
func postgres() *dialect {
	return &dialect{
		name: "postgres", render: forPostgres, fault: postgresFault, commit: commitPostgres, lock: lockPostgres,
		seqs: `SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST(? AS JSON))`,
		beforeVersion: []string{
			`SELECT pg_advisory_xact_lock(` + strconv.Itoa(lockSpace) + `, 0)`,
			`CREATE TABLE IF NOT EXISTS aliasd_schema (one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one), version INTEGER NOT NULL)`,
			`INSERT INTO aliasd_schema (version) VALUES (0) ON CONFLICT DO NOTHING`,
		},
		version: `SELECT version FROM aliasd_schema`, setVersion: `UPDATE aliasd_schema SET version = %d`,
	}
}

// session are what every connection is told. A node that stops in the middle of a transaction, and keeps its locks from the
// others, loses its connection.
func session() map[string]string {
	return map[string]string{
		"application_name":                    "aliasd",
		"statement_timeout":                   "30s",
		"lock_timeout":                        "20s",
		"idle_in_transaction_session_timeout": "20s",
		"default_transaction_isolation":       "read committed",
		"synchronous_commit":                  "on",
	}
}

// OpenPostgres opens the store in the PostgreSQL database that config names. It brings an older schema up to date, one node
// at a time, and refuses one that a newer version of the program made.
func OpenPostgres(ctx context.Context, url string) (*Store, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("open the store: the URL of the database is none that PostgreSQL knows")
	}
	s, err := openPostgres(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the store in database %s at %s: %w", config.Database, config.Host, err)
	}
	return s, nil
}

func openPostgres(ctx context.Context, config *pgx.ConnConfig) (*Store, error) {
	for name, value := range session() {
		config.RuntimeParams[name] = value
	}
	d := postgres()
	intake := pool(config, 1)
	if err := migrate(ctx, intake, d); err != nil {
		return nil, errors.Join(err, intake.Close())
	}
	return newStore(d, pool(config, readers), newLane(intake, d, intakeLock), newLane(pool(config, 1), d, 0)), nil
}

func pool(config *pgx.ConnConfig, connections int) *sql.DB {
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db
}

func lockPostgres(t *txn, which lock) error {
	_, err := t.exec(`SELECT pg_advisory_xact_lock(`+strconv.Itoa(lockSpace)+`, ?)`, int64(which))
	return err
}

// errUnsure: a commit got no answer.
var errUnsure = errors.New("the commit got no answer")

func commitPostgres(tx *sql.Tx) error {
	err := tx.Commit()
	var answer *pgconn.PgError
	if err == nil || errors.As(err, &answer) && answer.Severity == "ERROR" || errors.Is(err, pgx.ErrTxCommitRollback) {
		return err
	}
	return fmt.Errorf("%w: %w", errUnsure, err)
}

func postgresFault(err error) fault {
	var answer *pgconn.PgError
	var network net.Error
	switch {
	case errors.Is(err, errUnsure):
		return unsure
	case errors.As(err, &answer):
		return faultOf(answer.Code)
	case errors.As(err, &network), errors.Is(err, pgconn.ErrConnClosed), errors.As(err, new(*pgconn.ConnectError)), errors.Is(err, sql.ErrConnDone):
		return away
	}
	return own
}

// faultOf sorts SQLSTATE codes (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func faultOf(code string) fault {
	switch code {
	case "40P01", "40001": // deadlock_detected, serialization_failure
		return collided
	case "25006": // read_only_sql_transaction: a standby, or a disk that is nearly full
		return full
	}
	switch code[:2] {
	case "53": // insufficient resources: disk full, too many connections
		return full
	case "08", "57", "28", "55": // connection, operator intervention and timeouts, authorization, lock not available
		return away
	}
	return own
}
