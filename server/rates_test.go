package server_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
	"github.com/aliasd/aliasd/server/token"
)

// stoppedClock stands still until a test moves it.
type stoppedClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *stoppedClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *stoppedClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// rated is a server whose clock stands still.
func rated(t *testing.T, r server.Rates) (*fixture, *stoppedClock) {
	t.Helper()
	c := &stoppedClock{at: time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)}
	return newFixture(t, func(o *server.Options) { o.Rates, o.Now = r, c.now }), c
}

// refused checks a 429 and gives what Retry-After says.
func (a answer) refused(t *testing.T, code server.Code) time.Duration {
	t.Helper()
	if p := a.problem(t); p.Status != http.StatusTooManyRequests || p.Code != code {
		t.Fatalf("got %+v, want 429 %s", p, code)
	}
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || seconds < 1 {
		t.Fatalf("Retry-After %q", a.header.Get("Retry-After"))
	}
	return time.Duration(seconds) * time.Second
}

func TestATokensRate(t *testing.T) {
	t.Parallel()
	f, clock := rated(t, server.Rates{Reads: 4, Writes: 2, Strangers: 1})
	other := f.tokens.add("other", token.Submit)
	for i := range 10 {
		if got := f.post("/v1/requests", sample); got.status != http.StatusAccepted {
			t.Fatalf("call %d: %+v", i, got)
		}
	}
	wait := f.post("/v1/requests", sample).refused(t, server.TooManyCalls)
	if n := len(f.queue.requests); n != 10 {
		t.Errorf("%d requests are stored", n)
	}
	if got := f.get("/v1/requests"); got.status != http.StatusOK {
		t.Errorf("reading is refused as well: %+v", got)
	}
	if got := f.do(call{method: http.MethodPost, path: "/v1/requests", body: sample, token: other}); got.status != http.StatusAccepted {
		t.Errorf("another token is refused as well: %+v", got)
	}
	clock.pass(wait)
	if got := f.post("/v1/requests", sample); got.status != http.StatusAccepted {
		t.Errorf("after Retry-After: %+v", got)
	}
	for range 40 { // the local administrator is not bounded
		if got := f.do(call{method: http.MethodPost, path: "/v1/pause", token: f.local}); got.status != http.StatusOK {
			t.Fatalf("got %+v", got)
		}
	}
}

func TestAReadersRate(t *testing.T) {
	t.Parallel()
	f, _ := rated(t, server.Rates{Reads: 1, Writes: 1})
	for range 5 {
		f.get("/v1/requests")
	}
	f.get("/v1/requests").refused(t, server.TooManyCalls)
	f.do(call{method: http.MethodHead, path: "/v1/requests", token: f.all})
	for range 20 {
		for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
			if got := f.get(path); got.status != http.StatusOK {
				t.Fatalf("%s: %+v", path, got)
			}
		}
	}
}

// TestStrangersRate: an address that guesses is told to wait without a look into the store; who was let in from there
// before still passes, and a revoked token does not.
func TestStrangersRate(t *testing.T) {
	t.Parallel()
	f, clock := rated(t, server.Rates{Reads: 100, Writes: 100, Strangers: 1})
	revoked := f.tokens.add("revoked", token.Read)
	for _, secret := range []token.Secret{f.all, revoked} {
		if got := f.do(call{method: "GET", path: "/v1/requests", token: secret}); got.status != http.StatusOK {
			t.Fatalf("got %+v", got)
		}
	}
	guess := func() answer { return f.do(call{method: "GET", path: "/v1/requests", token: token.New()}) }
	for i := range 10 {
		if p := guess().problem(t); p.Status != http.StatusUnauthorized {
			t.Fatalf("guess %d: %+v", i, p)
		}
	}
	f.tokens.failWith(fmt.Errorf("the store was asked"))
	guess().refused(t, server.TooManyFailures)
	f.do(call{method: "GET", path: "/none"}).refused(t, server.TooManyFailures)
	wait := f.do(call{method: "GET", path: "/v1/requests", header: map[string]string{"Authorization": "Basic x"}}).refused(t, server.TooManyFailures)
	f.tokens.failWith(nil)
	if got := f.get("/v1/requests"); got.status != http.StatusOK {
		t.Errorf("a token that is in force is locked out: %+v", got)
	}
	f.tokens.revoke(revoked)
	f.do(call{method: "GET", path: "/v1/requests", token: revoked}).refused(t, server.TooManyFailures)
	if got := f.do(call{method: "GET", path: "/healthz"}); got.status != http.StatusOK {
		t.Errorf("health: %+v", got)
	}
	clock.pass(wait)
	if p := guess().problem(t); p.Status != http.StatusUnauthorized {
		t.Errorf("after Retry-After: %+v", p)
	}
}

