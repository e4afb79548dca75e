package directory

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// handshakeLimit is how long a client may take to set up TLS.
const handshakeLimit = 10 * time.Second

// listener serves one port over TLS. It can be closed and opened again, on the same port.
type listener struct {
	config *tls.Config
	serve  func(context.Context, *tls.Conn)

	mu       sync.Mutex
	address  string // with the port, once it was opened
	listener net.Listener
	conns    map[net.Conn]struct{}
	running  sync.WaitGroup
}

// newListener makes a listener for an address, which is taken when it is opened; port 0 stands for a free one.
func newListener(address string, certificate tls.Certificate, serve func(context.Context, *tls.Conn)) *listener {
	return &listener{
		config:  &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		serve:   serve,
		address: address,
		conns:   map[net.Conn]struct{}{},
	}
}

func (l *listener) url() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return "ldaps://" + l.address
}

// open begins to take connections. It does nothing when it does so already.
func (l *listener) open() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener != nil {
		return nil
	}
	listening, err := net.Listen("tcp", l.address)
	if err != nil {
		return fmt.Errorf("open the directory's port: %w", err)
	}
	l.listener, l.address = listening, listening.Addr().String()
	l.running.Go(func() { l.accept(listening) })
	return nil
}

func (l *listener) isOpen() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.listener != nil
}

func (l *listener) accept(listening net.Listener) {
	for {
		conn, err := listening.Accept()
		if err != nil {
			return // closed
		}
		if !l.enter(listening, conn) {
			_ = conn.Close()
			return
		}
		l.running.Go(func() { l.handle(conn) })
	}
}

// enter notes a connection, so that close can cut it; it is false when close was called meanwhile.
func (l *listener) enter(listening net.Listener, conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener != listening {
		return false
	}
	l.conns[conn] = struct{}{}
	return true
}

func (l *listener) handle(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		l.mu.Lock()
		delete(l.conns, conn)
		l.mu.Unlock()
	}()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	secure := tls.Server(conn, l.config)
	limited, stop := context.WithTimeout(ctx, handshakeLimit)
	err := secure.HandshakeContext(limited)
	stop()
	if err == nil {
		l.serve(ctx, secure)
	}
}

// close cuts every connection and returns when nobody is served any more. It does nothing when it is closed already.
func (l *listener) close() error {
	err := l.cut()
	l.running.Wait()
	return err
}

func (l *listener) cut() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener == nil {
		return nil
	}
	err := l.listener.Close()
	l.listener = nil
	for conn := range l.conns {
		err = errors.Join(err, ignoreClosed(conn.Close()))
	}
	return err
}

// ignoreClosed: the other end, or a hook, may have closed the connection first.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
