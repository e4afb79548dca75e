package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/server/token"
)

// TestTheRate has the real daemon, whose settings bound a token to one call a second that changes something: five come
// through at once, the command line waits for the sixth, another token does not wait, and health is as it was.
func TestTheRate(t *testing.T) {
	t.Parallel()
	s := brokenStack(t, func(t *testing.T, s *stack) {
		replaceInFile(t, s.file, "api: {", "api: {rate: {writes: 1, reads: 100}, ")
	})
	helpdesk, other := s.token(t, "helpdesk"), s.token(t, "other")
	began := time.Now()
	for i := range 6 {
		got := call(t, map[string]string{"ALIASD_URL": s.daemon.URL(), "ALIASD_TOKEN": helpdesk}, "add", "jdoe", fmt.Sprintf("jane%d@contoso.test", i))
		got.want(t, exitDone, "")
	}
	if took := time.Since(began); took < time.Second/2 {
		t.Errorf("six calls took %s", took)
	}
	status, retry := s.submitRaw(t, helpdesk)
	for range 20 { // as quick as it goes
		if status == http.StatusTooManyRequests {
			break
		}
		status, retry = s.submitRaw(t, helpdesk)
	}
	if status != http.StatusTooManyRequests || retry == "" {
		t.Errorf("answered %d, Retry-After %q", status, retry)
	}
	if status, _ := s.submitRaw(t, other); status != http.StatusAccepted {
		t.Errorf("another token is answered %d", status)
	}
	got, err := http.Get(s.daemon.URL() + "/readyz")
	fatal(t, err)
	got.Body.Close()
	if got.StatusCode != http.StatusOK {
		t.Errorf("readyz is %s", got.Status)
	}
}

// token makes a token that may submit and read.
func (s *stack) token(t *testing.T, name string) string {
	t.Helper()
	secret := token.New()
	fatal(t, s.daemon.store.CreateToken(context.Background(), name, []string{"submit", "read"}, []byte(secret.Hash()), time.Now()))
	return secret.Reveal()
}

func (s *stack) submitRaw(t *testing.T, secret string) (status int, retryAfter string) {
	t.Helper()
	body := fmt.Sprintf(`{"holder":"bob","action":%q,"address":"robert@contoso.test"}`, address.AddAlias)
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.daemon.URL()+"/v1/requests", strings.NewReader(body))
	fatal(t, err)
	r.Header.Set("Authorization", "Bearer "+secret)
	got, err := http.DefaultClient.Do(r)
	fatal(t, err)
	got.Body.Close()
	return got.StatusCode, got.Header.Get("Retry-After")
}
