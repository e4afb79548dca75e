package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// exchange is what is known of one call while it runs; the access log tells it in the end.
type exchange struct {
	id     string
	caller caller
	route  string // the pattern's path; empty where there is none
	code   Code   // of the problem, if it was one
	err    error  // behind a problem that is ours, for the log alone
}

type exchangeKey struct{}

// exchangeOf gives the exchange of a call's context; outside of one (tests) an empty one.
func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}

// unavailableError is a dependency's failure that says nothing about the call.
type unavailableError struct{ err error }

func (e *unavailableError) Error() string { return e.err.Error() }
func (e *unavailableError) Unwrap() error { return e.err }

// problem maps an error and keeps what the log needs to know of it.
func (x *exchange) problem(err error) *Problem {
	p := problemFor(err)
	var away *unavailableError
	if p.Code == Internal && errors.As(err, &away) {
		p = newProblem(http.StatusServiceUnavailable, Unavailable, "The store could not be asked; try again later.").with("Retry-After", retryAfter)
	}
	x.code = p.Code
	if p.Status >= http.StatusInternalServerError {
		p.Incident, x.err = x.id, err
	}
	return p
}

// fail answers with the problem of an error.
func (x *exchange) fail(w http.ResponseWriter, err error) { x.problem(err).write(w) }

// observe is the outermost handler: it bounds a call in time and size, turns a panic into a problem, and tells log and
// metrics how it ended.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := s.now()
		x := &exchange{id: rand.Text()}
		out := &recorder{ResponseWriter: w}
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), exchangeKey{}, x), s.limits.Handle)
		defer cancel()
		defer func() { s.finish(ctx, r.Method, x, out, s.now().Sub(started)) }()
		defer func() { s.recovered(recover(), x, out) }()
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		harden(w.Header())
		if len(r.TransferEncoding) > 0 {
			// It may have had a length too, which somebody in between went by: what follows is nobody's call (RFC 9112, 6.1).
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(out, r)
	})
}

// harden keeps answers out of caches and browsers from guessing.
func harden(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
}

// recovered answers a panic. Huma panics too where the client is gone before its answer: that is nobody's fault.
func (s *Server) recovered(panicked any, x *exchange, out *recorder) {
	switch {
	case panicked == nil, out.gone:
		return
	case panicked == http.ErrAbortHandler:
		panic(panicked)
	}
	err := fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())
	if out.status == 0 {
		x.fail(out, err)
		return
	}
	// Half of an answer must not look like a whole one: the connection is cut.
	x.err, x.code = err, Internal
	panic(http.ErrAbortHandler)
}

// finish writes one line per call: the route's pattern and the token's name, never a path, a token or a body.
func (s *Server) finish(ctx context.Context, method string, x *exchange, out *recorder, took time.Duration) {
	s.metrics.Served(method, x.route, out.statusOrOK(), took)
	attrs := []slog.Attr{slog.String("method", method), slog.String("route", x.route), slog.Int("status", out.statusOrOK()),
		slog.Duration("duration", took), slog.String("token", x.caller.Name), slog.String("id", x.id)}
	level := slog.LevelInfo
	// What comes without end tells nothing new.
	if x.route == healthPath || x.route == readyPath || x.route == metricsPath || x.code == TooManyFailures {
		level = slog.LevelDebug
	}
	if x.code != "" {
		attrs = append(attrs, slog.String("code", string(x.code)))
	}
	if x.err != nil {
		level = slog.LevelError
		attrs = append(attrs, slog.String("error", x.err.Error()))
	}
	s.log.LogAttrs(ctx, level, "request served", attrs...)
}

// recorder keeps an answer's status, and whether the client was there to hear it.
type recorder struct {
	http.ResponseWriter
	status int
	gone   bool
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.gone = r.gone || err != nil
	return n, err
}

// Unwrap lets http.ResponseController through.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) statusOrOK() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}
