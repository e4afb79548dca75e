package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/samba"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/private"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// stack is a whole aliasd on a lab: the real daemon from a settings file, the real SDK over HTTPS, a real directory.
type stack struct {
	*lab.Lab
	dir    string
	file   string
	daemon *daemon
	remote *client.Client
	log    *safeBuffer
	tuning tuning
}

// safeBuffer is a log that several goroutines write and a test reads.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// onBoth runs a test on the embedded directory and on a Samba domain controller.
func onBoth(t *testing.T, test func(*testing.T, lab.Kind)) {
	for _, kind := range []lab.Kind{lab.Embedded, lab.Samba} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			if kind == lab.Samba {
				needSamba(t)
			}
			test(t, kind)
		})
	}
}

// needSamba skips aloud where Samba cannot run; continuous integration may not skip.
func needSamba(t *testing.T) {
	t.Helper()
	if missing := samba.Missing(); missing != nil {
		if os.Getenv("ALIASD_TEST_STRICT") != "" {
			t.Fatalf("Samba is needed here: %v", missing)
		}
		t.Skipf("SKIPPED, Samba cannot run here: %v", missing)
	}
}

// people are who the tests know.
func people() []site.Object {
	return append(demoObjects(),
		site.Object{Kind: site.User, Name: "Twin One", Account: "twin1", UPN: "twin1@contoso.test", Mail: "twin1@contoso.test",
			Proxies: []string{"SMTP:twin1@contoso.test"}, Attributes: map[string][]string{"displayName": {"Twin"}}},
		site.Object{Kind: site.User, Name: "Twin Two", Account: "twin2", UPN: "twin2@contoso.test", Mail: "twin2@contoso.test",
			Proxies: []string{"SMTP:twin2@contoso.test"}, Attributes: map[string][]string{"displayName": {"Twin"}}},
		site.Object{Kind: site.User, Name: "Locked Away", Account: "locked", UPN: "locked@contoso.test", OU: site.Locked,
			Mail: "locked@contoso.test", Proxies: []string{"SMTP:locked@contoso.test"}},
		site.Object{Kind: site.Group, Name: "Plain Group", Account: "plain"},
		site.Object{Kind: site.Contact, Name: "Partner", Mail: "partner@fabrikam.test", Proxies: []string{"SMTP:partner@fabrikam.test"}},
	)
}

// testInterval is what the tests' settings call a sync cycle. The lab syncs when a test says so: it has not stopped because of
// that.
const testInterval = 10 * time.Minute

// syncEvery changes what the settings call a sync cycle.
func (s *stack) syncEvery(t *testing.T, d time.Duration) {
	t.Helper()
	replaceInFile(t, s.file, "sync_interval: "+testInterval.String(), "sync_interval: "+d.String())
}

// newSite starts a lab and writes its settings file; no daemon runs yet.
func newSite(t *testing.T, kind lab.Kind, o tenant.Options) *stack {
	t.Helper()
	o.LicenceNew = true
	return labSite(t, lab.Options{Directory: kind, Tenant: o})
}

// oneRegistration is the certificate of all tenants: to make one takes a third of a second.
var oneRegistration = sync.OnceValues(tenant.NewRegistration)

// labSite is newSite for any lab.
func labSite(t *testing.T, o lab.Options) *stack {
	t.Helper()
	o.Objects, o.Tenant.Registered = people(), oneRegistration
	box, err := lab.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &stack{Lab: box, dir: t.TempDir(), log: &safeBuffer{}, tuning: demoTuning()}
	s.tuning.calculationGrace, s.tuning.landing = time.Second, 3*time.Second
	if s.file, err = box.WriteSettings(s.dir, lab.Settings{SyncInterval: testInterval}); err != nil {
		t.Fatal(err)
	}
	fatal(t, private.MakePrivateDir(filepath.Join(s.dir, "data")))
	return s
}

// newStack starts everything; the sync engine runs when the test calls cycle.
func newStack(t *testing.T, kind lab.Kind, o tenant.Options) *stack {
	t.Helper()
	s := newSite(t, kind, o)
	s.startDaemon(t)
	return s
}

// brokenStack is a stack on the embedded directory whose settings are changed before the daemon starts.
func brokenStack(t *testing.T, change func(*testing.T, *stack)) *stack {
	t.Helper()
	s := newSite(t, lab.Embedded, tenant.Options{})
	change(t, s)
	s.startDaemon(t)
	return s
}

