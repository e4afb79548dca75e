package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
)

// maxHeader is how long a call's header may be, in bytes.
const maxHeader = 16 << 10

// Endpoint is where the server listens.
type Endpoint struct {
	// Address is host:port; port 0 takes a free one.
	Address string
	// CertFile and KeyFile are PEM files, read once. Both empty: no TLS, which only a loopback address may go without.
	CertFile, KeyFile string
	// Connections are how many connections are open at a time (512).
	Connections int
	// Strangers are how many of them had no call with a token in force so far (half of Connections), and StrangersPerAddress how
	// many such ones of one remote address, of one /64 with IPv6 (half of Strangers). Above that the oldest one is closed. The rest is
	// for connections that such a call came on, and these are never closed for others without one.
	Strangers, StrangersPerAddress int
}

// Listen opens an endpoint. Without TLS it refuses every address that another machine could reach: tokens would go over
// the wire in the clear.
func Listen(ctx context.Context, e Endpoint) (net.Listener, error) {
	secured, err := tlsOf(e)
	if err != nil {
		return nil, err
	}
	if secured == nil && !namesLoopback(e.Address) {
		return nil, notLoopback(e.Address)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", e.Address)
	if err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	bounded := boundConnections(listener, e.bounds())
	if secured != nil {
		return tls.NewListener(bounded, secured), nil
	}
	// "localhost" is whatever the hosts file says.
	if bound, ok := listener.Addr().(*net.TCPAddr); !ok || !bound.IP.IsLoopback() {
		return nil, errors.Join(notLoopback(e.Address), listener.Close())
	}
	return bounded, nil
}

func (e Endpoint) bounds() connectionBounds {
	all := cmp.Or(e.Connections, 512)
	strangers := cmp.Or(e.Strangers, max(all/2, 1))
	return connectionBounds{all: all, known: all - all/8, strangers: strangers, perAddress: cmp.Or(e.StrangersPerAddress, max(strangers/2, 1))}
}

func notLoopback(address string) error {
	return fmt.Errorf("api.listen: %s can be reached from other machines, and there is no TLS; "+
		"set api.tls.cert_file and key_file, or listen on 127.0.0.1", address)
}

// namesLoopback says whether an address is this machine's alone by its very text.
func namesLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// tlsOf gives the TLS settings of an endpoint, nil where it has none.
func tlsOf(e Endpoint) (*tls.Config, error) {
	if e.CertFile == "" && e.KeyFile == "" {
		return nil, nil
	}
	if e.CertFile == "" || e.KeyFile == "" {
		return nil, errors.New("api.tls: cert_file and key_file are needed together")
	}
	certificate, err := tls.LoadX509KeyPair(e.CertFile, e.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("api.tls: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: authenticated(), Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1"}}, nil
}

// authenticated are the suites of TLS 1.2 that encrypt and authenticate in one (AEAD) with forward secrecy. Those with CBC, which the
// library offers too, are left out. Suites of TLS 1.3 are all of that kind and cannot be chosen.
func authenticated() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}

// Serve answers calls on a listener until ctx ends; then it takes no more, lets those that run end within Limits.Drain,
// and returns nil. It closes the listener. An error says that it could not go on, or that calls had to be cut off.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	web := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: s.limits.Header,
		ReadTimeout:       s.limits.Read,
		WriteTimeout:      s.limits.Write,
		IdleTimeout:       s.limits.Idle,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          newErrorLog(s.log, s.now),
		ConnContext:       withConnection,
		ConnState:         noteState,
	}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("api: %w", err)
	case <-ctx.Done():
		return s.drain(context.WithoutCancel(ctx), web)
	}
}

// drain lets running calls end, and cuts off those that do not.
func (s *Server) drain(ctx context.Context, web *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, s.limits.Drain)
	defer cancel()
	if err := web.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("api: calls were cut off at the end: %w", err), web.Close())
	}
	return nil
}
