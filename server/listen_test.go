package server_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliasd/aliasd/server"
)

func TestWithoutTLSOnlyLoopback(t *testing.T) {
	t.Parallel()
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.test:0", "127.0.0.1.example.test:0", "127.0.0.1", ""} {
		listener, err := server.Listen(t.Context(), server.Endpoint{Address: address})
		if err == nil {
			listener.Close()
			t.Errorf("%q is served without TLS at %s", address, listener.Addr())
		} else if !strings.Contains(err.Error(), "api.tls") {
			t.Errorf("%q: %v does not say what to do", address, err)
		}
	}
	for _, address := range []string{"127.0.0.1:0", "localhost:0", "127.1.2.3:0"} {
		listener, err := server.Listen(t.Context(), server.Endpoint{Address: address})
		if err != nil {
			t.Errorf("%q: %v", address, err)
			continue
		}
		listener.Close()
	}
}

func TestTLSSettingsThatCannotBe(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	for _, e := range []server.Endpoint{{CertFile: cert}, {KeyFile: key}, {CertFile: key, KeyFile: cert}, {CertFile: "none.pem", KeyFile: key}} {
		e.Address = "127.0.0.1:0"
		if listener, err := server.Listen(t.Context(), e); err == nil {
			listener.Close()
			t.Errorf("%+v is served", e)
		} else if !strings.HasPrefix(err.Error(), "api.tls") {
			t.Errorf("%+v: %v does not name the key", e, err)
		}
	}
}

// certificate makes a certificate for 127.0.0.1 and writes it as PEM.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secret)
}

func TestTLS(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cert, key := certificate(t)
	listener, err := server.Listen(t.Context(), server.Endpoint{Address: "127.0.0.1:0", CertFile: cert, KeyFile: key})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- f.server.Serve(ctx, listener) }()
	roots := x509.NewCertPool()
	text, err := os.ReadFile(cert)
	if err != nil || !roots.AppendCertsFromPEM(text) {
		t.Fatal("no certificate", err)
	}
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		conn, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10, MaxVersion: version})
		if (err == nil) != want {
			t.Errorf("TLS %#x: %v", version, err)
		}
		if err == nil {
			conn.Close()
		}
	}
	for suite, want := range map[uint16]bool{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: false, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: false,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: true, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: true, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: true} {
		conn, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}})
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.CipherSuiteName(suite), err)
		}
		if err == nil {
			conn.Close()
		}
	}
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}}
	got, err := (&http.Client{Transport: transport}).Get("https://" + listener.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	got.Body.Close()
	if got.StatusCode != http.StatusOK || got.ProtoMajor != 2 {
		t.Errorf("%s by %s", got.Status, got.Proto)
	}
	transport.CloseIdleConnections()
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestDrain: when the server stops, a call that runs ends well and no new one is taken.
func TestDrain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	entered := f.queue.block()
	answered := make(chan answer, 1)
	go func() { answered <- f.post("/v1/requests", sample) }()
	<-entered
	f.stop()
	refuses(t, strings.TrimPrefix(f.url, "http://"))
	select {
	case err := <-f.served:
		t.Fatalf("Serve returned %v while a call ran", err)
	default:
	}
	f.queue.unblock()
	if got := <-answered; got.status != http.StatusAccepted {
		t.Errorf("the running call: %+v", got)
	}
	if err := <-f.served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// refuses waits until nobody listens at an address any more.
func refuses(t *testing.T, address string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("still listens")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestDrainCutsOffInTheEnd(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *server.Options) { o.Limits.Drain = 50 * time.Millisecond })
	entered := f.queue.block()
	var calling sync.WaitGroup
	calling.Go(func() {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/v1/requests", strings.NewReader(sample))
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("Authorization", "Bearer "+f.all.Reveal())
		if got, err := f.client.Do(r); err == nil {
			got.Body.Close()
			t.Errorf("answered %s", got.Status)
		}
	})
	<-entered
	f.stop()
	if err := <-f.served; err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("Serve: %v", err)
	}
	calling.Wait()
}

func TestSlowWork(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *server.Options) { o.Limits.Handle = 50 * time.Millisecond })
	f.queue.block()
	if p := f.post("/v1/requests", sample).problem(t); p.Status != http.StatusGatewayTimeout || p.Code != server.Timeout {
		t.Errorf("got %+v", p)
	}
}

// TestSlowLoris: who sends too slowly is let go, in the header as in the body.
func TestSlowLoris(t *testing.T) {
	t.Parallel()
	slowHeader := newFixture(t, func(o *server.Options) { o.Limits.Header, o.Limits.Read = 100*time.Millisecond, time.Hour })
	slowBody := newFixture(t, func(o *server.Options) { o.Limits.Header, o.Limits.Read = time.Hour, 200*time.Millisecond })
	head := fmt.Sprintf("POST /v1/requests HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n", slowBody.all.Reveal(), len(sample))
	for name, c := range map[string]struct {
		f          *fixture
		sent, want string
	}{
		"header": {slowHeader, head, ""},
		"body":   {slowBody, head + "\r\n" + sample[:10], "HTTP/1.1 408"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", strings.TrimPrefix(c.f.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, c.sent); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(bufio.NewReader(conn))
			if err != nil || !strings.HasPrefix(string(got), c.want) || c.want == "" && strings.Contains(string(got), "200") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// TestLongHeader: the server stops reading, so a client that is slow to look may see the connection reset instead of the
// answer; then it asks again.
func TestLongHeader(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	head := "GET /v1/requests HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + f.all.Reveal() + "\r\nX-Long: " + strings.Repeat("x", 64<<10) + "\r\n\r\n"
	for range 20 {
		got, err := f.raw(head)
		if strings.HasPrefix(got, "HTTP/1.1 431 ") {
			return
		}
		if err == nil {
			t.Fatalf("got %q", got)
		}
	}
	t.Error("no answer")
}

func TestConcurrentCalls(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var calling sync.WaitGroup
	for range 16 {
		calling.Go(func() {
			for range 20 {
				if got := f.post("/v1/requests", sample); got.status != http.StatusAccepted {
					t.Errorf("got %+v", got)
				}
				f.get("/v1/requests?limit=2")
				f.get("/readyz")
				f.get("/openapi.json")
			}
		})
	}
	calling.Wait()
	if n := len(f.queue.requests); n != 320 {
		t.Errorf("%d requests", n)
	}
}

func TestServeOnABrokenListener(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	listener, err := server.Listen(t.Context(), server.Endpoint{Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if err := f.server.Serve(t.Context(), listener); err == nil {
		t.Error("no error")
	}
}

func TestNewNeedsItsParts(t *testing.T) {
	t.Parallel()
	if _, err := server.New(server.Options{}); err == nil {
		t.Error("a server without anything behind it")
	}
}
