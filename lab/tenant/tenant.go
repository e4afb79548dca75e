package tenant

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aliasd/aliasd/lab/pki"
)

// Tenant is a running tenant. Its methods may be called concurrently.
type Tenant struct {
	// URL is Graph's base without the version: https://localhost:40123.
	URL string
	// AuthorityURL is the base of the token endpoint, without the tenant.
	AuthorityURL string
	// CA is the certificate, PEM, that vouches for both.
	CA []byte
	// TenantID and ClientID are GUIDs.
	TenantID, ClientID string
	ClientSecret       string

	options Options
	schema  *schema
	server  *http.Server
	stop    context.CancelFunc
	stopped context.Context
	served  chan error

	// signing is the key of access tokens, registered the app's certificate.
	signing    []byte
	registered func() (Registration, error)

	clock   atomic.Pointer[func() time.Time]
	mu      sync.Mutex
	aliases sync.Map // other addresses, as strings
	granted []string
	tokens  map[string]grant
	faults  []*Fault
	calls   Calls
	window  window
	world   world
}

// Registration is the certificate that is registered with an app: its PEM with the private key, its public key and the
// SHA-256 thumbprint.
type Registration struct {
	pem        []byte
	key        *rsa.PublicKey
	thumbprint [32]byte
}

// Start makes a tenant and serves it on a free port of loopback until Close.
func Start(o Options) (*Tenant, error) {
	o = o.withDefaults()
	t := &Tenant{
		TenantID: newID(), ClientID: newID(), ClientSecret: newID(),
		options: o, granted: o.Permissions, tokens: map[string]grant{}, signing: []byte(newID() + newID()),
		registered: o.Registered,
		served:     make(chan error, 1),
	}
	t.calls.ByPath = map[string]int{}
	t.SetNow(o.Now)
	t.world = newWorld(o)
	t.stopped, t.stop = context.WithCancel(context.Background())
	var err error
	if t.schema, err = parseSchema(csdl); err != nil {
		return nil, err
	}
	if err := t.listen(); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Tenant) listen() error {
	authority, err := pki.NewAuthority("lab tenant")
	if err != nil {
		return err
	}
	pair, err := authority.Issue(pki.Leaf{Names: []string{"localhost", "127.0.0.1", "::1"}})
	if err != nil {
		return err
	}
	certificate, err := pair.TLS()
	if err != nil {
		return fmt.Errorf("load the tenant's certificate: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen on loopback: %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return fmt.Errorf("read the port: %w", err)
	}
	t.CA = authority.PEM()
	t.URL = "https://localhost:" + port
	t.AuthorityURL = t.URL
	t.server = &http.Server{
		Handler:           t.routes(),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	go func() { t.served <- t.server.ServeTLS(listener, "", "") }()
	return nil
}

// ClientCertificate gives the app's registered certificate and its key, PEM. The first call makes them.
func (t *Tenant) ClientCertificate() ([]byte, error) {
	r, err := t.registered()
	return r.pem, err
}

// Close stops the tenant and drops every connection; a second call does nothing.
func (t *Tenant) Close() error {
	if t.stopped.Err() != nil {
		return nil
	}
	t.stop()
	err := t.server.Close()
	if served := <-t.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// SetNow sets the tenant's clock.
func (t *Tenant) SetNow(now func() time.Time) { t.clock.Store(&now) }

func (t *Tenant) now() time.Time { return (*t.clock.Load())() }

// AlsoAt makes the tenant take sign-ins that were made for another address of it, that of a proxy in front of it:
// https://localhost:40125.
func (t *Tenant) AlsoAt(url string) {
	t.aliases.Store(url, true)
}

// Grant sets the application permissions of the app. Tokens that were issued before keep theirs, as in Entra.
func (t *Tenant) Grant(permissions ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.granted = append([]string(nil), permissions...)
}

// SetBudget sets the resource units of ten seconds; 0 takes the limit away.
func (t *Tenant) SetBudget(units int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.options.Budget = units
}
