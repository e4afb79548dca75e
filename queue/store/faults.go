package store

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
)

// postgresFault tells what an error of PostgreSQL, or of the connection to it, means.
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
		return late
	case "3D000", "25P03": // invalid_catalog_name, idle_in_transaction_session_timeout
		return away
	}
	switch code[:2] {
	case "08", "28", "53", "57": // connection, authorization, resources (too many connections), operator intervention
		return away
	}
	return own
}