// TestCallsAtATime: calls that hang take neither the daemon from others nor others' places.
func TestCallsAtATime(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *server.Options) { o.Limits.Calls, o.Limits.CallsPerToken = 3, 2 })
	second, third := f.tokens.add("second", token.Submit), f.tokens.add("third", token.Submit)
	entered := f.queue.block()
	var hanging sync.WaitGroup
	hang := func(secret token.Secret) {
		hanging.Go(func() {
			if got := f.do(call{method: "POST", path: "/v1/requests", body: sample, token: secret}); got.status != http.StatusAccepted {
				t.Errorf("a call that hung: %+v", got)
			}
		})
		<-entered
	}
	hang(f.all)
	hang(f.all)
	f.get("/v1/requests").refused(t, server.TooManyCalls)
	hang(second)
	got := f.do(call{method: "POST", path: "/v1/requests", body: sample, token: third})
	if p := got.problem(t); p.Status != http.StatusServiceUnavailable || p.Code != server.Busy || got.header.Get("Retry-After") != "1" {
		t.Errorf("got %+v", p)
	}
	if got := f.do(call{method: "GET", path: "/readyz"}); got.status != http.StatusOK {
		t.Errorf("health: %+v", got)
	}
	f.queue.unblock()
	hanging.Wait()
	if got := f.post("/v1/requests", sample); got.status != http.StatusAccepted {
		t.Errorf("afterwards: %+v", got)
	}
}

// TestAPanicLeaves: a call that panicked is not counted for ever.
func TestAPanicLeaves(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *server.Options) { o.Limits.CallsPerToken = 1 })
	f.queue.set(func(q *fakeQueue) { q.panics = "broken" })
	for range 3 {
		if p := f.post("/v1/requests", sample).problem(t); p.Code != server.Internal {
			t.Fatalf("got %+v", p)
		}
	}
	f.logs.lines(t, 3)
	if strings.Contains(f.logs.String(), f.all.Reveal()[len("aliasd_"):]) {
		t.Errorf("the trace holds the token:\n%s", f.logs)
	}
}

// TestOneRequestIsNotRecheckedWithoutEnd: each look is two entries in a log that keeps them for ever, whoever asks for it.
func TestOneRequestIsNotRecheckedWithoutEnd(t *testing.T) {
	t.Parallel()
	f, clock := rated(t, server.Rates{Rechecks: 0.1})
	f.queue.requests = []queue.Request{{ID: "r1", Seq: 1, State: queue.Written}, {ID: "r2", Seq: 2, State: queue.Written}, {ID: "r3", Seq: 3, State: queue.Held}}
	for range 3 {
		if got := f.post("/v1/requests/r1/recheck", ""); got.status != http.StatusOK {
			t.Fatalf("got %d: %s", got.status, got.body)
		}
	}
	other := f.tokens.add("other", token.Submit)
	wait := f.do(call{method: http.MethodPost, path: "/v1/requests/r1/recheck", token: other}).refused(t, server.TooManyCalls)
	for range 5 { // what was not done counts for nothing
		if got := f.post("/v1/requests/r3/recheck", ""); got.status != http.StatusConflict {
			t.Errorf("a held one: %d", got.status)
		}
	}
	if got := f.post("/v1/requests/r2/recheck", ""); got.status != http.StatusOK {
		t.Errorf("another one: %d", got.status)
	}
	if got := f.do(call{method: http.MethodPost, path: "/v1/requests/r1/recheck", token: f.local}); got.status != http.StatusOK {
		t.Errorf("the local administrator: %d", got.status)
	}
	clock.pass(wait)
	if got := f.post("/v1/requests/r1/recheck", ""); got.status != http.StatusOK {
		t.Errorf("after the wait: %d", got.status)
	}
	f.post("/v1/requests/r1/recheck", "").refused(t, server.TooManyCalls)
}
