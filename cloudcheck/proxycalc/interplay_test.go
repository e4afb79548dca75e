package proxycalc_test

import (
	"strings"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

// The cases here are those in which several rules meet, most of them with a history.

const moera = "u@" + initial

func TestPrimaryThatIsDiscardedLater(t *testing.T) {
	before := []string{"SMTP:a@contoso.com", "smtp:b@contoso.com", "smtp:u@contoso.com", "smtp:" + moera}
	moved := []string{"SMTP:" + moera, "smtp:b@contoso.com", "smtp:u@contoso.com"}
	runCases(t, map[string]ruleCase{
		"a space": {
			holder: user(true, "", "SMTP:a b@contoso.com", "smtp:b@contoso.com"), previous: state(true, "u", "a@contoso.com", before...),
			proxies: moved, mail: moera, discarded: dropped("SMTP:a b@contoso.com", proxycalc.Malformed),
		},
		"an unverified domain": {
			holder: user(true, "", "SMTP:a@fabrikam.com", "smtp:b@contoso.com"), previous: state(true, "u", "a@contoso.com", before...),
			proxies: moved, mail: moera, discarded: dropped("SMTP:a@fabrikam.com", proxycalc.UnverifiedDomain),
		},
		"an unverified domain, by the licence": {
			holder: user(true, "", "SMTP:a@fabrikam.com", "smtp:b@contoso.com"), previous: state(false, "u", "a@fabrikam.com", "SMTP:a@fabrikam.com", "smtp:b@contoso.com"),
			proxies: moved, mail: moera, discarded: dropped("SMTP:a@fabrikam.com", proxycalc.UnverifiedDomain),
		},
		"quarantine": {
			holder: user(true, "", "SMTP:c@contoso.com", "smtp:b@contoso.com"), previous: state(true, "u", "a@contoso.com", before...),
			taken: []address.Address{"C@contoso.com"}, proxies: moved, mail: moera, discarded: dropped("SMTP:c@contoso.com", proxycalc.Taken),
		},
		"quarantine, the only value": {
			holder: user(true, "", "SMTP:c@contoso.com"), taken: []address.Address{"c@contoso.com"},
			proxies: []string{"SMTP:" + moera, "smtp:u@contoso.com"}, mail: moera,
			discarded: dropped("SMTP:c@contoso.com", proxycalc.Taken), assumes: `mask the UPN "u@contoso.com"`,
		},
		"quarantine is over": {
			holder: user(true, "", "SMTP:c@contoso.com", "smtp:b@contoso.com"), previous: state(true, "u", moera, moved...),
			proxies: []string{"SMTP:c@contoso.com", "smtp:b@contoso.com", "smtp:u@contoso.com", "smtp:" + moera}, mail: "c@contoso.com",
		},
		"no licence and no MOERA": {
			holder:  user(false, "", "SMTP:a b@contoso.com", "smtp:b@contoso.com"),
			proxies: []string{"smtp:b@contoso.com"}, discarded: dropped("SMTP:a b@contoso.com", proxycalc.Malformed), assumes: "neither a primary nor a MOERA",
		},
		"mailNickname is not made from it": {
			holder:  proxycalc.Holder{UPN: "u@contoso.com", Proxies: proxies("SMTP:a@fabrikam.com"), ExchangeLicensed: true},
			proxies: []string{"SMTP:" + moera, "smtp:u@contoso.com"}, mail: moera, nickname: "u",
			discarded: dropped("SMTP:a@fabrikam.com", proxycalc.UnverifiedDomain), assumes: "mailNickname is not made from it",
		},
	})
}

func TestMailAlone(t *testing.T) {
	unverified := func(licensed bool) proxycalc.Holder { return user(licensed, "m@fabrikam.com") }
	runCases(t, map[string]ruleCase{
		"unverified, no licence": {
			holder: unverified(false), proxies: []string{"SMTP:m@fabrikam.com"}, mail: "m@fabrikam.com",
		},
		"unverified, the licence comes": {
			holder: unverified(true), previous: state(false, "u", "m@fabrikam.com", "SMTP:m@fabrikam.com"),
			proxies: []string{"SMTP:" + moera, "smtp:u@contoso.com"}, mail: moera,
			discarded: dropped("m@fabrikam.com", proxycalc.UnverifiedDomain), assumes: "whether the UPN then becomes the primary",
		},
		"reserved": {
			holder: user(true, "m@"+initial), proxies: []string{"SMTP:" + moera, "smtp:u@contoso.com"}, mail: moera,
			discarded: dropped("m@"+initial, proxycalc.ReservedSuffix), assumes: "AD mail",
		},
		"taken": {
			holder: user(true, "m@contoso.com"), taken: []address.Address{"m@contoso.com"},
			proxies: []string{"SMTP:" + moera, "smtp:u@contoso.com"}, mail: moera,
			discarded: dropped("m@contoso.com", proxycalc.Taken), assumes: "AD mail",
		},
		"the UPN in other case": {
			holder: user(true, "U@Contoso.com"), proxies: []string{"SMTP:U@Contoso.com", "smtp:" + moera}, mail: "U@Contoso.com",
		},
		"masked by a value that is discarded": {
			holder: user(true, "m@contoso.com", "MSMAIL:CONTOSO/PO/U"), proxies: []string{"SMTP:" + moera, "smtp:u@contoso.com"}, mail: moera,
			discarded: dropped("MSMAIL:CONTOSO/PO/U", proxycalc.LegacyType), assumes: `mask AD mail "m@contoso.com"`,
		},
		"masked by SIP": {
			holder: user(true, "m@contoso.com", "sip:u@contoso.com"), mail: moera,
			proxies: []string{"SMTP:" + moera, "smtp:u@contoso.com", "sip:u@contoso.com"}, assumes: `mask AD mail "m@contoso.com"`,
		},
		"none, and SIP alone": {
			holder: user(true, "", "sip:u@contoso.com"), mail: moera,
			proxies: []string{"SMTP:" + moera, "smtp:u@contoso.com", "sip:u@contoso.com"}, assumes: `mask the UPN "u@contoso.com"`,
		},
		"none, and X500 alone without licence": {
			holder: user(false, "", "X500:/o=Contoso/cn=u"), proxies: []string{"X500:/o=Contoso/cn=u"},
		},
	})
}

func TestAfterTheLicence(t *testing.T) {
	gone := state(false, "u", moera, "SMTP:"+moera)
	runCases(t, map[string]ruleCase{
		"proxies come as it goes": {
			holder: user(false, "", "smtp:x@contoso.com"), previous: state(true, "u", "u@contoso.com", "SMTP:u@contoso.com", "smtp:"+moera),
			proxies: []string{"SMTP:" + moera, "smtp:x@contoso.com"}, mail: moera, assumes: `"x@contoso.com" arrives as the licence goes`,
		},
		"mail comes later": {
			holder: user(false, "m@contoso.com"), previous: gone,
			proxies: []string{"SMTP:m@contoso.com", "smtp:" + moera}, mail: "m@contoso.com", assumes: "AD mail comes after the licence went",
		},
		"AD names the UPN itself": {
			holder: user(false, "", "SMTP:u@contoso.com"), previous: state(true, "u", "u@contoso.com", "SMTP:u@contoso.com", "smtp:"+moera),
			proxies: []string{"SMTP:u@contoso.com", "smtp:" + moera}, mail: "u@contoso.com", assumes: "a MOERA and no licence",
		},
		"X500 comes later": {
			holder: user(false, "", "X500:/o=Contoso/cn=u"), previous: gone, proxies: []string{"SMTP:" + moera, "X500:/o=Contoso/cn=u"}, mail: moera,
			assumes: "has no SMTP address that arrives; whether the UPN",
		},
		"a discarded value comes later": {
			holder: user(false, "", "smtp:x@"+initial), previous: gone, proxies: []string{"SMTP:" + moera}, mail: moera,
			discarded: dropped("smtp:x@"+initial, proxycalc.ReservedSuffix), assumes: "has no SMTP address that arrives; whether the UPN",
		},
		"a value in an unverified domain comes later": {
			holder: user(false, "", "smtp:x@fabrikam.com"), previous: gone, mail: moera,
			proxies: []string{"SMTP:" + moera, "smtp:x@fabrikam.com", "smtp:u@contoso.com"},
		},
		"the UPN is the MOERA": {
			holder:   proxycalc.Holder{UPN: "u@fabrikam.com", Nickname: "u"},
			previous: &proxycalc.Previous{Mail: moera, Nickname: "u", UPN: moera, OnPremUPN: "u@fabrikam.com", Proxies: proxies("SMTP:" + moera), ExchangeLicensed: true},
			proxies:  []string{"SMTP:" + moera}, mail: moera, upn: moera,
		},
		"the UPN beside the MOERA goes": {
			holder: proxycalc.Holder{UPN: "u@fabrikam.com", Nickname: "new"},
			previous: &proxycalc.Previous{Mail: moera, Nickname: "new", UPN: moera, OnPremUPN: "u@fabrikam.com",
				Proxies: proxies("SMTP:"+moera, "smtp:new@"+initial), ExchangeLicensed: true},
			proxies: []string{"SMTP:new@" + initial}, mail: "new@" + initial, upn: moera,
		},
	})
}

func TestHybridCoexistenceDomain(t *testing.T) {
	const hybrid = "u@contoso.mail.onmicrosoft.com"
	runCases(t, map[string]ruleCase{
		"beside the MOERA": {
			holder: user(true, "", "SMTP:a@contoso.com", "smtp:"+hybrid), mail: "a@contoso.com",
			proxies: []string{"SMTP:a@contoso.com", "smtp:" + hybrid, "smtp:u@contoso.com", "smtp:" + moera},
		},
		"no MOERA, although in the earlier state": {
			holder: user(true, "", "smtp:"+hybrid), previous: state(true, "u", hybrid, "smtp:"+hybrid),
			proxies: []string{"SMTP:" + moera, "smtp:" + hybrid, "smtp:u@contoso.com"}, mail: moera,
		},
		"as the primary, without licence": {
			holder: user(false, "", "SMTP:"+hybrid), proxies: []string{"SMTP:" + hybrid}, mail: hybrid, assumes: "never licensed",
		},
		"leaves with AD": {
			holder: user(true, "", "SMTP:a@contoso.com"), previous: state(true, "u", "a@contoso.com", "SMTP:a@contoso.com", "smtp:"+hybrid, "smtp:"+moera),
			proxies: []string{"SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:" + moera}, mail: "a@contoso.com",
		},
		"of a group": {
			holder:  group("g", "", "SMTP:g@contoso.com", "smtp:g@Contoso.mail.onmicrosoft.com"),
			proxies: []string{"SMTP:g@contoso.com", "smtp:g@Contoso.mail.onmicrosoft.com", "smtp:g@" + initial}, mail: "g@contoso.com",
		},
		"of another tenant": {
			holder: user(false, "", "SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:a@fabrikam.mail.onmicrosoft.com"), mail: "a@contoso.com",
			proxies:   []string{"SMTP:a@contoso.com", "smtp:u@contoso.com"},
			discarded: dropped("smtp:a@fabrikam.mail.onmicrosoft.com", proxycalc.ReservedSuffix),
		},
	})
}

func TestNicknameCollision(t *testing.T) {
	const digits = "u####@" + initial
	taken := []address.Address{moera}
	outside := proxycalc.Holder{UPN: "u@fabrikam.com", Nickname: "u", ExchangeLicensed: true}
	runCases(t, map[string]ruleCase{
		"fed back": {
			holder: user(true, ""), previous: state(true, "u", "u@contoso.com", "SMTP:u@contoso.com", "smtp:"+digits), taken: taken,
			proxies: []string{"SMTP:u@contoso.com", "smtp:" + digits}, mail: "u@contoso.com",
		},
		"the article's digits are kept": {
			holder: user(true, ""), previous: state(true, "u", "u@contoso.com", "SMTP:u@contoso.com", "smtp:u5236@"+initial), taken: taken,
			proxies: []string{"SMTP:u@contoso.com", "smtp:u5236@" + initial}, mail: "u@contoso.com",
		},
		"kept when the other one goes": {
			holder: user(true, ""), previous: state(true, "u", "u@contoso.com", "SMTP:u@contoso.com", "smtp:u5236@"+initial),
			proxies: []string{"SMTP:u@contoso.com", "smtp:u5236@" + initial}, mail: "u@contoso.com",
		},
		"a new mailNickname that is taken changes no MOERA": {
			holder: user(true, ""), previous: state(true, "old", "u@contoso.com", "SMTP:u@contoso.com", "smtp:old@"+initial), taken: taken,
			proxies: []string{"SMTP:u@contoso.com", "smtp:old@" + initial}, mail: "u@contoso.com", nickname: "u",
		},
		"as the primary": {
			holder: user(true, "", "smtp:x@contoso.com"), taken: taken, assumes: "cannot be predicted",
			proxies: []string{"SMTP:" + digits, "smtp:x@contoso.com", "smtp:u@contoso.com"}, mail: digits,
		},
		"of the UPN too, fed back": {
			holder: outside, taken: taken,
			previous: &proxycalc.Previous{Mail: digits, Nickname: "u", UPN: digits, OnPremUPN: "u@fabrikam.com", Proxies: proxies("SMTP:" + digits), ExchangeLicensed: true},
			proxies:  []string{"SMTP:" + digits}, mail: digits, upn: digits,
		},
		"of the UPN without licence": {
			holder: proxycalc.Holder{UPN: "u@fabrikam.com", Nickname: "u"}, taken: taken, upn: digits, assumes: "cannot be predicted",
		},
		"of a group": {
			holder: group("g", "", "SMTP:g@contoso.com"), taken: []address.Address{"g@" + initial},
			proxies: []string{"SMTP:g@contoso.com", "smtp:g####@" + initial}, mail: "g@contoso.com", assumes: "cannot be predicted",
		},
	})
}

func TestTakenUPN(t *testing.T) {
	taken := []address.Address{"u@contoso.com"}
	runCases(t, map[string]ruleCase{
		"nothing else in AD": {
			holder: user(true, ""), taken: taken, proxies: []string{"SMTP:" + moera}, mail: moera, upn: "u@contoso.com",
			discarded: dropped("u@contoso.com", proxycalc.Taken), assumes: "keeps it as its UPN but not as an address",
		},
		"no licence, nothing in AD": {
			holder: user(false, ""), taken: taken, upn: "u@contoso.com",
		},
		"in AD proxyAddresses too": {
			holder: user(true, "", "SMTP:u@contoso.com"), taken: taken, proxies: []string{"SMTP:" + moera}, mail: moera,
			discarded: append(dropped("SMTP:u@contoso.com", proxycalc.Taken), dropped("u@contoso.com", proxycalc.Taken)...), assumes: "*",
		},
		"no licence any more, proxies come": {
			holder: user(false, "", "smtp:x@contoso.com"), previous: state(false, "u", moera, "SMTP:"+moera), taken: taken,
			proxies: []string{"SMTP:" + moera, "smtp:x@contoso.com"}, mail: moera, assumes: "Another object holds the address",
		},
		"taken away from it": {
			holder: user(true, ""), previous: state(true, "u", "u@contoso.com", "SMTP:u@contoso.com", "smtp:"+moera), taken: taken,
			proxies: []string{"SMTP:" + moera}, mail: moera, discarded: dropped("u@contoso.com", proxycalc.Taken), assumes: "*",
		},
	})
}

func TestUPNInUnverifiedDomainWithHistory(t *testing.T) {
	holder := proxycalc.Holder{UPN: "u@fabrikam.com", Nickname: "new", ExchangeLicensed: true, Proxies: proxies("SMTP:a@contoso.com")}
	before := func(upn, onPremises string, values ...string) *proxycalc.Previous {
		return &proxycalc.Previous{Mail: "a@contoso.com", Nickname: "new", UPN: upn, OnPremUPN: onPremises, ExchangeLicensed: true,
			Proxies: proxies(append(values, "SMTP:a@contoso.com")...)}
	}
	runCases(t, map[string]ruleCase{
		"the AD UPN is as it was": {
			holder: holder, previous: before(moera, "U@Fabrikam.com", "smtp:"+moera), upn: moera,
			proxies: []string{"SMTP:a@contoso.com", "smtp:" + moera}, mail: "a@contoso.com",
		},
		"the AD UPN changed: the MOERA stays, the UPN is new": {
			holder: holder, previous: before(moera, "u@contoso.com", "smtp:"+moera), upn: "new@" + initial,
			proxies: []string{"SMTP:a@contoso.com", "smtp:" + moera, "smtp:new@" + initial}, mail: "a@contoso.com",
		},
		"its domain was verified": {
			holder: holder, previous: before("u@fabrikam.com", "u@fabrikam.com", "smtp:u@fabrikam.com", "smtp:"+moera), upn: "new@" + initial,
			proxies: []string{"SMTP:a@contoso.com", "smtp:" + moera, "smtp:new@" + initial}, mail: "a@contoso.com", assumes: "the earlier one",
		},
		"nothing is known of the AD UPN": {
			holder: holder, previous: before(moera, "", "smtp:"+moera), upn: moera,
			proxies: []string{"SMTP:a@contoso.com", "smtp:" + moera}, mail: "a@contoso.com", assumes: "has not changed",
		},
	})
}

func TestTwins(t *testing.T) {
	runCases(t, map[string]ruleCase{
		"SMTP: twice in different case": {
			holder:  user(true, "", "SMTP:A@contoso.com", "SMTP:a@contoso.com", "smtp:a@CONTOSO.com"),
			proxies: []string{"SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:" + moera}, mail: "A@contoso.com",
		},
		"mixed case and secondary": {
			holder:  user(true, "", "SMTP:a@contoso.com", "sMTP:b@contoso.com", "smtp:B@contoso.com"),
			proxies: []string{"SMTP:a@contoso.com", "smtp:b@contoso.com", "smtp:u@contoso.com", "smtp:" + moera}, mail: "a@contoso.com",
			assumes: `the prefix of "sMTP:b@contoso.com"`,
		},
		"the UPN as an alias in other case": {
			holder:  user(true, "", "SMTP:a@contoso.com", "smtp:U@CONTOSO.com"),
			proxies: []string{"SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:" + moera}, mail: "a@contoso.com",
		},
	})
}

func TestEarlierStateThatIsNotWhole(t *testing.T) {
	runCases(t, map[string]ruleCase{
		"no mailNickname": {
			holder:   proxycalc.Holder{UPN: "u@contoso.com", Mail: "m@contoso.com", ExchangeLicensed: true},
			previous: state(true, "", "m@contoso.com", "SMTP:m@contoso.com"), nickname: "m",
			proxies: []string{"SMTP:m@contoso.com", "smtp:u@contoso.com", "smtp:m@" + initial}, mail: "m@contoso.com", assumes: "has no mailNickname",
		},
		"none at all": {
			holder:  proxycalc.Holder{UPN: "u@contoso.com", Mail: "m@contoso.com", ExchangeLicensed: true},
			proxies: []string{"SMTP:m@contoso.com", "smtp:u@contoso.com", "smtp:m@" + initial}, mail: "m@contoso.com", assumes: "No earlier cloud state",
		},
	})
}

func TestSharedResourceWithoutNickname(t *testing.T) {
	runCases(t, map[string]ruleCase{
		"the UPN is an address": {
			holder: proxycalc.Holder{UPN: "u@contoso.com", SharedMailbox: true}, proxies: []string{"SMTP:u@contoso.com", "smtp:" + moera}, mail: "u@contoso.com",
			assumes: "knows the user as a shared resource",
		},
	})
}

func TestOtherInitialDomains(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		initial string
		value   string
		want    string
	}{
		"upper case":            {"Contoso.OnMicrosoft.com", "smtp:b@contoso.mail.onmicrosoft.com", ""},
		"another cloud":         {"contoso.onmicrosoft.us", "smtp:b@contoso.onmicrosoft.us", string(proxycalc.ReservedSuffix)},
		"another cloud, hybrid": {"contoso.onmicrosoft.us", "smtp:b@contoso.mail.onmicrosoft.us", ""},
		"one label":             {"contoso", "smtp:b@contoso.mail.", string(proxycalc.Malformed)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant := proxycalc.Tenant{InitialDomain: c.initial, VerifiedDomains: []string{"contoso.com"}}
			got := proxycalc.Calculate(tenant, user(true, "", "SMTP:a@contoso.com", c.value), nil)
			reason := ""
			for _, d := range got.Discarded {
				reason = string(d.Reason)
			}
			if reason != c.want || got.Proxies.Has(address.Proxy(c.value)) != (c.want == "") {
				t.Errorf("%s: %q, proxyAddresses %q", c.value, reason, got.Proxies)
			}
			if len(got.Proxies.Find(address.Address("u@"+strings.ToLower(c.initial)))) != 1 {
				t.Errorf("no MOERA in %q", got.Proxies)
			}
		})
	}
}
