// Package site says what an on-premises directory of the lab offers, whichever kind it is: where it listens, whom it trusts,
// who may bind, and how a test puts objects into it. Its helpers speak LDAPS as the administrator and so work alike on the
// embedded directory and on a real domain controller. It starts no directory (lab/directory and lab/samba do), it imports
// nothing of ours, and nothing but tests and the demo uses it.
package site

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// What every site of the lab looks like.
const (
	// Domain is the DNS name of the lab's domain, and the suffix of its user principal names.
	Domain = "contoso.test"
	// BaseDN is the domain's distinguished name.
	BaseDN = "DC=contoso,DC=test"
	// HostName is the domain controller's own name; its certificate names it too.
	HostName = "dc1.contoso.test"
	// ServiceAccount is the sAMAccountName of the account that aliasd binds with.
	ServiceAccount = "svc-aliasd"
)

// The organizational units of every site, relative to the base DN. The service account may write proxyAddresses and mail
// of the users, groups and contacts in People and below, and nothing elsewhere.
const (
	People  = "OU=People"
	Sales   = "OU=Sales,OU=People"
	Support = "OU=Support,OU=People"
	Locked  = "OU=Locked"
)

// timeout limits every single operation, so that a directory that hangs fails a test instead of blocking it.
const timeout = 30 * time.Second

// Login is a name, as a simple bind takes it (a UPN or a DN), and its password.
type Login struct{ User, Password string }

// Site is one running directory. It may be used concurrently.
type Site struct {
	// Server is the LDAPS URL, with the port: ldaps://127.0.10.3:636 or ldaps://127.70.12.3:40123.
	Server string
	// GlobalCatalog is the LDAPS URL of the global catalog.
	GlobalCatalog string
	// CA is the certificate, PEM, that vouches for both.
	CA []byte
	// BaseDN is the domain's DN, DC=contoso,DC=test.
	BaseDN string
	// Admin may do everything. Service is the account that aliasd binds with.
	Admin, Service Login
	// Domain is contoso.test.
	Domain string
	// Stop ends the directory and frees what it held; a second call does nothing and returns the same.
	Stop func() error
}

// Roots gives the pool that trusts the site's CA alone.
func (s *Site) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.CA)
	return pool
}

// DN completes a DN that is relative to the base: "OU=People" becomes "OU=People,DC=contoso,DC=test".
func (s *Site) DN(relative string) string {
	if relative == "" {
		return s.BaseDN
	}
	return relative + "," + s.BaseDN
}

// Dial connects to Server, checks its certificate against CA and binds. The caller closes the connection. A refused bind
// comes back as *ldap.Error with code 49.
func (s *Site) Dial(ctx context.Context, login Login) (*ldap.Conn, error) {
	return s.dial(ctx, s.Server, login)
}

// DialGlobalCatalog is Dial to the global catalog.
func (s *Site) DialGlobalCatalog(ctx context.Context, login Login) (*ldap.Conn, error) {
	return s.dial(ctx, s.GlobalCatalog, login)
}

func (s *Site) dial(ctx context.Context, url string, login Login) (*ldap.Conn, error) {
	dialer := &net.Dialer{Timeout: timeout}
	if deadline, ok := ctx.Deadline(); ok {
		dialer.Deadline = deadline
	}
	conn, err := ldap.DialURL(url, ldap.DialWithDialer(dialer),
		ldap.DialWithTLSConfig(&tls.Config{RootCAs: s.Roots(), MinVersion: tls.VersionTLS12}))
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", url, err)
	}
	conn.SetTimeout(timeout)
	if err := conn.Bind(login.User, login.Password); err != nil {
		return nil, errors.Join(fmt.Errorf("bind as %s: %w", login.User, err), conn.Close())
	}
	return conn, nil
}

// asAdmin runs one piece of work on a connection of its own, bound as the administrator.
func (s *Site) asAdmin(ctx context.Context, work func(*ldap.Conn) error) error {
	conn, err := s.Dial(ctx, s.Admin)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	return errors.Join(work(conn), closeQuietly(conn))
}

// closeQuietly closes a connection that may have been closed by its context already.
func closeQuietly(conn *ldap.Conn) error {
	if conn.IsClosing() {
		return nil
	}
	return conn.Close()
}
