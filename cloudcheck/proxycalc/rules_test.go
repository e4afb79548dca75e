package proxycalc_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

// ruleCase is one calculation and the part of its result that a rule decides.
type ruleCase struct {
	holder   proxycalc.Holder
	previous *proxycalc.Previous
	verified []string
	taken    []address.Address

	proxies []string
	// mail is checked always, the others where they are not empty.
	mail, nickname, upn string
	discarded           []proxycalc.Discarded
	// assumes is a part of one of the assumptions; "" means that nothing is assumed but what each first sync with a MOERA
	// assumes (TestFirstSync has that), "*" anything.
	assumes string
	// never is a part that no assumption has, where it is not empty.
	never string
}

const initial = "contoso.onmicrosoft.com"

func (rc ruleCase) run(t *testing.T) {
	t.Helper()
	if rc.holder.Kind == "" {
		rc.holder.Kind = address.User
	}
	tenant := proxycalc.Tenant{InitialDomain: initial, VerifiedDomains: rc.verified, TakenAddresses: rc.taken}
	if rc.verified == nil {
		tenant.VerifiedDomains = []string{"contoso.com"}
	}
	got := proxycalc.Calculate(tenant, rc.holder, rc.previous)
	rc.compare(t, got)
}

func (rc ruleCase) compare(t *testing.T, got proxycalc.Result) {
	t.Helper()
	if !sameSet(got.Proxies, rc.proxies) {
		t.Errorf("proxyAddresses are %q, want %q", got.Proxies, rc.proxies)
	}
	if got.Mail != rc.mail {
		t.Errorf("mail is %q, want %q", got.Mail, rc.mail)
	}
	if rc.nickname != "" && got.Nickname != rc.nickname {
		t.Errorf("mailNickname is %q, want %q", got.Nickname, rc.nickname)
	}
	if rc.upn != "" && got.UPN != rc.upn {
		t.Errorf("UPN is %q, want %q", got.UPN, rc.upn)
	}
	if !slices.Equal(got.Discarded, rc.discarded) {
		t.Errorf("discarded are %q, want %q", got.Discarded, rc.discarded)
	}
	rc.compareAssumptions(t, got.Assumptions)
}

func (rc ruleCase) compareAssumptions(t *testing.T, got []string) {
	t.Helper()
	all := strings.Join(got, "\n")
	more := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return strings.HasPrefix(s, "No earlier cloud state was given: ") })
	if rc.never != "" && strings.Contains(all, rc.never) {
		t.Errorf("assumptions say %q: %s", rc.never, all)
	}
	switch {
	case rc.assumes == "*":
	case rc.assumes == "" && len(more) > 0:
		t.Errorf("assumed without need: %s", all)
	case !strings.Contains(all, rc.assumes):
		t.Errorf("assumptions do not say %q: %s", rc.assumes, all)
	}
}

func runCases(t *testing.T, cases map[string]ruleCase) {
	t.Helper()
	t.Parallel()
	for name, rc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rc.run(t)
		})
	}
}

func dropped(value string, reason proxycalc.Reason) []proxycalc.Discarded {
	return []proxycalc.Discarded{{Value: value, Reason: reason}}
}

// state makes an earlier cloud state of a user u@contoso.com.
func state(licensed bool, nickname, mail string, values ...string) *proxycalc.Previous {
	return &proxycalc.Previous{
		Mail: mail, Nickname: nickname, UPN: "u@contoso.com", OnPremUPN: "u@contoso.com",
		Proxies: proxies(values...), ExchangeLicensed: licensed,
	}
}

// user makes a user u@contoso.com with a mailNickname, so that nothing hangs on its history.
func user(licensed bool, mail string, values ...string) proxycalc.Holder {
	return proxycalc.Holder{
		Kind: address.User, UPN: "u@contoso.com", Nickname: "u", Mail: mail, Proxies: proxies(values...),
		ExchangeLicensed: licensed,
	}
}

func TestShadowForgetsEarlierCalculatedValues(t *testing.T) {
	runCases(t, map[string]ruleCase{
		"an address that left AD leaves the cloud": {
			holder:   user(true, "", "SMTP:a@contoso.com"),
			previous: state(true, "u", "old@contoso.com", "SMTP:old@contoso.com", "smtp:alias@contoso.com", "smtp:u@contoso.com", "smtp:u@"+initial),
			proxies:  []string{"SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:u@" + initial},
			mail:     "a@contoso.com",
		},
	})
}

