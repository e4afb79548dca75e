package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/aliasd/aliasd/lab/pki"
)

// handshake lets a client that trusts the authority alone meet a server with the leaf's certificate.
func handshake(t *testing.T, leaf pki.Leaf, serverName string) error {
	t.Helper()
	authority, err := pki.NewAuthority("lab")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Issue(leaf)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority.PEM()) {
		t.Fatal("the authority's PEM holds no certificate")
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go greet(listener)
	client, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{RootCAs: roots, ServerName: serverName})
	if err == nil {
		t.Cleanup(func() { _ = client.Close() })
	}
	return err
}

// greet answers one client's handshake.
func greet(listener net.Listener) {
	conn, err := listener.Accept()
	if err != nil {
		return
	}
	_ = conn.(*tls.Conn).Handshake()
}

func TestIssue(t *testing.T) {
	t.Parallel()
	names := []string{"dc1.contoso.test", "127.0.10.1"}
	for name, test := range map[string]struct {
		leaf   pki.Leaf
		server string
		good   bool
	}{
		"by name":       {pki.Leaf{Names: names}, "dc1.contoso.test", true},
		"by address":    {pki.Leaf{Names: names}, "127.0.10.1", true},
		"wrong name":    {pki.Leaf{Names: names}, "dc2.contoso.test", false},
		"wrong address": {pki.Leaf{Names: names}, "127.0.10.2", false},
		"expired":       {pki.Leaf{Names: names, NotAfter: time.Now().Add(-time.Minute)}, "127.0.10.1", false},
		"not yet":       {pki.Leaf{Names: names, NotBefore: time.Now().Add(time.Hour)}, "127.0.10.1", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := handshake(t, test.leaf, test.server)
			if test.good != (err == nil) {
				t.Fatalf("handshake: %v", err)
			}
			var refused *tls.CertificateVerificationError
			if !test.good && !errors.As(err, &refused) {
				t.Fatalf("refused for another reason: %v", err)
			}
		})
	}
}
