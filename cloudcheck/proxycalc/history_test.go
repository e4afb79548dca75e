package proxycalc_test

import (
	"slices"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

// assumed calculates in the tenant of the rules' tests and gives what was assumed.
func assumed(h proxycalc.Holder, previous *proxycalc.Previous) []string {
	tenant := proxycalc.Tenant{InitialDomain: initial, VerifiedDomains: []string{"contoso.com"}}
	return proxycalc.Calculate(tenant, h, previous).Assumptions
}

// TestFirstSync: what hangs on an earlier state that was not given is said in one sentence.
func TestFirstSync(t *testing.T) {
	t.Parallel()
	const none, empty = "No earlier cloud state was given: ", "The earlier cloud state is empty: "
	bare := proxycalc.Holder{Kind: address.User, UPN: "u@contoso.com", ExchangeLicensed: true}
	nameAndMOERA := `mailNickname "u" and the MOERA are those of a first sync with today's values.`
	moeraOnly := `the MOERA "u@contoso.onmicrosoft.com" is that of a first sync with today's mailNickname.`
	for name, c := range map[string]struct {
		holder   proxycalc.Holder
		previous *proxycalc.Previous
		want     []string
	}{
		"licensed":                         {bare, nil, []string{none + nameAndMOERA}},
		"licensed, AD mailNickname":        {user(true, ""), nil, []string{none + moeraOnly}},
		"no licence":                       {user(false, ""), nil, nil},
		"no licence, no AD mailNickname":   {proxycalc.Holder{Kind: address.User, UPN: "u@contoso.com", Mail: "m@contoso.com"}, nil, nil},
		"group":                            {group("", "u@contoso.com"), nil, []string{none + nameAndMOERA}},
		"group, AD mailNickname":           {group("u", "g@contoso.com"), nil, []string{none + moeraOnly}},
		"security group":                   {group("u", ""), nil, nil},
		"empty state":                      {bare, &proxycalc.Previous{}, []string{empty + nameAndMOERA}},
		"empty state, AD mailNickname":     {user(true, ""), &proxycalc.Previous{}, []string{empty + moeraOnly}},
		"empty state, nothing hangs on it": {user(false, ""), &proxycalc.Previous{ExchangeLicensed: false, OnPremUPN: "u@contoso.com"}, []string{empty + "taken for a first sync."}},
		"earlier state":                    {user(true, ""), state(true, "u", "u@contoso.com", "SMTP:u@contoso.com", "smtp:"+moera), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := assumed(c.holder, c.previous); !slices.Equal(got, c.want) {
				t.Errorf("assumed %q, want %q", got, c.want)
			}
		})
	}
}

func TestPrimaryAfterTheLicence(t *testing.T) {
	licensed := state(true, "u", "a@contoso.com", "SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:"+moera)
	which := func(a string) string {
		return `whether "` + a + `" of AD or the MOERA "` + moera + `" is the primary then is not documented, assumed that it is the former`
	}
	runCases(t, map[string]ruleCase{
		"AD has SMTP: as the licence goes": {
			holder: user(false, "", "SMTP:a@contoso.com"), previous: licensed, mail: "a@contoso.com",
			proxies: []string{"SMTP:a@contoso.com", "smtp:" + moera}, assumes: which("a@contoso.com"),
		},
		"mail comes as the licence goes": {
			holder: user(false, "m@contoso.com"), previous: licensed, mail: "m@contoso.com",
			proxies: []string{"SMTP:m@contoso.com", "smtp:" + moera}, assumes: which("m@contoso.com"),
		},
		"mail comes as the licence goes, and the UPN": {
			holder: user(false, "m@contoso.com"), previous: licensed, mail: "m@contoso.com",
			proxies: []string{"SMTP:m@contoso.com", "smtp:" + moera}, assumes: `"m@contoso.com" arrives as the licence goes; whether the UPN "u@contoso.com"`,
		},
		"mail was there as the licence goes": {
			holder: user(false, "a@contoso.com"), previous: licensed, mail: "a@contoso.com",
			proxies: []string{"SMTP:a@contoso.com", "smtp:" + moera}, assumes: which("a@contoso.com"), never: "whether the UPN",
		},
		"SMTP: comes later": {
			holder: user(false, "", "SMTP:b@contoso.com"), previous: state(false, "u", moera, "SMTP:"+moera), mail: "b@contoso.com",
			proxies: []string{"SMTP:b@contoso.com", "smtp:u@contoso.com", "smtp:" + moera}, assumes: which("b@contoso.com"),
		},
		"AD has secondaries": {
			holder: user(false, "", "smtp:a@contoso.com"), previous: state(true, "u", moera, "smtp:a@contoso.com", "smtp:u@contoso.com", "SMTP:"+moera),
			mail: moera, proxies: []string{"smtp:a@contoso.com", "SMTP:" + moera},
		},
		"the licence is there": {
			holder: user(true, "", "SMTP:a@contoso.com"), previous: licensed, mail: "a@contoso.com",
			proxies: []string{"SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:" + moera},
		},
	})
}

