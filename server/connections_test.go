package server_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliasd/aliasd/server"
	"github.com/aliasd/aliasd/server/token"
)

// crowded is a server with few connections, which waits for a header as long as a test may take: nothing ends by its time.
func crowded(t *testing.T, e server.Endpoint, l server.Limits) *fixture {
	t.Helper()
	l.Header, l.Read, l.Write, l.Idle = patience, patience, patience, patience
	f := makeFixture(t, func(o *server.Options) { o.Limits = l })
	f.serve(e)
	return f
}

// silent opens connections that say nothing, each of them after the server has taken the one before.
func (f *fixture) silent(n int) []net.Conn {
	f.t.Helper()
	all := make([]net.Conn, n)
	for i := range all {
		conn, err := net.Dial("tcp", f.url[strings.LastIndex(f.url, "/")+1:])
		if err != nil {
			f.t.Fatal(err)
		}
		f.t.Cleanup(func() { conn.Close() })
		all[i] = conn
	}
	return all
}

// answers says whether a call with a token is answered, and whether that was on a connection that had been used before.
func (f *fixture) answers(client *http.Client, secret token.Secret, method, path string) (status int, reused bool) {
	f.t.Helper()
	ctx := httptrace.WithClientTrace(f.t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
	r, err := http.NewRequestWithContext(ctx, method, f.url+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+secret.Reveal())
	got, err := client.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer got.Body.Close()
	if _, err := io.Copy(io.Discard, got.Body); err != nil {
		f.t.Fatal(err)
	}
	return got.StatusCode, reused
}

// own is a client whose connections nobody else uses.
func (f *fixture) own() *http.Client {
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // its own, made a moment ago
	f.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// isClosed says whether the server has closed a connection.
func isClosed(t *testing.T, conn net.Conn) bool {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	_, err := conn.Read(make([]byte, 1))
	return err != nil
}

// TestSilentConnectionsKeepNobodyOut: one machine opens many connections and says nothing. Whoever has a token is answered all the
// same, and a connection on which somebody was answered stays.
func TestSilentConnectionsKeepNobodyOut(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	for name, e := range map[string]server.Endpoint{"plain": {Connections: 32}, "TLS": {Connections: 32, CertFile: cert, KeyFile: key}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testSilentConnections(t, crowded(t, e, server.Limits{}))
		})
	}
}

func testSilentConnections(t *testing.T, f *fixture) {
	kept := f.own()
	f.answers(kept, f.all, http.MethodGet, "/v1/requests")
	silent := f.silent(200)
	if status, _ := f.answers(f.own(), f.all, http.MethodGet, "/v1/requests"); status != http.StatusOK {
		t.Errorf("a new connection is answered %d", status)
	}
	if status, reused := f.answers(kept, f.all, http.MethodGet, "/v1/requests"); status != http.StatusOK || !reused {
		t.Errorf("a connection that was known is answered %d, reused %v", status, reused)
	}
	for i, conn := range silent[:150] {
		if !isClosed(t, conn) {
			t.Fatalf("the silent connection %d is open", i)
		}
	}
}

// TestTheStopSwitchGetsThroughAFlood: all connections of strangers are taken, and as many calls with a token are being answered as
// may be. The switch is turned at once.
func TestTheStopSwitchGetsThroughAFlood(t *testing.T) {
	t.Parallel()
	f := crowded(t, server.Endpoint{Connections: 32}, server.Limits{Calls: 6, CallsPerToken: 4, Handle: patience})
	other := f.tokens.add("other", token.Submit)
	entered := f.queue.block()
	var answering sync.WaitGroup
	for i := range 6 {
		secret := f.local
		if i >= 4 {
			secret = other
		}
		answering.Go(func() { f.do(call{method: http.MethodPost, path: "/v1/requests", body: sample, token: secret}) })
		<-entered
	}
	f.silent(100)
	f.do(call{method: http.MethodPost, path: "/v1/requests", body: sample, token: f.local}).refused(t, server.TooManyCalls)
	for _, path := range []string{"/v1/pause", "/v1/resume"} {
		if status, _ := f.answers(f.own(), f.local, http.MethodPost, path); status != http.StatusOK {
			t.Errorf("%s is answered %d", path, status)
		}
	}
	f.queue.unblock()
	answering.Wait()
}

// TestTheStopSwitchIsNotCounted: an administrator's script that has used its calls up can stop all writing still.
func TestTheStopSwitchIsNotCounted(t *testing.T) {
	t.Parallel()
	f, _ := rated(t, server.Rates{Reads: 1, Writes: 1})
	boss := f.tokens.add("boss", token.Admin)
	for range 5 {
		f.do(call{method: http.MethodPost, path: "/v1/requests", body: sample, token: boss})
	}
	f.do(call{method: http.MethodPost, path: "/v1/requests", body: sample, token: boss}).refused(t, server.TooManyCalls)
	if got := f.do(call{method: http.MethodPost, path: "/v1/pause", token: boss}); got.status != http.StatusOK {
		t.Errorf("pause is answered %d", got.status)
	}
}

// TestATokensIdleConnectionsKeepNobodyOut: one token keeps all connections and does nothing with them.
func TestATokensIdleConnectionsKeepNobodyOut(t *testing.T) {
	t.Parallel()
	f := crowded(t, server.Endpoint{Connections: 16}, server.Limits{})
	other := f.tokens.add("other", token.Read)
	kept := f.own()
	f.answers(kept, other, http.MethodGet, "/v1/requests")
	for range 40 {
		if status, _ := f.answers(f.own(), f.all, http.MethodGet, "/v1/requests"); status != http.StatusOK {
			t.Fatalf("answered %d", status)
		}
	}
	if status, reused := f.answers(kept, other, http.MethodGet, "/v1/requests"); status != http.StatusOK || !reused {
		t.Errorf("another token is answered %d, on its own connection %v", status, reused)
	}
}

// TestAProxysConnectionIsKept: callers of a reverse proxy share its connections, and one without a token takes none from the others.
func TestAProxysConnectionIsKept(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	proxy := f.own()
	f.answers(proxy, f.all, http.MethodGet, "/v1/requests")
	for range 3 {
		if status, reused := f.answers(proxy, token.New(), http.MethodGet, "/v1/requests"); status != http.StatusUnauthorized || !reused {
			t.Errorf("a stranger is answered %d, on the shared connection %v", status, reused)
		}
	}
	if _, reused := f.answers(proxy, f.all, http.MethodGet, "/v1/requests"); !reused {
		t.Error("the connection was closed")
	}
}

// TestServeEndsWhileAConnectionWaits: the server can be stopped while all connections are taken and the next one waits for room.
func TestServeEndsWhileAConnectionWaits(t *testing.T) {
	t.Parallel()
	f := crowded(t, server.Endpoint{Connections: 1, Strangers: 1, StrangersPerAddress: 1}, server.Limits{})
	entered := f.queue.block()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.do(call{method: http.MethodPost, path: "/v1/requests", body: sample, token: f.all})
	}()
	<-entered
	f.silent(1)
	f.stop()
	f.queue.unblock()
	<-ended
	if err := <-f.served; err != nil {
		t.Error(err)
	}
	f.served <- nil // for the fixture's own end
}
