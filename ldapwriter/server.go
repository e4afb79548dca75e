package ldapwriter

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/jackc/puddle/v2"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/share"
)

// server is one DC or global catalog, with its pool of bound connections. It may be used concurrently.
type server struct {
	url     string // as it stands in the settings
	address string // host:port
	tls     *tls.Config
	binder  Binder
	gate    *bindGate
	timeout time.Duration
	now     func() time.Time
	pool    *puddle.Pool[*session]
	// people are the connections that reads by people have (package share): half of them, so that a write always finds one.
	people chan struct{}

	mu       sync.Mutex
	restTill time.Time // it did not answer in time: not asked again until then
	restFor  error
}

// awayError says that a server cannot serve now; another one may.
type awayError struct {
	url string
	why plain
	err error
}

// Error names the server and says what is wrong with it.
func (e *awayError) Error() string { return e.url + ": " + e.why.String() }

// Unwrap gives the error below, which may be nil.
func (e *awayError) Unwrap() error { return e.err }

// newServer makes a server that connects when it is first used. u must have a port.
func newServer(raw string, u *url.URL, o Options, gate *bindGate) (*server, error) {
	s := &server{
		url:     raw,
		address: u.Host,
		tls:     &tls.Config{RootCAs: o.RootCAs, ServerName: u.Hostname(), MinVersion: tls.VersionTLS12},
		binder:  o.Bind,
		gate:    gate,
		timeout: o.Timeout,
		now:     o.Now,
		people:  make(chan struct{}, max(o.Connections/2, 1)),
	}
	pool, err := puddle.NewPool(&puddle.Config[*session]{
		Constructor: s.connect,
		Destructor:  (*session).close,
		MaxSize:     int32(o.Connections),
	})
	if err != nil {
		return nil, fmt.Errorf("pool of %s: %w", raw, err)
	}
	s.pool = pool
	return s, nil
}

// connect makes one bound connection within the time limit. Its errors are *awayError, or Wait(directory_unavailable)
// where the bind was refused.
func (s *server) connect(ctx context.Context) (*session, error) {
	if err := s.resting(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	made, err := s.open(ctx)
	if err == nil {
		return made, nil
	}
	if refused, known := cause.As(err); known {
		return nil, refused
	}
	away := &awayError{url: s.url, why: whyNoConnection(s.tls.ServerName, err), err: err}
	if timedOut(err) {
		s.rest(away)
	}
	return nil, away
}

func (s *server) open(ctx context.Context) (*session, error) {
	conn, w, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	made := &session{conn: conn, wire: w}
	stop := context.AfterFunc(ctx, made.cut)
	defer stop()
	if err := s.gate.bind(ctx, s.url, s.binder, conn); err != nil {
		made.close()
		return nil, errors.Join(err, ctx.Err())
	}
	if made.facts, err = readRootDSE(conn); err != nil {
		made.close()
		return nil, errors.Join(err, ctx.Err())
	}
	return made, nil
}

// dial connects and shakes hands; the certificate is checked against the host name of the URL.
func (s *server) dial(ctx context.Context) (*ldap.Conn, *wire, error) {
	tcp, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.address)
	if err != nil {
		return nil, nil, err
	}
	w := &wire{Conn: tcp, limit: s.timeout}
	secure := tls.Client(w, s.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, nil, errors.Join(err, tcp.Close())
	}
	conn := ldap.NewConn(secure, true)
	conn.SetTimeout(s.timeout)
	conn.Start()
	return conn, w, nil
}

// resting gives the error of a server that did not answer in time a moment ago, so that a hundred holders do not wait
// for it a hundred times.
func (s *server) resting() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.restFor == nil || !s.now().Before(s.restTill) {
		return nil
	}
	return s.restFor
}

func (s *server) rest(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restTill, s.restFor = s.now().Add(s.timeout), err
}

