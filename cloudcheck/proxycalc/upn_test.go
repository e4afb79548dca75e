package proxycalc_test

import (
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

func TestUPNAsAddress(t *testing.T) {
	runCases(t, map[string]ruleCase{
		"shared mailbox without licence": {
			holder:  proxycalc.Holder{UPN: "s@contoso.com", Nickname: "s", SharedMailbox: true},
			proxies: []string{"SMTP:s@contoso.com", "smtp:s@" + initial}, mail: "s@contoso.com", assumes: "without licence",
		},
		"written by AD already": {
			holder:  user(true, "", "SMTP:U@Contoso.com"),
			proxies: []string{"SMTP:U@Contoso.com", "smtp:u@" + initial}, mail: "U@Contoso.com",
		},
		"held by somebody else": {
			holder: user(true, "", "SMTP:a@contoso.com"), taken: []address.Address{"u@contoso.com"},
			proxies: []string{"SMTP:a@contoso.com", "smtp:u@" + initial}, mail: "a@contoso.com", upn: "u@contoso.com",
			discarded: dropped("u@contoso.com", proxycalc.Taken), assumes: "but not as an address",
		},
		"changed": {
			holder:   proxycalc.Holder{UPN: "new@contoso.com", Nickname: "u", ExchangeLicensed: true},
			previous: state(true, "u", "u@contoso.com", "SMTP:u@contoso.com", "smtp:u@"+initial),
			proxies:  []string{"SMTP:new@contoso.com", "smtp:u@" + initial}, mail: "new@contoso.com", upn: "new@contoso.com",
			assumes: "the earlier one",
		},
	})
}

func TestUPNInTheCloud(t *testing.T) {
	runCases(t, map[string]ruleCase{
		"unverified, licensed: UPN and MOERA are one address": {
			holder:  proxycalc.Holder{UPN: "u@fabrikam.com", Nickname: "u", ExchangeLicensed: true},
			proxies: []string{"SMTP:u@" + initial}, mail: "u@" + initial, upn: "u@" + initial,
		},
		"verified later, without an export": {
			holder:   proxycalc.Holder{UPN: "u@fabrikam.com", Nickname: "u", ExchangeLicensed: true, Proxies: proxies("SMTP:a@fabrikam.com")},
			verified: []string{"contoso.com", "Fabrikam.com"},
			previous: &proxycalc.Previous{UPN: "u@" + initial, OnPremUPN: "u@fabrikam.com", Nickname: "u", Mail: "u@" + initial,
				Proxies: proxies("SMTP:u@" + initial), ExchangeLicensed: true},
			proxies: []string{"SMTP:a@fabrikam.com", "smtp:u@fabrikam.com", "smtp:u@" + initial}, mail: "a@fabrikam.com", upn: "u@fabrikam.com",
			assumes: `although the AD UPN "u@fabrikam.com" has not changed; assumed that its domain was verified since`,
		},
		"a space makes it invalid": {
			holder: proxycalc.Holder{UPN: "u 1@contoso.com", Nickname: "u"}, upn: "u@" + initial,
		},
		"the AD UPN of the earlier state is not known": {
			holder:   proxycalc.Holder{UPN: "u@fabrikam.com", Nickname: "new"},
			previous: &proxycalc.Previous{UPN: "old@" + initial, Nickname: "new"}, upn: "old@" + initial, assumes: "has not changed",
		},
		"digits where mailNickname is taken": {
			holder: proxycalc.Holder{UPN: "u@fabrikam.com", Nickname: "u", ExchangeLicensed: true}, taken: []address.Address{"u@" + initial},
			proxies: []string{"SMTP:u####@" + initial}, mail: "u####@" + initial, upn: "u####@" + initial, assumes: "####",
		},
		"a group has none": {
			holder: proxycalc.Holder{Kind: address.Group, UPN: "g@contoso.com", Nickname: "g"},
		},
	})
}
