package ldapwriter_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/ldapwriter"
)

func writeChanges(t *testing.T, b *bundle) {
	d := open(t, b.options())
	old, alias, next, x500 := b.mail("Old"), b.mail("alias"), b.mail("next"), "X500:/o=Org/cn=Old,x"
	for what, c := range map[string]struct {
		mail    string
		proxies []string
		change  address.Change
	}{
		"add an alias": {old, []string{"SMTP:" + old, x500}, address.Change{Add: proxySet("smtp:" + alias)}},
		"the first values": {"", nil, address.Change{Add: proxySet("SMTP:"+next, "smtp:"+alias),
			Mail: &address.MailChange{New: next}}},
		"make an alias the primary": {old, []string{"SMTP:" + old, "smtp:" + next, x500}, address.Change{
			Delete: proxySet("SMTP:"+old, "smtp:"+next), Add: proxySet("smtp:"+old, "SMTP:"+next), Mail: &address.MailChange{Old: old, New: next}}},
		"remove an alias": {old, []string{"SMTP:" + old, "smtp:" + alias, x500}, address.Change{Delete: proxySet("smtp:" + alias)}},
		"remove all":      {old, []string{"SMTP:" + old}, address.Change{Delete: proxySet("SMTP:" + old), Mail: &address.MailChange{Old: old}}},
		"mail alone":      {old, []string{"smtp:" + old}, address.Change{Mail: &address.MailChange{Old: old, New: next}}},
		"mend two primaries": {old, []string{"SMTP:" + old, "SMTP:" + next}, address.Change{Delete: proxySet("SMTP:" + next),
			Add: proxySet("smtp:" + next)}},
		"leave two primaries": {old, []string{"SMTP:" + old, "SMTP:" + next}, address.Change{Add: proxySet("smtp:" + alias)}},
	} {
		t.Run(what, func(t *testing.T) {
			guid := b.user(t, "u", c.mail, c.proxies...)
			defer func() { _ = b.dc.Remove(background(), b.dc.DNOf(site.Object{Kind: site.User, Name: b.name("u")})) }()
			entry := read(t, d, guid)
			want, err := c.change.Apply(entry.Values)
			if err != nil {
				t.Fatal(err)
			}
			receipt, err := d.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: c.change})
			if err != nil {
				t.Fatal(err)
			}
			same(t, "before", receipt.Before, entry.Values)
			same(t, "after", receipt.After, want)
			same(t, "stored", b.stored(t, guid), want)
			now := read(t, d, guid)
			if receipt.DC != b.dc.Server || receipt.USNChanged != now.USNChanged || receipt.USNChanged <= entry.USNChanged ||
				receipt.At.Sub(b.clock.now()).Abs() > 60e9 || len(receipt.Change.Add) != len(c.change.Add) {
				t.Errorf("receipt %+v of uSNChanged %d, then %d", receipt, entry.USNChanged, now.USNChanged)
			}
			undone, err := d.Write(t.Context(), ldapwriter.Job{Entry: now, Change: c.change.Invert()})
			if err != nil {
				t.Fatal(err)
			}
			same(t, "undone", undone.After, entry.Values)
		})
	}
}

func writeNothing(t *testing.T, b *bundle) {
	d := open(t, b.options())
	guid := b.user(t, "calm", b.mail("calm"), b.smtp("SMTP:calm")...)
	entry := read(t, d, guid)
	for _, c := range []address.Change{{}, {Mail: &address.MailChange{Old: entry.Mail, New: entry.Mail}}} {
		receipt, err := d.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: c, Confirm: func(context.Context) error {
			return errors.New("nothing is sent, so nothing is confirmed")
		}})
		if err != nil || receipt.USNChanged != entry.USNChanged || !receipt.Change.Empty() {
			t.Errorf("%+v, %v", receipt, err)
		}
		same(t, "after", receipt.After, entry.Values)
	}
}

func writeCaseOnly(t *testing.T, b *bundle) {
	d := open(t, b.options())
	lower, upper := b.mail("j.doe"), strings.ToUpper(b.mail("j.doe"))
	guid := b.user(t, "case", lower, "SMTP:"+lower, "smtp:"+b.mail("x"))
	entry := read(t, d, guid)
	change := address.Change{Delete: proxySet("SMTP:" + lower), Add: proxySet("SMTP:" + upper), Mail: &address.MailChange{Old: lower, New: upper}}
	receipt, err := d.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: change})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "after", receipt.After, address.Values{Mail: upper, Proxies: proxySet("SMTP:"+upper, "smtp:"+b.mail("x"))})
}

