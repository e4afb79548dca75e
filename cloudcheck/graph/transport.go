package graph

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	khttp "github.com/microsoft/kiota-http-go"
	msgraphcore "github.com/microsoftgraph/msgraph-sdk-go-core"
)

// Observer is told of every HTTP call, for metrics. Its methods return at once; they may be called concurrently.
type Observer interface {
	// Call is told the method and the status of an answer; 0 where there was none.
	Call(method string, status int)
	// Throttled is told of every 429, those inside a batch too.
	Throttled()
	// Spent is told the resource units that answers cost, by what Graph says of them.
	Spent(units int)
}

type silent struct{}

func (silent) Call(string, int) {}
func (silent) Throttled()       {}
func (silent) Spent(int)        {}

// baseTransport speaks TLS with the given roots, through the proxy of the environment, and waits for the headers of an
// answer no longer than timeout.
func baseTransport(roots *x509.CertPool, timeout time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   timeout,
		ResponseHeaderTimeout: timeout,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   parallelCalls,
		IdleConnTimeout:       90 * time.Second,
	}
}

// pipeline puts the SDK's middlewares before a transport, in a fixed order. The SDK's own list comes out of a map, and
// with retry outside compression a retried POST sends a plain body that is marked gzip; so there is no compression here.
func pipeline(parent http.RoundTripper, patience time.Duration) http.RoundTripper {
	retry := khttp.NewRetryHandlerWithOptions(khttp.RetryHandlerOptions{ShouldRetry: shouldRetry(patience), MaxRetries: maxTries})
	return khttp.NewCustomTransportWithParentTransport(parent,
		msgraphcore.NewGraphTelemetryHandler(&msgraphcore.GraphClientOptions{}),
		retry,
		khttp.NewParametersNameDecodingHandler(),
		khttp.NewUserAgentHandlerWithOptions(&khttp.UserAgentHandlerOptions{Enabled: true, ProductName: "aliasd", ProductVersion: "1"}),
		khttp.NewHeadersInspectionHandler(),
	)
}

// maxTries bounds retries of one call beside the patience.
const maxTries = 3

type shouldRetryFunc = func(waited time.Duration, tries int, req *http.Request, resp *http.Response) bool

// shouldRetry bounds the SDK's retries (429, 503, 504), which would wait as long as Retry-After says: within patience,
// and not past the caller's deadline. The SDK cuts fractions of a second off, so they are rounded up here; and it leaves
// the refused answer open, so that is closed here.
func shouldRetry(patience time.Duration) shouldRetryFunc {
	return func(waited time.Duration, tries int, req *http.Request, resp *http.Response) bool {
		wait := waitFor(resp.Header.Get("Retry-After"), tries, time.Now()).Truncate(time.Millisecond)
		seconds := math.Ceil(wait.Seconds())
		wait = time.Duration(seconds) * time.Second
		if waited+wait > patience || !timeFor(req.Context(), wait) {
			return false
		}
		resp.Header.Set("Retry-After", strconv.Itoa(int(seconds)))
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return true
	}
}

// timeFor says whether a wait ends before a context does.
func timeFor(ctx context.Context, wait time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) > wait
}

// sleep waits, and says whether it could to the end.
func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// waitFor reads a Retry-After: seconds, which Graph sometimes gives with a fraction, or a date (RFC 9110, 10.2.3).
// Without one that can be read the wait grows from one second with the tries.
func waitFor(retryAfter string, tries int, now time.Time) time.Duration {
	if seconds, err := strconv.ParseFloat(retryAfter, 64); err == nil && seconds >= 0 && seconds < 1e6 {
		return time.Duration(seconds * float64(time.Second))
	}
	if at, err := http.ParseTime(retryAfter); err == nil {
		return max(at.Sub(now), 0)
	}
	return time.Second << min(tries, 6)
}

// note is what the last answer of one call said, whatever the SDK makes of it.
type note struct {
	status     int   // 0: no answer
	err        error // why there was none
	retryAfter string
	units      string    // what it cost
	date       time.Time // the server's clock
	at         time.Time // ours, at the same time
}

// ahead is how far our clock was ahead of the server's, 0 where it told no time.
func (n note) ahead() time.Duration {
	if n.date.IsZero() {
		return 0
	}
	return n.at.Sub(n.date)
}

type noteKey struct{}

// withNote makes a call's transport fill n in.
func withNote(ctx context.Context, n *note) context.Context {
	return context.WithValue(ctx, noteKey{}, n)
}

// recorder is the innermost transport: it notes what came and tells the observer.
type recorder struct {
	next     http.RoundTripper
	observer Observer
	now      func() time.Time
}

// RoundTrip passes the call on and notes the answer.
func (r recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.next.RoundTrip(req)
	seen := note{at: r.now(), err: err}
	if err == nil {
		seen.status = resp.StatusCode
		seen.retryAfter = resp.Header.Get("Retry-After")
		seen.units = resp.Header.Get(unitsHeader)
		seen.date, _ = http.ParseTime(resp.Header.Get("Date"))
	}
	if n, ok := req.Context().Value(noteKey{}).(*note); ok {
		*n = seen
	}
	r.observer.Call(req.Method, seen.status)
	if seen.status == http.StatusTooManyRequests {
		r.observer.Throttled()
	}
	return resp, err
}
