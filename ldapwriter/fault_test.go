package ldapwriter_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
)

// tapped is a writer that reaches the directory through a tap.
func tapped(t *testing.T, b *bundle, change func(*ldapwriter.Options)) (*ldapwriter.Directory, *tap) {
	t.Helper()
	tap := newTap(t, b.dc.Server)
	o := b.options()
	o.Servers = []string{tap.url}
	if change != nil {
		change(&o)
	}
	return open(t, o), tap
}

// connectionCut cuts the connection at each point of a write, and says what the writer must make of it.
func connectionCut(t *testing.T, b *bundle) {
	d, tap := tapped(t, b, nil)
	guid := b.user(t, "cut", "", b.smtp("SMTP:cut")...)
	for what, c := range map[string]struct {
		fault   func()
		written bool // whether the directory has the change in the end
		check   func(*testing.T, ldapwriter.Receipt, error)
	}{
		"before it is sent": {func() { tap.setDown(true) }, false, func(t *testing.T, _ ldapwriter.Receipt, err error) {
			if unknown := (*ldapwriter.UnknownOutcomeError)(nil); errors.As(err, &unknown) {
				return // the modify left this machine before the end of the connection was seen
			}
			meets(t, err, cause.Waiting, cause.DirectoryUnavailable, tap.url)
		}},
		"on its way there": {func() { tap.onRequest(func() bool { return false }) }, false, wantUnknown(tap.url)},
		"on its way back":  {func() { tap.onReply(func() bool { return false }) }, true, wantUnknown(tap.url)},
		"at the read-back": {func() {
			tap.onReply(func() bool {
				tap.onRequest(func() bool { return false })
				return true
			})
		}, true, func(t *testing.T, r ldapwriter.Receipt, err error) {
			if err != nil || len(r.After.Proxies) != 2 {
				t.Errorf("the read-back goes over a fresh connection: %+v, %v", r, err)
			}
		}},
		"and gone at the read-back": {func() {
			tap.onReply(func() bool {
				tap.onRequest(func() bool { go tap.setDown(true); return false })
				return true
			})
		}, true, wantUnknown(tap.url)},
	} {
		t.Run(what, func(t *testing.T) {
			tap.setDown(false)
			entry := read(t, d, guid)
			change := address.Change{Add: proxySet(b.smtp("smtp:a")...)}
			receipt, err := d.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: change, Confirm: func(context.Context) error {
				c.fault()
				return nil
			}})
			c.check(t, receipt, err)
			stored := b.stored(t, guid)
			if stored.Proxies.Has(change.Add[0]) != c.written {
				t.Errorf("stored %q", stored.Proxies)
			}
			tap.setDown(false)
			if c.written {
				if _, err := d.Write(t.Context(), ldapwriter.Job{Entry: read(t, d, guid), Change: change.Invert()}); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	tap.setDown(true)
	_, err := d.Find(t.Context(), guid.String())
	meets(t, err, cause.Waiting, cause.DirectoryUnavailable, tap.url)
	_, err = d.Write(t.Context(), ldapwriter.Job{Entry: ldapwriter.Entry{DC: tap.url, Holder: address.Holder{GUID: guid}},
		Change: address.Change{Add: proxySet(b.smtp("smtp:a")...)}})
	meets(t, err, cause.Waiting, cause.DirectoryUnavailable, tap.url)
}

func wantUnknown(dc string) func(*testing.T, ldapwriter.Receipt, error) {
	return func(t *testing.T, _ ldapwriter.Receipt, err error) {
		t.Helper()
		var unknown *ldapwriter.UnknownOutcomeError
		if !errors.As(err, &unknown) || unknown.DC != dc {
			t.Errorf("got %v, wanted an unknown outcome on %s", err, dc)
		}
	}
}

// pooledConnectionsDie cuts connections while they lie in the pool, seen and unseen: reads go on over fresh ones.
func pooledConnectionsDie(t *testing.T, b *bundle) {
	d, tap := tapped(t, b, nil)
	guid := b.user(t, "pooled", "", b.smtp("SMTP:pooled")...)
	read(t, d, guid)
	for range 3 {
		before := tap.accepted.Load()
		tap.cut()
		read(t, d, guid)
		if made := tap.accepted.Load() - before; made != 1 {
			t.Errorf("%d connections were made anew, wanted 1", made)
		}
		tap.onRequest(func() bool { return false })
		read(t, d, guid)
		if made := tap.accepted.Load() - before; made != 2 {
			t.Errorf("%d connections were made anew, wanted 2", made)
		}
	}
	// A fresh connection that dies is not tried again.
	tap.cut()
	before := tap.accepted.Load()
	var cuts atomic.Int32
	var again func() bool
	again = func() bool {
		if cuts.Add(1) > 1 {
			return false
		}
		tap.onRequest(again)
		return false
	}
	tap.onRequest(again)
	_, err := d.Read(t.Context(), guid, ldapwriter.Prior{})
	meets(t, err, cause.Waiting, cause.DirectoryUnavailable)
	if made := tap.accepted.Load() - before; made != 1 {
		t.Errorf("%d connections were made for a server that cuts each, wanted 1", made)
	}
}

// timeLimit holds answers back: nothing waits for longer than its limit, and a modify counts as sent.
func timeLimit(t *testing.T, b *bundle) {
	const limit = time.Second
	d, tap := tapped(t, b, func(o *ldapwriter.Options) { o.Timeout = limit })
	o := b.options()
	o.Servers = []string{tap.url}
	patient := open(t, o)
	guid := b.user(t, "slow", "", b.smtp("SMTP:slow")...)
	released := make(chan struct{})
	hold := func() bool { <-released; return true }
	defer close(released)
	entry := read(t, patient, guid)
	again(t, "a connection lies in the pool", func() bool {
		_, err := d.Read(t.Context(), guid, ldapwriter.Prior{})
		return err == nil
	})
	tap.onReply(hold)
	_, err := d.Read(t.Context(), guid, ldapwriter.Prior{})
	meets(t, err, cause.Waiting, cause.DirectoryUnavailable, "within 1s")
	sent := false
	again(t, "the modify is sent", func() bool {
		_, err = d.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: address.Change{Add: proxySet(b.smtp("smtp:a")...)},
			Confirm: func(context.Context) error {
				sent = true
				tap.onReply(hold)
				return nil
			}})
		return sent
	})
	wantUnknown(tap.url)(t, ldapwriter.Receipt{}, err)
	url, taken := blackHole(t)
	now := b.clock.now() // for as long as it stands still, what did not answer a moment ago is not asked again
	o.Servers, o.Timeout, o.Now = []string{url}, limit, func() time.Time { return now }
	hole := open(t, o)
	_, err = hole.Find(t.Context(), guid.String())
	meets(t, err, cause.Waiting, cause.DirectoryUnavailable, "does not answer in time")
	for _, err := range second(hole.ReadAll(t.Context(), make([]address.GUID, 5000))) {
		meets(t, err, cause.Waiting, cause.DirectoryUnavailable)
	}
	if n := taken.Load(); n != 1 {
		t.Errorf("a server that did not answer a moment ago was asked again: %d connections", n)
	}
}

