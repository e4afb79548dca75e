package store

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// pools makes pools of connections to one PostgreSQL database.
type pools struct {
	config   *pgx.ConnConfig
	password func() (string, error)
}

// newPools refuses a URL that PostgreSQL does not understand, and a connection that checkEncryption refuses.
func newPools(url string, o options) (*pools, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		// The error may hold the whole URL.
		return nil, errors.New("the database's URL is none that PostgreSQL understands, or a file that it names cannot be read (sslrootcert, sslcert, sslkey, passfile)")
	}
	if err := checkEncryption(config); err != nil {
		return nil, err
	}
	for name, value := range session() {
		config.RuntimeParams[name] = value
	}
	if config.ValidateConnect == nil { // of several servers, the one that can be written
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	return &pools{config: config, password: o.password}, nil
}

// String says which database it is.
func (p *pools) String() string {
	return fmt.Sprintf("the database %s on %s", p.config.Database, p.config.Host)
}

// open opens a pool of so many connections. It makes none before one is needed.
func (p *pools) open(connections int) *sql.DB {
	db := stdlib.OpenDB(*p.config, stdlib.OptionBeforeConnect(func(_ context.Context, c *pgx.ConnConfig) (err error) {
		if p.password == nil {
			return nil
		}
		if c.Password, err = p.password(); err != nil {
			return fmt.Errorf("%w: %w", errNoPassword, err)
		}
		return nil
	}))
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db
}

// told is the error of a first connection, with what to do about it.
func (p *pools) told(err error) error {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return err
	}
	switch answer.Code {
	case "28P01", "28000": // invalid_password, invalid_authorization_specification
		return fmt.Errorf("it does not let the account %s in: give the password by database_password, PGPASSWORD or the password file, and see pg_hba.conf: %w", p.config.User, err)
	case "3D000": // invalid_catalog_name
		return fmt.Errorf("it is not there: make it with CREATE DATABASE %s ENCODING 'UTF8' TEMPLATE template0: %w", p.config.Database, err)
	case "42501": // insufficient_privilege
		return fmt.Errorf("the account %s may not make tables in it: make it the database's owner: %w", p.config.User, err)
	}
	return err
}

// errNoPassword: the password cannot be read.
var errNoPassword = errors.New("the database's password")

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
		// Each statement has an index for it. A plan that was made while a table was small and that goes through all of it would stay
		// until the table is next analysed.
		"enable_seqscan":  "off",
		"plan_cache_mode": "force_generic_plan",
		"jit":             "off",
		// A node whose machine is gone does not say so: the server finds out within a minute.
		"tcp_keepalives_idle":     "20",
		"tcp_keepalives_interval": "10",
		"tcp_keepalives_count":    "3",
	}
}

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
