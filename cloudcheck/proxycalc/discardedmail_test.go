package proxycalc_test

import (
	"strings"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

func TestNicknameOfDiscardedMail(t *testing.T) {
	licensed := func(mail string, values ...string) proxycalc.Holder {
		return proxycalc.Holder{UPN: "u@contoso.com", Mail: mail, Proxies: proxies(values...), ExchangeLicensed: true}
	}
	named := func(nickname string) []string {
		return []string{"SMTP:" + nickname + "@" + initial, "smtp:u@contoso.com"}
	}
	runCases(t, map[string]ruleCase{
		"unverified": {
			holder: licensed("m@fabrikam.com"), nickname: "m", proxies: named("m"), mail: "m@" + initial,
			discarded: dropped("m@fabrikam.com", proxycalc.UnverifiedDomain), assumes: `mailNickname is made from it all the same, "m"`,
		},
		"taken": {
			holder: licensed("m@contoso.com"), taken: []address.Address{"m@contoso.com"}, nickname: "m", proxies: named("m"), mail: "m@" + initial,
			discarded: dropped("m@contoso.com", proxycalc.Taken), assumes: `mailNickname is made from it all the same, "m"`,
		},
		"reserved": {
			holder: licensed("m@" + initial), nickname: "u", proxies: named("u"), mail: moera,
			discarded: dropped("m@"+initial, proxycalc.ReservedSuffix), assumes: `mailNickname is not made from it, but "u"`,
		},
		"malformed, no licence": {
			holder: proxycalc.Holder{UPN: "u@contoso.com", Mail: "m m@contoso.com"}, nickname: "u",
			discarded: dropped("m m@contoso.com", proxycalc.Malformed), assumes: `mailNickname is not made from it, but "u"`,
		},
		"unverified and masked": {
			holder: licensed("m@fabrikam.com", "smtp:b@contoso.com"), nickname: "m", mail: "m@" + initial,
			proxies: append(named("m"), "smtp:b@contoso.com"), assumes: `mailNickname is made from it all the same, "m"`,
		},
		"the primary comes first": {
			holder: licensed("m@fabrikam.com", "SMTP:b@contoso.com"), nickname: "b", mail: "b@contoso.com",
			proxies: []string{"SMTP:b@contoso.com", "smtp:u@contoso.com", "smtp:b@" + initial},
		},
	})
}

// TestDiscardedMail: that the UPN might be the primary instead is said only where it is an address.
func TestDiscardedMail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		holder proxycalc.Holder
		want   bool
	}{
		"licensed":             {user(true, "m m@contoso.com"), true},
		"the UPN is the MOERA": {proxycalc.Holder{Kind: address.User, UPN: "u@fabrikam.com", Nickname: "u", Mail: "m m@contoso.com", ExchangeLicensed: true}, false},
		"no licence":           {user(false, "m m@contoso.com"), false},
		"group":                {group("g", "g g@contoso.com"), false},
		"contact":              {proxycalc.Holder{Kind: address.Contact, Mail: "c c@contoso.com", Proxies: proxies("SMTP:c@x.com")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(assumed(c.holder, nil), "\n")
			if strings.Contains(got, "whether the UPN then becomes the primary") != c.want {
				t.Errorf("assumed %s", got)
			}
		})
	}
}
