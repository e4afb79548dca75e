// Package samba starts real Active Directory domain controllers for tests and the demo: Samba as an AD DC on a loopback
// address of its own, with the Exchange attributes in its schema and a service account that may write proxyAddresses and mail
// and nothing else. A provisioned domain is kept in the user's cache folder, so that a start takes about a second. It needs
// Linux, Debian's samba packages, and the right to listen on port 636; Missing says what is not there. It never touches a
// Samba that it did not start.
package samba

import (
	"errors"

	"github.com/aliasd/aliasd/lab/pki"
	"github.com/aliasd/aliasd/lab/site"
)

// ErrUnsupported says that this system cannot run a Samba domain controller.
var ErrUnsupported = errors.New("samba as a domain controller runs on linux only")

// Options say what the domain controller shall be like. The zero value is right for most tests.
type Options struct {
	// Objects stand in the directory from the start. They are added without the server, which is several times faster than
	// site.Populate, and the domain with them in it is cached: meant for benches with thousands of users.
	Objects []site.Object
	// ProcessModel is Samba's -M: single (the default; the quickest to start) or prefork (uses several cores).
	ProcessModel string
	// Certificate is the server's; without names it gets the right ones, without times it is valid now.
	Certificate pki.Leaf
	// CacheDir holds the provisioned domains; empty means aliasd in the user's cache folder.
	CacheDir string
}
