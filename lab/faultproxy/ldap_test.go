package faultproxy_test

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/lab/faultproxy"
	"github.com/aliasd/aliasd/lab/samba"
	"github.com/aliasd/aliasd/lab/site"
)

// jdoe is the user that the tests change.
var jdoe = site.Object{Kind: site.User, Name: "John Doe", Account: "jdoe", UPN: "jdoe@contoso.test", Mail: "jdoe@contoso.test",
	Proxies: []string{"SMTP:jdoe@contoso.test"}}

const newMail = "new@contoso.test"

// bench is a directory with the proxy in front of it.
type bench struct {
	direct  *site.Site
	through *site.Site
	proxy   *faultproxy.Proxy
}

func newBench(t *testing.T, direct *site.Site) bench {
	t.Helper()
	proxy, err := faultproxy.Start(faultproxy.Options{Target: direct.Server, CA: direct.CA})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	through := *direct
	through.Server, through.CA = proxy.URL(), proxy.Trust()
	return bench{direct, &through, proxy}
}

func embedded(t *testing.T) bench {
	t.Helper()
	d, err := directory.Start(directory.Options{Objects: []site.Object{jdoe}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, d.Site()) })
	return newBench(t, d.Site())
}

func onSamba(t *testing.T) bench {
	t.Helper()
	if err := samba.Missing(); err != nil {
		if os.Getenv("ALIASD_TEST_STRICT") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dc, err := samba.Start(t.Context(), samba.Options{Objects: []site.Object{jdoe}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, dc) })
	return newBench(t, dc)
}

func stop(t *testing.T, s *site.Site) {
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

func (b bench) dial(t *testing.T) *ldap.Conn {
	t.Helper()
	conn, err := b.through.Dial(t.Context(), b.through.Service)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (b bench) setMail(conn *ldap.Conn, mail string) error {
	request := ldap.NewModifyRequest(b.direct.DNOf(jdoe), nil)
	request.Replace("mail", []string{mail})
	return conn.Modify(request)
}

func (b bench) mail(t *testing.T) string {
	t.Helper()
	entry, err := b.direct.Read(t.Context(), b.direct.DNOf(jdoe), "mail")
	if err != nil {
		t.Fatal(err)
	}
	return entry.GetAttributeValue("mail")
}

// TestLDAPFaults does each fault to one modify, on both kinds of directories: what the client is told, and what the directory has.
func TestLDAPFaults(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(*testing.T) bench{"embedded": embedded, "samba": onSamba} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := make(t)
			for _, test := range ldapFaults() {
				t.Run(test.name, func(t *testing.T) { test.run(t, b) })
			}
		})
	}
}

// ldapFault is one fault at one message, and what it has to look like.
type ldapFault struct {
	name   string
	at     faultproxy.Kind
	fault  faultproxy.Fault
	code   uint16
	landed bool
}

func ldapFaults() []ldapFault {
	referral := &wire.Result{Code: ldap.LDAPResultReferral, Referrals: []string{"ldap://dc2.contoso.test"}}
	lost := uint16(ldap.ErrorNetwork)
	return []ldapFault{
		{"pass", faultproxy.Modify, faultproxy.Fault{}, 0, true},
		{"delay", faultproxy.Modify, faultproxy.Fault{Delay: time.Millisecond}, 0, true},
		{"cut before", faultproxy.Modify, faultproxy.Fault{Action: faultproxy.Cut}, lost, false},
		{"reset before", faultproxy.Modify, faultproxy.Fault{Action: faultproxy.Reset}, lost, false},
		{"truncated request", faultproxy.Modify, faultproxy.Fault{Action: faultproxy.Truncate}, lost, false},
		{"half-open before", faultproxy.Modify, faultproxy.Fault{Action: faultproxy.Hold}, lost, false},
		{"cut behind", faultproxy.Modify, faultproxy.Fault{Action: faultproxy.PassAndCut}, lost, true},
		{"reset behind", faultproxy.Modify, faultproxy.Fault{Action: faultproxy.PassAndReset}, lost, true},
		{"half-open behind", faultproxy.Modify, faultproxy.Fault{Action: faultproxy.PassAndHold}, lost, true},
		{"answer cut", faultproxy.ModifyAnswer, faultproxy.Fault{Action: faultproxy.Cut}, lost, true},
		{"answer reset", faultproxy.ModifyAnswer, faultproxy.Fault{Action: faultproxy.Reset}, lost, true},
		{"answer held", faultproxy.ModifyAnswer, faultproxy.Fault{Action: faultproxy.Hold}, lost, true},
		{"answer truncated", faultproxy.ModifyAnswer, faultproxy.Fault{Action: faultproxy.Truncate}, lost, true},
		{"answer truncated and held", faultproxy.ModifyAnswer, faultproxy.Fault{Action: faultproxy.TruncateAndHold}, lost, true},
		{"answer, then cut", faultproxy.ModifyAnswer, faultproxy.Fault{Action: faultproxy.PassAndCut}, 0, true},
		{"referred", faultproxy.Modify, faultproxy.Fault{Answer: referral}, ldap.LDAPResultReferral, false},
	}
}

