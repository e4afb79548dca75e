package ldapwriter_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/ldapwriter"
)

// twoDCs are two DCs that hold the same objects and do not replicate by themselves, each behind a tap. On Samba they are two;
// the embedded directory is one behind two taps, and what the other DC does not show yet is taken away for as long.
type twoDCs struct {
	first, second *site.Site
	taps          [2]*tap
	clock         *clock
	d             *ldapwriter.Directory
	guid          address.GUID
	dn            string
}

func startTwo(t *testing.T, start starter, apart bool) *twoDCs {
	t.Helper()
	o := site.Object{Kind: site.User, Name: "Pinned", UPN: "pinned@contoso.test", Mail: "pinned@contoso.test", Proxies: []string{"SMTP:pinned@contoso.test"},
		Attributes: map[string][]string{"displayName": {"Pinned Person"}}}
	two := &twoDCs{first: start(t, o), clock: newClock()}
	if two.second = two.first; apart {
		two.second = start(t, o)
	}
	two.dn = two.first.DNOf(o)
	two.taps = [2]*tap{newTap(t, two.first.Server), newTap(t, two.second.Server)}
	options := optionsOf(two.first, two.clock)
	options.RootCAs.AppendCertsFromPEM(two.second.CA)
	options.Servers = []string{two.taps[0].url, two.taps[1].url}
	two.d = open(t, options)
	guids := map[*site.Site]address.GUID{}
	for _, dc := range []*site.Site{two.first, two.second} {
		guid, err := dc.GUID(t.Context(), two.dn)
		if err != nil {
			t.Fatal(err)
		}
		guids[dc] = guid
	}
	if two.guid = guids[two.first]; two.guid != guids[two.second] {
		t.Fatalf("the two DCs have different objects: %v", guids)
	}
	return two
}

// up makes both DCs reachable.
func (two *twoDCs) up() {
	for _, tap := range two.taps {
		tap.setDown(false)
	}
}

// write adds an alias to what was read, and gives the receipt.
func (two *twoDCs) write(t *testing.T, entry ldapwriter.Entry, alias string) *ldapwriter.Receipt {
	t.Helper()
	return two.change(t, entry, address.Change{Add: proxySet(alias)})
}

// change makes a change to what was read, and gives the receipt, without the stamps: the two DCs make their own, and do not replicate.
func (two *twoDCs) change(t *testing.T, entry ldapwriter.Entry, c address.Change) *ldapwriter.Receipt {
	t.Helper()
	receipt, err := two.d.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: c})
	if err != nil {
		t.Fatal(err)
	}
	receipt.Stamps = nil
	return &receipt
}

// lag keeps a value that was written on one DC from being shown by the other.
func (two *twoDCs) lag(t *testing.T, value string) {
	t.Helper()
	if two.first == two.second {
		two.edit(t, two.first, proxyEdit([]string{value}, nil))
	}
}

// replicate brings a value to the other DC.
func (two *twoDCs) replicate(t *testing.T, to *site.Site, value string) {
	t.Helper()
	two.edit(t, to, proxyEdit(nil, []string{value}))
}

func (two *twoDCs) edit(t *testing.T, at *site.Site, changes site.Changes) {
	t.Helper()
	if err := at.Modify(t.Context(), two.dn, changes); err != nil {
		t.Fatal(err)
	}
}

// from reads and fails the test unless it was read from the DC with this index.
func (two *twoDCs) from(t *testing.T, index int, prior ldapwriter.Prior) ldapwriter.Entry {
	t.Helper()
	entry, err := two.d.Read(t.Context(), two.guid, prior)
	if err != nil || entry.DC != two.taps[index].url {
		t.Fatalf("read from %q, wanted %q: %v", entry.DC, two.taps[index].url, err)
	}
	return entry
}

// waits reads and fails the test unless that has to wait for a DC.
func (two *twoDCs) waits(t *testing.T, prior ldapwriter.Prior, words ...string) {
	t.Helper()
	_, err := two.d.Read(t.Context(), two.guid, prior)
	meets(t, err, cause.Waiting, cause.DCUnavailable, words...)
}

// after is what is known after these receipts, oldest first.
func after(receipts ...ldapwriter.Receipt) ldapwriter.Prior {
	return ldapwriter.Prior{Receipts: receipts}
}

// TestTwoDCs goes through the rules of docs/design.md on fail-over, on two DCs that replicate when the test says so.
func TestTwoDCs(t *testing.T) {
	t.Parallel()
	for name, start := range directories() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			two := startTwo(t, start, name == "samba")
			t.Run("reads", two.readsFailOver)
			t.Run("writes", two.writesFailOver)
			t.Run("in doubt", two.inDoubt)
		})
	}
}

