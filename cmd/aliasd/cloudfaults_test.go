package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/faultproxy"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
)

// reply fits Graph's answers, and those of the sign-in where signIn is set.
func reply(signIn bool) func(faultproxy.Message) bool {
	return func(m faultproxy.Message) bool {
		return m.Kind == faultproxy.Reply && strings.HasPrefix(m.Path, "/v1.0/") != signIn
	}
}

// cloudFault is a way in which the tenant cannot be asked.
type cloudFault struct {
	spoil func(*wired)
	mend  func(*wired)
	code  cause.Code
	says  string
}

func cloudFaults() map[string]cloudFault {
	wire := func(signIn bool, action faultproxy.Action, says string) cloudFault {
		return cloudFault{
			func(w *wired) {
				w.graph.OnMessage(faultproxy.Times(-1, reply(signIn), faultproxy.Fault{Action: action}))
			},
			func(w *wired) { w.graph.OnMessage(nil); w.graph.CutAll() },
			cause.CloudUnavailable, says,
		}
	}
	graph := func(f tenant.Fault, code cause.Code, says string) cloudFault {
		return cloudFault{func(w *wired) {
			for _, f.Path = range []string{"/organization", "/domains", "/users", "/$batch"} {
				f.Times = -1
				w.Tenant.Faults(f)
			}
		}, func(w *wired) { w.Tenant.ClearFaults() }, code, says}
	}
	return map[string]cloudFault{
		"half of an answer":        wire(false, faultproxy.Truncate, "Microsoft Graph"),
		"half of it, then silence": wire(false, faultproxy.TruncateAndHold, "Microsoft Graph"),
		"a reset mid-body":         wire(false, faultproxy.Reset, "Microsoft Graph"),
		"silence":                  wire(false, faultproxy.Hold, "did not answer"),
		"the authority is cut":     wire(true, faultproxy.Cut, "sign-in"),
		"the authority is silent":  wire(true, faultproxy.Hold, "sign-in"),
		"nobody is there": {func(w *wired) { w.graph.Refuse(true); w.graph.CutAll() }, func(w *wired) { w.graph.Refuse(false) },
			cause.CloudUnavailable, ""},
		"503":                                graph(tenant.Fault{Status: 503}, cause.CloudUnavailable, "503"),
		"503, for an hour":                   graph(tenant.Fault{Status: 503, RetryAfter: time.Hour}, cause.CloudUnavailable, "503"),
		"401":                                graph(tenant.Fault{Status: 401}, cause.CloudUnavailable, "401"),
		"429, for half a second":             graph(tenant.Fault{Status: 429, RetryAfter: 500 * time.Millisecond}, cause.Throttled, "wait until"),
		"429, a fraction more than a second": graph(tenant.Fault{Status: 429, RetryAfter: 1700 * time.Millisecond}, cause.Throttled, "wait until"),
	}
}

// The tenant cannot be asked before a write: nothing is written, the request waits and says why, few calls are made, and it goes
// on by itself.
func TestCloudFaultsBeforeTheWrite(t *testing.T) {
	t.Parallel()
	for name, f := range cloudFaults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newTestClock()
			w := newWired(t, lab.Embedded, tenant.Options{}, quickGraph, func(s *stack) { s.tuning.now = clock.Now })
			w.expireTokens(clock)
			f.spoil(w)
			r := w.submit(t, address.AddAlias, "jdoe", "j.doe@contoso.test")
			waiting := w.untilState(t, r.ID, queue.Queued, f.code)
			contains(t, waiting.Cause.Message, f.says)
			w.fewCalls(t)
			if got := w.values(t, "Jane Doe", ""); got.Proxies.Has("smtp:j.doe@contoso.test") || w.dc.Count(faultproxy.Modify) > 0 {
				t.Errorf("written blind: %q", got.Proxies)
			}
			f.mend(w)
			clock.Add(2 * time.Minute)
			w.written(t, r.ID)
			w.verify(t, r.ID)
		})
	}
}