func TestUPNAfterTheLicence(t *testing.T) {
	withProxies := state(false, "u", moera, "SMTP:"+moera, "smtp:x@contoso.com", "smtp:u@contoso.com")
	primaryOnly := state(false, "u", "a@contoso.com", "SMTP:a@contoso.com", "smtp:"+moera)
	looksLicensed := state(false, "u", "u@contoso.com", "SMTP:u@contoso.com", "smtp:"+moera)
	const looks = `has the UPN "u@contoso.com" as its primary, and no licence; assumed that the licence had gone before`
	runCases(t, map[string]ruleCase{
		"the primary changes": {
			holder: user(false, "", "SMTP:b@contoso.com"), previous: primaryOnly, mail: "b@contoso.com",
			proxies: []string{"SMTP:b@contoso.com", "smtp:u@contoso.com", "smtp:" + moera},
			assumes: `"b@contoso.com" comes and "a@contoso.com" goes after the licence`,
		},
		"AD is emptied": {
			holder: user(false, ""), previous: withProxies, mail: moera, proxies: []string{"SMTP:" + moera},
			assumes: `The proxies that came after the licence went are gone again; whether the UPN "u@contoso.com"`,
		},
		"one of two proxies goes": {
			holder: user(false, "", "smtp:y@contoso.com"), mail: moera, proxies: []string{"SMTP:" + moera, "smtp:y@contoso.com", "smtp:u@contoso.com"},
			previous: state(false, "u", moera, "SMTP:"+moera, "smtp:x@contoso.com", "smtp:y@contoso.com", "smtp:u@contoso.com"),
		},
		"X500 that was there": {
			holder: user(false, "", "X500:/o=Contoso/cn=u"), previous: state(false, "u", moera, "SMTP:"+moera, "x500:/o=contoso/cn=u"),
			mail: moera, proxies: []string{"SMTP:" + moera, "X500:/o=Contoso/cn=u"},
		},
		"a malformed value alone": {
			holder: user(false, "", "smtp:a b@contoso.com"), previous: state(false, "u", moera, "SMTP:"+moera), mail: moera, proxies: []string{"SMTP:" + moera},
			discarded: dropped("smtp:a b@contoso.com", proxycalc.Malformed), assumes: "has no SMTP address that arrives; whether the UPN",
		},
		"AD mail is the UPN": {
			holder: user(false, "u@contoso.com"), previous: state(false, "u", moera, "SMTP:"+moera), mail: "u@contoso.com",
			proxies: []string{"SMTP:u@contoso.com", "smtp:" + moera}, assumes: "a MOERA and no licence", never: "is an address then",
		},
		"an unverified value comes back as the licence goes": {
			holder: user(false, "", "smtp:x@fabrikam.com"), previous: state(true, "u", moera, "SMTP:"+moera, "smtp:u@contoso.com"), mail: moera,
			proxies: []string{"SMTP:" + moera, "smtp:x@fabrikam.com"}, assumes: `"x@fabrikam.com" arrives as the licence goes; whether the UPN`,
		},
		"the earlier state looks licensed": {
			holder: user(false, ""), previous: looksLicensed, mail: moera, proxies: []string{"SMTP:" + moera}, assumes: looks,
		},
		"the earlier state looks licensed, proxies come": {
			holder: user(false, "", "smtp:x@contoso.com"), previous: looksLicensed, mail: moera,
			proxies: []string{"SMTP:" + moera, "smtp:x@contoso.com", "smtp:u@contoso.com"}, assumes: looks,
		},
	})
}