// writesFailOver: another DC is used only when it shows what was written last.
func (two *twoDCs) writesFailOver(t *testing.T) {
	two.up()
	none := ldapwriter.Prior{}

	// The pinned DC is used as long as it answers; without a receipt another may be used.
	entry := two.from(t, 0, none)
	two.taps[0].setDown(true)
	two.from(t, 1, none)
	two.taps[0].setDown(false)
	two.from(t, 0, none)

	// With a receipt from the pinned DC, the other must show it.
	a := "smtp:a@contoso.test"
	receipt := two.write(t, entry, a)
	prior := after(*receipt)
	two.from(t, 0, prior)
	two.taps[0].setDown(true)
	two.lag(t, a)
	two.waits(t, prior, two.taps[1].url, "does not show yet", two.taps[0].url)
	two.replicate(t, two.second, a)
	entry = two.from(t, 1, prior)

	// Written elsewhere, the pinned DC must show that before it is used again; the other one may go on meanwhile
	// while the pinned one is away.
	b := "smtp:b@contoso.test"
	prior = after(*two.write(t, entry, b))
	two.from(t, 1, prior)
	two.taps[0].setDown(false)
	two.lag(t, b)
	two.waits(t, prior, two.taps[0].url, "does not show yet", two.taps[1].url)
	two.clock.advance(59 * time.Minute)
	two.waits(t, prior)
	two.replicate(t, two.first, b)
	two.from(t, 0, prior)

	// What a row of writes left behind counts, not the last one alone: a DC that shows nothing of an alias shows its removal too.
	entry = two.from(t, 0, prior)
	c, typo := "smtp:c@contoso.test", "smtp:tpyo@contoso.test"
	row := []ldapwriter.Receipt{*two.write(t, entry, c)}
	row = append(row, *two.write(t, two.from(t, 0, after(row...)), typo))
	row = append(row, *two.change(t, two.from(t, 0, after(row...)), address.Change{Delete: proxySet(typo)}))
	two.taps[0].setDown(true)
	two.lag(t, c)
	two.waits(t, after(row...), two.taps[1].url, "does not show yet", two.taps[0].url)
	two.replicate(t, two.second, c)
	two.from(t, 1, after(row[0]))
	two.waits(t, after(row...), two.taps[1].url, "does not show yet") // it looked so before the last two as well
	two.taps[0].setDown(false)
	two.edit(t, two.first, proxyEdit([]string{c}, nil))

	// A later edit of what we wrote must not block for ever: an hour later the receipt counts as replicated.
	two.edit(t, two.first, proxyEdit([]string{b}, nil))
	two.waits(t, prior)
	two.clock.advance(time.Minute)
	two.from(t, 0, prior)
}

// inDoubt is about a modify whose answer was lost: only its DC may be used.
func (two *twoDCs) inDoubt(t *testing.T) {
	two.up()
	entry := two.from(t, 0, ldapwriter.Prior{})
	alias := address.Change{Add: proxySet("smtp:doubt@contoso.test")}
	_, err := two.d.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: alias, Confirm: func(context.Context) error {
		two.taps[0].onReply(func() bool { return false })
		return nil
	}})
	var unknown *ldapwriter.UnknownOutcomeError
	if !errors.As(err, &unknown) {
		t.Fatalf("got %v, wanted an unknown outcome", err)
	}
	prior := ldapwriter.Prior{InDoubt: unknown.DC}
	if entry = two.from(t, 0, prior); !entry.Proxies.Has(alias.Add[0]) {
		t.Errorf("the DC does not show it: %q", entry.Proxies)
	}
	two.taps[0].setDown(true)
	two.waits(t, prior, two.taps[0].url, "no other server may be used", "directory.servers")
	two.from(t, 1, ldapwriter.Prior{})

	// A doubt about the second DC keeps the first one from being used, although it answers.
	two.taps[0].setDown(false)
	two.from(t, 1, ldapwriter.Prior{InDoubt: two.taps[1].url})
	// A DC that the settings do not name any more was given up.
	two.from(t, 0, ldapwriter.Prior{InDoubt: "ldaps://dc9.contoso.test:636"})
	// In doubt there, and written before elsewhere: it showed that when the modify was planned, which may have taken it back.
	elsewhere := ldapwriter.Receipt{DC: two.taps[0].url, At: two.clock.now(), Change: alias}
	two.lag(t, "smtp:doubt@contoso.test")
	two.from(t, 1, ldapwriter.Prior{InDoubt: two.taps[1].url, Receipts: []ldapwriter.Receipt{elsewhere}})
}