// requestJSON is a request as the API shows it.
type requestJSON = server.RequestJSON

func queryAll() client.Query { return client.Query{Limit: 500} }

// startDaemon starts the daemon of the settings file, and stops it with the test.
func (s *stack) startDaemon(t *testing.T) {
	t.Helper()
	settings, err := config.Load(s.file, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	if s.daemon, err = openDaemon(ctx, settings, newLogger(s.log, settings.Log), s.tuning); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.daemon.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, s.daemon.Close()); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", s.log)
		}
	})
	if s.remote, err = localClient(s.daemon); err != nil {
		t.Fatal(err)
	}
}

func (s *stack) cycle(t *testing.T) {
	t.Helper()
	if err := s.Engine.Cycle(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func (s *stack) submit(t *testing.T, action address.Action, holder, addr string, allow ...address.Allowance) server.RequestJSON {
	t.Helper()
	r, err := s.remote.Submit(context.Background(), server.SubmissionJSON{Holder: holder, Action: action, Address: addr, Allow: allow}, "")
	if err != nil {
		t.Fatalf("submit %s %s %s: %v", action, holder, addr, err)
	}
	return r
}

// until polls the API until a request is as it is wanted, bounded by a deadline.
func (s *stack) until(t *testing.T, id queue.RequestID, what string, wanted func(server.RequestJSON) bool) server.RequestJSON {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	for {
		r, err := s.remote.Get(ctx, id)
		if err != nil {
			t.Fatalf("wait until %s: %v; last seen %s (%s)", what, err, r.State, codeOf(r))
		}
		if wanted(r) {
			return r
		}
		if stuck := r.State.Final(); stuck {
			t.Fatalf("wait until %s: the request ended as %s: %+v", what, r.State, r.Cause)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("wait until %s: it is %s: %+v", what, r.State, r.Cause)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *stack) untilState(t *testing.T, id queue.RequestID, state queue.State, code cause.Code) server.RequestJSON {
	t.Helper()
	return s.until(t, id, string(state)+" ("+string(code)+")", func(r server.RequestJSON) bool { return r.State == state && codeOf(r) == code })
}

// verify lets sync cycles run until a written request is verified.
func (s *stack) verify(t *testing.T, id queue.RequestID) server.RequestJSON {
	t.Helper()
	s.until(t, id, "written", func(r server.RequestJSON) bool { return r.State == queue.Written || r.State == queue.Verified })
	return s.until(t, id, "verified", func(r server.RequestJSON) bool {
		s.cycle(t)
		return r.State == queue.Verified
	})
}

// replace sets an attribute of somebody in People as the administrator would.
func (s *stack) replace(t *testing.T, name, attribute string, values ...string) {
	t.Helper()
	fatal(t, s.Site.Modify(context.Background(), s.Site.DNOf(site.Object{Kind: site.User, Name: name}),
		site.Changes{Replace: map[string][]string{attribute: values}}))
}

// add puts somebody into the directory and into the cloud.
func (s *stack) add(t *testing.T, o site.Object) {
	t.Helper()
	fatal(t, s.Site.Populate(context.Background(), []site.Object{o}))
	s.cycle(t)
}

// values reads a holder's two attributes as the administrator.
func (s *stack) values(t *testing.T, name, ou string) address.Values {
	t.Helper()
	dn := s.Site.DNOf(site.Object{Kind: site.User, Name: name, OU: ou})
	entry, err := s.Site.Read(context.Background(), dn, "mail", "proxyAddresses")
	if err != nil {
		t.Fatal(err)
	}
	v := address.Values{Mail: entry.GetAttributeValue("mail")}
	for _, p := range entry.GetAttributeValues("proxyAddresses") {
		v.Proxies = append(v.Proxies, address.Proxy(p))
	}
	return v
}

func wantProxies(t *testing.T, got address.Values, mail string, proxies ...address.Proxy) {
	t.Helper()
	if got.Mail != mail || !got.Proxies.Equal(address.Set(proxies)) {
		t.Errorf("the directory has mail %q and %q, want %q and %q", got.Mail, got.Proxies, mail, proxies)
	}
}

func contains(t *testing.T, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%q does not say %q", text, part)
	}
}
