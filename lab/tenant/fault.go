package tenant

import (
	"bytes"
	"net/http"
	"strings"
	"time"
)

// Fault makes the next calls go wrong.
type Fault struct {
	// Path is how the paths begin that it hits: /users, /$batch, /token, /openid-configuration; empty hits every call. A
	// path other than /$batch hits the requests inside batches too, as far as a batch can: by their status.
	Path string
	// Times is how many calls it hits; 0 means one, less than 0 all from now on.
	Times int
	// Status is answered in place of the real answer, with RetryAfter when that is set.
	Status     int
	RetryAfter time.Duration
	// Delay is waited first; the call ends early when the client goes away or the tenant closes.
	Delay time.Duration
	// Hang never answers.
	Hang bool
	// Truncate cuts the JSON of the real answer in half.
	Truncate bool
	// Drop closes the connection without an answer.
	Drop bool
}

// Faults adds faults; the first that fits a call hits it.
func (t *Tenant) Faults(faults ...Fault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range faults {
		if f.Times == 0 {
			f.Times = 1
		}
		t.faults = append(t.faults, &f)
	}
}

// ClearFaults takes all faults away.
func (t *Tenant) ClearFaults() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = nil
}

// hit takes the fault for a call, if there is one. Inside a batch only a status can go wrong.
func (t *Tenant) hit(path string, batched bool) *Fault {
	for _, f := range t.faults {
		if f.Times == 0 || !strings.HasPrefix(path, f.Path) || batched && (f.Status == 0 || f.Path == "") {
			continue
		}
		f.Times--
		taken := *f
		return &taken
	}
	return nil
}

// received counts a request before next answers it, and spoils the answer when a fault says so.
func (t *Tenant) received(path func(*http.Request) string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f := t.arrive(path(r), false)
		switch {
		case f == nil:
			next(w, r)
		case t.spoil(w, r, f):
		case f.Truncate:
			whole := &recorder{header: http.Header{}, status: http.StatusOK}
			next(whole, r)
			whole.sendHalf(w)
		default:
			next(w, r)
		}
	}
}

// arrive counts a call and takes the fault that hits it.
func (t *Tenant) arrive(path string, batched bool) *Fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.countCall(path, batched)
	f := t.hit(path, batched)
	if f != nil && f.Status == http.StatusTooManyRequests {
		t.calls.Throttled++
	}
	return f
}

// spoil does what a fault says, and says whether that was the answer.
func (t *Tenant) spoil(w http.ResponseWriter, r *http.Request, f *Fault) bool {
	if f.Hang || f.Delay > 0 {
		t.wait(r, f)
	}
	switch {
	case f.Hang || f.Drop || r.Context().Err() != nil || t.stopped.Err() != nil:
		panic(http.ErrAbortHandler) // net/http's way to close a connection without an answer
	case f.Status != 0:
		t.writeAnswer(w, t.problemAnswer(faultProblem(f.Status, f.RetryAfter)))
		return true
	}
	return false
}

func (t *Tenant) wait(r *http.Request, f *Fault) {
	var over <-chan time.Time
	if !f.Hang {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
	case <-r.Context().Done():
	case <-t.stopped.Done():
	}
}

// recorder keeps an answer, so that it can be cut.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

var _ http.ResponseWriter = (*recorder)(nil)

func (rec *recorder) Header() http.Header         { return rec.header }
func (rec *recorder) WriteHeader(status int)      { rec.status = status }
func (rec *recorder) Write(p []byte) (int, error) { return rec.body.Write(p) }

// sendHalf sends the answer with the first half of its body.
func (rec *recorder) sendHalf(w http.ResponseWriter) {
	for name, values := range rec.header {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.status)
	// A client that went away gets nothing; there is nobody to tell.
	_, _ = w.Write(rec.body.Bytes()[:rec.body.Len()/2])
}