// TestStampsProveReplication: values that were there before do not tell whether a DC has replicated, its stamps do, on two DCs that replicate
// as AD does.
func TestStampsProveReplication(t *testing.T) {
	t.Parallel()
	w := watch(t, nil)
	replica, err := w.directory.Replica()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = replica.Site().Stop() })
	o := w.options()
	o.Servers = []string{w.dc.Server, replica.Site().Server}
	two := open(t, o)
	alias := address.Change{Add: proxySet(w.smtp("smtp:alias")...)}
	var prior ldapwriter.Prior
	for _, c := range []address.Change{alias, alias.Invert()} {
		entry, err := two.Read(t.Context(), w.guid, prior)
		if err != nil {
			t.Fatal(err)
		}
		receipt, err := two.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: c})
		if err != nil || receipt.Stamps == nil {
			t.Fatal(receipt, err)
		}
		prior.Receipts = append(prior.Receipts, receipt)
	}
	if err := w.directory.Suspend(); err != nil {
		t.Fatal(err)
	}
	_, err = two.Read(t.Context(), w.guid, prior)
	meets(t, err, cause.Waiting, cause.DCUnavailable, "does not show yet")
	if err := w.directory.Resume(); err != nil {
		t.Fatal(err)
	}
	if _, err := directory.Replicate(w.directory, replica).Step(); err != nil {
		t.Fatal(err)
	}
	if err := w.directory.Suspend(); err != nil {
		t.Fatal(err)
	}
	if entry, err := two.Read(t.Context(), w.guid, prior); err != nil || entry.DC != replica.Site().Server {
		t.Errorf("replicated, it is read from %q: %v", entry.DC, err)
	}
}

// readsFailOver has all reads move to the next DC and back; what that one does not show may only be late there.
func (two *twoDCs) readsFailOver(t *testing.T) {
	unknown := address.GUID{1}
	two.taps[0].setDown(true)
	if entry, err := two.d.Find(t.Context(), "pinned@contoso.test"); err != nil || entry.DC != two.taps[1].url {
		t.Errorf("find: %q, %v", entry.DC, err)
	}
	// All ways to name somebody are tried there: the first one that fits nobody says nothing of the others.
	if entry, err := two.d.Find(t.Context(), "Pinned Person"); err != nil || entry.DC != two.taps[1].url {
		t.Errorf("find by display name: %q, %v", entry.DC, err)
	}
	if held, err := two.d.HoldersOf(t.Context(), []address.Address{"pinned@contoso.test"}, address.GUID{}); err != nil || len(held) != 1 {
		t.Errorf("holders: %v, %v", held, err)
	}
	if r, err := two.d.Rights(t.Context(), two.guid); err != nil || !r.Mail {
		t.Errorf("rights: %v, %v", r, err)
	}
	entries, errs := two.d.ReadAll(t.Context(), []address.GUID{two.guid, unknown})
	if errs[0] != nil || entries[0].DC != two.taps[1].url {
		t.Errorf("read all: %q, %v", entries[0].DC, errs[0])
	}
	meets(t, errs[1], cause.Waiting, cause.DCUnavailable, two.taps[0].url, "replicated")
	_, err := two.d.Find(t.Context(), "fresh@contoso.test")
	meets(t, err, cause.Waiting, cause.DCUnavailable, two.taps[0].url, "replicated")
	_, err = two.d.Read(t.Context(), unknown, ldapwriter.Prior{})
	meets(t, err, cause.Waiting, cause.DCUnavailable, "replicated")
	// The DC that we wrote it to is believed.
	_, err = two.d.Read(t.Context(), unknown, after(ldapwriter.Receipt{DC: two.taps[1].url}))
	meets(t, err, cause.Refusal, cause.UnknownHolder)
	two.taps[1].setDown(true)
	_, err = two.d.Find(t.Context(), "pinned@contoso.test")
	meets(t, err, cause.Waiting, cause.DirectoryUnavailable, two.taps[0].url, two.taps[1].url)
	two.taps[0].setDown(false)
	_, err = two.d.Find(t.Context(), "fresh@contoso.test")
	meets(t, err, cause.Refusal, cause.UnknownHolder)
	if entry, err := two.d.Find(t.Context(), "pinned@contoso.test"); err != nil || entry.DC != two.taps[0].url {
		t.Errorf("find: %q, %v", entry.DC, err)
	}
}
