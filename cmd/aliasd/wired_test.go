package main

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/faultproxy"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
)

const (
	// wiredTimeout is how long the daemon of a wired stack waits for either side: longer than any answer takes on a busy machine.
	wiredTimeout = 30 * time.Second
	// quickTimeout is that where a side is silent in a test.
	quickTimeout = 3 * time.Second
)

// wired is a stack whose daemon reaches the directory and the tenant through proxies that can make either connection go wrong.
type wired struct {
	*stack
	dc, graph *faultproxy.Proxy
}

// newWired starts everything; prepare may change the stack before the daemon starts.
func newWired(t *testing.T, kind lab.Kind, o tenant.Options, prepare ...func(*stack)) *wired {
	t.Helper()
	w := &wired{stack: newSite(t, kind, o)}
	w.tuning.graphTimeout, w.tuning.graphPatience = wiredTimeout, 2*time.Second
	w.dc = startProxy(t, w.Site.Server, w.Site.CA)
	w.graph = startProxy(t, w.Tenant.URL, w.Tenant.CA)
	w.Tenant.AlsoAt(w.graph.URL())
	replaceInFile(t, w.file, w.Site.Server, w.dc.URL())
	replaceInFile(t, w.file, w.Tenant.URL, w.graph.URL())
	replaceInFile(t, w.file, "  timeout: 10s", "  timeout: "+wiredTimeout.String())
	fatal(t, os.WriteFile(w.dir+"/directory-ca.pem", w.dc.Trust(), 0o600))
	fatal(t, os.WriteFile(w.dir+"/tenant-ca.pem", w.graph.Trust(), 0o600))
	for _, change := range prepare {
		change(w.stack)
	}
	w.startDaemon(t)
	return w
}

// quickGraph has the daemon wait for the tenant no longer than a moment.
func quickGraph(s *stack) { s.tuning.graphTimeout = quickTimeout }

// quickDC has the daemon wait for the directory no longer than a moment.
func quickDC(t *testing.T) func(*stack) {
	return func(s *stack) {
		replaceInFile(t, s.file, "  timeout: "+wiredTimeout.String(), "  timeout: "+quickTimeout.String())
	}
}

func startProxy(t *testing.T, target string, ca []byte) *faultproxy.Proxy {
	t.Helper()
	p, err := faultproxy.Start(faultproxy.Options{Target: target, CA: ca})
	fatal(t, err)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// written waits until a request stands in the directory.
func (s *stack) written(t *testing.T, id queue.RequestID) requestJSON {
	t.Helper()
	return s.until(t, id, "written", func(r requestJSON) bool { return r.State == queue.Written || r.State == queue.Verified })
}

func (s *stack) get(t *testing.T, id queue.RequestID) requestJSON {
	t.Helper()
	r, err := s.remote.Get(context.Background(), id)
	fatal(t, err)
	return r
}

// spaced waits for some more tries, and fails where they came faster than one in every pause on the average. A busy machine makes
// the pauses longer, never shorter.
func (w *wired) spaced(t *testing.T, tries int64, pause time.Duration, count func() int64) {
	t.Helper()
	before, began := count(), time.Now()
	until(t, "it is tried again", func() bool { return count()-before >= tries })
	if n, took := count()-before, time.Since(began); took < time.Duration(n-1)*pause {
		t.Errorf("%d tries in %s", n, took)
	}
}

// causesOf are the codes that a request has had, each once, in their order.
func causesOf(r requestJSON) []cause.Code {
	var codes []cause.Code
	for _, e := range r.Events {
		if e.Cause != nil && !slices.Contains(codes, e.Cause.Code) {
			codes = append(codes, e.Cause.Code)
		}
	}
	return codes
}

// steps counts the events of a kind in a request's log.
func steps(r requestJSON, what string) int {
	n := 0
	for _, e := range r.Events {
		if e.What == what {
			n++
		}
	}
	return n
}