func TestPrimary(t *testing.T) {
	runCases(t, map[string]ruleCase{
		"SMTP: before mail": {
			holder:  user(true, "m@contoso.com", "SMTP:a@contoso.com", "smtp:b@contoso.com"),
			proxies: []string{"SMTP:a@contoso.com", "smtp:b@contoso.com", "smtp:u@contoso.com", "smtp:u@" + initial},
			mail:    "a@contoso.com",
		},
		"mail where proxyAddresses is empty": {
			holder:  user(true, "m@contoso.com"),
			proxies: []string{"SMTP:m@contoso.com", "smtp:u@contoso.com", "smtp:u@" + initial},
			mail:    "m@contoso.com",
		},
		"UPN where both are empty": {
			holder:  user(true, ""),
			proxies: []string{"SMTP:u@contoso.com", "smtp:u@" + initial},
			mail:    "u@contoso.com",
		},
		"MOERA where there are lower-case values only": {
			holder:  user(true, "", "smtp:b@contoso.com"),
			proxies: []string{"SMTP:u@" + initial, "smtp:b@contoso.com", "smtp:u@contoso.com"},
			mail:    "u@" + initial,
		},
		"a lower-case value masks mail": {
			holder:  user(true, "m@contoso.com", "smtp:m@contoso.com"),
			proxies: []string{"SMTP:u@" + initial, "smtp:m@contoso.com", "smtp:u@contoso.com"},
			mail:    "u@" + initial,
		},
		"a mixed-case prefix is no primary": {
			holder:  user(true, "", "Smtp:b@contoso.com"),
			proxies: []string{"SMTP:u@" + initial, "smtp:b@contoso.com", "smtp:u@contoso.com"},
			mail:    "u@" + initial,
			assumes: `the prefix of "Smtp:b@contoso.com"`,
		},
		"the discarded primary leaves it to the MOERA": {
			holder:    user(true, "", "SMTP:a b@contoso.com", "smtp:b@contoso.com"),
			proxies:   []string{"SMTP:u@" + initial, "smtp:b@contoso.com", "smtp:u@contoso.com"},
			mail:      "u@" + initial,
			discarded: dropped("SMTP:a b@contoso.com", proxycalc.Malformed),
		},
		"two primaries, the earlier one stays": {
			holder:   user(true, "", "SMTP:a@contoso.com", "SMTP:b@contoso.com"),
			previous: state(true, "u", "b@contoso.com", "SMTP:b@contoso.com", "smtp:u@"+initial),
			proxies:  []string{"SMTP:b@contoso.com", "smtp:a@contoso.com", "smtp:u@contoso.com", "smtp:u@" + initial},
			mail:     "b@contoso.com",
			assumes:  `assumed "b@contoso.com" over "a@contoso.com"`,
		},
		"case twins are one address": {
			holder:  user(true, "", "smtp:A@contoso.com", "SMTP:a@contoso.com"),
			proxies: []string{"SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:u@" + initial},
			mail:    "a@contoso.com",
		},
		"X500 alone and mail": {
			holder:  user(true, "m@contoso.com", "X500:/o=Contoso/ou=First/cn=Recipients/cn=u 1"),
			proxies: []string{"SMTP:u@" + initial, "smtp:u@contoso.com", "X500:/o=Contoso/ou=First/cn=Recipients/cn=u 1"},
			mail:    "u@" + initial,
			assumes: "mask AD mail",
		},
		"mail is discarded": {
			holder:    user(true, "m@fabrikam.com"),
			proxies:   []string{"SMTP:u@" + initial, "smtp:u@contoso.com"},
			mail:      "u@" + initial,
			discarded: dropped("m@fabrikam.com", proxycalc.UnverifiedDomain),
			assumes:   "whether the UPN then becomes the primary",
		},
	})
}

