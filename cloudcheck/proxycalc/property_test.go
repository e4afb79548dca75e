package proxycalc_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

// The generators draw from few names and domains, so that collisions, twins and rules meet often.

func drawAddress(t *rapid.T, label string) string {
	local := rapid.SampledFrom([]string{"u", "U", "nick", "a", "b", "o'neil", "a b", "", "é", "x.y"}).Draw(t, label+" local")
	domain := rapid.SampledFrom([]string{
		"contoso.com", "Contoso.COM", "fabrikam.com", initial, "contoso.mail.onmicrosoft.com", "x.onmicrosoft.com", "bad domain", "",
	}).Draw(t, label+" domain")
	if domain == "" {
		return local
	}
	return local + "@" + domain
}

func drawProxies(t *rapid.T, label string) address.Set {
	n := rapid.IntRange(0, 5).Draw(t, label)
	var set address.Set
	for range n {
		kind := rapid.SampledFrom([]string{"SMTP:", "smtp:", "Smtp:", "SIP:", "SPO:", "X500:", "X500:/o=MicrosoftOnline/", "MSMAIL:", "EUM:", ""}).Draw(t, label)
		set = append(set, address.Proxy(kind+drawAddress(t, label)))
	}
	return set
}

func drawHolder(t *rapid.T) proxycalc.Holder {
	return proxycalc.Holder{
		Kind:             rapid.SampledFrom([]address.Kind{address.User, address.User, address.User, address.Group, address.Contact}).Draw(t, "kind"),
		UPN:              drawAddress(t, "upn"),
		Mail:             rapid.OneOf(rapid.Just(""), rapid.Custom(func(t *rapid.T) string { return drawAddress(t, "mail") })).Draw(t, "mail"),
		Nickname:         rapid.SampledFrom([]string{"", "nick", "u", "a b"}).Draw(t, "nickname"),
		Proxies:          drawProxies(t, "proxies"),
		ExchangeLicensed: rapid.Bool().Draw(t, "licensed"),
		RemoteRecipient:  rapid.Bool().Draw(t, "remote"),
		SharedMailbox:    rapid.Bool().Draw(t, "shared"),
	}
}

func drawPrevious(t *rapid.T) *proxycalc.Previous {
	if rapid.Bool().Draw(t, "first sync") {
		return nil
	}
	return &proxycalc.Previous{
		Mail:             drawAddress(t, "previous mail"),
		Nickname:         rapid.SampledFrom([]string{"", "nick", "old"}).Draw(t, "previous nickname"),
		UPN:              drawAddress(t, "previous upn"),
		OnPremUPN:        rapid.SampledFrom([]string{"", "u@contoso.com", "u@fabrikam.com"}).Draw(t, "previous AD upn"),
		Proxies:          drawProxies(t, "previous proxies"),
		ExchangeLicensed: rapid.Bool().Draw(t, "previously licensed"),
	}
}

func drawTenant(t *rapid.T) proxycalc.Tenant {
	tenant := proxycalc.Tenant{InitialDomain: initial, VerifiedDomains: []string{"contoso.com"}}
	for range rapid.IntRange(0, 4).Draw(t, "taken") {
		tenant.TakenAddresses = append(tenant.TakenAddresses, address.Address(drawAddress(t, "taken")))
	}
	return tenant
}

func TestFedBackItIsTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tenant, holder := drawTenant(t), drawHolder(t)
		first := proxycalc.Calculate(tenant, holder, drawPrevious(t))
		previous := first.Next(holder)
		second := proxycalc.Calculate(tenant, holder, &previous)
		if second.Mail != first.Mail || second.Nickname != first.Nickname || second.UPN != first.UPN ||
			second.MailEnabled != first.MailEnabled || !sameProxies(first.Proxies, second.Proxies) {
			t.Errorf("first %+v\nthen  %+v", first, second)
		}
	})
}

func sameProxies(a, b address.Set) bool {
	var values []string
	for _, p := range b {
		values = append(values, string(p))
	}
	return sameSet(a, values)
}

func TestOnePrimaryAndMailIsIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		got := proxycalc.Calculate(drawTenant(t), drawHolder(t), drawPrevious(t))
		primaries := got.Proxies.Primaries()
		if len(primaries) > 1 {
			t.Fatalf("two primaries in %q", got.Proxies)
		}
		mail := ""
		for _, p := range primaries {
			mail = string(p.Address())
		}
		if got.Mail != mail {
			t.Fatalf("mail is %q, the primary %q", got.Mail, mail)
		}
		for _, p := range got.Proxies.SMTP() {
			if n := len(got.Proxies.Find(p.Address())); n != 1 {
				t.Fatalf("%q is there %d times in %q", p.Address(), n, got.Proxies)
			}
		}
	})
}

func TestNoAddressIsInvented(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		holder, previous := drawHolder(t), drawPrevious(t)
		got := proxycalc.Calculate(drawTenant(t), holder, previous)
		known := knownAddresses(holder, previous, got)
		for _, p := range got.Proxies {
			if !known[p.Address().Key()] {
				t.Fatalf("%q comes from nowhere; known are %v", p, known)
			}
		}
	})
}

func knownAddresses(h proxycalc.Holder, previous *proxycalc.Previous, got proxycalc.Result) map[address.Key]bool {
	moera := got.Nickname + "@" + initial
	list := []string{h.UPN, h.Mail, got.UPN, moera, got.Nickname + proxycalc.Unknown + "@" + initial}
	for _, p := range h.Proxies {
		list = append(list, string(p.Address()))
	}
	if previous != nil {
		for _, p := range previous.Proxies {
			list = append(list, string(p.Address()))
		}
	}
	known := map[address.Key]bool{}
	for _, s := range list {
		known[address.Address(s).Key()] = true
	}
	return known
}

// TestNothingVanishes: each on-premises value is shown, discarded with a reason, or a twin of one that is shown.
func TestNothingVanishes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		holder := drawHolder(t)
		got := proxycalc.Calculate(drawTenant(t), holder, drawPrevious(t))
		if holder.Kind == address.Contact && !got.MailEnabled {
			return // it may not sync at all
		}
		gone := map[string]bool{}
		for _, d := range got.Discarded {
			gone[d.Value] = true
		}
		for _, p := range holder.Proxies {
			shown := got.Proxies.Has(p) || p.IsSMTP() && len(got.Proxies.Find(p.Address())) > 0
			if !p.IsSMTP() {
				shown = shown || hasKey(got.Proxies, p)
			}
			if !shown && !gone[string(p)] {
				t.Fatalf("%q is neither shown nor discarded: %+v", p, got)
			}
		}
	})
}

func hasKey(set address.Set, p address.Proxy) bool {
	for _, q := range set {
		if q.Key() == p.Key() {
			return true
		}
	}
	return false
}
