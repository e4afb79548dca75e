package ldapwriter_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/ldapwriter"
)

// writeWhileOthersDo has four writers change one holder at once, each its own alias and all of them the primary and mail,
// while somebody who knows no rules adds X500 values. No update may be lost: in the end all aliases that should be there are, and
// nothing else; and at no time does anybody see two primaries, or none, or a mail that is not the primary.
func writeWhileOthersDo(t *testing.T, b *bundle) {
	const writers, rounds = 4, 25
	guid := b.user(t, "busy", b.mail("w0"), b.smtp("SMTP:w0", "smtp:w1", "smtp:w2", "smtp:w3")...)
	d := open(t, b.options())
	var all sync.WaitGroup
	var mu sync.Mutex
	conflicts := 0
	for w := range writers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 7))
			for round := range rounds {
				ask := wish{own: address.Address(b.mail(fmt.Sprintf("a%d", w))), have: round%2 == 0}
				if random.IntN(2) == 0 {
					ask.primary = address.Address(b.mail(fmt.Sprintf("w%d", w)))
				}
				lost, err := write(t, d, guid, ask)
				if err != nil {
					t.Errorf("writer %d, round %d: %v", w, round, err)
					return
				}
				mu.Lock()
				conflicts += lost
				mu.Unlock()
			}
		})
	}
	all.Go(func() {
		for i := range rounds {
			b.edit(t, guid, site.Changes{Add: map[string][]string{"proxyAddresses": {fmt.Sprintf("X500:/o=Org/cn=%d", i)}}})
		}
	})
	all.Wait()
	t.Logf("%d writes of %d writers, %d conflicts", writers*rounds, writers, conflicts)
	end := b.stored(t, guid)
	for w := range writers {
		if rounds%2 == 1 != end.Proxies.Has(address.Proxy(b.smtp(fmt.Sprintf("smtp:a%d", w))[0])) {
			t.Errorf("the last wish of writer %d was lost: %q", w, end.Proxies)
		}
		if len(end.Proxies.Find(address.Address(b.mail(fmt.Sprintf("w%d", w))))) != 1 {
			t.Errorf("w%d: %q", w, end.Proxies)
		}
	}
	if want := 2*writers + rounds; len(end.Proxies) != want {
		t.Errorf("%d values, wanted %d: %q", len(end.Proxies), want, end.Proxies)
	}
	sound(t, end)
}

// wish is what a writer wants: its own alias there or not, and perhaps a primary.
type wish struct {
	own     address.Address
	have    bool
	primary address.Address
}

// write plans and writes until it is done, as the queue does, and counts the conflicts.
func write(t *testing.T, d *ldapwriter.Directory, guid address.GUID, ask wish) (conflicts int, err error) {
	for {
		entry, err := d.Read(t.Context(), guid, ldapwriter.Prior{})
		if err != nil {
			return conflicts, err
		}
		sound(t, entry.Values)
		_, err = d.Write(t.Context(), ldapwriter.Job{Entry: entry, Change: ask.plan(entry.Values)})
		var slip *ldapwriter.SlippedError
		if !errors.Is(err, ldapwriter.ErrConflict) && !errors.As(err, &slip) {
			return conflicts, err
		}
		conflicts++
	}
}

func (w wish) plan(now address.Values) address.Change {
	after := address.Values{Mail: now.Mail, Proxies: now.Proxies.Without(address.Secondary(w.own))}
	if w.have {
		after.Proxies = after.Proxies.With(address.Secondary(w.own))
	}
	if w.primary != "" {
		for _, p := range after.Proxies.Primaries() {
			after.Proxies = after.Proxies.Without(p).With(address.Secondary(p.Address()))
		}
		after.Proxies = after.Proxies.Without(address.Secondary(w.primary)).With(address.Primary(w.primary))
		after.Mail = string(w.primary)
	}
	return address.Between(now, after)
}

// sound says that values have one primary, and that mail is it.
func sound(t *testing.T, v address.Values) {
	t.Helper()
	if p := v.Proxies.Primaries(); len(p) != 1 || string(p[0].Address()) != v.Mail {
		t.Errorf("primaries %q and mail %q", p, v.Mail)
	}
}
