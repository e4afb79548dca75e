package faultproxy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/aliasd/aliasd/lab/pki"
)

// Mode is what the proxy understands of what passes.
type Mode string

// The modes. Raw passes bytes as they come.
const (
	LDAP Mode = "ldap"
	HTTP Mode = "http"
	Raw  Mode = "raw"
)

// Options say what the proxy stands in front of.
type Options struct {
	// Target is the server's URL: ldaps://localhost:40123, https://localhost:40124.
	Target string
	// CA is the certificate, PEM, that vouches for the server.
	CA []byte
	// Authority signs the proxy's own certificate; nil makes one.
	Authority *pki.Authority
	// Mode is by the target's scheme where it is empty: ldaps is LDAP, https is HTTP, everything else Raw.
	Mode Mode
}

// Proxy is a running proxy. All methods may be called concurrently.
type Proxy struct {
	scheme    string
	target    string // host:port
	mode      Mode
	trust     []byte
	listener  net.Listener
	server    *tls.Config // towards the client
	client    *tls.Config // towards the server
	hook      atomic.Pointer[Hook]
	numbers   atomic.Int64
	refusing  atomic.Bool
	silent    atomic.Bool
	accepting sync.WaitGroup

	mu     sync.Mutex
	closed bool
	links  map[*link]struct{}
	counts map[Kind]int
}

// Start makes a proxy on a free port of loopback. It connects to the server for each client that comes.
func Start(o Options) (*Proxy, error) {
	target, err := url.Parse(o.Target)
	if err != nil || target.Port() == "" {
		return nil, fmt.Errorf("target %q is no URL with a port: %w", o.Target, err)
	}
	p := &Proxy{scheme: target.Scheme, target: target.Host, mode: o.mode(target.Scheme), links: map[*link]struct{}{}, counts: map[Kind]int{}}
	if err := p.certify(o, target.Hostname()); err != nil {
		return nil, err
	}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("listen on loopback: %w", err)
	}
	p.accepting.Go(p.accept)
	return p, nil
}

func (o Options) mode(scheme string) Mode {
	switch {
	case o.Mode != "":
		return o.Mode
	case scheme == "ldaps":
		return LDAP
	case scheme == "https":
		return HTTP
	}
	return Raw
}

// certify makes both ends of TLS: a certificate of the proxy's own, and the trust in the server's.
func (p *Proxy) certify(o Options, name string) error {
	authority := o.Authority
	if authority == nil {
		var err error
		if authority, err = pki.NewAuthority("aliasd lab fault proxy"); err != nil {
			return err
		}
	}
	pair, err := authority.Issue(pki.Leaf{Names: []string{"localhost", "127.0.0.1"}})
	if err != nil {
		return err
	}
	certificate, err := pair.TLS()
	if err != nil {
		return fmt.Errorf("use the proxy's certificate: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(o.CA)
	p.trust = append(append([]byte{}, o.CA...), authority.PEM()...)
	p.server = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	p.client = &tls.Config{RootCAs: roots, ServerName: name, MinVersion: tls.VersionTLS12}
	return nil
}

// Addr is where the proxy listens, host and port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// URL is the target's URL with the proxy in place of the server: ldaps://localhost:40125.
func (p *Proxy) URL() string {
	_, port, _ := net.SplitHostPort(p.Addr()) // of a listener's address
	return p.scheme + "://localhost:" + port
}

// Trust is what a client has to trust, PEM: the certificates that vouch for the server and for the proxy.
func (p *Proxy) Trust() []byte { return p.trust }

// OnMessage sets the hook for all messages in place of an earlier one; nil removes it.
func (p *Proxy) OnMessage(hook Hook) {
	if hook == nil {
		p.hook.Store(nil)
		return
	}
	p.hook.Store(&hook)
}

// Refuse makes the proxy close new connections at once, as a server does whose program is not there, until it is called with
// false. Those that are open stay.
func (p *Proxy) Refuse(refuse bool) { p.refusing.Store(refuse) }

// Silence makes the proxy take new connections and say nothing on them, not even TLS, as a server that hangs, until it is called
// with false. Those that are open stay; HoldAll silences them.
func (p *Proxy) Silence(silent bool) { p.silent.Store(silent) }

// CutAll cuts every open connection.
func (p *Proxy) CutAll() {
	for _, l := range p.open() {
		l.end(false)
	}
}

// ResetAll cuts every open connection with a TCP reset.
func (p *Proxy) ResetAll() {
	for _, l := range p.open() {
		l.end(true)
	}
}

// HoldAll makes every open connection half-open: it stays up, and nothing passes any more. It is what a firewall does that has
// forgotten a connection.
func (p *Proxy) HoldAll() {
	for _, l := range p.open() {
		l.held.Store(true)
	}
}

// Open is how many connections are open.
func (p *Proxy) Open() int { return len(p.open()) }

// Taken is how many connections were taken so far, refused ones too.
func (p *Proxy) Taken() int64 { return p.numbers.Load() }

// Count is how many messages of a kind came so far, whether they were passed or not.
func (p *Proxy) Count(kind Kind) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[kind]
}

// Close cuts everything, and returns when no goroutine of the proxy is left. Closing twice is harmless.
func (p *Proxy) Close() error {
	p.mu.Lock()
	again := p.closed
	p.closed = true
	p.mu.Unlock()
	if again {
		p.accepting.Wait()
		return nil
	}
	err := p.listener.Close()
	p.CutAll()
	p.accepting.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		number := p.numbers.Add(1)
		if p.refusing.Load() {
			_ = conn.Close()
			continue
		}
		p.accepting.Go(func() { p.serve(number, conn) })
	}
}

// serve keeps one client's connection until it is over.
func (p *Proxy) serve(number int64, conn net.Conn) {
	l := &link{proxy: p, number: number, clientTCP: conn, over: make(chan struct{})}
	if !p.enter(l) {
		_ = conn.Close()
		return
	}
	defer p.leave(l)
	l.run()
}

func (p *Proxy) enter(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.links[l] = struct{}{}
	}
	return !p.closed
}

func (p *Proxy) leave(l *link) {
	l.end(false)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

func (p *Proxy) open() []*link {
	p.mu.Lock()
	defer p.mu.Unlock()
	links := make([]*link, 0, len(p.links))
	for l := range p.links {
		links = append(links, l)
	}
	return links
}

// ask counts a message and asks the hook about it.
func (p *Proxy) ask(m Message) Fault {
	p.mu.Lock()
	p.counts[m.Kind]++
	p.mu.Unlock()
	hook := p.hook.Load()
	if hook == nil {
		return Fault{}
	}
	return (*hook)(m)
}
