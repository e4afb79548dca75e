package server_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
	"github.com/aliasd/aliasd/server/metrics"
	"github.com/aliasd/aliasd/server/token"
)

// fuzzed is a server without a port; it is made once, and its queue emptied for each input.
func fuzzed(f *testing.F) (s *server.Server, q *fakeQueue, local token.Secret) {
	f.Helper()
	q, local = newFakeQueue(), token.New()
	logger := slog.New(slog.DiscardHandler)
	s, err := server.New(server.Options{Service: q, Archive: q, Holders: q, Tokens: &fakeTokens{}, Local: local.Hash(), Logger: logger, Now: time.Now,
		Metrics: metrics.New(metrics.Options{Source: q, Logger: logger, Now: time.Now})})
	if err != nil {
		f.Fatal(err)
	}
	return s, q, local
}

// FuzzSubmit sends any body: it is 202 or a problem of the caller's, and what reaches the queue is clean and is what the
// body says.
func FuzzSubmit(f *testing.F) {
	f.Add([]byte(sample))
	for _, c := range badBodies() {
		f.Add([]byte(c.body))
	}
	f.Add([]byte(`{"holder":"x","action":"add_alias","address":"a@b.test","allow":null,"note":null}`))
	f.Add([]byte(`{"holder":{"a":[[[[1e400]]]]}}`))
	s, q, local := fuzzed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		q.asked, q.requests = nil, nil
		r := httptest.NewRequest(http.MethodPost, "/v1/requests", bytes.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+local.Reveal())
		out := httptest.NewRecorder()
		s.ServeHTTP(out, r)
		switch out.Code {
		case http.StatusAccepted:
			checkStored(t, body, q)
		case http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
			got := answer{status: out.Code, header: out.Header(), body: out.Body.String()}
			if got.problem(t); len(q.asked) > 0 {
				t.Errorf("refused, and stored all the same: %+v", q.asked)
			}
		default:
			t.Fatalf("status %d: %s", out.Code, out.Body)
		}
	})
}

// FuzzStranger makes any call without a token of ours: nothing is told and nothing is done.
func FuzzStranger(f *testing.F) {
	f.Add("GET", "/v1/requests", "")
	f.Add("POST", "/v1//requests", "Bearer aliasd_x")
	f.Add("GET", "/healthz/../v1/requests", "Bearer "+token.New().Reveal())
	f.Add("CONNECT", "/readyz/%2e%2e/metrics", "Basic x")
	f.Add("HEAD", "//healthz", "")
	s, q, _ := fuzzed(f)
	f.Fuzz(func(t *testing.T, method, target, header string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://aliasd.test", strings.NewReader(sample))
		if err != nil {
			t.Skip("no method")
		}
		if r.URL, err = r.URL.Parse(target); err != nil {
			t.Skip("no target")
		}
		r.Header.Set("Authorization", header)
		out := httptest.NewRecorder()
		s.ServeHTTP(out, r)
		open := r.URL.Path == "/healthz" || r.URL.Path == "/readyz"
		if out.Code != http.StatusUnauthorized && !open || len(q.asked) > 0 {
			t.Errorf("%s %s: status %d, asked %v", method, target, out.Code, q.asked)
		}
	})
}

func checkStored(t *testing.T, body []byte, q *fakeQueue) {
	t.Helper()
	if len(q.asked) != 1 {
		t.Fatalf("stored %+v", q.asked)
	}
	got := q.asked[0]
	var said map[string]any
	if err := json.Unmarshal(body, &said); err != nil {
		t.Fatalf("stored what is no JSON: %v", err)
	}
	if said["holder"] != got.Holder || said["address"] != string(got.Address) || said["action"] != string(got.Action) {
		t.Errorf("stored %+v of %s", got, body)
	}
	if !slices.Contains([]address.Action{address.AddAlias, address.RemoveAlias, address.SetPrimary}, got.Action) {
		t.Errorf("stored the action %q", got.Action)
	}
	if _, err := address.Parse(string(got.Address)); err != nil {
		t.Errorf("stored the address %q: %v", got.Address, err)
	}
	for _, line := range []string{got.Holder, got.Ticket, got.Requester} {
		if strings.ContainsFunc(line, unicode.IsControl) || !utf8.ValidString(line) || strings.TrimSpace(line) != line {
			t.Errorf("stored %q", line)
		}
	}
}