func writeAgainstFaster(t *testing.T, b *bundle) {
	d := open(t, b.options())
	old, next, other := b.mail("old"), b.mail("next"), b.mail("other")
	setPrimary := address.Change{Delete: proxySet("SMTP:" + old), Add: proxySet("smtp:"+old, "SMTP:"+next),
		Mail: &address.MailChange{Old: old, New: next}}
	for what, c := range map[string]struct {
		mail    string
		proxies []string
		change  address.Change
		faster  site.Changes
	}{
		"the value to delete is gone": {old, []string{"SMTP:" + old}, setPrimary,
			site.Changes{Delete: map[string][]string{"proxyAddresses": {"SMTP:" + old}}}},
		"the value to add is there": {old, []string{"SMTP:" + old}, setPrimary,
			site.Changes{Add: map[string][]string{"proxyAddresses": {"SMTP:" + next}}}},
		"mail is another": {old, []string{"SMTP:" + old}, setPrimary, site.Changes{Replace: map[string][]string{"mail": {other}}}},
		"mail is gone":    {old, []string{"SMTP:" + old}, setPrimary, site.Changes{Delete: map[string][]string{"mail": {old}}}},
		"mail came about": {"", []string{"smtp:" + old}, address.Change{Mail: &address.MailChange{New: next}},
			site.Changes{Add: map[string][]string{"mail": {other}}}},
		"all is gone": {"", []string{"smtp:" + old}, address.Change{Delete: proxySet("smtp:" + old)},
			site.Changes{Delete: map[string][]string{"proxyAddresses": {"smtp:" + old}}}},
	} {
		t.Run(what, func(t *testing.T) {
			guid := b.user(t, "u", c.mail, c.proxies...)
			defer func() { _ = b.dc.Remove(background(), b.dc.DNOf(site.Object{Kind: site.User, Name: b.name("u")})) }()
			entry := read(t, d, guid)
			b.edit(t, guid, c.faster)
			faster := b.stored(t, guid)
			if _, err := d.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: c.change}); !errors.Is(err, ldapwriter.ErrConflict) {
				t.Fatalf("got %v, wanted a conflict", err)
			}
			same(t, "stored", b.stored(t, guid), faster)
		})
	}
}

func writeConfirmed(t *testing.T, b *bundle) {
	d := open(t, b.options())
	guid := b.user(t, "leased", "", b.smtp("SMTP:leased")...)
	entry := read(t, d, guid)
	over := errors.New("the lease is over")
	confirmed := 0
	job := ldapwriter.Job{Entry: entry, Change: address.Change{Add: proxySet(b.smtp("smtp:a")...)}, Confirm: func(context.Context) error {
		confirmed++
		return over
	}}
	if _, err := d.Write(t.Context(), job); !errors.Is(err, over) {
		t.Fatalf("got %v, wanted what confirm said", err)
	}
	same(t, "stored", b.stored(t, guid), entry.Values)
	over = nil
	if _, err := d.Write(t.Context(), job); err != nil || confirmed != 2 {
		t.Fatalf("confirmed %d times, %v", confirmed, err)
	}
}

func writeToDeleted(t *testing.T, b *bundle) {
	d := open(t, b.options())
	guid := b.user(t, "gone", "", b.smtp("SMTP:gone")...)
	entry := read(t, d, guid)
	if err := b.dc.Remove(t.Context(), string(entry.DN)); err != nil {
		t.Fatal(err)
	}
	_, err := d.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: address.Change{Add: proxySet(b.smtp("smtp:a")...)}})
	meets(t, err, cause.Refusal, cause.UnknownHolder, "deleted")
	_, err = d.Write(t.Context(), ldapwriter.Job{Entry: entry})
	meets(t, err, cause.Refusal, cause.UnknownHolder, "deleted")
}

func writeWithoutRights(t *testing.T, b *bundle) {
	d := open(t, b.options())
	o := site.Object{Kind: site.User, Name: b.name("Locked, Up"), Account: b.name("locked"), OU: site.Locked, Mail: b.mail("l")}
	guid := b.add(t, o)
	entry := read(t, d, guid)
	for _, c := range []struct {
		change address.Change
		words  []string
	}{
		{address.Change{Add: proxySet(b.smtp("smtp:a")...)}, []string{"may not write proxyAddresses of", `:WP;proxyAddresses;user"`}},
		{address.Change{Mail: &address.MailChange{Old: entry.Mail, New: b.mail("m")}}, []string{"may not write mail of", `:WP;mail;user"`}},
		{address.Change{Add: proxySet(b.smtp("smtp:a")...), Mail: &address.MailChange{Old: entry.Mail, New: b.mail("m")}},
			[]string{"proxyAddresses and mail", `:WP;proxyAddresses;user" "`, `:WP;mail;user"`}},
	} {
		_, err := d.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: c.change})
		meets(t, err, cause.Refusal, cause.NoRights, append(c.words, b.dc.Service.User, o.Name, b.dc.DNOf(o), `dsacls "`+b.dc.DN(site.Locked)+`" /I:S`)...)
	}
	same(t, "stored", b.stored(t, guid), entry.Values)
}

