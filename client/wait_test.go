package client

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
	"github.com/aliasd/aliasd/server/token"
)

// look is what the server answers to one look: a state, or something that goes wrong.
type look struct {
	state  queue.State
	cause  cause.Code
	status int  // a problem with this status
	broken bool // half an answer
}

// play is a server that answers each look in turn, the last one for ever, and a client whose pauses take no time.
type play struct {
	*Client
	pauses []time.Duration
	told   []string
	away   int
}

func newPlay(t *testing.T, looks ...look) *play {
	t.Helper()
	p := &play{}
	n := 0
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		looks[min(n, len(looks)-1)].answer(w)
		n++
	}))
	t.Cleanup(web.Close)
	c, err := New(Options{URL: web.URL, Token: token.New().Reveal()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.pace.sleep = func(ctx context.Context, d time.Duration) error {
		p.pauses = append(p.pauses, d)
		return ctx.Err()
	}
	p.Client = c
	return p
}

func (l look) answer(w http.ResponseWriter) {
	switch {
	case l.broken:
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "{")
	case l.status != 0:
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(l.status)
		fmt.Fprintf(w, `{"status":%d,"code":"x","detail":"y"}`, l.status)
	default:
		r := server.RequestJSON{ID: "r1", State: l.state}
		if l.cause != "" {
			r.Cause = &cause.Cause{Code: l.cause}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(r)
	}
}

func (p *play) wait(ctx context.Context) (server.RequestJSON, error) {
	return p.Wait(ctx, "r1", Watch{Away: func(error) { p.away++ }, Changed: func(r server.RequestJSON) {
		line := string(r.State)
		if r.Cause != nil {
			line += " " + string(r.Cause.Code)
		}
		p.told = append(p.told, line)
	}})
}

func TestWaitTellsEachChangeOnce(t *testing.T) {
	t.Parallel()
	p := newPlay(t, look{state: queue.Accepted}, look{state: queue.Accepted}, look{state: queue.Queued, cause: cause.DirectoryUnavailable},
		look{state: queue.Queued, cause: cause.DirectoryUnavailable}, look{state: queue.Queued}, look{state: queue.Written}, look{state: queue.Verified})
	last, err := p.wait(t.Context())
	if err != nil || last.State != queue.Verified {
		t.Fatalf("%+v, %v", last, err)
	}
	if want := []string{"accepted", "queued directory_unavailable", "queued", "written", "verified"}; !slices.Equal(p.told, want) {
		t.Errorf("told %v", p.told)
	}
}

func TestWaitEnds(t *testing.T) {
	t.Parallel()
	for _, state := range queue.States() {
		p := newPlay(t, look{state: state}, look{state: queue.Cancelled})
		last, err := p.wait(t.Context())
		if err != nil {
			t.Errorf("%s: %v", state, err)
		}
		if got, want := last.State == state, state == queue.Mismatched || state.Final(); got != want {
			t.Errorf("%s: waiting ended with %s", state, last.State)
		}
	}
}

func TestWaitSlowsDown(t *testing.T) {
	t.Parallel()
	looks := slices.Repeat([]look{{state: queue.Queued}}, 20)
	p := newPlay(t, append(looks, look{state: queue.Written}, look{state: queue.Written}, look{state: queue.Verified})...)
	if _, err := p.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.pauses[0] != 200*time.Millisecond || p.pauses[1] != 300*time.Millisecond || p.pauses[19] != 5*time.Second || p.pauses[20] != 200*time.Millisecond {
		t.Errorf("pauses %v", p.pauses)
	}
}

func TestWaitOutlastsAServerThatIsAway(t *testing.T) {
	t.Parallel()
	p := newPlay(t, look{state: queue.Queued}, look{status: 503}, look{status: 429}, look{broken: true}, look{status: 500},
		look{state: queue.Queued}, look{status: 503}, look{state: queue.Verified})
	if last, err := p.wait(t.Context()); err != nil || last.State != queue.Verified || len(p.told) != 2 || p.away != 2 {
		t.Errorf("%+v, %v, told %v, away %d times", last, err, p.told, p.away)
	}
}

func TestWaitGivesUp(t *testing.T) {
	t.Parallel()
	for name, looks := range map[string][]look{
		"away at once":      {{status: 503}},
		"revoked meanwhile": {{state: queue.Queued}, {status: 401}},
		"gone meanwhile":    {{state: queue.Queued}, {status: 404}},
	} {
		p := newPlay(t, looks...)
		_, err := p.wait(t.Context())
		var problem *Problem
		if !errors.As(err, &problem) || problem.Status != looks[len(looks)-1].status {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p := newPlay(t, look{state: queue.Held})
	ctx, cancel := context.WithCancel(t.Context())
	p.pace.sleep = func(ctx context.Context, _ time.Duration) error {
		cancel()
		return sleep(ctx, time.Hour)
	}
	last, err := p.wait(ctx)
	if !errors.Is(err, context.Canceled) || last.State != queue.Held {
		t.Errorf("cancelled in a pause: %+v, %v", last, err)
	}
	if _, err := p.wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	p.pace.sleep = func(ctx context.Context, _ time.Duration) error {
		over, stop := context.WithTimeout(ctx, 0)
		defer stop()
		return sleep(over, time.Hour)
	}
	last, err = p.wait(t.Context())
	if !errors.Is(err, context.DeadlineExceeded) || last.State != queue.Held || !strings.Contains(err.Error(), "has not ended in time") {
		t.Errorf("its time is over in a pause: %+v, %v", last, err)
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	t.Parallel()
	good := token.New().Reveal()
	for name, o := range map[string]Options{
		"no URL": {Token: good}, "no scheme": {URL: "127.0.0.1:8440", Token: good}, "http elsewhere": {URL: "http://aliasd.contoso.test", Token: good},
		"http to a name like this machine's": {URL: "http://localhost.contoso.test", Token: good}, "ftp": {URL: "ftp://127.0.0.1", Token: good},
		"no token": {URL: "https://aliasd.contoso.test"}, "half a token": {URL: "https://aliasd.contoso.test", Token: good[:20]},
		"no PEM": {URL: "https://aliasd.contoso.test", Token: good, CA: []byte("x")},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), good[:20]) {
			t.Errorf("%s: the error holds the token: %v", name, err)
		}
	}
	for _, u := range []string{"http://127.0.0.1:8440", "http://[::1]:1", "http://localhost:1/", "https://aliasd.contoso.test"} {
		c, err := New(Options{URL: u, Token: good})
		if err != nil {
			t.Errorf("%s: %v", u, err)
		} else if text := fmt.Sprintf("%v %+v %#v", *c, *c, *c); strings.Contains(text, good[7:]) {
			t.Errorf("the client prints its token: %s", text)
		}
	}
}

// TestStrangers: what is no aliasd is said to be none, and gets no token after a redirect.
func TestStrangers(t *testing.T) {
	t.Parallel()
	visited := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited = true }))
	t.Cleanup(elsewhere.Close)
	for name, answer := range map[string]http.HandlerFunc{
		"a page":    func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"a gateway": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad gateway", http.StatusBadGateway) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"half a JSON": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, "{")
		},
		"a problem of another status": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			fmt.Fprint(w, `{"status":404}`)
		},
	} {
		web := httptest.NewServer(answer)
		t.Cleanup(web.Close)
		c, err := New(Options{URL: web.URL, Token: token.New().Reveal()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Get(t.Context(), "r1")
		var problem *Problem
		if err == nil || errors.As(err, &problem) || visited {
			t.Errorf("%s: %v, redirected %v", name, err, visited)
		}
		c.Close()
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.NotFoundHandler())
	web.Close()
	c, err := New(Options{URL: web.URL, Token: token.New().Reveal(), Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Pause(t.Context()); err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(web.URL, "http://")) {
		t.Errorf("got %v", err)
	}
}

func TestOwnCA(t *testing.T) {
	t.Parallel()
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { look{state: queue.Held}.answer(w) }))
	t.Cleanup(web.Close)
	secret := token.New().Reveal()
	vouches := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	for name, c := range map[string]struct {
		ca   []byte
		good bool
	}{"vouched for": {vouches, true}, "not vouched for": {nil, false}} {
		made, err := New(Options{URL: web.URL, Token: secret, CA: c.ca})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := made.Get(t.Context(), "r1"); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
		made.Close()
	}
}
