// Package postgres starts real PostgreSQL servers for tests, from Debian's packages: each in a temporary folder of its own,
// on a socket in it, and gone with the test. A start takes about a second. It needs Linux and the programs of the package
// postgresql; Missing says what is not there. It never touches a PostgreSQL that it did not start.
package postgres

import (
	"errors"

	"github.com/aliasd/aliasd/lab/pki"
)

// ErrUnsupported says that this system cannot run the lab's PostgreSQL.
var ErrUnsupported = errors.New("the lab's PostgreSQL runs on linux only")

// The accounts of a server. Everybody who reaches its socket is let in as User; Guarded needs Password, and over TCP each does.
const (
	User     = "aliasd"
	Guarded  = "guarded"
	Password = "pw-of-the-lab"
)

// Options say what the server shall be like. The zero value is right for most tests.
type Options struct {
	// Fsync has commits survive a crash of the machine, at the price that they have in earnest. Without it they survive a crash
	// of the server, which is enough for tests.
	Fsync bool
	// Listen has the server listen on host:port of loopback too, with TLS where TLS names a certificate. See package loopback.
	Listen string
	TLS    *pki.Pair
	// Settings are further ones of postgresql.conf, by name.
	Settings map[string]string
}
