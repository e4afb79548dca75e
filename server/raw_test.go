package server_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/server"
)

// dial opens a connection that ends with the test.
func (f *fixture) dial() net.Conn {
	f.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		f.t.Fatal(err)
	}
	return conn
}

// raw sends bytes as they are, and reads until the server closes.
func (f *fixture) raw(text string) (string, error) {
	f.t.Helper()
	conn := f.dial()
	defer conn.Close()
	// A server that answers before it has read everything may have closed.
	_, sent := io.WriteString(conn, text)
	got, err := io.ReadAll(conn)
	if sent != nil && len(got) == 0 {
		return "", sent
	}
	return string(got), err
}

// withToken puts the helpdesk's token and an end into a head.
func (f *fixture) withToken(head string) string {
	return strings.Replace(head, "\r\n", "\r\nAuthorization: Bearer "+f.all.Reveal()+"\r\nConnection: close\r\n", 1)
}

const post = "POST /v1/requests HTTP/1.1\r\nHost: x\r\n"

// TestWireTricks: what two programs could read in two ways is refused, or read in the one way that does no harm.
func TestWireTricks(t *testing.T) {
	t.Parallel()
	chunked := "a\r\n" + sample[:10] + "\r\n" // the first chunk
	for name, c := range map[string]struct{ sent, want string }{
		"two lengths":                {post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + sample, "400"},
		"a length with a sign":       {post + "Content-Length: +5\r\n\r\n" + sample, "400"},
		"a list of lengths":          {post + "Content-Length: 5, 6\r\n\r\n" + sample, "400"},
		"an unknown encoding":        {post + "Transfer-Encoding: xchunked\r\n\r\n" + chunked, "501"},
		"two encodings":              {post + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunked, "501"},
		"a chunk without a size":     {post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + sample + "\r\n0\r\n\r\n", "422 malformed_json"},
		"a broken off chunk":         {post + "Transfer-Encoding: chunked\r\n\r\n" + chunked + "0\r\n\r\n", "422 malformed_json"},
		"no host":                    {"POST /v1/requests HTTP/1.1\r\n\r\n", "400"},
		"two hosts":                  {"POST /v1/requests HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
		"a header's name with a gap": {post + "Idempotency-Key : k\r\nContent-Length: 0\r\n\r\n", "400"},
		"a folded header":            {post + "Idempotency-Key: a\r\n b\r\nContent-Length: 0\r\n\r\n", "422 malformed_json"},
		"NUL in a header":            {post + "Idempotency-Key: a\x00b\r\n\r\n", "400"},
		"CR in a header":             {post + "Idempotency-Key: a\rX: b\r\n\r\n", "400"},
		"the old protocol":           {"GET /v1/requests HTTP/0.9\r\n\r\n", "505"},
		"no protocol":                {"GET /v1/requests\r\n\r\n", "400"},
		"another protocol":           {"GET /v1/requests HTTP/3.0\r\nHost: x\r\n\r\n", "505"},
		"a preface of HTTP/2":        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"},
		"NUL in the path":            {"GET /v1/requests\x00 HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		"a star":                     {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", ""},
		"an absolute form":           {"DELETE http://elsewhere.test/v1/requests HTTP/1.1\r\nHost: x\r\n\r\n", "405 method_not_allowed"},
		"another scheme":             {"DELETE ftp://x/v1/requests HTTP/1.1\r\nHost: x\r\n\r\n", "405 method_not_allowed"},
		"an authority":               {"CONNECT elsewhere.test:443 HTTP/1.1\r\nHost: x\r\n\r\n", "404 no_such_route"},
		"another method by header":   {"GET /v1/requests/none/cancel HTTP/1.1\r\nHost: x\r\nX-HTTP-Method-Override: POST\r\nX-Method-Override: POST\r\n\r\n", "405 method_not_allowed"},
		"another method by query":    {"GET /v1/requests/none/cancel?_method=POST HTTP/1.1\r\nHost: x\r\n\r\n", "405 method_not_allowed"},
		"another path by header":     {"GET /none HTTP/1.1\r\nHost: x\r\nX-Original-URL: /v1/requests\r\nX-Rewrite-URL: /v1/requests\r\n\r\n", "404 no_such_route"},
		"an old client":              {"DELETE /v1/requests HTTP/1.0\r\n\r\n", "405 method_not_allowed"},
		"an upgrade":                 {"GET /none HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", "404 no_such_route"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			got, err := f.raw(f.withToken(c.sent))
			if err != nil {
				t.Fatal(err)
			}
			status, code, _ := strings.Cut(c.want, " ")
			if !strings.HasPrefix(got, "HTTP/1.1 "+status) && !strings.HasPrefix(got, "HTTP/1.0 "+status) || !strings.Contains(got, `"code":"`+code) && code != "" {
				t.Errorf("got %q, want %s", got, c.want)
			}
			if strings.Count(got, "HTTP/1.") != 1 || len(f.queue.asked) > 0 {
				t.Errorf("more than one answer, or something was done: %q, %v", got, f.queue.asked)
			}
		})
	}
}

