package graph

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// answering answers every call with a status and a Retry-After, from the first one to the last that it is to refuse.
func answering(t *testing.T, status int, retryAfter string, refuse int32) *stub {
	t.Helper()
	var calls atomic.Int32
	return pageStub(t, func(w http.ResponseWriter, _ *http.Request, _, _ string, _ int) {
		if calls.Add(1) > refuse {
			sendPage(w, "")
			return
		}
		w.Header().Set("Retry-After", retryAfter)
		w.WriteHeader(status)
	})
}

// A Retry-After of nothing, or one that is over, is no leave to ask without a pause.
func TestABulkReadingPausesWhateverItIsTold(t *testing.T) {
	t.Parallel()
	for _, after := range []string{"0", "Mon, 02 Mar 2020 09:00:00 GMT"} {
		// Three collections, each asked at once by the SDK as often as it may; what comes behind a pause is answered.
		const refused = 3 * (1 + maxTries)
		s := answering(t, http.StatusTooManyRequests, after, refused)
		began := time.Now()
		err := s.bulkClient(t).EachObject(t.Context(), func([]cloudcheck.Object) error { return nil })
		if took := time.Since(began); err != nil || took < time.Second {
			t.Errorf("Retry-After %q: after %s: %v", after, took, err)
		}
		s.mu.Lock()
		if calls := len(s.calls); calls != refused+3 {
			t.Errorf("Retry-After %q: %d calls, want %d", after, calls, refused+3)
		}
		s.mu.Unlock()
	}
}

// A server that is busy for longer than one call waits is waited for by a bulk reading.
func TestABulkReadingOutlastsABusyServer(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusGatewayTimeout} {
		s := answering(t, status, "2", 1)
		began := time.Now()
		err := s.bulkClient(t).EachObject(t.Context(), func([]cloudcheck.Object) error { return nil })
		if took := time.Since(began); err != nil || took < 2*time.Second {
			t.Errorf("%d: after %s: %v", status, took, err)
		}
		s = answering(t, status, "7200", 1)
		if err := s.bulkClient(t).EachObject(t.Context(), func([]cloudcheck.Object) error { return nil }); err == nil {
			t.Errorf("%d: waited for two hours", status)
		}
	}
}

// A Retry-After of days closes the gate for a quarter of an hour. Then one call finds out, and the others wait for it.
func TestTheGateIsNotClosedForDays(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	var busy atomic.Bool
	busy.Store(true)
	asking, answer := make(chan struct{}), make(chan struct{})
	s := newStub(t)
	s.items = numbered(nil)
	s.call = func(w http.ResponseWriter, _ *http.Request) bool {
		if calls.Add(1) == 2 {
			asking <- struct{}{}
			<-answer
		}
		if busy.Load() {
			w.Header().Set("Retry-After", "900000")
			w.WriteHeader(http.StatusTooManyRequests)
		}
		return busy.Load()
	}
	moving := &clock{}
	c := s.client(t, func(o *Options) { o.Now = moving.now })
	ask := func() error {
		questions := asked(c, 1)
		c.ask(t.Context(), questions)
		return questions[0].err
	}
	refused := func(when string, made int32) {
		t.Helper()
		if err := ask(); codeOf(err) != string(cause.Throttled) || calls.Load() != made {
			t.Errorf("%s: %v after %d calls, want %d", when, err, calls.Load(), made)
		}
	}
	refused("first", 1)
	until, _ := c.gate.closedUntil(moving.now())
	if left := until.Sub(moving.now()); left > gateAtMost || left < gateAtMost-time.Minute {
		t.Fatalf("closed for %s", left)
	}
	refused("at once", 1)
	moving.advance(gateAtMost)
	alone := make(chan error)
	go func() { alone <- ask() }()
	<-asking
	refused("while one finds out", 2)
	close(answer)
	if err := <-alone; codeOf(err) != string(cause.Throttled) {
		t.Errorf("the one that finds out: %v", err)
	}
	refused("after it was refused", 2)
	moving.advance(gateAtMost)
	busy.Store(false)
	for range 2 {
		if err := ask(); err != nil {
			t.Errorf("at the end: %v", err)
		}
	}
	if _, closed := c.gate.closedUntil(moving.now()); closed || c.gate.capped || calls.Load() != 4 {
		t.Errorf("closed %v, capped %v after %d calls", closed, c.gate.capped, calls.Load())
	}
}
