package faultproxy

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aliasd/aliasd/lab/directory/wire"
)

// dialLimit is how long the proxy tries to reach the server, and how long both handshakes may take.
const dialLimit = 30 * time.Second

// link is one client's connection, with the one to the server behind it.
type link struct {
	proxy     *Proxy
	number    int64
	clientTCP net.Conn
	over      chan struct{} // closed when the connection is over
	once      sync.Once
	held      atomic.Bool // nothing passes any more
	muted     atomic.Bool // the client gets nothing any more

	mu        sync.Mutex // guards what follows
	serverTCP net.Conn
	calls     []call // HTTP requests whose answers have not come

	writing sync.Mutex // one message at a time to the client: the proxy may answer too
}

// run shakes hands on both sides and passes messages until one side leaves.
func (l *link) run() {
	if l.proxy.silent.Load() {
		l.swallow(l.clientTCP)
		return
	}
	client, server, err := l.connect()
	if err != nil {
		return // the client sees its connection closed, as by a server that does not answer
	}
	var back sync.WaitGroup
	back.Go(func() {
		defer l.end(false)
		l.pump(ToClient, server, client)
	})
	l.pump(ToServer, client, server)
	l.end(false)
	back.Wait()
}

func (l *link) connect() (client, server *tls.Conn, err error) {
	tcp, err := net.DialTimeout("tcp", l.proxy.target, dialLimit)
	if err != nil {
		return nil, nil, err
	}
	if !l.keep(tcp) {
		return nil, nil, errors.Join(net.ErrClosed, tcp.Close())
	}
	limit := time.AfterFunc(dialLimit, func() { l.end(false) })
	defer limit.Stop()
	server = tls.Client(tcp, l.proxy.client)
	if err := server.Handshake(); err != nil {
		return nil, nil, err
	}
	client = tls.Server(l.clientTCP, l.proxy.server)
	return client, server, client.Handshake()
}

// keep notes the connection to the server, so that end can cut it; false where it has ended meanwhile.
func (l *link) keep(server net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.over:
		return false
	default:
		l.serverTCP = server
		return true
	}
}

// end closes both sides, abruptly. A second call does nothing.
func (l *link) end(reset bool) {
	l.once.Do(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		close(l.over)
		hangUp(l.clientTCP, reset)
		if l.serverTCP != nil {
			hangUp(l.serverTCP, reset)
		}
	})
}

// hangUp closes a TCP connection below its TLS, so that no alert goes before; with a reset where that is wanted.
func hangUp(conn net.Conn, reset bool) {
	if tcp, ok := conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// pump passes messages in one direction.
func (l *link) pump(direction Direction, from, to *tls.Conn) {
	reader := bufio.NewReader(from)
	for {
		message, err := l.read(direction, reader)
		switch {
		case l.held.Load():
			l.hold(direction, from)
			return
		case err != nil || !l.deal(message, from, to):
			return
		}
	}
}

// deal does to a message what the hook says; false where the direction is over.
func (l *link) deal(m framed, from, to *tls.Conn) bool {
	fault := l.proxy.ask(m.Message)
	if fault.Before != nil {
		fault.Before()
	}
	if fault.After != nil {
		defer fault.After()
	}
	l.wait(fault.Delay)
	switch {
	case fault.Answer != nil && m.request != nil:
		return l.answer(m.request, *fault.Answer, from)
	case l.held.Load() || fault.Action == Hold:
		return l.hold(m.Direction, from)
	case fault.Action == Cut, fault.Action == Reset:
		l.end(fault.Action == Reset)
		return false
	}
	return l.pass(m, fault.Action, from, to)
}

// pass passes a message, or half of it, and does what comes then.
func (l *link) pass(m framed, action Action, from, to *tls.Conn) bool {
	half := action == Truncate || action == TruncateAndHold
	if half {
		m.raw = m.raw[:m.body+(len(m.raw)-m.body)/2]
	}
	if m.Direction == ToServer { // its answer may come before the write returns
		l.muted.Store(action == PassAndCut || action == PassAndReset)
		l.held.Store(action == PassAndHold || action == TruncateAndHold)
	}
	if l.write(m, to) != nil {
		return false
	}
	switch action {
	case PassAndHold, TruncateAndHold:
		return l.hold(m.Direction, from)
	case PassAndCut, PassAndReset:
		l.leave(m, action == PassAndReset)
		return false
	}
	return !half
}

// leave ends a connection after a message was passed. Behind a request the server's side is kept until its answer cannot be
// passed on, so that it does what was asked.
func (l *link) leave(m framed, reset bool) {
	if m.Direction == ToClient {
		l.end(reset)
		return
	}
	hangUp(l.clientTCP, reset)
	<-l.over
}

func (l *link) write(m framed, to *tls.Conn) error {
	if m.Direction == ToClient {
		l.writing.Lock()
		defer l.writing.Unlock()
		if l.muted.Load() {
			return net.ErrClosed
		}
	}
	_, err := to.Write(m.raw)
	return err
}

// answer answers a request in place of the server.
func (l *link) answer(to *wire.Message, result wire.Result, client *tls.Conn) bool {
	l.writing.Lock()
	defer l.writing.Unlock()
	return wire.NewConn(client).Done(to, result) == nil
}

// hold lets nothing pass any more, in either direction: not even that the server hangs up.
func (l *link) hold(direction Direction, from *tls.Conn) bool {
	l.held.Store(true)
	l.swallow(from)
	if direction == ToClient {
		<-l.over
	}
	return false
}

// swallow takes what comes, and ends when the one who sends it hangs up or everything is over.
func (l *link) swallow(from net.Conn) { _, _ = io.Copy(io.Discard, from) }

func (l *link) wait(delay time.Duration) {
	if delay <= 0 {
		return
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.over:
	}
}
