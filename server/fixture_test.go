package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/server"
	"github.com/aliasd/aliasd/server/metrics"
	"github.com/aliasd/aliasd/server/token"
)

// patience bounds every wait of a test. A busy machine does not use it up: only what never happens does.
const patience = 5 * time.Minute

// fixture is a server on a port of its own before a queue that the test sees into.
type fixture struct {
	t      *testing.T
	url    string
	server *server.Server
	queue  *fakeQueue
	tokens *fakeTokens
	logs   *logBuffer
	client *http.Client
	// all is a token with every scope but admin, local the local administrator's.
	all, local token.Secret
	// stop ends the server as a signal would; served gives what Serve returned.
	stop   context.CancelFunc
	served chan error
}

// option changes a fixture's server before it is made.
type option func(*server.Options)

func newFixture(t *testing.T, options ...option) *fixture {
	t.Helper()
	f := makeFixture(t, options...)
	f.serve(server.Endpoint{})
	return f
}

// makeFixture makes a server that listens to nothing yet.
func makeFixture(t *testing.T, options ...option) *fixture {
	t.Helper()
	f := &fixture{t: t, queue: newFakeQueue(), tokens: &fakeTokens{}, logs: &logBuffer{}, served: make(chan error, 1),
		client: &http.Client{Transport: &http.Transport{}, Timeout: patience}, local: token.New()}
	f.all = f.tokens.add("helpdesk", token.Submit, token.Read, token.Approve)
	logger := slog.New(slog.NewJSONHandler(f.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o := server.Options{Service: f.queue, Archive: f.queue, Holders: f.queue, Tokens: f.tokens, Local: f.local.Hash(),
		Metrics: metrics.New(metrics.Options{Source: f.queue, Version: "1.2.3", Logger: logger, Now: time.Now}), Logger: logger, Now: time.Now}
	for _, change := range options {
		change(&o)
	}
	made, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	f.server = made
	return f
}

// serve has the server answer at a free port.
func (f *fixture) serve(e server.Endpoint) {
	f.t.Helper()
	e.Address = "127.0.0.1:0"
	listener, err := server.Listen(f.t.Context(), e)
	if err != nil {
		f.t.Fatal(err)
	}
	f.url = "http://" + listener.Addr().String()
	if e.CertFile != "" {
		f.url = "https://" + listener.Addr().String()
	}
	ctx, stop := context.WithCancel(context.Background())
	f.stop = stop
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.served <- f.server.Serve(ctx, listener)
	}()
	f.t.Cleanup(func() {
		f.client.CloseIdleConnections()
		f.queue.unblock()
		stop()
		<-ended
	})
}

// call is one call; an empty body sends none.
type call struct {
	method, path, body string
	token              token.Secret
	header             map[string]string
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// problem reads a problem document; anything else fails the test.
func (a answer) problem(t *testing.T) server.Problem {
	t.Helper()
	if kind := a.header.Get("Content-Type"); kind != "application/problem+json" {
		t.Fatalf("content type %q, status %d, body %s; want a problem document", kind, a.status, a.body)
	}
	var p server.Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("problem document %s: %v", a.body, err)
	}
	if p.Status != a.status || p.Title != http.StatusText(a.status) || p.Type != "about:blank" || p.Detail == "" || p.Code == "" {
		t.Fatalf("problem document does not fit status %d: %s", a.status, a.body)
	}
	return p
}

func (f *fixture) do(c call) answer {
	f.t.Helper()
	var body io.Reader
	if c.body != "" {
		body = strings.NewReader(c.body)
	}
	r, err := http.NewRequestWithContext(f.t.Context(), c.method, f.url+c.path, body)
	if err != nil {
		f.t.Fatal(err)
	}
	if c.token != (token.Secret{}) {
		r.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	return f.send(r)
}

func (f *fixture) send(r *http.Request) answer {
	f.t.Helper()
	got, err := f.client.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer{status: got.StatusCode, header: got.Header, body: string(text)}
}

// post sends a body as the helpdesk.
func (f *fixture) post(path, body string) answer {
	f.t.Helper()
	return f.do(call{method: http.MethodPost, path: path, body: body, token: f.all})
}

// get reads a path as the helpdesk.
func (f *fixture) get(path string) answer {
	f.t.Helper()
	return f.do(call{method: http.MethodGet, path: path, token: f.all})
}

// decode reads an answer with one of the statuses that say yes.
func decode[T any](t *testing.T, a answer) T {
	t.Helper()
	var into T
	if a.status/100 != 2 {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), &into); err != nil {
		t.Fatalf("decode %s: %v", a.body, err)
	}
	return into
}

// logBuffer keeps what was logged.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// lines gives the log's lines that say msg, once there are n of them: a line is written after its answer went out.
func (b *logBuffer) lines(t *testing.T, n int) []map[string]any {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		var found []map[string]any
		for line := range strings.Lines(b.String()) {
			entry := map[string]any{}
			if json.Unmarshal([]byte(line), &entry) == nil && entry["msg"] == "request served" {
				found = append(found, entry)
			}
		}
		if len(found) >= n {
			return found
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d lines in the access log, want %d:\n%s", len(found), n, b)
		}
		time.Sleep(time.Millisecond)
	}
}

// sample is a body that is right.
const sample = `{"holder":"jdoe@contoso.test","action":"add_alias","address":"j.doe@contoso.test"}`

func values(mail string, proxies ...address.Proxy) address.Values {
	return address.Values{Mail: mail, Proxies: proxies}
}

// in is the fixture for a subtest: its failures are the subtest's.
func (f *fixture) in(t *testing.T) *fixture {
	sub := *f
	sub.t = t
	return &sub
}