func TestNickname(t *testing.T) {
	bare := func(mail string, values ...string) proxycalc.Holder {
		return proxycalc.Holder{UPN: "fromupn@contoso.com", Mail: mail, Proxies: proxies(values...)}
	}
	runCases(t, map[string]ruleCase{
		"AD mailNickname": {
			holder:  proxycalc.Holder{UPN: "fromupn@contoso.com", Nickname: "nick", Mail: "m@contoso.com"},
			proxies: []string{"SMTP:m@contoso.com"}, mail: "m@contoso.com", nickname: "nick",
		},
		"primary": {
			holder:  bare("m@contoso.com", "smtp:s@contoso.com", "SMTP:p@contoso.com"),
			proxies: []string{"SMTP:p@contoso.com", "smtp:s@contoso.com"}, mail: "p@contoso.com", nickname: "p", assumes: "never licensed",
		},
		"mail, although masked": {
			holder:  bare("m@contoso.com", "smtp:s@contoso.com"),
			proxies: []string{"smtp:s@contoso.com"}, nickname: "m", assumes: "neither a primary nor a MOERA",
		},
		"UPN": {
			holder:  bare("", "smtp:s@contoso.com"),
			proxies: []string{"smtp:s@contoso.com"}, nickname: "fromupn", assumes: "never licensed",
		},
		"a secondary": {
			holder:  proxycalc.Holder{Proxies: proxies("smtp:s@contoso.com")},
			proxies: []string{"smtp:s@contoso.com"}, nickname: "s", assumes: "no AD UPN",
		},
		"kept": {
			holder:   bare("", "SMTP:new@contoso.com", "smtp:fromupn@contoso.com"),
			previous: state(false, "kept", ""),
			proxies:  []string{"SMTP:new@contoso.com", "smtp:fromupn@contoso.com"}, mail: "new@contoso.com", nickname: "kept",
		},
		"AD mailNickname taken away changes nothing": {
			holder:   proxycalc.Holder{UPN: "u@contoso.com"},
			previous: state(false, "kept", ""), nickname: "kept",
		},
	})
}

func TestMOERA(t *testing.T) {
	runCases(t, map[string]ruleCase{
		"stamped when the licence comes": {
			holder:   user(true, "", "SMTP:a@contoso.com"),
			previous: state(false, "u", "a@contoso.com", "SMTP:a@contoso.com"),
			proxies:  []string{"SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:u@" + initial}, mail: "a@contoso.com",
		},
		"kept when mailNickname changes": {
			holder:   user(true, "", "SMTP:a@contoso.com"),
			previous: state(true, "old", "a@contoso.com", "SMTP:a@contoso.com", "smtp:old@"+initial),
			proxies:  []string{"SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:old@" + initial}, mail: "a@contoso.com", nickname: "u",
		},
		"kept without licence": {
			holder:   user(false, "m@contoso.com"),
			previous: state(false, "u", "m@contoso.com", "SMTP:m@contoso.com", "smtp:u@"+initial),
			proxies:  []string{"SMTP:m@contoso.com", "smtp:u@" + initial}, mail: "m@contoso.com", assumes: "a MOERA and no licence",
		},
		"kept although taken": {
			holder:   user(true, ""),
			previous: state(true, "u", "u@contoso.com", "SMTP:u@contoso.com", "smtp:u@"+initial),
			taken:    []address.Address{"u@" + initial},
			proxies:  []string{"SMTP:u@contoso.com", "smtp:u@" + initial}, mail: "u@contoso.com",
		},
		"four digits on a collision": {
			holder:  user(true, ""),
			taken:   []address.Address{"U@" + initial},
			proxies: []string{"SMTP:u@contoso.com", "smtp:u####@" + initial}, mail: "u@contoso.com", assumes: "cannot be predicted",
		},
		"never without a licence": {
			holder:  user(false, "m@contoso.com"),
			proxies: []string{"SMTP:m@contoso.com"}, mail: "m@contoso.com",
		},
		"none from a mailNickname that makes no address": {
			holder:  proxycalc.Holder{UPN: "u@contoso.com", Nickname: "a b", ExchangeLicensed: true},
			proxies: []string{"SMTP:u@contoso.com"}, mail: "u@contoso.com", assumes: "is not an address",
		},
		"several in the earlier state": {
			holder:   user(true, ""),
			previous: state(true, "u", "u@contoso.com", "smtp:a@"+initial, "smtp:b@"+initial),
			proxies:  []string{"SMTP:u@contoso.com", "smtp:a@" + initial, "smtp:b@" + initial}, mail: "u@contoso.com",
			assumes: "several addresses in",
		},
	})
}

