package ldapwriter_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/ldapwriter"
)

// slipIn writes a change while somebody else's edit comes in after the modify and before the read-back: the tap holds the
// directory's answer back until the edit is made.
func slipIn(t *testing.T, b *bundle, guid address.GUID, change address.Change, edit site.Changes) (ldapwriter.Receipt, error) {
	t.Helper()
	tap := newTap(t, b.dc.Server)
	o := b.options()
	o.Servers = []string{tap.url}
	d := open(t, o)
	var once sync.Once // what takes it back is confirmed too
	return d.Write(t.Context(), ldapwriter.Job{Entry: read(t, d, guid), Change: change, Confirm: func(context.Context) error {
		once.Do(func() {
			tap.onReply(func() bool {
				b.edit(t, guid, edit)
				return true
			})
		})
		return nil
	}})
}

// proxyEdit is an edit of proxyAddresses.
func proxyEdit(remove, add []string) site.Changes {
	c := site.Changes{}
	if len(remove) > 0 {
		c.Delete = map[string][]string{"proxyAddresses": remove}
	}
	if len(add) > 0 {
		c.Add = map[string][]string{"proxyAddresses": add}
	}
	return c
}

func takeBackAfterSlip(t *testing.T, b *bundle) {
	old, next, theirs, kept := b.mail("old"), b.mail("next"), b.mail("theirs"), "X500:/o=Org/cn=Kept"
	setPrimary := address.Change{Delete: proxySet("SMTP:"+old, "smtp:"+next), Add: proxySet("smtp:"+old, "SMTP:"+next),
		Mail: &address.MailChange{Old: old, New: next}}
	for what, c := range map[string]struct {
		edit site.Changes
		left address.Values // what must stand in the end: their edit, nothing of ours, and one primary
	}{
		"a second primary": {proxyEdit(nil, []string{"SMTP:" + theirs}),
			address.Values{Mail: old, Proxies: proxySet("smtp:"+old, "smtp:"+next, kept, "SMTP:"+theirs)}},
		"our primary made an alias": {proxyEdit([]string{"SMTP:" + next}, []string{"smtp:" + next}),
			address.Values{Mail: old, Proxies: proxySet("SMTP:"+old, "smtp:"+next, kept)}},
		"our primary removed": {proxyEdit([]string{"SMTP:" + next}, nil),
			address.Values{Mail: old, Proxies: proxySet("SMTP:"+old, kept)}},
		"another mail": {site.Changes{Replace: map[string][]string{"mail": {theirs}}},
			address.Values{Mail: theirs, Proxies: proxySet("SMTP:"+old, "smtp:"+next, kept)}},
	} {
		t.Run(what, func(t *testing.T) {
			guid := b.user(t, "u", old, "SMTP:"+old, "smtp:"+next, kept)
			defer func() { _ = b.dc.Remove(background(), b.dc.DNOf(site.Object{Kind: site.User, Name: b.name("u")})) }()
			_, err := slipIn(t, b, guid, setPrimary, c.edit)
			var slip *ldapwriter.SlippedError
			if !errors.As(err, &slip) || !slip.TakenBack {
				t.Fatalf("got %v, wanted a slip that was taken back", err)
			}
			same(t, "wanted", slip.Want, address.Values{Mail: next, Proxies: proxySet("smtp:"+old, "SMTP:"+next, kept)})
			if slip.Got.Proxies.Equal(slip.Want.Proxies) && slip.Got.Mail == slip.Want.Mail {
				t.Errorf("what was found is what was wanted: %+v", slip.Got)
			}
			same(t, "left", b.stored(t, guid), c.left)
		})
	}
}

func slipsGoneAlready(t *testing.T, b *bundle) {
	alias := b.mail("alias")
	guid := b.user(t, "u", "", b.smtp("SMTP:u")...)
	before := b.stored(t, guid)
	_, err := slipIn(t, b, guid, address.Change{Add: proxySet("smtp:" + alias)}, proxyEdit([]string{"smtp:" + alias}, nil))
	var slip *ldapwriter.SlippedError
	if !errors.As(err, &slip) || slip.TakenBack {
		t.Fatalf("got %v, wanted a slip with nothing to take back", err)
	}
	same(t, "stored", b.stored(t, guid), before)
	_, err = slipIn(t, b, guid, address.Change{Delete: before.Proxies}, proxyEdit(nil, []string{string(before.Proxies[0])}))
	if !errors.As(err, &slip) || slip.TakenBack {
		t.Fatalf("got %v, wanted a slip with nothing to take back", err)
	}
	same(t, "stored again", b.stored(t, guid), before)
}

func editsThatDoNotMatter(t *testing.T, b *bundle) {
	alias, x500, sip := b.mail("alias"), "X500:/o=Org/cn=U", "SIP:"+b.mail("u")
	guid := b.user(t, "u", "", append(b.smtp("SMTP:u", "smtp:old"), x500)...)
	receipt, err := slipIn(t, b, guid, address.Change{Add: proxySet("smtp:" + alias)},
		proxyEdit(append(b.smtp("smtp:old"), x500), []string{sip}))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "after", receipt.After, address.Values{Proxies: proxySet(b.smtp("SMTP:u")[0], "smtp:"+alias, sip)})
	same(t, "stored", b.stored(t, guid), receipt.After)
}

// An alias that we made of the old primary, and that somebody removes right after, stays away.
func removedAfterDemotion(t *testing.T, b *bundle) {
	old, next := b.mail("old"), b.mail("next")
	guid := b.user(t, "u", old, "SMTP:"+old)
	receipt, err := slipIn(t, b, guid, address.Change{Delete: proxySet("SMTP:" + old), Add: proxySet("smtp:"+old, "SMTP:"+next),
		Mail: &address.MailChange{Old: old, New: next}}, proxyEdit([]string{"smtp:" + old}, nil))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "after", receipt.After, address.Values{Mail: next, Proxies: proxySet("SMTP:" + next)})
	same(t, "stored", b.stored(t, guid), receipt.After)
}

// What somebody has built on cannot be taken back, and is not called gone.
func builtOn(t *testing.T, b *bundle) {
	alias := b.mail("alias")
	guid := b.user(t, "u", "", b.smtp("SMTP:u")...)
	_, err := slipIn(t, b, guid, address.Change{Add: proxySet("smtp:" + alias)},
		proxyEdit(append(b.smtp("SMTP:u"), "smtp:"+alias), append(b.smtp("smtp:u"), "SMTP:"+alias)))
	var slip *ldapwriter.SlippedError
	if !errors.As(err, &slip) || slip.TakenBack || !slip.Remains {
		t.Fatalf("got %v, wanted a slip of which something remains", err)
	}
	same(t, "stored", b.stored(t, guid), address.Values{Proxies: proxySet(append(b.smtp("smtp:u"), "SMTP:"+alias)...)})
}
