package address

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// tenant is a second, independent reading of the rule for the primary (facts of the proxy calculation, rule 2): the
// first that survives of an SMTP: value, mail while proxyAddresses is empty, the UPN of an Exchange recipient while both
// are empty, the MOERA. Where the documents leave something open it is drawn, and planning must be right either way.
type tenant struct {
	kind      Kind
	upn       string
	recipient bool // an Exchange recipient: has a MOERA, and its UPN as an address
	stamped   bool // once was one: the MOERA stays for good

	otherTypesMask  bool // a proxyAddresses of X500 or SIP values alone masks mail
	discardedIsNone bool // a mail that is discarded counts as empty
	lastWins        bool // of several SMTP: values
}

func anyTenant() *rapid.Generator[tenant] {
	return rapid.Custom(func(t *rapid.T) tenant {
		return tenant{
			kind:            rapid.SampledFrom([]Kind{User, User, User, Group, Contact}).Draw(t, "kind"),
			upn:             string(rapid.SampledFrom(pool()[:4]).Draw(t, "upn")),
			recipient:       rapid.Bool().Draw(t, "recipient"),
			stamped:         rapid.Bool().Draw(t, "stamped"),
			otherTypesMask:  rapid.Bool().Draw(t, "other types mask"),
			discardedIsNone: rapid.Bool().Draw(t, "discarded is none"),
			lastWins:        rapid.Bool().Draw(t, "last wins"),
		}
	})
}

const oracleMOERA = "moera@contoso.onmicrosoft.com"

// primary is the primary in the cloud once everything is calculated, "" for none; in lower case.
func (o tenant) primary(v Values) string {
	if named := o.named(v.Proxies); named != "" {
		return named
	}
	mail := strings.ToLower(v.Mail)
	switch {
	case o.masks(v.Proxies):
		return o.moera(v)
	case o.survives(mail):
		return mail
	case o.kind == User && o.recipient && (mail == "" || o.discardedIsNone):
		return o.upn
	}
	return o.moera(v)
}

func (o tenant) named(s Set) string {
	var named []string
	for _, p := range s {
		if address, isPrimary := strings.CutPrefix(string(p), "SMTP:"); isPrimary && o.survives(strings.ToLower(address)) {
			named = append(named, strings.ToLower(address))
		}
	}
	slices.Sort(named)
	switch {
	case len(named) == 0:
		return ""
	case o.lastWins:
		return named[len(named)-1]
	}
	return named[0]
}

func (o tenant) masks(s Set) bool { return len(keys(s)) > 0 || o.otherTypesMask && len(s) > 0 }

// moera: users that are or were recipients have one, mail-enabled groups too, contacts never.
func (o tenant) moera(v Values) string {
	groupHasMail := o.kind == Group && (len(keys(v.Proxies)) > 0 || v.Mail != "")
	if o.kind == User && (o.recipient || o.stamped) || groupHasMail {
		return oracleMOERA
	}
	return ""
}

func (o tenant) survives(address string) bool {
	local, domain, found := strings.Cut(address, "@")
	return found && local != "" && !strings.ContainsAny(address, " é") && utf8.ValidString(address) &&
		slices.Contains([]string{"contoso.test", "contoso.mail.onmicrosoft.com"}, domain)
}

// settled is a holder and the cloud after everything was calculated.
func (o tenant) settled(v Values) Situation {
	s := Situation{
		Holder:        Holder{Kind: o.kind, Name: "Ada Lovelace", Values: v},
		Cloud:         CloudView{InCloud: true},
		InitialDomain: "contoso.onmicrosoft.com",
		MailSurvives:  o.survives(strings.ToLower(v.Mail)),
	}
	if o.kind == User {
		s.Holder.UPN, s.Cloud.UPN = o.upn, o.upn
	}
	if primary := o.primary(v); primary != "" {
		s.Cloud.Values = Values{primary, Set{Primary(Address(primary))}}
	}
	return s
}

// cleanValues have no stray bytes: what they would do in the cloud is beyond the rule.
func cleanValues() *rapid.Generator[Values] {
	return rapid.Custom(func(t *rapid.T) Values {
		proxy := rapid.Custom(func(t *rapid.T) Proxy {
			return Proxy(rapid.SampledFrom([]string{"SMTP:", "smtp:", "smtp:", "Smtp:", "X500:", "SIP:"}).Draw(t, "type")) +
				Proxy(rapid.SampledFrom(pool()).Draw(t, "address"))
		})
		return Values{anyAddressOrNone().Draw(t, "mail"), rapid.SliceOfNDistinct(proxy, 0, 3, rapid.ID[Proxy]).Draw(t, "proxies")}
	})
}

func TestAliasesNeverMoveThePrimary(t *testing.T) {
	t.Parallel()
	for _, action := range []Action{AddAlias, RemoveAlias} {
		t.Run(string(action), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				o, v := anyTenant().Draw(t, "tenant"), cleanValues().Draw(t, "values")
				ask := asked(action, rapid.SampledFrom(pool()).Draw(t, "asked"), AllowMailEnable)
				plan, err := MakePlan(o.settled(v), ask)
				if err != nil {
					return
				}
				if before, after := o.primary(v), o.primary(plan.After); before != after {
					t.Fatalf("%s moves the primary from %q to %q", show(plan.Change), before, after)
				}
			})
		})
	}
}

func TestSetPrimaryMovesItAndKeepsTheOldOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o, v := anyTenant().Draw(t, "tenant"), cleanValues().Draw(t, "values")
		next := rapid.SampledFrom(pool()).Draw(t, "asked")
		plan, err := MakePlan(o.settled(v), asked(SetPrimary, next, AllowMailEnable, AllowSignInChange))
		if err != nil || !o.survives(string(next.Key())) {
			return
		}
		if got := o.primary(plan.After); got != string(next.Key()) {
			t.Fatalf("%s makes %q the primary, and %q was asked for", show(plan.Change), got, next)
		}
		before := Address(o.primary(v))
		if before != "" && before != oracleMOERA && len(plan.After.Proxies.Find(before)) == 0 {
			t.Fatalf("%s loses the primary %q", show(plan.Change), before)
		}
	})
}

// TestOracleKnowsTheClassicAccident: the oracle itself must see what a bare alias does.
func TestOracleKnowsTheClassicAccident(t *testing.T) {
	t.Parallel()
	o := tenant{kind: User, upn: "u@contoso.test", recipient: true}
	for want, v := range map[string]Values{
		"a@contoso.test":  values("A@contoso.test"),
		"u@contoso.test":  values(""),
		oracleMOERA:       values("a@contoso.test", "smtp:b@contoso.test"),
		"b@contoso.test":  values("a@contoso.test", "SMTP:b@contoso.test"),
		"a2@contoso.test": values("a2@contoso.test", "X500:/o=a"),
	} {
		if got := o.primary(v); got != want {
			t.Errorf("primary of %+v = %q, want %q", v, got, want)
		}
	}
}
