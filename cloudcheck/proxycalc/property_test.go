package proxycalc_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

// The generators draw from few names and domains, so that collisions, twins and rules meet often.

// sovereign is an initial domain outside onmicrosoft.com.
const sovereign = "contoso.onmicrosoft.us"

func drawAddress(t *rapid.T, label string) string {
	local := rapid.SampledFrom([]string{"u", "U", "nick", "a", "b", "o'neil", "a b", "", "é", "x.y"}).Draw(t, label+" local")
	domain := rapid.SampledFrom([]string{
		"contoso.com", "Contoso.COM", "fabrikam.com", initial, "contoso.mail.onmicrosoft.com", "x.onmicrosoft.com", sovereign, "bad domain", "",
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
		kind := rapid.SampledFrom([]string{
			"SMTP:", "SMTP:", "smtp:", "smtp:", "Smtp:", "SIP:", "SPO:", "X500:", "X500:/o=MicrosoftOnline/", "X500:/o=ExchangeLabs/", "MSMAIL:", "EUM:", "",
		}).Draw(t, label)
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

// drawPrevious draws an earlier state: none, any at all, or one that a history of up to four calculations left.
func drawPrevious(t *rapid.T) *proxycalc.Previous {
	switch rapid.IntRange(0, 2).Draw(t, "first sync, any, history") {
	case 0:
		return nil
	case 1:
		return drawState(t)
	}
	return drawHistory(t)
}

func drawState(t *rapid.T) *proxycalc.Previous {
	return &proxycalc.Previous{
		Mail:             drawAddress(t, "previous mail"),
		Nickname:         rapid.SampledFrom([]string{"", "nick", "old"}).Draw(t, "previous nickname"),
		UPN:              drawAddress(t, "previous upn"),
		OnPremUPN:        rapid.SampledFrom([]string{"", "u@contoso.com", "u@fabrikam.com"}).Draw(t, "previous AD upn"),
		Proxies:          drawProxies(t, "previous proxies"),
		ExchangeLicensed: rapid.Bool().Draw(t, "previously licensed"),
	}
}

func drawHistory(t *rapid.T) *proxycalc.Previous {
	var previous *proxycalc.Previous
	for range rapid.IntRange(1, 4).Draw(t, "history") {
		holder := drawHolder(t)
		next := proxycalc.Calculate(drawTenant(t), holder, previous).Next(holder)
		previous = &next
	}
	return previous
}

func drawTenant(t *rapid.T) proxycalc.Tenant {
	tenant := proxycalc.Tenant{
		InitialDomain:   rapid.SampledFrom([]string{initial, initial, "Contoso.OnMicrosoft.com", sovereign}).Draw(t, "initial domain"),
		VerifiedDomains: rapid.SampledFrom([][]string{{"contoso.com"}, {"contoso.com", "Fabrikam.com"}, nil}).Draw(t, "verified"),
	}
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
		second := again(tenant, holder, first)
		if !sameState(first, second) || !slices.Equal(first.Discarded, second.Discarded) {
			t.Errorf("first %+v\nthen  %+v", first, second)
		}
		if third := again(tenant, holder, second); !reflect.DeepEqual(second, third) {
			t.Errorf("then %+v\nlast %+v", second, third)
		}
	})
}

// TestFedBackWithoutTheADUPN: who feeds a result back need not know the AD UPN that it was calculated from.
func TestFedBackWithoutTheADUPN(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tenant, holder := drawTenant(t), drawHolder(t)
		first := proxycalc.Calculate(tenant, holder, drawPrevious(t))
		previous := first.Next(holder)
		previous.OnPremUPN = ""
		if second := proxycalc.Calculate(tenant, holder, &previous); !sameState(first, second) {
			t.Errorf("first %+v\nthen  %+v", first, second)
		}
	})
}

func again(tenant proxycalc.Tenant, holder proxycalc.Holder, r proxycalc.Result) proxycalc.Result {
	previous := r.Next(holder)
	return proxycalc.Calculate(tenant, holder, &previous)
}

func sameState(a, b proxycalc.Result) bool {
	return a.Mail == b.Mail && a.Nickname == b.Nickname && a.UPN == b.UPN && a.MailEnabled == b.MailEnabled &&
		sameProxies(a.Proxies, b.Proxies)
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
		tenant, holder, previous := drawTenant(t), drawHolder(t), drawPrevious(t)
		got := proxycalc.Calculate(tenant, holder, previous)
		known := knownAddresses(tenant, holder, previous, got)
		for _, p := range got.Proxies {
			if !known[p.Address().Key()] {
				t.Fatalf("%q comes from nowhere; known are %v", p, known)
			}
		}
		if got.UPN != "" && !known[address.Address(got.UPN).Key()] {
			t.Fatalf("the UPN %q comes from nowhere; known are %v", got.UPN, known)
		}
	})
}

// knownAddresses are those of the input and of the earlier state, the UPNs, and the MOERA with and without digits.
func knownAddresses(tenant proxycalc.Tenant, h proxycalc.Holder, previous *proxycalc.Previous, got proxycalc.Result) map[address.Key]bool {
	list := []string{h.UPN, h.Mail, got.Nickname + "@" + tenant.InitialDomain, got.Nickname + proxycalc.Unknown + "@" + tenant.InitialDomain}
	shown := h.Proxies
	if previous != nil {
		list = append(list, previous.UPN)
		shown = slices.Concat(shown, previous.Proxies)
	}
	for _, p := range shown {
		list = append(list, string(p.Address()))
	}
	known := map[address.Key]bool{}
	for _, s := range list {
		known[address.Address(s).Key()] = true
	}
	return known
}

// TestTakenNeverArrives: what somebody else holds is not shown, but for what the cloud made itself earlier.
func TestTakenNeverArrives(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tenant, previous := drawTenant(t), drawPrevious(t)
		got := proxycalc.Calculate(tenant, drawHolder(t), previous)
		for _, a := range tenant.TakenAddresses {
			own := previous != nil && len(previous.Proxies.Find(a)) > 0 && strings.EqualFold(a.Domain(), tenant.InitialDomain)
			if len(got.Proxies.Find(a)) > 0 && !own {
				t.Fatalf("%q is taken and shown: %+v", a, got)
			}
		}
	})
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
