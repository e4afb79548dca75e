package syncengine_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/samba"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/lab/syncengine"
	"github.com/aliasd/aliasd/lab/tenant"
)

// tap is a tenant that keeps what it was given.
type tap struct {
	mu      sync.Mutex
	cycles  int
	holders map[string]address.Holder // by name
	at      time.Time
	err     error
	failed  []tenant.ExportError
}

func (p *tap) Import(_ context.Context, holders []address.Holder, at time.Time) ([]tenant.ExportError, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cycles++
	p.at, p.holders = at, map[string]address.Holder{}
	for _, h := range holders {
		p.holders[h.Name] = h
	}
	return p.failed, p.err
}

func (p *tap) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cycles
}

// onEachDirectory runs a test on the embedded directory and on a real domain controller.
func onEachDirectory(t *testing.T, test func(*testing.T, *site.Site)) {
	t.Helper()
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		d, err := directory.Start(directory.Options{})
		if err != nil {
			t.Fatal(err)
		}
		test(t, stopping(t, d.Site()))
	})
	t.Run("samba", func(t *testing.T) {
		t.Parallel()
		if err := samba.Missing(); err != nil {
			t.Skip(err)
		}
		dc, err := samba.Start(t.Context(), samba.Options{})
		if err != nil {
			t.Fatal(err)
		}
		test(t, stopping(t, dc))
	})
}