// FuzzHeaders sends any key and any path behind the token: the answer is a success or a problem with a code, and what
// reaches the queue is what was sent.
func FuzzHeaders(f *testing.F) {
	for _, s := range []string{"", "k", "a\r\nX: y", "\x00", strings.Repeat("k", 256), "schlüssel", "a, b", " a ", "\t"} {
		f.Add(s, "jdoe")
		f.Add("k", s)
	}
	for _, s := range []string{"*", "*)(objectClass=*", "..", "%2e%2e", "%00", "a%2fb", "<GUID=1>", "CN=a,DC=b", "?x", "#", "%", "%zz", ";", "%E2%80%AE"} {
		f.Add("k", s)
	}
	s, q, local := fuzzed(f)
	f.Fuzz(func(t *testing.T, key, identity string) {
		q.asked, q.requests, q.keys = nil, nil, map[string]queue.Request{}
		for _, c := range []struct{ method, path string }{{http.MethodPost, "/v1/requests"}, {http.MethodGet, "/v1/holders/" + identity},
			{http.MethodGet, "/v1/requests/" + identity}, {http.MethodPost, "/v1/requests/" + identity + "/cancel"}, {http.MethodGet, "/v1/requests?" + identity}} {
			r := httptest.NewRequest(c.method, "http://aliasd.test/", strings.NewReader(sample))
			var err error
			if r.URL, err = r.URL.Parse(c.path); err != nil {
				continue
			}
			r.Header = http.Header{"Authorization": {"Bearer " + local.Reveal()}, "Idempotency-Key": {key}}
			out := httptest.NewRecorder()
			s.ServeHTTP(out, r)
			checkAnswer(t, c.method+" "+c.path, out)
		}
		for _, asked := range q.asked {
			if asked.Holder != "jdoe@contoso.test" {
				t.Errorf("asked for %+v", asked)
			}
		}
	})
}

// checkAnswer: an answer is JSON that says yes, or a problem with a code; it is never a 5xx.
func checkAnswer(t *testing.T, what string, out *httptest.ResponseRecorder) {
	t.Helper()
	got := answer{status: out.Code, header: out.Header(), body: out.Body.String()}
	switch {
	case out.Code/100 == 2:
		if kind := out.Header().Get("Content-Type"); !strings.Contains(kind, "json") && !strings.Contains(kind, "text/plain") || out.Code != 204 && out.Body.Len() == 0 {
			t.Errorf("%s: %d %s %q", what, out.Code, kind, out.Body)
		}
	case out.Code >= 500:
		t.Errorf("%s: status %d: %s", what, out.Code, out.Body)
	default:
		got.problem(t)
	}
}

// FuzzList asks for a list with any cursor, holder and ticket: what reaches the store is what was asked for, or the answer
// is a problem.
func FuzzList(f *testing.F) {
	for _, s := range []string{"", "7", "-1", "9223372036854775808", "0x7", "7 ", "\x00", "' OR 1=1 --", "%", "broken", "1e3", "\u0661", strings.Repeat("9", 600), "a&state=held"} {
		f.Add(s, "jdoe", "INC1")
		f.Add("7", s, s)
	}
	s, q, local := fuzzed(f)
	f.Fuzz(func(t *testing.T, cursor, holder, ticket string) {
		q.filters = nil
		r := httptest.NewRequest(http.MethodGet, "/v1/requests?"+url.Values{"cursor": {cursor}, "holder": {holder}, "ticket": {ticket}}.Encode(), nil)
		r.Header.Set("Authorization", "Bearer "+local.Reveal())
		out := httptest.NewRecorder()
		s.ServeHTTP(out, r)
		if out.Code != http.StatusOK {
			checkAnswer(t, r.URL.String(), out)
			return
		}
		want := queue.Filter{Cursor: cursor, Holder: holder, Ticket: ticket, Limit: 50}
		if len(q.filters) != 1 || q.filters[0] != want {
			t.Errorf("the store was asked for %+v, not %+v", q.filters, want)
		}
		if strings.ContainsFunc(cursor+holder+ticket, unicode.IsControl) || !utf8.ValidString(cursor+holder+ticket) {
			t.Errorf("passes: %q", []string{cursor, holder, ticket})
		}
	})
}
