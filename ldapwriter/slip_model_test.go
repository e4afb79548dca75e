package ldapwriter

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/address"
)

// model is proxyAddresses and mail as a directory keeps them: deleting ignores case, adding does or does not.
type model struct {
	address.Values
	strict bool // Windows AD: no two values that differ in case alone
}

// modify does one modify, as a whole or not at all.
func (m *model) modify(c address.Change) bool {
	now := slices.Clone(m.Proxies)
	for _, p := range c.Delete {
		i := slices.IndexFunc(now, func(q address.Proxy) bool { return q.Key() == p.Key() })
		if i < 0 {
			return false
		}
		now = slices.Delete(now, i, i+1)
	}
	for _, p := range c.Add {
		if now.Has(p) || m.strict && now.Spells(p) {
			return false
		}
		now = append(now, p)
	}
	mail := m.Mail
	if c.Mail != nil {
		if !strings.EqualFold(mail, c.Mail.Old) {
			return false
		}
		mail = c.Mail.New
	}
	m.Values = address.Values{Mail: mail, Proxies: now}
	return true
}

func genValues(strict bool) *rapid.Generator[address.Values] {
	return rapid.Custom(func(t *rapid.T) address.Values {
		v := address.Values{Mail: rapid.SampledFrom([]string{"", "a@x", "b@x", "c@x"}).Draw(t, "mail")}
		for _, p := range rapid.SliceOfN(genProxy(), 0, 5).Draw(t, "proxies") {
			if !v.Proxies.Has(p) && !(strict && v.Proxies.Spells(p)) {
				v.Proxies = append(v.Proxies, p)
			}
		}
		return v
	})
}

func genProxy() *rapid.Generator[address.Proxy] {
	return rapid.SampledFrom([]address.Proxy{"SMTP:a@x", "smtp:a@x", "SMTP:b@x", "smtp:b@x", "SMTP:c@x", "smtp:c@x", "smtp:A@x", "X500:k", "x500:K"})
}

// planned is a change as plans make it: exactly the values that differ, never more primaries, no new case twins.
func planned(t *rapid.T, before address.Values) address.Change {
	after := genValues(true).Filter(func(v address.Values) bool {
		return len(v.Proxies.Primaries()) <= max(1, len(before.Proxies.Primaries())) && !address.Between(before, v).Empty()
	}).Draw(t, "after")
	return address.Between(before, after)
}

// TestSlipModel lets random edits slip in before and after our modify. Either all that was asked for stands and nothing is
// worse than before, or it is taken back so that no address is lost, none is invented, and no primary is added to another.
func TestSlipModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		strict := rapid.Bool().Draw(t, "strict")
		before := genValues(strict).Draw(t, "before")
		change := planned(t, before)
		m := &model{Values: before, strict: strict}
		slipIn := func(label string) {
			if rapid.Bool().Draw(t, label) {
				m.modify(address.Between(m.Values, genValues(strict).Draw(t, label+" edit")))
			}
		}
		slipIn("before")
		if !m.modify(exactly(change, before.Proxies)) {
			return // a conflict, nothing was written
		}
		slipIn("after")
		now := m.Values
		if Slipped(before, change, now) == "" {
			holds(t, before, change, now)
			return
		}
		back := ours(address.Holder{Values: before}, change, now)
		if !m.modify(exactly(back, now.Proxies)) {
			t.Fatalf("%+v cannot be taken back from %+v by %+v", change, now, back)
		}
		taken(t, before, change, now, m.Values)
	})
}

// holds checks what a receipt promises.
func holds(t *rapid.T, before address.Values, c address.Change, now address.Values) {
	if !toTheLetter(c, now) {
		t.Fatalf("%+v does not show %+v", now, c)
	}
	if len(now.Proxies.Primaries()) > max(1, len(before.Proxies.Primaries())) {
		t.Fatalf("more primaries: %+v after %+v", now, before)
	}
}