// TestNoSecondCallHides: a body that looks like a call is a body, whichever length counts.
func TestNoSecondCallHides(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	hidden := "POST /v1/pause HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + f.local.Reveal() + "\r\nContent-Length: 0\r\n\r\n"
	head := "POST /v1/validate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + f.all.Reveal() + "\r\n"
	for _, sent := range []string{
		head + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		head + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + hidden,
		head + "Connection: close\r\nContent-Length: 9\r\n\r\n" + hidden,
	} {
		got, _ := f.raw(sent)
		if strings.Contains(got, " 200 ") || !f.queue.paused.IsZero() {
			t.Errorf("the hidden call was answered: %q", got)
		}
	}
}

// TestTwoTokens: of two headers a proxy may have checked the other one.
func TestTwoTokens(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	bad := "Authorization: Bearer aliasd_x\r\n"
	good := "Authorization: Bearer " + f.all.Reveal() + "\r\n"
	for _, headers := range []string{good + bad, bad + good, good + good, "Authorization: \r\n" + good} {
		got, err := f.raw("GET /v1/requests HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers + "\r\n")
		if err != nil || !strings.HasPrefix(got, "HTTP/1.1 401") || !strings.Contains(got, `"code":"unauthenticated"`) {
			t.Errorf("%q: %q, %v", headers, got, err)
		}
	}
}

// TestOtherPages: a page in somebody's browser can do nothing here. It has no token, a browser sends none by itself, and
// no answer allows it to send one or to read anything; so a name that is made to point at this machine gains nothing.
func TestOtherPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, c := range []call{
		{method: http.MethodOptions, path: "/v1/requests", header: map[string]string{"Access-Control-Request-Method": "POST",
			"Access-Control-Request-Headers": "authorization"}},
		{method: http.MethodPost, path: "/v1/requests", body: sample, header: map[string]string{"Content-Type": "text/plain", "Cookie": "aliasd=x"}},
		{method: http.MethodGet, path: "/v1/requests", header: map[string]string{"X-Forwarded-For": "127.0.0.1"}},
		{method: http.MethodGet, path: "/healthz"}, {method: http.MethodGet, path: "/openapi.json", token: f.all},
	} {
		if c.header == nil {
			c.header = map[string]string{}
		}
		c.header["Origin"], c.header["Sec-Fetch-Site"] = "https://evil.test", "cross-site"
		got := f.do(c)
		for name := range got.header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s %s: %s", c.method, c.path, name)
			}
		}
		if open := c.path == "/healthz" || c.path == "/openapi.json"; !open && got.status != http.StatusUnauthorized {
			t.Errorf("%s %s: %+v", c.method, c.path, got)
		}
	}
	got, err := f.raw("POST /v1/requests HTTP/1.1\r\nHost: evil.test:8440\r\nContent-Length: 2\r\n\r\n{}")
	if err != nil || !strings.HasPrefix(got, "HTTP/1.1 401") || len(f.queue.asked) > 0 {
		t.Errorf("by another name: %q, %v", got, err)
	}
}

// TestPaths: no spelling of a path leads somewhere else than the path that it says.
func TestPaths(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	reader := f.tokens.add("reader", "read")
	for _, path := range []string{"//v1/pause", "/v1//pause", "/healthz/../v1/pause", "/healthz/..%2fv1/pause", "/healthz/%2e%2e/v1/pause",
		"/v1/requests/%2e%2e/pause", "/v1/requests/../pause", "/v1/%70ause", "/v1/pause/", "/v1/pause;x", "/v1/pause%00", "/v1/pause%2f",
		"/v1/pause?x", "/V1/PAUSE", "/v1/pause%20", "/./v1/pause", "/v1\\pause", "/healthz%2f..%2fv1%2fpause"} {
		for who, text := range map[string]string{"nobody": "", "a reader": "Authorization: Bearer " + reader.Reveal() + "\r\n"} {
			got, err := f.raw("POST " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + text + "Content-Length: 0\r\n\r\n")
			if err != nil || strings.HasPrefix(got, "HTTP/1.1 2") || !f.queue.paused.IsZero() {
				t.Errorf("%s at %s: %q, %v", who, path, got, err)
			}
			if who == "nobody" && !strings.HasPrefix(got, "HTTP/1.1 401") && !strings.HasPrefix(got, "HTTP/1.1 400") {
				t.Errorf("nobody at %s learns: %q", path, got)
			}
			if strings.Contains(got, "\r\nLocation: ") {
				t.Errorf("%s at %s is sent elsewhere: %q", who, path, got)
			}
		}
	}
}

