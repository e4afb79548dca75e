package cloudcheck

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

func TestLookShowsBothTenantAndHolder(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s, err := w.checker().Look(t.Context(), Ref{Holder: w.c.Ref.Holder})
	if err != nil {
		t.Fatal(err)
	}
	if s.Object == nil || s.Object.ID != "id-jdoe" || s.Tenant.InitialDomain != "contoso.onmicrosoft.com" || !s.MailSurvives {
		t.Errorf("%+v", s)
	}
	w.vanish()
	if s, err = w.checker().Look(t.Context(), Ref{Holder: w.c.Ref.Holder}); err != nil || s.Object != nil {
		t.Errorf("not in the cloud: %+v, %v", s.Object, err)
	}
}

func TestMailSurvives(t *testing.T) {
	t.Parallel()
	for mail, want := range map[string]bool{
		"jdoe@contoso.com": true, "jdoe@fabrikam.com": false, "jdoe@contoso.onmicrosoft.com": false, "j doe@contoso.com": false, "": false,
	} {
		w := newWorld()
		w.c.Ref.Holder.Mail = mail
		s, err := w.checker().Look(t.Context(), Ref{Holder: w.c.Ref.Holder})
		if err != nil || s.MailSurvives != want {
			t.Errorf("%q survives: %v, %v; want %v", mail, s.MailSurvives, err, want)
		}
	}
}

func TestLookPassesErrorsOn(t *testing.T) {
	t.Parallel()
	away := cause.Wait(cause.CloudUnavailable, "Graph is away")
	for name, breakIt := range map[string]func(*fakeTenant){
		"tenant": func(f *fakeTenant) { f.noTenant = away }, "objects": func(f *fakeTenant) { f.broken = away },
		"this one": func(f *fakeTenant) { f.failing["id-jdoe"] = away },
	} {
		w := newWorld()
		breakIt(w.fake)
		if _, err := w.checker().Look(t.Context(), Ref{CloudID: "id-jdoe", Holder: w.c.Ref.Holder}); !errors.Is(err, away) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTenantIsReadOnceForManyWrites(t *testing.T) {
	t.Parallel()
	w := newWorld()
	c := w.checker()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := c.Tenant(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if w.fake.tenantCalls != 1 {
		t.Fatalf("read %d times", w.fake.tenantCalls)
	}
	w.now = w.now.Add(tenantFresh - time.Nanosecond)
	mustTenant(t, c)
	if w.fake.tenantCalls != 1 {
		t.Fatal("read again too early")
	}
	w.now = w.now.Add(time.Nanosecond)
	mustTenant(t, c)
	if w.fake.tenantCalls != 2 {
		t.Fatal("not read again after 30 seconds")
	}
}

func mustTenant(t *testing.T, c *Checker) {
	t.Helper()
	if _, err := c.Tenant(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestFailedReadingIsNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld()
	c := w.checker()
	w.fake.noTenant = cause.Wait(cause.Throttled, "later")
	if _, err := c.Tenant(t.Context()); err == nil {
		t.Fatal("no error")
	}
	w.fake.noTenant = nil
	mustTenant(t, c)
}

func TestTenantWaitsNoLongerThanItsCaller(t *testing.T) {
	t.Parallel()
	w := newWorld()
	c := w.checker()
	<-c.cached // somebody reads and does not come back
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Tenant(ctx)
	if e, ok := cause.As(err); !ok || e.Cause.Code != cause.CloudUnavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestHoldersOf(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.other(Object{ID: "deleted", Kind: address.User, Name: "Leaver", Deleted: true, Values: address.Values{Proxies: address.Set{"smtp:j.doe@contoso.com"}}})
	w.other(Object{ID: "bare", Kind: address.Contact, Values: address.Values{Mail: "J.DOE@contoso.com"}})
	w.other(Object{ID: "login", Kind: address.User, UPN: "j.doe@contoso.com"})
	w.other(Object{ID: "list", Kind: address.Group, Name: "Sales", SyncEnabled: ptr(true), Values: address.Values{Proxies: address.Set{"SMTP:J.Doe@Contoso.com", "smtp:x@contoso.com"}}})
	w.other(Object{ID: "old-list", Kind: address.Group, Name: "Old", Deleted: true, Values: address.Values{Proxies: address.Set{"smtp:x@contoso.com"}}})
	got, err := w.checker().HoldersOf(t.Context(), []address.Address{"j.doe@contoso.com", "x@contoso.com"}, "id-jdoe")
	if err != nil {
		t.Fatal(err)
	}
	want := []cause.Conflict{
		{Kind: "contact", ID: "bare", Name: "J.DOE@contoso.com", Address: "J.DOE@contoso.com", CloudOnly: true},
		{Kind: "user", ID: "login", Name: "j.doe@contoso.com", Address: "j.doe@contoso.com", CloudOnly: true},
		{Kind: "group", ID: "list", Name: "Sales", Address: "SMTP:J.Doe@Contoso.com"},
		{Kind: "group", ID: "list", Name: "Sales", Address: "smtp:x@contoso.com"},
		{Kind: "deleted_user", ID: "deleted", Name: "Leaver", Address: "smtp:j.doe@contoso.com"},
		{Kind: "deleted_group", ID: "old-list", Name: "Old", Address: "smtp:x@contoso.com"},
	}
	if len(got) != len(want) {
		t.Fatalf("%d conflicts: %+v", len(got), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("conflict %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	if free, err := w.checker().HoldersOf(t.Context(), nil, ""); free != nil || err != nil {
		t.Errorf("of nothing: %v, %v", free, err)
	}
}

func TestHoldersOfPassesErrorsOn(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.fake.noHolder = cause.Wait(cause.Throttled, "later")
	if _, err := w.checker().HoldersOf(t.Context(), []address.Address{"a@contoso.com"}, ""); !errors.Is(err, w.fake.noHolder) {
		t.Errorf("%v", err)
	}
}

func TestPredict(t *testing.T) {
	t.Parallel()
	w := newWorld()
	h := w.c.Ref.Holder
	h.Proxies = address.Set{"smtp:only@contoso.com"}
	got := PredictWith(h, h.Values, Snapshot{Tenant: w.fake.tenant, Object: w.object})
	if got.Mail != "jdoe@contoso.onmicrosoft.com" {
		t.Errorf("a bare alias leaves the primary %q, want the MOERA: %v", got.Mail, got.Proxies)
	}
	got = PredictWith(w.c.Ref.Holder, w.c.Ref.Holder.Values, Snapshot{Tenant: w.fake.tenant, Object: w.object})
	if got.Mail != "jdoe@contoso.com" || !got.Proxies.Has("smtp:j.doe@contoso.com") {
		t.Errorf("%+v", got)
	}
}

func TestVerifies(t *testing.T) {
	t.Parallel()
	tenant := newWorld().fake.tenant
	for domain, want := range map[string]bool{
		"contoso.com": true, "contoso.onmicrosoft.com": true, "contoso.mail.onmicrosoft.com": true,
		"sub.contoso.com": false, "fabrikam.mail.onmicrosoft.com": false, "mail.onmicrosoft.com": false, "": false,
	} {
		if got := tenant.Verifies(domain); got != want {
			t.Errorf("%q: %v", domain, got)
		}
	}
	if (Tenant{}).Verifies(".mail.onmicrosoft.com") {
		t.Error("a tenant without an initial domain verifies something")
	}
}
