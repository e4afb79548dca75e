package tenant_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aliasd/aliasd/lab/tenant"
)

func TestFaultsHitTheirPathSoManyTimes(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.Faults(
		tenant.Fault{Path: "/users", Status: http.StatusServiceUnavailable, RetryAfter: 3 * time.Second, Times: 2},
		tenant.Fault{Path: "/users", Status: http.StatusInternalServerError},
	)
	if r := b.get(t, "/groups"); r.status != http.StatusOK {
		t.Errorf("another path: %d", r.status)
	}
	for i, want := range []int{503, 503, 500, 200} {
		r := b.get(t, "/users")
		if r.status != want || want == 503 && r.header.Get("Retry-After") != "3" {
			t.Errorf("call %d: %d %v, want %d", i, r.status, r.header, want)
		}
	}
}

func TestFaultsInBatches(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.Faults(tenant.Fault{Path: "/groups", Status: http.StatusTooManyRequests, RetryAfter: 2128 * time.Millisecond})
	r := b.batch(t, get("1", "/users"), get("2", "/groups"), get("3", "/groups"))
	throttled := 0
	for _, one := range r.responses() {
		if one.status == http.StatusTooManyRequests {
			throttled++
			if one.header.Get("Retry-After") != "2.128" {
				t.Errorf("Retry-After is %q", one.header.Get("Retry-After"))
			}
		}
	}
	if throttled != 1 || b.Calls().Throttled != 1 {
		t.Errorf("%d items throttled, counted %+v", throttled, b.Calls())
	}
	b.Faults(tenant.Fault{Path: "/$batch", Status: http.StatusBadGateway, Times: -1})
	for range 3 {
		if r := b.batch(t, get("1", "/users")); r.status != http.StatusBadGateway {
			t.Errorf("the batch itself: %d", r.status)
		}
	}
	b.ClearFaults()
	if r := b.batch(t, get("1", "/users")); r.status != http.StatusOK {
		t.Errorf("after clearing: %d", r.status)
	}
}

func TestTruncatedAnswers(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.Faults(tenant.Fault{Path: "/domains", Truncate: true})
	response, err := b.client.Do(b.request(t, http.MethodGet, b.URL+"/v1.0/domains", nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || len(content) == 0 || json.Valid(content) {
		t.Errorf("%d %q", response.StatusCode, content)
	}
	if r := b.get(t, "/domains"); len(r.rows()) != 3 {
		t.Errorf("the next answer: %v", r.body)
	}
	if calls := b.Calls(); calls.HTTP != 2 {
		t.Errorf("a truncated call counts %+v", calls)
	}
}

func TestConnectionsAreDropped(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.Faults(tenant.Fault{Path: "/organization", Drop: true, Times: -1})
	response, err := b.client.Do(b.request(t, http.MethodGet, b.URL+"/v1.0/organization", nil, nil))
	if err == nil {
		t.Errorf("answered %d", response.StatusCode)
		_ = response.Body.Close()
	}
}

func TestHangingCallsEndWithTheClient(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.Faults(tenant.Fault{Path: "/token", Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	request := b.request(t, http.MethodPost, b.AuthorityURL+"/"+b.TenantID+"/oauth2/v2.0/token", nil, nil)
	response, err := b.client.Do(request.WithContext(ctx))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, %v", response, err)
	}
}

// TestHangingCallsEndWithTheTenant: closing does not wait for a call that hangs.
func TestHangingCallsEndWithTheTenant(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.Faults(tenant.Fault{Hang: true})
	request := b.request(t, http.MethodGet, b.URL+"/v1.0/users", nil, nil)
	done := make(chan error, 1)
	go func() {
		response, err := b.client.Do(request)
		if err == nil {
			err = response.Body.Close()
		}
		done <- err
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(5 * time.Minute); b.Calls().HTTP == 0; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("the call does not arrive")
		}
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("the call was answered")
	}
	if err := b.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestSlowAnswers(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.Faults(tenant.Fault{Path: "/users", Delay: 30 * time.Millisecond})
	begun := time.Now()
	if r := b.get(t, "/users"); r.status != http.StatusOK || time.Since(begun) < 30*time.Millisecond {
		t.Errorf("%d after %v", r.status, time.Since(begun))
	}
}

func TestTheDateIsTheTenantsClock(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{Now: at})
	if date := b.get(t, "/domains").header.Get("Date"); date != "Sun, 01 Mar 2026 12:00:00 GMT" {
		t.Errorf("Date is %q", date)
	}
	b.SetNow(func() time.Time { return at().Add(time.Hour) })
	if date := b.get(t, "/domains").header.Get("Date"); date != "Sun, 01 Mar 2026 13:00:00 GMT" {
		t.Errorf("Date is %q", date)
	}
}
