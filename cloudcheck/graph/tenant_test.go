package graph

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab/tenant"
)

func TestTenant(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{Domains: []string{"contoso.com", "Fabrikam.COM"}})
	got, err := l.client.Tenant(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !got.LastSync.IsZero() || got.InitialDomain != "contoso.onmicrosoft.com" || got.ReadAt.IsZero() {
		t.Errorf("before the first sync: %+v", got)
	}
	began := l.clock.now().Truncate(time.Second)
	l.sync(t, userHolder(1))
	ended := l.clock.now()
	l.UnverifyDomain("contoso.com")
	if got, err = l.client.Tenant(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got.SyncEnabled == nil || !*got.SyncEnabled || got.LastSync.Before(began) || got.LastSync.After(ended) {
		t.Errorf("after the sync, between %v and %v: %+v", began, ended, got)
	}
	if len(got.Verified) != 2 || !got.Verified["contoso.onmicrosoft.com"] || !got.Verified["fabrikam.com"] {
		t.Errorf("verified: %v", got.Verified)
	}
	l.StopSync()
	if got, err = l.client.Tenant(t.Context()); err != nil || got.SyncEnabled == nil && got.LastSync.IsZero() {
		t.Errorf("sync off: %+v, %v", got, err)
	}
}

func TestManyDomains(t *testing.T) {
	t.Parallel()
	var domains []string
	for i := range 250 {
		domains = append(domains, fmt.Sprintf("d%d.contoso.com", i))
	}
	l := startLab(t, tenant.Options{Domains: domains})
	got, err := l.client.Tenant(t.Context())
	if err != nil || len(got.Verified) != 251 {
		t.Errorf("%d domains, %v", len(got.Verified), err)
	}
}

// TestOrganizationWithoutPermission: the call succeeds and tells nothing; unknown is not "off" or "never".
func TestOrganizationWithoutPermission(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{Permissions: without(tenant.OrganizationRead)})
	l.sync(t, userHolder(1))
	got, err := l.client.Tenant(t.Context())
	if err != nil || got.SyncEnabled != nil || !got.LastSync.IsZero() || got.InitialDomain == "" {
		t.Errorf("%+v, %v", got, err)
	}
}

// answer makes a stub answer a path with JSON.
func (s *stub) answer(bodies map[string]string) {
	s.call = func(w http.ResponseWriter, r *http.Request) bool {
		body, ok := bodies[strings.TrimPrefix(r.URL.Path, "/v1.0")+pageOf(r)]
		if ok {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, body)
		}
		return ok
	}
}

func pageOf(r *http.Request) string {
	if token := r.URL.Query().Get("$skiptoken"); token != "" {
		return "?" + token
	}
	return ""
}

func TestPagesOfDomains(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.answer(map[string]string{
		"/organization": `{"value":[{"id":"x","onPremisesSyncEnabled":null,"onPremisesLastSyncDateTime":null}]}`,
		"/domains":      `{"value":[{"id":"a.com","isVerified":true,"isInitial":false}],"@odata.nextLink":"https://graph.microsoft.com/v1.0/domains?$skiptoken=2"}`,
		"/domains?2":    `{"value":[{"id":"C.onmicrosoft.com","isVerified":true,"isInitial":true},{"id":"no.com","isVerified":false,"isInitial":false}]}`,
	})
	got, err := s.client(t).Tenant(t.Context())
	if err != nil || got.InitialDomain != "c.onmicrosoft.com" || len(got.Verified) != 2 || got.SyncEnabled != nil || !got.LastSync.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTenantThatShowsTooLittle(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.answer(map[string]string{"/organization": `{"value":[]}`, "/domains": `{"value":[{"id":"a.com","isVerified":null,"isInitial":null}]}`})
	_, err := s.client(t).Tenant(t.Context())
	checkCause(t, err, cause.CloudUnavailable, "initial domain", "Domain.Read.All")
}

func TestFaultsOfSingleCalls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault tenant.Fault
		code  cause.Code
		says  []string
	}{
		"500":              {tenant.Fault{Status: 500}, cause.CloudUnavailable, []string{"500", "InternalServerError"}},
		"throttled long":   {tenant.Fault{Status: 429, RetryAfter: 5 * time.Minute}, cause.Throttled, []string{"asks to wait until"}},
		"truncated":        {tenant.Fault{Truncate: true}, cause.CloudUnavailable, []string{"could not be read"}},
		"dropped":          {tenant.Fault{Drop: true, Times: -1}, cause.CloudUnavailable, []string{"is not reached"}},
		"hanging":          {tenant.Fault{Hang: true, Times: -1}, cause.CloudUnavailable, []string{"did not answer within 1s"}},
		"always away":      {tenant.Fault{Status: 503, Times: -1}, cause.CloudUnavailable, []string{"503"}},
		"throttled short":  {tenant.Fault{Status: 429, RetryAfter: 100 * time.Millisecond}, "", nil},
		"away for a while": {tenant.Fault{Status: 503, Times: 1}, "", nil},
	} {
		for _, path := range []string{"/organization", "/domains"} {
			t.Run(name+path, func(t *testing.T) {
				t.Parallel()
				l := startLab(t, tenant.Options{})
				if _, err := l.client.Tenant(t.Context()); err != nil {
					t.Fatal(err)
				}
				short := l.open(t, func(o *Options) {
					if c.code != "" {
						o.Patience = 3 * time.Second // it is not to be waited for
					}
					if c.fault.Hang {
						o.Timeout = time.Second
					}
				})
				fault := c.fault
				fault.Path = path
				l.Faults(fault)
				_, err := short.Tenant(t.Context())
				if c.code == "" {
					if err != nil {
						t.Errorf("not waited for: %v", err)
					}
					return
				}
				checkCause(t, err, c.code, c.says...)
				l.ClearFaults()
				l.clock.advance(5 * time.Minute)
				if c.fault.Hang {
					short = l.client // a busy machine needs more than a second
				}
				if _, err := short.Tenant(t.Context()); err != nil {
					t.Errorf("when it is back: %v", err)
				}
			})
		}
	}
}

func TestThrottledByResourceUnits(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{Budget: 40}, func(o *Options) { o.Patience = 3 * time.Second })
	holders := crowd(700) // 47 questions
	l.SetBudget(0)
	l.sync(t, holders...)
	refs := refsOf(l, holders)
	l.objects(t, refs...)
	l.SetBudget(30)
	seen, throttled := 0, 0
	for _, s := range l.objects(t, refs...) {
		if s.Err == nil && s.Object != nil {
			seen++
			continue
		}
		throttled++
		checkCause(t, s.Err, cause.Throttled, "asks to wait until")
	}
	if seen == 0 || throttled == 0 {
		t.Errorf("%d seen and %d throttled: the budget is for some", seen, throttled)
	}
}
