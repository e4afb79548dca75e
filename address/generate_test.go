package address

import (
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// pool is few addresses, so that sets, mail, UPNs and asks meet often.
func pool() []Address {
	return []Address{"a@contoso.test", "b@contoso.test", "c@contoso.test", "d@contoso.test", "A@contoso.test", "B@Contoso.test",
		"a@unverified.test", "a@contoso.onmicrosoft.com", "a@contoso.mail.onmicrosoft.com", "a@contoso.microsoftonline.com",
		"a b@contoso.test", "é@contoso.test"}
}

// types are of values: the two that matter, one in mixed case, and others that nothing may touch.
func types() []string {
	return []string{"SMTP:", "SMTP:", "smtp:", "smtp:", "smtp:", "Smtp:", "SIP:", "X500:", "eum:", "", "\xff:"}
}

func anyProxy() *rapid.Generator[Proxy] {
	return rapid.Custom(func(t *rapid.T) Proxy {
		if rapid.IntRange(0, 19).Draw(t, "wild") == 0 {
			return Proxy(rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, "bytes"))
		}
		return Proxy(rapid.SampledFrom(types()).Draw(t, "type")) + Proxy(rapid.SampledFrom(pool()).Draw(t, "address"))
	})
}

func anySet() *rapid.Generator[Set] {
	return rapid.Custom(func(t *rapid.T) Set {
		return rapid.SliceOfNDistinct(anyProxy(), 0, 6, rapid.ID[Proxy]).Draw(t, "proxies")
	})
}

// anyAddressOrNone is "" in one of three draws.
func anyAddressOrNone() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 2).Draw(t, "none") == 0 {
			return ""
		}
		return string(rapid.SampledFrom(pool()).Draw(t, "address"))
	})
}

func anyValues() *rapid.Generator[Values] {
	return rapid.Custom(func(t *rapid.T) Values {
		return Values{anyAddressOrNone().Draw(t, "mail"), anySet().Draw(t, "proxies")}
	})
}

// anySituation is any two sides of a holder, also ones that no cloud would ever show together.
func anySituation() *rapid.Generator[Situation] {
	return rapid.Custom(func(t *rapid.T) Situation {
		s := Situation{
			Holder: Holder{
				Kind:        rapid.SampledFrom([]Kind{User, User, Group, Contact}).Draw(t, "kind"),
				Name:        "Ada Lovelace",
				UPN:         anyAddressOrNone().Draw(t, "upn"),
				Values:      anyValues().Draw(t, "values"),
				PolicyOwned: rapid.Bool().Draw(t, "policy"),
			},
			InitialDomain: "contoso.onmicrosoft.com",
			SyncDue:       rapid.Bool().Draw(t, "sync due"),
			MailSurvives:  rapid.Bool().Draw(t, "mail survives"),
		}
		if rapid.IntRange(0, 3).Draw(t, "in cloud") > 0 {
			s.Cloud = CloudView{InCloud: true, UPN: anyAddressOrNone().Draw(t, "cloud upn"), Values: anyValues().Draw(t, "cloud")}
		}
		return s
	})
}

func anyAsk() *rapid.Generator[Ask] {
	return rapid.Custom(func(t *rapid.T) Ask {
		return Ask{
			Action:  rapid.SampledFrom([]Action{AddAlias, RemoveAlias, SetPrimary}).Draw(t, "action"),
			Address: rapid.SampledFrom(pool()).Draw(t, "asked"),
			Allow:   rapid.SliceOf(rapid.SampledFrom([]Allowance{AllowMailEnable, AllowSignInChange})).Draw(t, "allow"),
		}
	})
}

// keys are the addresses of the SMTP values.
func keys(s Set) []Key {
	var all []Key
	for _, p := range s.SMTP() {
		all = append(all, p.Address().Key())
	}
	return all
}

// others are the values of other types, in a fixed order.
func others(s Set) []Proxy {
	var rest []Proxy
	for _, p := range s {
		if kind, _, found := strings.Cut(string(p), ":"); !found || !strings.EqualFold(kind, "smtp") {
			rest = append(rest, p)
		}
	}
	slices.Sort(rest)
	return rest
}

// twins are the addresses that stand in several values.
func twins(s Set) map[Key]bool {
	seen, doubled := map[Key]bool{}, map[Key]bool{}
	for _, key := range keys(s) {
		doubled[key] = doubled[key] || seen[key]
		seen[key] = true
	}
	for key, double := range doubled {
		if !double {
			delete(doubled, key)
		}
	}
	return doubled
}
