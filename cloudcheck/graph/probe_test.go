package graph

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/lab/tenant"
)

// notOK are the findings that want something done, by name.
func notOK(findings []Finding) map[string]Finding {
	bad := map[string]Finding{}
	for _, f := range findings {
		if !f.OK {
			bad[f.Name] = f
		}
	}
	return bad
}

func TestProbe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options tenant.Options
		change  func(*lab)
		bad     string // a part of the one name that is not OK
		says    string
	}{
		"all is well": {change: func(*lab) {}},
		"no users":    {options: tenant.Options{Permissions: without(tenant.UserRead)}, bad: "for /users", says: "User.Read.All"},
		"no contacts": {options: tenant.Options{Permissions: without(tenant.ContactRead)}, bad: "/contacts", says: "OrgContact.Read.All"},
		"no groups":   {options: tenant.Options{Permissions: without(tenant.GroupRead)}, bad: "cloud Group.Read.All for /groups", says: "Group.Read.All"},
		"no deleted groups": {options: tenant.Options{Permissions: append(without(tenant.GroupRead), tenant.GroupMemberRead)},
			bad: "deletedItems/microsoft.graph.group", says: "Group.Read.All"},
		"no domains":      {options: tenant.Options{Permissions: without(tenant.DomainRead)}, bad: "Domain.Read.All", says: "admin consent"},
		"no organization": {options: tenant.Options{Permissions: without(tenant.OrganizationRead)}, bad: "sync state", says: "Organization.Read.All"},
		"sync is off":     {change: func(l *lab) { l.StopSync() }, bad: "sync state", says: "switch it on"},
		"sync is old":     {change: func(l *lab) { l.clock.advance(2 * time.Hour) }, bad: "", says: "Get-ADSyncScheduler"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := startLab(t, c.options)
			l.sync(t, userHolder(1), groupHolder(2, "SMTP:g@contoso.com"), contactHolder(3, "SMTP:c@fabrikam.com"))
			if c.change != nil {
				c.change(l)
			}
			checkFindings(t, l.client.Probe(t.Context()), c.bad, c.says)
		})
	}
}

// checkFindings expects that some finding which is not OK has the name and says what to do; where both are empty, that
// all are OK.
func checkFindings(t *testing.T, findings []Finding, name, says string) {
	t.Helper()
	bad := notOK(findings)
	if name == "" && says == "" {
		if len(bad) != 0 || len(findings) != 9 {
			t.Errorf("%d findings, not OK: %+v", len(findings), bad)
		}
		return
	}
	for _, f := range bad {
		if f.Mend == "" || f.Detail == "" {
			t.Errorf("says nothing: %+v", f)
		}
		if strings.Contains(f.Name, name) && strings.Contains(f.Detail+f.Mend, says) {
			return
		}
	}
	t.Errorf("nothing named %q says %q: %+v", name, says, bad)
}

func TestProbeOfRefusedSignIn(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{}, func(o *Options) { o.Credential = SecretCredential("", text("x")) })
	c := l.open(t, func(o *Options) { o.Credential = SecretCredential(l.ClientID, text("guessed")) })
	findings := c.Probe(t.Context())
	if len(findings) != 1 || findings[0].OK || !strings.Contains(findings[0].Detail, "secret is wrong") {
		t.Errorf("%+v", findings)
	}
}

func TestProbeSeesAWrongClock(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{})
	l.sync(t, userHolder(1))
	for ahead, ok := range map[time.Duration]bool{0: true, 4 * time.Minute: true, 6 * time.Minute: false, -6 * time.Minute: false} {
		c := l.open(t, func(o *Options) { o.Now = func() time.Time { return time.Now().Add(ahead) } })
		for _, f := range c.Probe(t.Context()) {
			if strings.Contains(f.Name, "clock") && f.OK != ok {
				t.Errorf("%s ahead: %+v", ahead, f)
			}
		}
	}
}

// TestProbeLooksAtValues: a call that succeeds and shows nothing is not enough.
func TestProbeLooksAtValues(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.answer(map[string]string{"/organization": `{"value":[{"id":"x"}]}`, "/domains": `{"value":[{"id":"a.com"}]}`})
	s.items = func(u *url.URL) reply {
		bare := user(1)
		delete(bare, "onPremisesImmutableId")
		return found(bare)
	}
	bad := notOK(s.client(t).Probe(t.Context()))
	if len(bad) != 3 {
		t.Errorf("%+v", bad)
	}
	for name, says := range map[string]string{
		"cloud sync state (Organization.Read.All)": "grant", "cloud Domain.Read.All": "grant", "cloud User.Read.All for /users": "admin consent",
	} {
		if f, ok := bad[name]; !ok || !strings.Contains(f.Mend, says) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