func TestWithoutLicence(t *testing.T) {
	runCases(t, map[string]ruleCase{
		"nothing in AD": {
			holder: proxycalc.Holder{UPN: "u@contoso.com"}, nickname: "u", upn: "u@contoso.com",
		},
		"AD mail": {
			holder:  proxycalc.Holder{UPN: "u@contoso.com", Mail: "m@contoso.com"},
			proxies: []string{"SMTP:m@contoso.com"}, mail: "m@contoso.com", nickname: "m", upn: "u@contoso.com",
		},
		"licence removed, a primary in AD": {
			holder:   user(false, "", "SMTP:a@contoso.com"),
			previous: state(true, "u", "a@contoso.com", "SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:u@"+initial),
			proxies:  []string{"SMTP:a@contoso.com", "smtp:u@" + initial}, mail: "a@contoso.com",
			assumes: `whether "a@contoso.com" of AD or the MOERA "u@contoso.onmicrosoft.com" is the primary`,
		},
		"licence removed long ago, nothing new": {
			holder:   user(false, "", "SMTP:a@contoso.com"),
			previous: state(false, "u", "a@contoso.com", "SMTP:a@contoso.com", "smtp:u@"+initial),
			proxies:  []string{"SMTP:a@contoso.com", "smtp:u@" + initial}, mail: "a@contoso.com", assumes: "a MOERA and no licence",
		},
		"licence removed, a primary added later": {
			holder:   user(false, "", "SMTP:a@contoso.com"),
			previous: state(false, "u", "u@"+initial, "SMTP:u@"+initial),
			proxies:  []string{"SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:u@" + initial}, mail: "a@contoso.com", assumes: "a MOERA and no licence",
		},
		"licence removed, the earlier UPN is not known": {
			holder:   user(false, "", "SMTP:a@contoso.com"),
			previous: &proxycalc.Previous{Nickname: "u", Mail: "a@contoso.com", Proxies: proxies("SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:u@"+initial)},
			proxies:  []string{"SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:u@" + initial}, mail: "a@contoso.com", assumes: "a MOERA and no licence",
		},
		"licence removed, the added proxies leave again": {
			holder:   user(false, ""),
			previous: state(false, "u", "u@"+initial, "SMTP:u@"+initial, "smtp:x@contoso.com", "smtp:u@contoso.com"),
			proxies:  []string{"SMTP:u@" + initial}, mail: "u@" + initial, assumes: "are gone again; whether the UPN",
		},
		"licence comes back": {
			holder:   user(true, ""),
			previous: state(false, "u", "u@"+initial, "SMTP:u@"+initial),
			proxies:  []string{"SMTP:u@contoso.com", "smtp:u@" + initial}, mail: "u@contoso.com",
		},
	})
}

func TestLimits(t *testing.T) {
	var many []string
	for i := range 301 {
		many = append(many, fmt.Sprintf("smtp:a%d@contoso.com", i))
	}
	runCases(t, map[string]ruleCase{
		"more addresses than fit": {
			holder:  user(true, "", many...),
			proxies: append([]string{"SMTP:u@" + initial, "smtp:u@contoso.com"}, many...), mail: "u@" + initial,
			assumes: "LargeObject",
		},
	})
}

func TestAddedByCloud(t *testing.T) {
	runCases(t, map[string]ruleCase{
		"SIP: and SPO: stay, X500 goes with AD": {
			holder: user(true, "", "SMTP:a@contoso.com"),
			previous: state(true, "u", "a@contoso.com", "SMTP:a@contoso.com", "smtp:u@"+initial, "SIP:a@contoso.com",
				"SPO:SPO_x@SPO_y", "X500:/o=Contoso/cn=old"),
			proxies: []string{"SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:u@" + initial, "SIP:a@contoso.com", "SPO:SPO_x@SPO_y"},
			mail:    "a@contoso.com", assumes: "added it by itself",
		},
		"a SIP: of AD is no assumption": {
			holder:   user(true, "", "SMTP:a@contoso.com", "sip:a@contoso.com"),
			previous: state(true, "u", "a@contoso.com", "SMTP:a@contoso.com", "smtp:u@"+initial, "SIP:a@contoso.com"),
			proxies:  []string{"SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:u@" + initial, "sip:a@contoso.com"},
			mail:     "a@contoso.com",
		},
		"the cloud's own X500 stays": {
			holder: user(true, "", "SMTP:a@contoso.com"),
			previous: state(true, "u", "a@contoso.com", "SMTP:a@contoso.com", "smtp:u@"+initial,
				"x500:/o=ExchangeLabs/ou=Exchange/cn=u", "X500:/o=MicrosoftOnline/cn=u"),
			proxies: []string{"SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:u@" + initial,
				"x500:/o=ExchangeLabs/ou=Exchange/cn=u", "X500:/o=MicrosoftOnline/cn=u"},
			mail: "a@contoso.com", assumes: "added it by itself",
		},
		"characters that addresses may not have": {
			holder:  user(true, "", "SMTP:a@contoso.com", "X500:/o=Contoso/cn=u 1"),
			proxies: []string{"SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:u@" + initial, "X500:/o=Contoso/cn=u 1"},
			mail:    "a@contoso.com", assumes: "for addresses only",
		},
		"an unknown type arrives": {
			holder:  user(true, "", "SMTP:a@contoso.com", "EUM:123;phone-context=dp.contoso.com", "zzz:1"),
			proxies: []string{"SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:u@" + initial, "EUM:123;phone-context=dp.contoso.com", "zzz:1"},
			mail:    "a@contoso.com", assumes: "type zzz",
		},
	})
}