func stopping(t *testing.T, s *site.Site) *site.Site {
	t.Helper()
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newEngine(t *testing.T, s *site.Site, importer syncengine.Importer, o syncengine.Options) *syncengine.Engine {
	t.Helper()
	e, err := syncengine.New(s, importer, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func populate(t *testing.T, s *site.Site, objects ...site.Object) {
	t.Helper()
	if err := s.Populate(t.Context(), objects); err != nil {
		t.Fatal(err)
	}
}

func jane() site.Object {
	return site.Object{
		Kind: site.User, Name: "Jane Roe", Account: "jroe", UPN: "jroe@contoso.test", Mail: "jane@contoso.test", Nickname: "jroe",
		Proxies: []string{"SMTP:jane@contoso.test", "smtp:j.roe@contoso.test", "X500:/o=Contoso/ou=First Group/cn=Recipients/cn=jroe"},
		Attributes: map[string][]string{
			"mS-DS-ConsistencyGuid": {"0123456789abcdef"}, "msExchRecipientTypeDetails": {"34359738368"}, "targetAddress": {"SMTP:jane@contoso.mail.onmicrosoft.com"},
		},
	}
}

func TestHoldersAreReadAsTheyStand(t *testing.T) {
	onEachDirectory(t, func(t *testing.T, s *site.Site) {
		team := site.Object{Kind: site.Group, Name: "Team, of #1", Account: "team", OU: site.Sales, Proxies: []string{"smtp:team@contoso.test"}}
		carl := site.Object{Kind: site.Contact, Name: "Carl", OU: site.Support, Mail: "carl@fabrikam.com", Proxies: []string{"SMTP:carl@fabrikam.com"}}
		populate(t, s, jane(), team, carl, site.Object{Kind: site.User, Name: "plain"})
		var p tap
		stamp := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		e := newEngine(t, s, &p, syncengine.Options{Now: func() time.Time { return stamp }})
		if err := e.Cycle(t.Context()); err != nil {
			t.Fatal(err)
		}
		compareJane(t, s, p.holders["Jane Roe"])
		group, contact := p.holders["Team, of #1"], p.holders["Carl"]
		if group.Kind != address.Group || group.Account == "" || group.SID == "" || group.UPN != "" || len(group.Proxies) != 1 {
			t.Errorf("the group is %+v", group)
		}
		if contact.Kind != address.Contact || contact.Mail != "carl@fabrikam.com" || contact.SID != "" || contact.UPN != "" {
			t.Errorf("the contact is %+v", contact)
		}
		plain := p.holders["plain"]
		if plain.UPN != "plain@contoso.test" || plain.Anchor != plain.GUID.Anchor() || plain.RecipientTypeDetails != 0 || len(plain.Proxies) != 0 {
			t.Errorf("the plain user is %+v", plain)
		}
		if _, critical := p.holders["Administrator"]; critical {
			t.Error("a critical system object was synchronised")
		}
		if last := e.Last(); !last.At.Equal(stamp) || last.Holders != len(p.holders) || !p.at.Equal(stamp) {
			t.Errorf("the report is %+v", last)
		}
	})
}

func compareJane(t *testing.T, s *site.Site, got address.Holder) {
	t.Helper()
	guid, err := s.GUID(t.Context(), s.DNOf(jane()))
	if err != nil {
		t.Fatal(err)
	}
	if got.GUID != address.GUID(guid) || got.Anchor != base64.StdEncoding.EncodeToString([]byte("0123456789abcdef")) {
		t.Errorf("GUID %s, anchor %s", got.GUID, got.Anchor)
	}
	if !strings.HasPrefix(got.SID, "S-1-5-21-") || strings.Count(got.SID, "-") != 7 {
		t.Errorf("SID %s", got.SID)
	}
	wanted := []string{"SMTP:jane@contoso.test", "X500:/o=Contoso/ou=First Group/cn=Recipients/cn=jroe", "smtp:j.roe@contoso.test"}
	var values []string
	for _, v := range got.Proxies {
		values = append(values, string(v))
	}
	slices.Sort(values)
	if !slices.Equal(values, wanted) {
		t.Errorf("proxyAddresses %q", got.Proxies)
	}
	if got.Mail != "jane@contoso.test" || got.UPN != "jroe@contoso.test" || got.Account != "jroe" || got.Nickname != "jroe" ||
		got.RecipientTypeDetails != 34359738368 || got.TargetAddress == "" || got.Changed.IsZero() || got.RemoteRecipient {
		t.Errorf("jane is %+v", got)
	}
}

func TestScopeAndSignInWithMail(t *testing.T) {
	onEachDirectory(t, func(t *testing.T, s *site.Site) {
		populate(t, s, jane(), site.Object{Kind: site.User, Name: "Sam", OU: site.Sales, Mail: "sam@contoso.test"}, site.Object{Kind: site.User, Name: "Lou", OU: site.Locked})
		var p tap
		e := newEngine(t, s, &p, syncengine.Options{OUs: []string{site.Sales, site.Locked}, SignInWithMail: true})
		if err := e.Cycle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(p.holders) != 2 || p.holders["Sam"].UPN != "sam@contoso.test" || p.holders["Lou"].UPN != "Lou@contoso.test" {
			t.Errorf("in scope are %+v", p.holders)
		}
	})
}

func TestManyHoldersAndManyValues(t *testing.T) {
	onEachDirectory(t, func(t *testing.T, s *site.Site) {
		many := site.Object{Kind: site.User, Name: "many"}
		for i := range 40 {
			many.Proxies = append(many.Proxies, fmt.Sprintf("smtp:alias%d@contoso.test", i))
		}
		objects := []site.Object{many}
		for i := range 60 {
			objects = append(objects, site.Object{Kind: site.User, Name: fmt.Sprintf("user%d", i)})
		}
		populate(t, s, objects...)
		var p tap
		e := newEngine(t, s, &p, syncengine.Options{OUs: []string{site.People}, PageSize: 7})
		if err := e.Cycle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(p.holders) != 61 || len(p.holders["many"].Proxies) != 40 {
			t.Errorf("%d holders, %d values", len(p.holders), len(p.holders["many"].Proxies))
		}
	})
}

// TestRangedValues: a server that shows few values at once is asked for the rest.
func TestRangedValues(t *testing.T) {
	t.Parallel()
	d, err := directory.Start(directory.Options{ValueRange: 6})
	if err != nil {
		t.Fatal(err)
	}
	s := stopping(t, d.Site())
	many := site.Object{Kind: site.User, Name: "many"}
	for i := range 20 {
		many.Proxies = append(many.Proxies, fmt.Sprintf("smtp:alias%d@contoso.test", i))
	}
	populate(t, s, many)
	var p tap
	if err := newEngine(t, s, &p, syncengine.Options{}).Cycle(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := map[address.Proxy]bool{}
	for _, v := range p.holders["many"].Proxies {
		seen[v] = true
	}
	if len(seen) != 20 || len(p.holders["many"].Proxies) != 20 {
		t.Errorf("values are %q", p.holders["many"].Proxies)
	}
}

func embedded(t *testing.T) *site.Site {
	t.Helper()
	d, err := directory.Start(directory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return stopping(t, d.Site())
}

func TestStagingAndSuspension(t *testing.T) {
	t.Parallel()
	var p tap
	e := newEngine(t, embedded(t), &p, syncengine.Options{})
	cycle := func(want int) {
		t.Helper()
		if err := e.Cycle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p.count() != want {
			t.Errorf("%d imports, want %d", p.count(), want)
		}
	}
	cycle(1)
	e.SetStaging(true)
	cycle(1)
	e.SetStaging(false)
	e.SetSuspended(true)
	cycle(1)
	e.SetSuspended(false)
	cycle(2)
}

func TestASuspendedEngineTouchesNothing(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	var p tap
	e := newEngine(t, s, &p, syncengine.Options{})
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	e.SetStaging(true)
	if err := e.Cycle(t.Context()); err == nil {
		t.Error("a staging server does not notice that the directory is away")
	}
	e.SetSuspended(true)
	if err := e.Cycle(t.Context()); err != nil {
		t.Errorf("suspended: %v", err)
	}
}

func TestNothingIsImportedOfADirectoryThatIsAway(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	var p tap
	e := newEngine(t, s, &p, syncengine.Options{})
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := e.Cycle(t.Context()); err == nil || p.count() != 0 {
		t.Errorf("error %v, %d imports", err, p.count())
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newEngine(t, embedded(t), &p, syncengine.Options{}).Cycle(cancelled); err == nil || p.count() != 0 {
		t.Errorf("a cancelled cycle: error %v, %d imports", err, p.count())
	}
}

func TestExportErrorsAreReported(t *testing.T) {
	t.Parallel()
	p := tap{failed: []tenant.ExportError{{Anchor: "x", Reason: "AttributeValueMustBeUnique"}}}
	e := newEngine(t, embedded(t), &p, syncengine.Options{})
	if err := e.Cycle(t.Context()); err != nil || len(e.Last().Failed) != 1 {
		t.Errorf("error %v, report %+v", err, e.Last())
	}
	p.err = tenant.ErrSyncOff
	if err := e.Cycle(t.Context()); !errors.Is(err, tenant.ErrSyncOff) {
		t.Errorf("got %v", err)
	}
}

// TestRun: cycles come at once and then each interval, a failed one is logged and does not end the loop.
func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		var p tap
		away := &site.Site{Server: "nowhere://", BaseDN: site.BaseDN}
		e := newEngine(t, away, &p, syncengine.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- e.Run(ctx, time.Minute) }()
		time.Sleep(2*time.Minute + time.Second)
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if n := strings.Count(log.String(), "sync cycle failed"); n != 3 {
			t.Errorf("%d failures were logged: %s", n, log.String())
		}
	})
}

func TestNewWantsBothSides(t *testing.T) {
	t.Parallel()
	if _, err := syncengine.New(nil, &tap{}, syncengine.Options{}); err == nil {
		t.Error("no directory was taken")
	}
	if _, err := syncengine.New(&site.Site{}, nil, syncengine.Options{}); err == nil {
		t.Error("no tenant was taken")
	}
}

// TestIntoTheTenant plays a change on-premises through to what Graph would show, and a deletion.
func TestIntoTheTenant(t *testing.T) {
	onEachDirectory(t, func(t *testing.T, s *site.Site) {
		cloud, err := tenant.Start(tenant.Options{LicenceNew: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := cloud.Close(); err != nil {
				t.Error(err)
			}
		})
		populate(t, s, jane())
		e := newEngine(t, s, cloud, syncengine.Options{})
		cycle := func() {
			t.Helper()
			if err := e.Cycle(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		cycle()
		shows(t, cloud, "SMTP:jane@contoso.test", "smtp:j.roe@contoso.test", "smtp:jroe@contoso.test", "smtp:jroe@contoso.onmicrosoft.com")
		change := site.Changes{Delete: map[string][]string{"proxyAddresses": {"smtp:j.roe@contoso.test"}}, Add: map[string][]string{"proxyAddresses": {"smtp:new@contoso.test"}}}
		if err := s.Modify(t.Context(), s.DNOf(jane()), change); err != nil {
			t.Fatal(err)
		}
		cycle()
		shows(t, cloud, "SMTP:jane@contoso.test", "smtp:new@contoso.test", "smtp:jroe@contoso.test", "smtp:jroe@contoso.onmicrosoft.com")
		if err := s.Remove(t.Context(), s.DNOf(jane())); err != nil {
			t.Fatal(err)
		}
		cycle()
		if cloud.ID("jroe@contoso.test") != "" {
			t.Error("jane is still in the cloud")
		}
	})
}

// shows compares the SMTP values of jane in the cloud.
func shows(t *testing.T, cloud *tenant.Tenant, wanted ...string) {
	t.Helper()
	v, err := cloud.Values("jroe@contoso.test")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range v.Proxies.SMTP() {
		got = append(got, string(p))
	}
	slices.Sort(got)
	slices.Sort(wanted)
	if !slices.Equal(got, wanted) {
		t.Errorf("the cloud shows %q, want %q", got, wanted)
	}
}