func second[A, B any](_ A, b B) B { return b }

// contextEnds ends the context while the directory is silent: reads stop at once, a modify that was sent does not.
func contextEnds(t *testing.T, b *bundle) {
	d, tap := tapped(t, b, nil)
	guid := b.user(t, "ctx", "", b.smtp("SMTP:ctx")...)
	entry := read(t, d, guid)
	ctx, cancel := context.WithCancel(t.Context())
	tap.onReply(func() bool { cancel(); <-ctx.Done(); return false })
	if _, err := d.Read(ctx, guid, ldapwriter.Prior{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, wanted the context's error", err)
	}
	change := address.Change{Add: proxySet(b.smtp("smtp:a")...)}
	if _, err := d.Write(ctx, ldapwriter.Job{Entry: entry, Change: change}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, wanted the context's error", err)
	}
	if b.stored(t, guid).Proxies.Has(change.Add[0]) {
		t.Error("it was written although the context had ended before")
	}
	late, cancel := context.WithCancel(t.Context())
	receipt, err := d.Write(late, ldapwriter.Job{Entry: entry, Change: change, Confirm: func(context.Context) error {
		tap.onReply(func() bool { cancel(); return true })
		return nil
	}})
	if err != nil || !receipt.After.Proxies.Has(change.Add[0]) {
		t.Errorf("a modify that was sent was given up: %+v, %v", receipt, err)
	}
}

func TestClosedAndWrongOptions(t *testing.T) {
	t.Parallel()
	_, err := ldapwriter.Open(ldapwriter.Options{
		Servers: []string{"ldap://dc1.contoso.test", "ldaps://", "ldaps://u:p@dc1", "ldaps://dc1/x", "::"}, GlobalCatalog: []string{"https://dc1"},
		BaseDN: "contoso", Connections: -1,
	})
	if err == nil {
		t.Fatal("it opened")
	}
	for _, words := range []string{`"ldap://dc1.contoso.test" must begin`, `"ldaps://" must be`, "u:p", `"ldaps://dc1/x"`, `"::"`, `"https://dc1"`,
		`base DN "contoso"`, "sign in", "negative"} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("%q lacks %q", err, words)
		}
	}
	if _, err := ldapwriter.Open(ldapwriter.Options{}); err == nil || !strings.Contains(err.Error(), "no server") {
		t.Errorf("got %v", err)
	}
	d, err := ldapwriter.Open(ldapwriter.Options{Servers: []string{"ldaps://127.0.0.1:1"}, BaseDN: "DC=contoso,DC=test",
		Bind: ldapwriter.SimpleBind{User: "u", Password: func() (string, error) { return "p", nil }}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Find(t.Context(), "jdoe")
	meets(t, err, cause.Waiting, cause.DirectoryUnavailable, "ldaps://127.0.0.1:1", "refused")
	_, err = d.Write(t.Context(), ldapwriter.Job{Entry: ldapwriter.Entry{DC: "ldaps://dc9.contoso.test"}})
	meets(t, err, cause.Waiting, cause.DCUnavailable, "dc9.contoso.test", "not in the settings")
	for range 2 {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Find(t.Context(), "jdoe"); err == nil {
		t.Error("a closed one finds")
	}
}
