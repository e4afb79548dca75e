package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// stub is a Graph over HTTPS that answers what a test says: for faults that no well-behaved tenant shows.
type stub struct {
	*httptest.Server
	mu    sync.Mutex
	calls []string // method and path of every HTTP call
	// items answers one request of a batch; call answers any HTTP call in its place when it is set and returns true.
	items func(u *url.URL) reply
	call  func(w http.ResponseWriter, r *http.Request) bool
	// tamper may change a batch's answers before they are sent.
	tamper func(answers []map[string]any) []map[string]any
}

// reply is an answer inside a batch.
type reply struct {
	status  int
	headers map[string]string
	body    any
}

func newStub(t testing.TB) *stub {
	t.Helper()
	s := &stub{items: func(*url.URL) reply { return found() }}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *stub) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls = append(s.calls, r.Method+" "+r.URL.Path)
	call := s.call
	s.mu.Unlock()
	if r.Header.Get("Authorization") == "" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if call != nil && call(w, r) {
		return
	}
	if r.URL.Path != "/v1.0/$batch" {
		http.NotFound(w, r)
		return
	}
	s.serveBatch(w, r)
}

func (s *stub) serveBatch(w http.ResponseWriter, r *http.Request) {
	var batch batchRequest
	body, _ := io.ReadAll(r.Body)
	if err := json.Unmarshal(body, &batch); err != nil || len(batch.Requests) > 20 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	answers := []map[string]any{}
	for _, item := range batch.Requests {
		u, err := url.Parse(item.URL)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		a := s.items(u)
		answers = append(answers, map[string]any{"id": item.ID, "status": a.status, "headers": a.headers, "body": a.body})
	}
	if s.tamper != nil {
		answers = s.tamper(answers)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"responses": answers})
}

// posts counts the batches so far.
func (s *stub) posts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.calls {
		if c == "POST /v1.0/$batch" {
			n++
		}
	}
	return n
}

// found is a page of objects, in the JSON of Graph.
func found(objects ...map[string]any) reply {
	if objects == nil {
		objects = []map[string]any{}
	}
	return reply{status: 200, headers: map[string]string{"Content-Type": "application/json"}, body: map[string]any{"value": objects}}
}

func refusal(status int, code string) reply {
	return reply{status: status, body: map[string]any{"error": map[string]any{"code": code, "message": code + " in words"}}}
}

// patience bounds every wait of a test. A busy machine does not use it up: only what never happens does.
const patience = 5 * time.Minute

// fixedToken is a credential that always has a token.
type fixedToken struct{}

func (fixedToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func anyCredential(Authority) (azcore.TokenCredential, error) { return fixedToken{}, nil }

// client opens a client for the stub; change may alter its options.
func (s *stub) client(t testing.TB, change ...func(*Options)) *Client {
	t.Helper()
	o := Options{TenantID: "contoso.onmicrosoft.com", Credential: anyCredential, GraphURL: s.URL,
		RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, Timeout: patience, Patience: time.Minute}
	for _, f := range change {
		f(&o)
	}
	c, err := Open(o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return c
}

// bulkClient is a client whose calls wait for nothing that Graph asks them to wait for, and whose bulk readings wait for ten minutes:
// longer than a busy machine needs, shorter than the gate is closed for a long wait.
func (s *stub) bulkClient(t testing.TB) *Client {
	t.Helper()
	c := s.client(t, func(o *Options) { o.Patience = 200 * time.Millisecond })
	c.patience = 10 * time.Minute / bulkPatience
	return c
}

// filterOf is the filter of a request inside a batch.
func filterOf(u *url.URL) string { return u.Query().Get("$filter") }

// user is a user as Graph shows it.
func user(n int) map[string]any {
	return map[string]any{
		"id": fmt.Sprintf("00000000-0000-0000-0000-%012d", n), "displayName": fmt.Sprintf("User %d", n),
		"userPrincipalName": fmt.Sprintf("user%d@contoso.com", n), "onPremisesUserPrincipalName": fmt.Sprintf("user%d@contoso.com", n),
		"mail": fmt.Sprintf("user%d@contoso.com", n), "mailNickname": fmt.Sprintf("user%d", n),
		"proxyAddresses":        []string{fmt.Sprintf("SMTP:user%d@contoso.com", n), fmt.Sprintf("smtp:alias%d@contoso.com", n)},
		"onPremisesImmutableId": fmt.Sprintf("AAAAAAAAAAAAAAAAA%05d==", n), "onPremisesSecurityIdentifier": fmt.Sprintf("S-1-5-21-1-2-3-%d", n),
		"onPremisesSyncEnabled": true, "onPremisesLastSyncDateTime": "2026-03-02T09:30:00Z", "onPremisesProvisioningErrors": []any{},
		"assignedPlans": []map[string]any{{"service": "exchange", "servicePlanId": "efb87545-963c-4e0d-99df-69c6916d9eb0", "capabilityStatus": "Enabled"}},
	}
}