func TestLicenceGoesWithoutMOERA(t *testing.T) {
	runCases(t, map[string]ruleCase{
		"nothing in AD": {
			holder: user(false, ""), previous: state(true, "u", "u@contoso.com", "SMTP:u@contoso.com"),
			assumes: "the earlier state has no MOERA (an address in contoso.onmicrosoft.com) that could become the primary; assumed that there is none, so that no address is left.",
		},
		"an address in AD": {
			holder: user(false, "", "SMTP:a@contoso.com"), previous: state(true, "u", "a@contoso.com", "SMTP:a@contoso.com"),
			proxies: []string{"SMTP:a@contoso.com"}, mail: "a@contoso.com", assumes: "assumed that there is none.", never: "never licensed",
		},
		"the earlier state had no licence": {
			holder: user(false, ""), previous: state(false, "u", "u@contoso.com", "SMTP:u@contoso.com"),
		},
	})
}

func TestUPNFollowsAD(t *testing.T) {
	before := func(cloud, onPremises string) *proxycalc.Previous {
		return &proxycalc.Previous{Nickname: "u", UPN: cloud, OnPremUPN: onPremises}
	}
	runCases(t, map[string]ruleCase{
		"the AD UPN is as it was":    {holder: user(false, ""), previous: before("x@contoso.com", "U@contoso.com"), upn: "u@contoso.com", assumes: "assumed that its domain was verified since"},
		"the AD UPN changed":         {holder: user(false, ""), previous: before("x@contoso.com", "x@contoso.com"), upn: "u@contoso.com"},
		"in other case":              {holder: user(false, ""), previous: before("U@contoso.com", "u@contoso.com"), upn: "u@contoso.com"},
		"the cloud UPN is not given": {holder: user(false, ""), previous: before("", "u@contoso.com"), upn: "u@contoso.com"},
	})
}

func TestSameDigits(t *testing.T) {
	const sentence = "assumed that they get the same four digits"
	outside := proxycalc.Holder{UPN: "u@fabrikam.com", Nickname: "u", ExchangeLicensed: true}
	digits := "u" + proxycalc.Unknown + "@" + initial
	taken := []address.Address{moera}
	runCases(t, map[string]ruleCase{
		"both collide": {holder: outside, taken: taken, proxies: []string{"SMTP:" + digits}, mail: digits, upn: digits, assumes: sentence},
		"neither does": {holder: outside, proxies: []string{"SMTP:" + moera}, mail: moera, upn: moera},
		"the MOERA alone does": {
			holder: user(true, ""), taken: taken, proxies: []string{"SMTP:u@contoso.com", "smtp:" + digits}, mail: "u@contoso.com",
			assumes: "cannot be predicted", never: sentence,
		},
		"the UPN is in place of a MOERA": {
			holder:  proxycalc.Holder{UPN: moera, Nickname: "a b", ExchangeLicensed: true},
			proxies: []string{"SMTP:" + moera}, mail: moera, upn: moera, assumes: "is not an address", never: sentence,
		},
	})
}

func TestTakenAndHeldEarlier(t *testing.T) {
	const hint = `"a@contoso.com" is in taken_addresses and in the earlier state: taken to be another object's.`
	before := state(true, "u", "a@contoso.com", "SMTP:A@contoso.com", "smtp:u@contoso.com", "smtp:"+moera)
	runCases(t, map[string]ruleCase{
		"held before": {
			holder: user(true, "", "SMTP:a@contoso.com"), previous: before, taken: []address.Address{"a@Contoso.com"}, mail: moera,
			proxies: []string{"SMTP:" + moera, "smtp:u@contoso.com"}, discarded: dropped("SMTP:a@contoso.com", proxycalc.Taken), assumes: hint,
		},
		"new": {
			holder: user(true, "", "smtp:b@contoso.com", "SMTP:a@contoso.com"), previous: before, taken: []address.Address{"b@contoso.com"}, mail: "a@contoso.com",
			proxies: []string{"SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:" + moera}, discarded: dropped("smtp:b@contoso.com", proxycalc.Taken),
		},
		"its own MOERA": {
			holder: user(true, "", "SMTP:a@contoso.com"), previous: before, taken: []address.Address{moera}, mail: "a@contoso.com",
			proxies: []string{"SMTP:a@contoso.com", "smtp:u@contoso.com", "smtp:" + moera},
		},
	})
}
