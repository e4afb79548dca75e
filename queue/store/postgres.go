package store

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// lockSpace is the first key of every advisory lock of aliasd, so that others who use the database are not in the way: "alia".
const lockSpace = 0x616c6961

// postgres is the dialect of PostgreSQL: many nodes write at the same time.
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

// session is what every connection is told. A node that stops in the middle of a transaction, and keeps its locks from the
// others, loses its connection.
func session() map[string]string {
	return map[string]string{
		"application_name":                    "aliasd",
		"statement_timeout":                   "30s",
		"lock_timeout":                        "20s",
		"idle_in_transaction_session_timeout": "20s",
		"default_transaction_isolation":       "read committed",
		"synchronous_commit":                  "on",
		// A node whose machine is gone does not say so: the server finds out within a minute.
		"tcp_keepalives_idle":     "20",
		"tcp_keepalives_interval": "10",
		"tcp_keepalives_count":    "3",
	}
}

// Postgres names a database of PostgreSQL.
type Postgres struct {
	// URL is one of PostgreSQL's, without a password. Its other parts may be left to PostgreSQL's environment variables.
	URL string
	// Password reads the password for each connection; nil leaves it to PGPASSWORD and the password file.
	Password func() (string, error)
}

// OpenPostgres opens the store in a PostgreSQL database. It brings an older schema up to date, one node at a time, and refuses
// one that a newer version of the program made. It refuses a connection that leaves the machine without encryption or without
// a check of the server's certificate. No error holds anything of a password.
func OpenPostgres(ctx context.Context, at Postgres) (*Store, error) {
	config, err := pgx.ParseConfig(at.URL)
	if err != nil {
		// The error may hold the whole URL.
		return nil, errors.New("open the store: the database's URL is none that PostgreSQL understands, or a file that it names cannot be read (sslrootcert, sslcert, sslkey, passfile)")
	}
	s, err := openPostgres(ctx, config, at.Password)
	if err != nil {
		return nil, fmt.Errorf("open the store in the database %s on %s: %w", config.Database, config.Host, err)
	}
	return s, nil
}

func openPostgres(ctx context.Context, config *pgx.ConnConfig, password func() (string, error)) (*Store, error) {
	if err := checkEncryption(config); err != nil {
		return nil, err
	}
	for name, value := range session() {
		config.RuntimeParams[name] = value
	}
	if config.ValidateConnect == nil { // of several servers, the one that can be written
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	d := postgres()
	connect := func(connections int) *sql.DB { return pool(config, password, connections) }
	intake := connect(1)
	if err := checkEncoding(ctx, intake); err != nil {
		return nil, errors.Join(err, intake.Close())
	}
	if err := migrate(ctx, intake, d); err != nil {
		return nil, errors.Join(err, intake.Close())
	}
	s := newStore(d, connect(readers), newLane(intake, d, intakeLock), newLane(connect(1), d, 0))
	s.sessions = connect(0)
	s.sessions.SetMaxIdleConns(-1) // a connection ends with its turn, and its locks with it
	return s, nil
}

// pool opens a pool of connections. It makes none before one is needed.
func pool(config *pgx.ConnConfig, password func() (string, error), connections int) *sql.DB {
	db := stdlib.OpenDB(*config, stdlib.OptionBeforeConnect(func(_ context.Context, c *pgx.ConnConfig) (err error) {
		if password == nil {
			return nil
		}
		if c.Password, err = password(); err != nil {
			return fmt.Errorf("%w: %w", errNoPassword, err)
		}
		return nil
	}))
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db
}

// errNoPassword: the password cannot be read.
var errNoPassword = errors.New("the database's password")

// checkEncryption refuses what leaves the machine in the clear, or to a server that nobody checks.
func checkEncryption(config *pgx.ConnConfig) error {
	ways := append([]*pgconn.FallbackConfig{{Host: config.Host, TLSConfig: config.TLSConfig}}, config.Fallbacks...)
	for _, way := range ways {
		if leaves(way.Host) && !checked(way.TLSConfig) {
			return fmt.Errorf("the connection to %s is not encrypted and checked: append sslmode=verify-full to the URL, and sslrootcert=/path/ca.pem where the CA is your own", way.Host)
		}
	}
	return nil
}

// leaves says whether what is sent to a host leaves the machine. A path is that of a socket.
func leaves(host string) bool {
	if strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || strings.EqualFold(host, "localhost") {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err != nil || !ip.IsLoopback()
}

// checked says whether a server has to show a certificate that is checked: verify-full, or verify-ca, which pgx does itself.
func checked(c *tls.Config) bool {
	return c != nil && (!c.InsecureSkipVerify || c.VerifyPeerCertificate != nil || c.VerifyConnection != nil)
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

func postgresFault(err error) fault {
	var answer *pgconn.PgError
	var network net.Error
	switch {
	case errors.Is(err, errUnsure):
		return unsure
	case errors.As(err, &answer):
		return faultOf(answer.Code)
	case errors.As(err, &network), errors.As(err, new(*pgconn.ConnectError)), pgconn.Timeout(err):
		return away
	}
	for _, lost := range []error{errNoPassword, errNotCommitted, pgconn.ErrConnClosed, sql.ErrConnDone, driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, lost) {
			return away
		}
	}
	return own
}

// faultOf sorts SQLSTATE codes (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func faultOf(code string) fault {
	switch code {
	case "40P01", "40001": // deadlock_detected, serialization_failure
		return collided
	case "53100", "58030", "25006": // disk_full, io_error, read_only_sql_transaction
		return full
	case "55P03", "57014": // lock_not_available, query_canceled: it took too long
		return full
	case "3D000", "25P03": // invalid_catalog_name, idle_in_transaction_session_timeout
		return away
	}
	switch code[:2] {
	case "08", "28", "53", "57": // connection, authorization, resources (too many connections), operator intervention
		return away
	}
	return own
}
