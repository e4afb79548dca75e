package graph

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/lab/tenant"
)

func TestSignInWithSecretAndCertificate(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{})
	for name, credential := range map[string]Credential{
		"secret": SecretCredential(l.ClientID, text(l.ClientSecret)), "certificate": CertificateCredential(l.ClientID, l.ClientCertificate),
	} {
		l.ResetCalls()
		c := l.open(t, func(o *Options) { o.Credential = credential })
		for range 2 {
			got, err := c.Tenant(t.Context())
			if err != nil || got.InitialDomain != "contoso.onmicrosoft.com" {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
		if calls := l.Calls(); calls.Tokens != 1 {
			t.Errorf("%s: %d tokens asked for, want one", name, calls.Tokens)
		}
	}
}

func TestRefusedSignIns(t *testing.T) {
	t.Parallel()
	other := startLab(t, tenant.Options{})
	for name, c := range map[string]struct {
		change func(*Options, *lab)
		says   []string
	}{
		"wrong secret": {func(o *Options, l *lab) { o.Credential = SecretCredential(l.ClientID, text("guessed")) },
			[]string{"the client secret is wrong", "AADSTS7000215", "cloud.client_secret"}},
		"unknown application": {func(o *Options, l *lab) { o.Credential = SecretCredential(l.TenantID, text(l.ClientSecret)) },
			[]string{"does not know the application", "AADSTS700016", "cloud.client_id"}},
		"another tenant": {func(o *Options, _ *lab) { o.TenantID = "11111111-2222-3333-4444-555555555555" },
			[]string{"no such tenant", "cloud.tenant_id"}},
		"another certificate": {func(o *Options, l *lab) {
			o.Credential = CertificateCredential(l.ClientID, other.ClientCertificate)
		}, []string{"certificate is not the one", "AADSTS700027", "upload"}},
		"no certificate": {func(o *Options, l *lab) {
			o.Credential = CertificateCredential(l.ClientID, func() ([]byte, error) { return []byte("no PEM"), nil })
		}, []string{"credential cannot be used", "cloud.certificate"}},
		"unreadable certificate": {func(o *Options, l *lab) {
			o.Credential = CertificateCredential(l.ClientID, func() ([]byte, error) { return nil, errors.New("permission denied") })
		}, []string{"credential cannot be used"}},
		"unreadable secret": {func(o *Options, l *lab) {
			o.Credential = SecretCredential(l.ClientID, func() (string, error) { return "", errors.New("permission denied") })
		}, []string{"credential cannot be used", "cloud.client_secret"}},
		"untrusted": {func(o *Options, _ *lab) { o.RootCAs = nil }, []string{"certificate of https://localhost", "cloud.authority_url", "cloud.ca_file"}},
		"nobody there": {func(o *Options, _ *lab) { o.AuthorityURL = "https://localhost:1" },
			[]string{"https://localhost:1", "is not reached", "firewall"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := startLab(t, tenant.Options{})
			client := l.open(t, func(o *Options) { c.change(o, l) })
			_, err := client.Tenant(t.Context())
			checkCause(t, err, cause.CloudUnavailable, c.says...)
			_, err = client.Objects(t.Context(), []cloudcheck.Ref{ref(userHolder(1))})
			checkCause(t, err, cause.CloudUnavailable, c.says...)
			_, err = client.HoldersOf(t.Context(), addresses("a@contoso.com"))
			checkCause(t, err, cause.CloudUnavailable, c.says...)
			if calls := l.Calls(); calls.HTTP != 0 || calls.Tokens > 1 {
				t.Errorf("%d calls of Graph and %d sign-ins; one refusal is enough", calls.HTTP, calls.Tokens)
			}
		})
	}
}

func TestRefusedSignInIsTriedAgainLater(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{})
	secret := "old"
	c := l.open(t, func(o *Options) {
		o.Credential = SecretCredential(l.ClientID, func() (string, error) { return secret, nil })
	})
	_, err := c.Tenant(t.Context())
	checkCause(t, err, cause.CloudUnavailable, "AADSTS7000215")
	secret = l.ClientSecret // the administrator mends the file
	_, err = c.Tenant(t.Context())
	checkCause(t, err, cause.CloudUnavailable, "AADSTS7000215")
	l.clock.advance(refusedFor)
	if _, err = c.Tenant(t.Context()); err != nil {
		t.Errorf("with the new secret: %v", err)
	}
	if n := l.Calls().Tokens; n != 2 {
		t.Errorf("%d sign-ins, want 2", n)
	}
}