// TestBigAndStrangeBodies: what is packed is not unpacked, and what is deep or long costs no more than its 64 KiB.
func TestBigAndStrangeBodies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	deep := strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000)
	for name, c := range map[string]struct {
		body   string
		header map[string]string
		status int
		code   server.Code
	}{
		"packed":            {"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", map[string]string{"Content-Encoding": "gzip"}, 422, server.MalformedJSON},
		"deep":              {deep, nil, 422, server.InvalidRequest},
		"deep and too deep": {strings.Repeat("[", 60_000), nil, 422, server.MalformedJSON},
		"deep in a field":   {with("holder", strings.Repeat("[", 12_000)+strings.Repeat("]", 12_000)), nil, 422, server.MalformedJSON},
		"a long number":     {with("holder", strings.Repeat("9", 60_000)), nil, 422, server.MalformedJSON},
		"a mark first":      {"\ufeff" + sample, nil, 422, server.MalformedJSON},
		"UTF-16":            {"\xff\xfe{\x00}\x00", nil, 422, server.MalformedJSON},
		"a form":            {"holder=jdoe", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 415, server.UnsupportedMediaType},
		"two media types":   {sample, map[string]string{"Content-Type": "application/json, text/html"}, 415, server.UnsupportedMediaType},
		"trailing":          {sample + sample, nil, 422, server.MalformedJSON},
		"too large":         {strings.Repeat(" ", 65<<10), nil, 413, server.BodyTooLarge},
		"__proto__":         {`{"__proto__":{"scope":"admin"},` + sample[1:], nil, 422, server.InvalidRequest},
		"another token's":   {`{"submitted_by":"local",` + sample[1:], nil, 422, server.InvalidRequest},
		"a state":           {`{"state":"verified",` + sample[1:], nil, 422, server.InvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := f.in(t)
			got := f.do(call{method: http.MethodPost, path: "/v1/requests", body: c.body, token: f.all, header: c.header})
			if p := got.problem(t); p.Status != c.status || p.Code != c.code {
				t.Errorf("got %+v", p)
			}
			if len(got.body) > 4<<10 {
				t.Errorf("%d bytes of body give %d bytes of answer", len(c.body), len(got.body))
			}
		})
	}
	t.Cleanup(func() {
		if len(f.queue.asked) > 0 {
			t.Errorf("something was stored: %v", f.queue.asked)
		}
	})
}

// TestASlowReader: who does not read his answer is let go.
func TestASlowReader(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 64<<20)
	ended := make(chan error, 1)
	f := newFixture(t, func(o *server.Options) {
		o.Limits.Write = 300 * time.Millisecond
		o.Metrics = pageOf{text: big, ended: ended}
	})
	conn := f.dial()
	if _, err := io.WriteString(conn, f.withToken("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the whole answer went out, though nobody reads")
		}
	case <-time.After(patience):
		t.Error("the answer still waits for its reader")
	}
}

// pageOf is a long page of metrics.
type pageOf struct {
	text  string
	ended chan error
}

func (pageOf) Served(string, string, int, time.Duration) {}

func (p pageOf) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	_, err := io.WriteString(w, p.text)
	p.ended <- err
}

// TestAnIdleConnectionEnds: also that of somebody who has a token.
func TestAnIdleConnectionEnds(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *server.Options) { o.Limits.Idle = 200 * time.Millisecond })
	head := "GET /v1/requests HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + f.all.Reveal() + "\r\n\r\n"
	began := time.Now()
	got, err := f.raw(head + head)
	if err != nil || strings.Count(got, "HTTP/1.1 200") != 2 || time.Since(began) < 200*time.Millisecond {
		t.Errorf("after %v: %q, %v", time.Since(began), got, err)
	}
	if got, err := f.raw("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil || !strings.Contains(got, "Connection: close") {
		t.Errorf("a stranger's connection is kept: %q, %v", got, err)
	}
}