func (f ldapFault) run(t *testing.T, b bench) {
	b.reset(t)
	conn := b.dial(t)
	before, after := false, false
	var gaveUp atomic.Bool
	fault := f.fault
	fault.Before, fault.After = func() {
		before = true
		if holds(fault.Action) {
			time.AfterFunc(heldFor, func() {
				gaveUp.Store(true)
				_ = conn.Close()
			})
		}
	}, func() { after = true }
	b.proxy.OnMessage(faultproxy.Times(1, faultproxy.Is(f.at), fault))
	if err := b.setMail(conn, newMail); codeOf(err) != f.code {
		t.Errorf("the client is told %v, want code %d", err, f.code)
	}
	if gaveUp.Load() != holds(fault.Action) {
		t.Errorf("the client gave up: %t", gaveUp.Load())
	}
	b.proxy.OnMessage(nil)
	b.mustHave(t, f.landed)
	b.proxy.CutAll()
	awaitClosed(t, b.proxy)
	if !before || !after {
		t.Errorf("before ran: %v, after ran: %v", before, after)
	}
}

func (b bench) reset(t *testing.T) {
	t.Helper()
	if err := b.direct.Modify(t.Context(), b.direct.DNOf(jdoe), site.Changes{Replace: map[string][]string{"mail": {jdoe.Mail}}}); err != nil {
		t.Fatal(err)
	}
}

// mustHave waits for a modify that is on its way, and finds one that must not be.
func (b bench) mustHave(t *testing.T, landed bool) {
	t.Helper()
	want := jdoe.Mail
	if landed {
		want = newMail
	}
	deadline := time.Now().Add(patience)
	for got := b.mail(t); got != want; got = b.mail(t) {
		if time.Now().After(deadline) {
			t.Fatalf("the directory has %s, want %s", got, want)
		}
	}
}

func awaitClosed(t *testing.T, p *faultproxy.Proxy) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for p.Open() > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections stay open", p.Open())
		}
		time.Sleep(time.Millisecond)
	}
}

// codeOf is a modify's result code; a lost connection counts as a network error, an answer that does not come too.
func codeOf(err error) uint16 {
	var refused *ldap.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &refused):
		return refused.ResultCode
	}
	return ldap.ErrorNetwork
}

// TestHookSeesLDAP looks at what the hook is told of each message.
func TestHookSeesLDAP(t *testing.T) {
	t.Parallel()
	b := embedded(t)
	var mu sync.Mutex
	var seen []faultproxy.Message
	b.proxy.OnMessage(func(m faultproxy.Message) faultproxy.Fault {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, m)
		return faultproxy.Fault{}
	})
	if err := b.setMail(b.dial(t), newMail); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	want := []faultproxy.Kind{faultproxy.Bind, faultproxy.BindAnswer, faultproxy.Modify, faultproxy.ModifyAnswer}
	if len(seen) != len(want) {
		t.Fatalf("saw %+v", seen)
	}
	for i, kind := range want {
		if m := seen[i]; m.Kind != kind || m.Conn != 1 || m.ID != int64(1+i/2) || m.Size == 0 || (m.Direction == faultproxy.ToServer) != (i%2 == 0) {
			t.Errorf("message %d is %+v, want %s", i, m, kind)
		}
	}
	if modify, ok := seen[2].Operation.(*wire.Modify); !ok || modify.DN != b.direct.DNOf(jdoe) {
		t.Errorf("the modify is %+v", seen[2].Operation)
	}
	if b.proxy.Count(faultproxy.Modify) != 1 {
		t.Errorf("%d modifies counted", b.proxy.Count(faultproxy.Modify))
	}
}

// TestIdleConnectionDies holds what is open, as a firewall that forgot it, and lets a new connection through.
func TestIdleConnectionDies(t *testing.T) {
	t.Parallel()
	b := embedded(t)
	old := b.dial(t)
	old.SetTimeout(heldFor)
	b.proxy.HoldAll()
	if err := b.setMail(old, newMail); codeOf(err) != ldap.ErrorNetwork {
		t.Errorf("on the dead connection: %v", err)
	}
	if err := b.setMail(b.dial(t), newMail); err != nil {
		t.Errorf("on a new connection: %v", err)
	}
}

// TestDoors: a proxy that refuses, one that says nothing, and one that is closed.
func TestDoors(t *testing.T) {
	t.Parallel()
	b := embedded(t)
	held := b.dial(t)
	b.proxy.Refuse(true)
	if conn, err := b.through.Dial(t.Context(), b.through.Service); err == nil {
		_ = conn.Close()
		t.Error("a refused connection binds")
	}
	b.proxy.Refuse(false)
	if err := b.setMail(held, newMail); err != nil {
		t.Errorf("a connection from before: %v", err)
	}
	b.dial(t)
	b.proxy.CutAll()
	if err := b.setMail(held, newMail); codeOf(err) != ldap.ErrorNetwork {
		t.Errorf("a connection that was cut: %v", err)
	}
	for range 2 {
		if err := b.proxy.Close(); err != nil {
			t.Error(err)
		}
	}
	if b.proxy.Open() != 0 {
		t.Errorf("%d connections are open", b.proxy.Open())
	}
}