// writeToProtected: what is protected by AdminSDHolder inherits no rights, so they must be given elsewhere.
func writeToProtected(t *testing.T, b *bundle) {
	d := open(t, b.options())
	entry, err := d.Find(t.Context(), "Administrator")
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: address.Change{Add: proxySet(b.smtp("smtp:admin")...)}})
	meets(t, err, cause.Refusal, cause.NoRights, `dsacls "CN=AdminSDHolder,CN=System,`+b.dc.BaseDN+`" /G "`+b.dc.Service.User+`:WP;proxyAddresses"`)
}

func writeTooLong(t *testing.T, b *bundle) {
	d := open(t, b.options())
	guid := b.user(t, "long", "", b.smtp("SMTP:long")...)
	entry := read(t, d, guid)
	long := strings.Repeat("x", 1200)
	_, err := d.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: address.Change{Add: proxySet("smtp:" + b.mail(long))}})
	meets(t, err, cause.Failure, cause.DirectoryRefused, "too long", b.dc.Server, "LDAP result")
	_, err = d.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: address.Change{Add: proxySet(b.smtp("smtp:fine")...),
		Mail: &address.MailChange{New: b.mail(long)}}})
	meets(t, err, cause.Failure, cause.DirectoryRefused, "too long")
	same(t, "stored", b.stored(t, guid), entry.Values)
}

// writeAmongTwins changes a holder that has one address in two spellings, as Samba lets them come about: exactly the value that
// was named goes. AD has no twins, and adding one looks like somebody was faster.
func writeAmongTwins(t *testing.T, b *bundle) {
	d := open(t, b.options())
	guid := b.user(t, "twins", "", b.smtp("smtp:t", "smtp:x")...)
	lower, upper := b.smtp("smtp:t")[0], b.smtp("SMTP:t")[0]
	twin := proxyEdit(nil, []string{upper})
	if err := b.dc.Modify(t.Context(), fmt.Sprintf("<GUID=%s>", guid), twin); ldap.IsErrorWithCode(err, ldap.LDAPResultAttributeOrValueExists) {
		_, err := d.Write(t.Context(), ldapwriter.Job{Entry: read(t, d, guid), Change: address.Change{Add: proxySet(upper)}})
		if !errors.Is(err, ldapwriter.ErrConflict) {
			t.Errorf("got %v, wanted a conflict", err)
		}
		return
	}
	for range 2 {
		for gone, stays := range map[string]string{lower: upper, upper: lower} {
			receipt, err := d.Write(t.Context(), ldapwriter.Job{Entry: read(t, d, guid), Change: address.Change{Delete: proxySet(gone)}})
			if err != nil {
				t.Fatal(err)
			}
			same(t, "without "+gone, receipt.After, address.Values{Proxies: proxySet(stays, b.smtp("smtp:x")[0])})
			b.edit(t, guid, proxyEdit(nil, []string{gone}))
		}
	}
	if found, err := d.Find(t.Context(), b.mail("t")); err != nil || found.GUID != guid {
		t.Errorf("found %q, %v", found.DN, err)
	}
	if held, err := d.HoldersOf(t.Context(), []address.Address{address.Address(b.mail("t"))}, address.GUID{}); err != nil || len(held) != 1 {
		t.Errorf("held by %+v, %v", held, err)
	}
}

func rightsOfTheAccount(t *testing.T, b *bundle) {
	d := open(t, b.options())
	may := b.add(t, site.Object{Kind: site.Group, Name: b.name("may")})
	mayNot := b.add(t, site.Object{Kind: site.Contact, Name: b.name("may not"), OU: site.Locked})
	if r, err := d.Rights(t.Context(), may); err != nil || !r.Mail || !r.ProxyAddresses {
		t.Errorf("in people: %+v, %v", r, err)
	}
	if r, err := d.Rights(t.Context(), mayNot); err != nil || r.Mail || r.ProxyAddresses {
		t.Errorf("in a locked unit: %+v, %v", r, err)
	}
}

func probeEverything(t *testing.T, b *bundle) {
	o := b.options()
	o.GlobalCatalog = []string{b.dc.GlobalCatalog}
	found := open(t, o).Probe(t.Context())
	if len(found) < 8 {
		t.Errorf("only %d findings", len(found))
	}
	for _, f := range found {
		if !f.OK || f.Name == "" || f.Detail == "" {
			t.Errorf("%+v", f)
		}
	}
	b.clock.advance(8 * 60e9)
	o.BaseDN = "DC=elsewhere,DC=test"
	var bad []string
	for _, f := range open(t, o).Probe(t.Context()) {
		if !f.OK && f.Mend != "" {
			_, what, _ := strings.Cut(f.Name[len("directory ldaps://"):], ": ")
			bad = append(bad, what)
		}
	}
	if got := strings.Join(bad, ","); !strings.HasPrefix(got, "base DN,clock") {
		t.Errorf("found wrong: %s", got)
	}
}
