package server_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aliasd/aliasd/address"
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