// taken checks what taking back promises.
func taken(t *rapid.T, before address.Values, c address.Change, now, after address.Values) {
	if len(before.Proxies.Primaries()) > 0 && len(now.Proxies.Primaries()) > 0 && len(after.Proxies.Primaries()) == 0 {
		t.Fatalf("no primary is left: %+v after %+v", after, now)
	}
	named := len(address.Set(c.Add).Find(address.Address(before.Mail))) > 0
	if len(before.Proxies.SMTP()) == 0 && named && len(now.Proxies.Primaries()) > 0 && len(after.Proxies.SMTP()) > 0 && len(after.Proxies.Primaries()) == 0 {
		t.Fatalf("the primary %q is masked: %+v after %+v", before.Mail, after, now)
	}
	if c.Mail != nil && has(before, c.Mail.Old) && has(now, c.Mail.Old) && !has(after, c.Mail.Old) {
		t.Fatalf("%q was in mail and is lost: %+v after %+v", c.Mail.Old, after, now)
	}
	if len(after.Proxies.Primaries()) > max(1, len(now.Proxies.Primaries())) {
		t.Fatalf("a primary beside another: %+v after %+v", after, now)
	}
	for _, p := range now.Proxies {
		if !after.Proxies.Spells(p) && !address.Set(c.Add).Spells(p) {
			t.Fatalf("%q is lost: %+v after %+v", p, after, now)
		}
	}
	for _, p := range c.Delete {
		if !after.Proxies.Spells(p) && !wasKept(c, p, now) {
			t.Fatalf("%q was deleted and did not come back: %+v", p, after)
		}
	}
	for _, p := range after.Proxies {
		if !now.Proxies.Spells(p) && !address.Set(c.Delete).Spells(p) && !p.Address().Equal(address.Address(before.Mail)) {
			t.Fatalf("%q is invented: %+v after %+v", p, after, now)
		}
		if address.Set(c.Add).Has(p) && !address.Set(c.Delete).Spells(p) && !isLastPrimary(before, c, now, p) && !keepsMail(before, c, p) && !(p.Address().Equal(address.Address(before.Mail)) && len(before.Proxies.SMTP()) == 0) {
			t.Fatalf("%q of ours still stands: %+v", p, after)
		}
	}
	keptMail := isLastPrimary(before, c, now, address.Primary(address.Address(now.Mail)))
	if c.Mail != nil && c.Mail.Old != c.Mail.New && strings.EqualFold(now.Mail, c.Mail.New) && after.Mail != c.Mail.Old && !keptMail {
		t.Fatalf("mail %q of ours still stands", after.Mail)
	}
}

// isLastPrimary says whether a value is the primary that c chose, and somebody removed the one that c had made an alias.
func isLastPrimary(before address.Values, c address.Change, now address.Values, p address.Proxy) bool {
	left := slices.ContainsFunc(address.Set(c.Delete).Primaries(), func(old address.Proxy) bool {
		return !old.Address().Equal(p.Address()) && len(now.Proxies.Find(old.Address())) > 0
	})
	return p.IsPrimary() && len(address.Set(c.Add).Find(p.Address())) > 0 && len(before.Proxies.Primaries()) > 0 && !left
}

// has says whether a holder has an address as an alias, or has it as its primary by a value or by mail.
func has(v address.Values, a string) bool {
	return a != "" && len(v.Proxies.Find(address.Address(a))) > 0 || strings.EqualFold(v.Mail, a)
}

// What is taken back leaves the holder no poorer than it was.
func TestTakingBackKeepsWhatWasThere(t *testing.T) {
	t.Parallel()
	values := func(mail string, proxies ...address.Proxy) address.Values {
		return address.Values{Mail: mail, Proxies: proxies}
	}
	for what, c := range map[string]struct{ before, planned, found, left address.Values }{
		"the old primary's alias spelled otherwise": {
			values("a@x", "SMTP:a@x"), values("b@x", "SMTP:b@x", "smtp:a@x"), values("b@x", "SMTP:b@x", "smtp:A@x"), values("a@x", "SMTP:A@x")},
		"mail spelled otherwise": {
			values("a@x", "SMTP:a@x"), values("b@x", "SMTP:b@x", "smtp:a@x"), values("B@x", "SMTP:b@x", "smtp:a@x"), values("a@x", "SMTP:a@x")},
		"the alias spelled otherwise, and a primary that was not named before": {
			values("a@x"), values("a@x", "smtp:b@x", "SMTP:a@x"), values("a@x", "smtp:B@x", "SMTP:a@x"), values("a@x", "smtp:B@x", "SMTP:a@x")},
		"an alias of theirs beside a new primary": {
			values("a@x"), values("b@x", "SMTP:b@x", "smtp:a@x"), values("B@x", "SMTP:b@x", "smtp:a@x", "smtp:c@x"), values("a@x", "SMTP:a@x", "smtp:c@x")},
		"an address that stood in mail alone, and another mail by now": {
			values("a@x"), values("b@x", "SMTP:b@x", "smtp:a@x"), values("c@x", "smtp:b@x", "smtp:a@x", "SMTP:c@x"), values("c@x", "smtp:b@x", "smtp:a@x", "SMTP:c@x")},
	} {
		change := address.Between(c.before, c.planned)
		left := ours(address.Holder{Values: c.before}, change, c.found).Onto(c.found)
		if left.Mail != c.left.Mail || !left.Proxies.Equal(c.left.Proxies) {
			t.Errorf("%s: %+v is left, want %+v", what, left, c.left)
		}
	}
}

// toTheLetter says whether values show a change right after it was made: another spelling that somebody adds then is theirs, and so is
// the removal of an alias that was the primary.
func toTheLetter(c address.Change, v address.Values) bool {
	for _, p := range c.Add {
		if !v.Proxies.Has(p) && !removedLater(c, p, v) {
			return false
		}
	}
	for _, p := range c.Delete {
		if v.Proxies.Has(p) {
			return false
		}
	}
	return c.Mail == nil || c.Mail.New == v.Mail
}