// The tenant cannot be asked after a write: no verdict is made up, whatever the sweeps see.
func TestCloudFaultsAfterTheWrite(t *testing.T) {
	t.Parallel()
	for name, f := range cloudFaults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newTestClock()
			w := newWired(t, lab.Embedded, tenant.Options{}, quickGraph, func(s *stack) { s.tuning.now = clock.Now })
			added, removed := w.submit(t, address.AddAlias, "jdoe", "j.doe@contoso.test"), w.submit(t, address.RemoveAlias, "carla", "press@contoso.test")
			w.written(t, added.ID)
			w.written(t, removed.ID)
			w.expireTokens(clock)
			f.spoil(w)
			w.cycle(t)
			waiting := w.untilState(t, removed.ID, queue.Written, f.code)
			contains(t, waiting.Cause.Message, f.says)
			w.fewCalls(t)
			for _, id := range []queue.RequestID{added.ID, removed.ID} {
				if r := w.get(t, id); r.State != queue.Written {
					t.Errorf("%s is %s without a look at the cloud", r.Action, r.State)
				}
			}
			f.mend(w)
			clock.Add(2 * time.Minute)
			w.verify(t, added.ID)
			w.verify(t, removed.ID)
		})
	}
}

// expireTokens makes the next call sign in anew. A token that is a moment old is not renewed, so it is made to look old.
func (w *wired) expireTokens(c *testClock) {
	c.Add(2 * time.Minute)
	w.Tenant.ExpireTokens()
}

// fewCalls watches the tenant for a while: there is no storm of calls, nor of connections.
func (w *wired) fewCalls(t *testing.T) {
	t.Helper()
	const watch, most = 500 * time.Millisecond, 20
	calls, taken, began := w.graph.Count(faultproxy.Call), w.graph.Taken(), time.Now()
	time.Sleep(watch) // the length of the window, not a wait for something
	n, m, took := w.graph.Count(faultproxy.Call)-calls, w.graph.Taken()-taken, time.Since(began)
	if limit := most * float64(took) / float64(watch); float64(n) > limit || float64(m) > limit {
		t.Errorf("%d calls and %d connections in %s", n, m, took)
	}
}

// A token that the tenant does not take any more in the midst of a sweep is renewed, and nobody notices.
func TestTokensExpireMidSweep(t *testing.T) {
	t.Parallel()
	clock := newTestClock()
	w := newWired(t, lab.Embedded, tenant.Options{}, func(s *stack) { s.tuning.now = clock.Now })
	var ids []queue.RequestID
	for i := range 6 {
		ids = append(ids, w.submit(t, address.AddAlias, "jdoe", fmt.Sprintf("a%d@contoso.test", i)).ID)
	}
	for _, id := range ids {
		w.written(t, id)
	}
	clock.Add(10 * time.Minute) // a token that is a moment old is not renewed again
	signIns := w.Tenant.Calls().Tokens
	expired := faultproxy.Times(1, func(m faultproxy.Message) bool {
		return m.Kind == faultproxy.Call && strings.HasSuffix(m.Path, "/$batch")
	}, faultproxy.Fault{Before: w.Tenant.ExpireTokens})
	w.graph.OnMessage(expired)
	for _, id := range ids {
		done := w.verify(t, id)
		if slices.Contains(causesOf(done), cause.CloudUnavailable) {
			t.Errorf("%s noticed it: %+v", id, done.Events)
		}
	}
	if n := w.Tenant.Calls().Tokens - signIns; n < 1 || n > 2 {
		t.Errorf("%d sign-ins", n)
	}
}

// A Retry-After of days stops nobody for days, and of an hour for no more than a quarter of one: a single call finds out whether
// it is still meant. Until then nothing is asked.
func TestThrottledForDays(t *testing.T) {
	t.Parallel()
	for _, wait := range []time.Duration{time.Hour, 72 * time.Hour} {
		t.Run(wait.String(), func(t *testing.T) {
			t.Parallel()
			clock := newTestClock()
			w := newWired(t, lab.Embedded, tenant.Options{}, func(s *stack) { s.tuning.now = clock.Now })
			w.Tenant.Faults(tenant.Fault{Path: "/organization", Times: 1, Status: 429, RetryAfter: wait})
			r := w.submit(t, address.AddAlias, "jdoe", "j.doe@contoso.test")
			w.untilState(t, r.ID, queue.Queued, cause.Throttled)
			calls := w.graph.Count(faultproxy.Call)
			time.Sleep(500 * time.Millisecond) // a window in which nothing may be asked: some tries of the request's, and half a sweep
			if n := w.graph.Count(faultproxy.Call) - calls; n != 0 {
				t.Errorf("%d calls while the tenant wants none", n)
			}
			clock.Add(16 * time.Minute)
			w.written(t, r.ID)
		})
	}
}