// acquire gives a connection that is not known to be dead; the caller releases or destroys it. Its errors are
// *awayError, Wait(directory_unavailable) where a bind was refused, or the context's.
func (s *server) acquire(ctx context.Context) (*puddle.Resource[*session], error) {
	if err := s.gate.check(); err != nil {
		return nil, err
	}
	for {
		got, err := s.pool.Acquire(ctx)
		if err != nil {
			return nil, fmt.Errorf("connect to %s: %w", s.url, err)
		}
		if !got.Value().conn.IsClosing() {
			return got, nil
		}
		dead := !got.Value().used
		got.Destroy()
		if dead {
			return nil, &awayError{url: s.url, why: plain{"it closes connections as soon as they are made", "see its event log"}}
		}
	}
}

// read runs work on a connection. One that died in the pool is replaced once; what the server answers is not retried.
// work must not change anything. Errors: those of acquire, *awayError, and what work returns.
func (s *server) read(ctx context.Context, work func(*session) error) error {
	stale, err := s.readOnce(ctx, work)
	if stale {
		s.pool.Reset() // the others that lay there died with it
		_, err = s.readOnce(ctx, work)
	}
	return err
}

// readOnce says whether the connection was an old one that turned out to be dead.
func (s *server) readOnce(ctx context.Context, work func(*session) error) (stale bool, err error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	got, err := s.acquire(ctx)
	if err != nil {
		return false, err
	}
	c := got.Value()
	began, used := time.Now(), c.used
	stop := context.AfterFunc(ctx, c.cut)
	err = work(c)
	if uninterrupted := stop(); !uninterrupted {
		got.Destroy()
		return false, fmt.Errorf("ask %s: %w", s.url, ctx.Err())
	}
	var lost *lostError
	if errors.As(err, &lost) {
		got.Destroy()
		slow := time.Since(began) >= s.timeout
		s.forget(used && slow)
		return used && !slow, s.lost(lost, slow)
	}
	s.giveBack(got, err)
	return false, s.answered(err)
}

// enter counts a read by people and has it wait for its turn; other work goes on at once.
func (s *server) enter(ctx context.Context) (leave func(), err error) {
	tally := share.TallyOf(ctx)
	if tally == nil {
		return func() {}, nil
	}
	select {
	case s.people <- struct{}{}:
		tally.Add(1)
		return func() { <-s.people }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("connect to %s: %w", s.url, ctx.Err())
	}
}

// forget ends the connections that lie in the pool, where one of them went silent: a firewall that forgot one, or a server that
// was switched off, forgot them all, and each would cost its time limit.
func (s *server) forget(silent bool) {
	if silent {
		s.pool.Reset()
	}
}

// giveBack gives a connection back after err, unless the server said that it will not serve on it any more: its sign-in was
// lost (operationsError), or it shuts down.
func (s *server) giveBack(got *puddle.Resource[*session], err error) {
	if ldap.IsErrorAnyOf(err, ldap.LDAPResultOperationsError, ldap.LDAPResultUnavailable) {
		got.Destroy()
		return
	}
	got.Value().used = true
	got.Release()
}

// lost words a connection that broke.
func (s *server) lost(err error, slow bool) *awayError {
	away := &awayError{url: s.url, why: plain{what: "the connection broke while it was asked"}, err: err}
	if slow {
		away.why = plain{fmt.Sprintf("it did not answer within %s", s.timeout), "see whether it is overloaded"}
	}
	return away
}

// answered turns the answers of a server that is there but does not do its work into *awayError. That an object is not
// there, or that a DN is none, is for the caller to judge.
func (s *server) answered(err error) error {
	var answer *ldap.Error
	if !errors.As(err, &answer) || notHere(err) {
		return err
	}
	return &awayError{url: s.url, why: plain{what: "it does not serve this: " + resultWords(answer)}, err: err}
}

// close ends all connections, after those in use were given back.
func (s *server) close() { s.pool.Close() }
