package faultproxy_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aliasd/aliasd/lab/faultproxy"
)

// patience bounds every wait of a test. A busy machine does not use it up: only what never happens does.
const patience = 5 * time.Minute

// heldFor is how long a client waits on after the proxy was told to hold what it waits for.
const heldFor = 200 * time.Millisecond

const answer = `{"value":[{"id":"1"},{"id":"2"}]}`

// web is an HTTPS server with the proxy in front of it, and a client that knows the proxy alone.
type web struct {
	proxy  *faultproxy.Proxy
	client *http.Client
	got    chan string // what the server was asked
}

func newWeb(t *testing.T, mode faultproxy.Mode) web {
	t.Helper()
	w := web{got: make(chan string, 16)}
	server := httptest.NewTLSServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.got <- r.Method + " " + r.URL.RequestURI() + " " + r.Header.Get("Authorization") + " " + string(body)
		if strings.HasPrefix(r.URL.Path, "/chunked") {
			out.WriteHeader(http.StatusOK)
			out.(http.Flusher).Flush()
		}
		_, _ = io.WriteString(out, answer)
	}))
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	var err error
	if w.proxy, err = faultproxy.Start(faultproxy.Options{Target: server.URL, CA: ca, Mode: mode}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(w.proxy.Trust())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	w.client = &http.Client{Transport: transport}
	return w
}

// post asks the server through the proxy; POST, so that the client does not ask twice by itself.
func (w web) post(ctx context.Context, path string) (status int, body string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.proxy.URL()+path, strings.NewReader("question"))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "Bearer token")
	response, err := w.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	data, err := io.ReadAll(response.Body)
	return response.StatusCode, string(data), errors.Join(err, response.Body.Close())
}

func TestHTTPPasses(t *testing.T) {
	t.Parallel()
	for _, mode := range []faultproxy.Mode{faultproxy.HTTP, faultproxy.Raw} {
		for _, path := range []string{"/plain?a=b%20c", "/chunked"} {
			w := newWeb(t, mode)
			for range 2 {
				status, body, err := w.post(t.Context(), path)
				if err != nil || status != http.StatusOK || body != answer {
					t.Errorf("%s %s: %d %q %v", mode, path, status, body, err)
				}
				if got := <-w.got; got != "POST "+path+" Bearer token question" {
					t.Errorf("the server was asked %q", got)
				}
			}
			if w.proxy.Taken() != 1 {
				t.Errorf("%d connections for two calls", w.proxy.Taken())
			}
		}
	}
}

// TestHTTPAnswersGoWrong does each fault to an answer: the client has to see an error, never half of the body as the whole.
func TestHTTPAnswersGoWrong(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/plain", "/chunked"} {
		for name, test := range map[string]struct {
			action faultproxy.Action
			fits   func(error) bool
		}{
			"cut":            {faultproxy.Cut, func(err error) bool { return errors.Is(err, io.EOF) }},
			"reset":          {faultproxy.Reset, func(err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
			"truncated":      {faultproxy.Truncate, func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
			"truncated hold": {faultproxy.TruncateAndHold, func(err error) bool { return errors.Is(err, context.Canceled) }},
			"half-open":      {faultproxy.Hold, func(err error) bool { return errors.Is(err, context.Canceled) }},
			"passed and cut": {faultproxy.PassAndCut, func(err error) bool { return err == nil }},
		} {
			t.Run(path+" "+name, func(t *testing.T) {
				t.Parallel()
				w := newWeb(t, faultproxy.HTTP)
				replies := make(chan faultproxy.Message, 2)
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				fault := faultproxy.Fault{Action: test.action}
				if holds(test.action) {
					fault.Before = func() { time.AfterFunc(heldFor, cancel) }
				}
				w.proxy.OnMessage(faultproxy.Times(1, func(m faultproxy.Message) bool {
					if m.Kind == faultproxy.Reply {
						replies <- m
					}
					return m.Kind == faultproxy.Reply
				}, fault))
				if _, body, err := w.post(ctx, path); !test.fits(err) {
					t.Errorf("got %q, %v", body, err)
				}
				if len(replies) == 0 {
					t.Fatal("the server did not answer: nothing was shown")
				}
				if seen := <-replies; seen.Path != path || seen.Method != http.MethodPost || seen.Code != http.StatusOK {
					t.Errorf("the hook saw %+v", seen)
				}
				w.client.CloseIdleConnections() // it may not have noticed yet that one of them was cut
				if _, body, err := w.post(t.Context(), path); err != nil || body != answer {
					t.Errorf("the next call: %q, %v", body, err)
				}
			})
		}
	}
}

// holds says that a client who meets an action waits for as long as it cares to.
func holds(a faultproxy.Action) bool {
	return a == faultproxy.Hold || a == faultproxy.PassAndHold || a == faultproxy.TruncateAndHold
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}

// TestSilence: a connection is taken, and not even TLS answers.
func TestSilence(t *testing.T) {
	t.Parallel()
	w := newWeb(t, faultproxy.HTTP)
	w.proxy.Silence(true)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, _, err := w.post(ctx, "/"); !isTimeout(err) {
		t.Errorf("got %v", err)
	}
	w.proxy.Silence(false)
	if _, body, err := w.post(t.Context(), "/"); err != nil || body != answer {
		t.Errorf("got %q, %v", body, err)
	}
}

// TestRawBytes cuts in the middle of what it knows nothing about.
func TestRawBytes(t *testing.T) {
	t.Parallel()
	w := newWeb(t, faultproxy.Raw)
	w.proxy.OnMessage(faultproxy.Times(1, func(m faultproxy.Message) bool {
		return m.Direction == faultproxy.ToClient && m.Kind == faultproxy.Bytes
	}, faultproxy.Fault{Action: faultproxy.Truncate}))
	if _, body, err := w.post(t.Context(), "/"); err == nil {
		t.Errorf("got %q", body)
	}
	if _, body, err := w.post(t.Context(), "/"); err != nil || body != answer {
		t.Errorf("got %q, %v", body, err)
	}
}
