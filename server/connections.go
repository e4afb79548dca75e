package server

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// connections is a listener that bounds its connections, so that nobody keeps the others out by opening many. A connection is a
// stranger's until a call on it came with a token in force; from then on it is known, and never closed for one of a stranger. Where
// strangers have too many, the oldest one of the address that has the most is closed: it had the longest time to say something. Where
// too many are known, so that strangers would have none, an idle one of the token that has the most is closed.
type connections struct {
	net.Listener
	bounds connectionBounds

	mu        sync.Mutex
	open      int
	strangers crowdOf[netip.Prefix]
	known     crowdOf[string]
	// ended is closed, and made anew, whenever a connection ends; closed ends with the listener.
	ended, closed chan struct{}
	closing       sync.Once
}

// connectionBounds are how many connections are open at a time: all, those that are known, those of strangers, and those of
// strangers of one address.
type connectionBounds struct{ all, known, strangers, perAddress int }

func boundConnections(l net.Listener, b connectionBounds) *connections {
	return &connections{Listener: l, bounds: b, strangers: crowdOf[netip.Prefix]{}, known: crowdOf[string]{},
		ended: make(chan struct{}), closed: make(chan struct{})}
}

// Accept waits for the next connection that there is room for.
func (l *connections) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: raw, of: l, from: networkOf(raw.RemoteAddr().String())}
	for {
		leave, wait := l.admit(c)
		leave.evict()
		if wait == nil {
			return c, nil
		}
		select {
		case <-wait:
		case <-l.closed:
			return nil, errors.Join(net.ErrClosed, raw.Close())
		}
	}
}

// admit takes a connection in; leave is the one that has to go for it. Where none can, wait ends when another one has ended.
func (l *connections) admit(c *connection) (leave *connection, wait <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	total := l.strangers.total()
	switch {
	case l.strangers.of(c.from) >= l.bounds.perAddress:
		leave = l.strangers.oldest(c.from)
	case total >= l.bounds.strangers, total > 0 && l.open >= l.bounds.all:
		leave = l.strangers.oldest(l.strangers.largest())
	case l.open >= l.bounds.all:
		return nil, l.ended
	}
	if leave != nil {
		l.drop(leave)
	}
	l.open++
	c.place = l.strangers.add(c.from, c)
	return leave, nil
}

// idleOne is an idle connection of the token that has the most; nil where all of them are answering calls.
func (l *connections) idleOne() *connection {
	for at := l.known[l.known.largest()].Front(); at != nil; at = at.Next() {
		if c := at.Value.(*connection); c.idle {
			return c
		}
	}
	return nil
}

// drop forgets a connection, once.
func (l *connections) drop(c *connection) {
	if c.place == nil {
		return
	}
	if c.token == "" {
		l.strangers.remove(c.from, c.place)
	} else {
		l.known.remove(c.token, c.place)
	}
	c.place = nil
	l.open--
	close(l.ended)
	l.ended = make(chan struct{})
}

// Close ends the listener; whoever waits for room in Accept stops. Connections stay.
func (l *connections) Close() error {
	l.closing.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// connection is one of a bounded listener.
type connection struct {
	net.Conn
	of   *connections
	from netip.Prefix

	// These are guarded by of.mu. The token is that of the first call that had one in force, empty with a stranger's; place is
	// nil once the connection does not count any more.
	token string
	idle  bool
	place *list.Element
}

// Close ends the connection, and makes room for another.
func (c *connection) Close() error {
	c.of.mu.Lock()
	c.of.drop(c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// evict closes a connection that has to go; the server that reads from it is told by that.
func (c *connection) evict() {
	if c != nil {
		_ = c.Conn.Close()
	}
}

// know notes that a call came with a token in force.
func (c *connection) know(token string) {
	if c == nil {
		return
	}
	c.of.become(c, token).evict()
}

// become makes a stranger's connection a known one; leave is the one that has to go for it.
func (l *connections) become(c *connection, token string) (leave *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.token != "" || c.place == nil {
		return nil
	}
	l.strangers.remove(c.from, c.place)
	c.token, c.place = token, l.known.add(token, c)
	if l.known.total() > l.bounds.known {
		if leave = l.idleOne(); leave != nil {
			l.drop(leave)
		}
	}
	return leave
}

// isKnown says whether a call came with a token in force.
func (c *connection) isKnown() bool {
	if c == nil {
		return false
	}
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	return c.token != ""
}

// noteState is http.Server's ConnState.
func noteState(conn net.Conn, state http.ConnState) {
	if c := connectionOf(conn); c != nil {
		c.of.mu.Lock()
		defer c.of.mu.Unlock()
		c.idle = state == http.StateIdle
	}
}

// connectionOf finds the bounded connection below one that an http.Server has; nil where it is none.
func connectionOf(conn net.Conn) *connection {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	c, _ := conn.(*connection)
	return c
}

type connectionKey struct{}

// withConnection is http.Server's ConnContext.
func withConnection(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, connectionOf(conn))
}

// connectionIn is the connection that a call came on; nil outside of Serve.
func connectionIn(ctx context.Context) *connection {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	return c
}

// crowdOf are connections by whose they are, the oldest first.
type crowdOf[K comparable] map[K]*list.List

func (m crowdOf[K]) add(key K, c *connection) *list.Element {
	if m[key] == nil {
		m[key] = list.New()
	}
	return m[key].PushBack(c)
}

func (m crowdOf[K]) remove(key K, at *list.Element) {
	if m[key].Remove(at); m[key].Len() == 0 {
		delete(m, key)
	}
}

func (m crowdOf[K]) of(key K) int {
	if m[key] == nil {
		return 0
	}
	return m[key].Len()
}

func (m crowdOf[K]) total() (n int) {
	for _, each := range m {
		n += each.Len()
	}
	return n
}

// largest is the key that has the most.
func (m crowdOf[K]) largest() (key K) {
	most := 0
	for k, each := range m {
		if each.Len() > most {
			key, most = k, each.Len()
		}
	}
	return key
}

func (m crowdOf[K]) oldest(key K) *connection { return m[key].Front().Value.(*connection) }
