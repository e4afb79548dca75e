package server_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/server"
)

// dependency is one whose state the test sets.
func dependency(name string, required bool, state *atomic.Value, asked *atomic.Int64) server.Dependency {
	return server.Dependency{Name: name, Required: required, Check: func(context.Context) error {
		asked.Add(1)
		err, _ := state.Load().(error)
		return err
	}}
}

func TestReady(t *testing.T) {
	t.Parallel()
	away := cause.Wait(cause.DirectoryUnavailable, "dc1.contoso.test does not answer").Because(errors.New("dial 192.0.2.1"))
	for name, c := range map[string]struct {
		store, directory error
		status           int
		named, unnamed   string // with a token, and without
	}{
		"all is well": {nil, nil, 200,
			`{"ready":true,"paused":false,"dry_run":false,"dependencies":[{"name":"store","state":"up"},{"name":"directory","state":"up"}]}`, ""},
		"the directory is away": {nil, away, 200,
			`{"ready":true,"paused":false,"dry_run":false,"dependencies":[{"name":"store","state":"up"},
				{"name":"directory","state":"down","cause":{"code":"directory_unavailable","message":"dc1.contoso.test does not answer"}}]}`,
			`{"ready":true,"paused":false,"dry_run":false,"dependencies":[{"name":"store","state":"up"},{"name":"directory","state":"down"}]}`},
		"the store is away": {errors.New("disk full at /var/x"), nil, 503,
			`{"ready":false,"paused":false,"dry_run":false,"dependencies":[{"name":"store","state":"down"},{"name":"directory","state":"up"}]}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var store, directory atomic.Value
			var asked atomic.Int64
			if c.store != nil {
				store.Store(c.store)
			}
			if c.directory != nil {
				directory.Store(c.directory)
			}
			f := newFixture(t, func(o *server.Options) {
				o.Dependencies = []server.Dependency{dependency("store", true, &store, &asked), dependency("directory", false, &directory, &asked)}
			})
			if c.unnamed == "" {
				c.unnamed = c.named
			}
			for want, got := range map[string]answer{c.named: f.get("/readyz"), c.unnamed: f.do(call{method: "GET", path: "/readyz"})} {
				if diff := cmp.Diff(loose(t, want), loose(t, got.body)); diff != "" || got.status != c.status {
					t.Errorf("status %d: %s", got.status, diff)
				}
			}
		})
	}
}

// TestDryRunShows: whoever watches the daemon sees that it writes nothing.
func TestDryRunShows(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *server.Options) { o.DryRun = true })
	for path, want := range map[string]string{"/healthz": `{"status":"ok","dry_run":true}`,
		"/readyz": `{"ready":true,"paused":false,"dry_run":true,"dependencies":[]}`} {
		if diff := cmp.Diff(loose(t, want), loose(t, f.get(path).body)); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func TestReadyIsCheap(t *testing.T) {
	t.Parallel()
	var state atomic.Value
	var asked, clock atomic.Int64
	f := newFixture(t, func(o *server.Options) {
		o.Dependencies = []server.Dependency{dependency("store", true, &state, &asked)}
		o.Now = func() time.Time { return time.Unix(1000, clock.Load()) }
	})
	for range 5 {
		f.do(call{method: "GET", path: "/readyz"})
	}
	if asked.Load() != 1 {
		t.Errorf("5 calls in a moment ask %d times", asked.Load())
	}
	state.Store(errors.New("gone"))
	clock.Store(int64(3 * time.Second))
	if got := f.do(call{method: "GET", path: "/readyz"}); got.status != http.StatusServiceUnavailable {
		t.Errorf("later it is still %d", got.status)
	}
}

func TestReadyWithABadTokenIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	got := f.do(call{method: "GET", path: "/readyz", header: map[string]string{"Authorization": "Bearer aliasd_x"}})
	if p := got.problem(t); p.Status != http.StatusUnauthorized {
		t.Errorf("got %+v", p)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.queue.set(func(q *fakeQueue) { q.fail = errors.New("the store is gone") })
	if got := f.do(call{method: "GET", path: "/healthz"}); got.status != http.StatusOK || strings.TrimSpace(got.body) != `{"status":"ok"}` {
		t.Errorf("got %+v", got)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.post("/v1/requests", sample)
	f.get("/v1/holders/jdoe")
	f.logs.lines(t, 2)
	got := f.get("/metrics")
	for _, want := range []string{
		`aliasd_requests{state="queued"} 3`, `aliasd_requests{state="failed"} 0`, `aliasd_build_info{go="go`, `version="1.2.3"} 1`,
		`aliasd_http_requests_total{method="POST",route="/v1/requests",status="202"} 1`,
		`aliasd_http_requests_total{method="GET",route="/v1/holders/{identity}",status="404"} 1`,
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("no %s in\n%s", want, got.body)
		}
	}
	if got.status != http.StatusOK || strings.Contains(got.body, "jdoe") {
		t.Errorf("status %d, or a person's name in the metrics", got.status)
	}
}