func TestSignInServerAway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault tenant.Fault
		code  cause.Code
		says  []string
	}{
		"500":       {tenant.Fault{Path: "/token", Status: 500, Times: -1}, cause.CloudUnavailable, []string{"500"}},
		"throttled": {tenant.Fault{Path: "/token", Status: 429, Times: -1, RetryAfter: time.Minute}, cause.Throttled, []string{"fewer sign-ins"}},
		"cut":       {tenant.Fault{Path: "/token", Truncate: true, Times: -1}, cause.CloudUnavailable, []string{"could not be read", "cloud.authority_url"}},
		"dropped":   {tenant.Fault{Path: "/token", Drop: true, Times: -1}, cause.CloudUnavailable, []string{"is not reached"}},
		"hanging":   {tenant.Fault{Path: "/token", Hang: true, Times: -1}, cause.CloudUnavailable, []string{"did not answer within"}},
		"discovery": {tenant.Fault{Path: "/openid-configuration", Status: 503, Times: -1}, cause.CloudUnavailable, []string{"503"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := startLab(t, tenant.Options{}, func(o *Options) {
				o.Patience = 3 * time.Second
				if c.fault.Hang {
					o.Timeout = time.Second
				}
			})
			l.Faults(c.fault)
			_, err := l.client.Tenant(t.Context())
			checkCause(t, err, c.code, c.says...)
			l.ClearFaults()
			l.clock.advance(refusedFor)
			if c.fault.Hang {
				l.client = l.open(t) // a busy machine needs more than a second
			}
			if _, err = l.client.Tenant(t.Context()); err != nil {
				t.Errorf("when it is back: %v", err)
			}
		})
	}
}

func TestExpiredTokenMidway(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{})
	holders := crowd(700)
	l.sync(t, holders...)
	refs := refsOf(l, holders)
	l.objects(t, refs...)
	l.ExpireTokens()
	_, err := l.client.Objects(t.Context(), refs)
	checkCause(t, err, cause.CloudUnavailable, "401", "clock") // the token is new, so it is not renewed
	l.clock.advance(renewEvery)
	for i, s := range l.objects(t, refs...) {
		if s.Object == nil {
			t.Fatalf("ref %d: %v", i, s.Err)
		}
	}
	if n := l.Calls().Tokens; n != 2 {
		t.Errorf("%d tokens, want 2", n)
	}
}

func TestShortTokensAreRenewedInTime(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{TokenLife: time.Second})
	for range 3 {
		if _, err := l.client.Tenant(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := l.Calls().Tokens; n < 2 {
		t.Errorf("%d tokens for three readings", n)
	}
}

func TestMissingPermissions(t *testing.T) {
	t.Parallel()
	objects := func(kind string) func(*lab, context.Context) error {
		return func(l *lab, ctx context.Context) error {
			h := userHolder(1)
			switch kind {
			case "group":
				h = groupHolder(2, "SMTP:g@contoso.com")
			case "contact":
				h = contactHolder(3, "SMTP:c@fabrikam.com")
			}
			_, err := l.client.Objects(ctx, []cloudcheck.Ref{ref(h)})
			return err
		}
	}
	readTenant := func(l *lab, ctx context.Context) error { _, err := l.client.Tenant(ctx); return err }
	holders := func(l *lab, ctx context.Context) error {
		_, err := l.client.HoldersOf(ctx, addresses("a@contoso.com"))
		return err
	}
	for name, c := range map[string]struct {
		missing string
		granted []string
		ask     func(*lab, context.Context) error
		says    string
	}{
		"domains":                  {missing: tenant.DomainRead, ask: readTenant, says: "/domains"},
		"users":                    {missing: tenant.UserRead, ask: objects("user"), says: "/users"},
		"groups":                   {missing: tenant.GroupRead, ask: objects("group"), says: "/groups"},
		"contacts":                 {missing: tenant.ContactRead, ask: objects("contact"), says: "/contacts"},
		"holders, no users":        {missing: tenant.UserRead, ask: holders, says: "/users"},
		"holders, no contacts":     {missing: tenant.ContactRead, ask: holders, says: "/contacts"},
		"holders, no deleted ones": {missing: tenant.GroupRead, granted: append(without(tenant.GroupRead), tenant.GroupMemberRead), ask: holders, says: "deletedItems/microsoft.graph.group"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			granted := c.granted
			if granted == nil {
				granted = without(c.missing)
			}
			l := startLab(t, tenant.Options{Permissions: granted})
			checkCause(t, c.ask(l, t.Context()), cause.CloudUnavailable, "403", c.missing, c.says, "admin consent")
			l.Grant(tenant.ReadPermissions()...)
			l.clock.advance(renewEvery)
			_ = c.ask(l, t.Context()) // the old token, for the last time
			if err := c.ask(l, t.Context()); err != nil {
				t.Errorf("after the permission was granted: %v", err)
			}
		})
	}
}

func without(permission string) []string {
	return slices.DeleteFunc(tenant.ReadPermissions(), func(p string) bool { return p == permission })
}

func TestWordsOfSignInErrors(t *testing.T) {
	t.Parallel()
	c := newStub(t).client(t)
	for number, says := range map[string]string{
		"7000215": "secret is wrong", "7000222": "expired", "700016": "does not know the application", "700027": "certificate", "700024": "clock",
		"90002": "no such tenant", "500011": "cloud.environment", "7000112": "disabled", "53003": "conditional access", "4711": "list of AADSTS errors",
	} {
		err := &signInError{err: errors.New(`{"error_description":"AADSTS` + number + `: Trace ID …"}`), last: note{status: http.StatusUnauthorized}}
		checkCause(t, c.explain(area{}, err, note{}).cause(), cause.CloudUnavailable, says, "AADSTS"+number)
	}
}

func TestManagedIdentityIsBuilt(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "11111111-2222-3333-4444-555555555555"} {
		if c, err := ManagedIdentity(id)(Authority{}); c == nil || err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
}
