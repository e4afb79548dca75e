package proxycalc_test

import (
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

func group(nickname, mail string, values ...string) proxycalc.Holder {
	return proxycalc.Holder{Kind: address.Group, Nickname: nickname, Mail: mail, Proxies: proxies(values...)}
}

func TestGroups(t *testing.T) {
	withMOERA := &proxycalc.Previous{Nickname: "g", Mail: "g@contoso.com", Proxies: proxies("SMTP:g@contoso.com", "smtp:g@"+initial)}
	runCases(t, map[string]ruleCase{
		"SMTP: value": {
			holder:  group("g", "", "X500:/o=contoso/cn=g", "SMTP:g@contoso.com"),
			proxies: []string{"SMTP:g@contoso.com", "smtp:g@" + initial, "X500:/o=contoso/cn=g"}, mail: "g@contoso.com",
		},
		"smtp: value": {
			holder:  group("g", "", "smtp:g@contoso.com"),
			proxies: []string{"smtp:g@contoso.com", "SMTP:g@" + initial}, mail: "g@" + initial,
		},
		"mail and no proxies": {
			holder: group("", "g@contoso.com"), nickname: "g",
			proxies: []string{"SMTP:g@contoso.com", "smtp:g@" + initial}, mail: "g@contoso.com",
		},
		"X500 alone": {
			holder:  group("g", "", "X500:/o=contoso/cn=g"),
			proxies: []string{"X500:/o=contoso/cn=g"},
		},
		"X500 and mail": {
			holder:  group("g", "g@contoso.com", "X500:/o=contoso/cn=g"),
			proxies: []string{"X500:/o=contoso/cn=g"}, assumes: "mask AD mail",
		},
		"nothing": {
			holder: group("", ""), assumes: "Nothing on-premises gives a mailNickname",
		},
		"the MOERA is primary when the AD address goes": {
			holder: group("g", ""), previous: withMOERA,
			proxies: []string{"SMTP:g@" + initial}, mail: "g@" + initial, assumes: "stays mail-enabled",
		},
		"an unverified domain": {
			holder:  group("g", "", "SMTP:g@fabrikam.com"),
			proxies: []string{"SMTP:g@fabrikam.com", "smtp:g@" + initial}, mail: "g@fabrikam.com", assumes: "whether a group loses",
		},
		"every value is discarded": {
			holder:  group("g", "", "SMTP:g h@contoso.com"),
			proxies: []string{"SMTP:g@" + initial}, mail: "g@" + initial,
			discarded: dropped("SMTP:g h@contoso.com", proxycalc.Malformed), assumes: "No address of the group arrives",
		},
		"mail in a reserved domain": {
			holder:  group("g", "g@"+initial),
			proxies: []string{"SMTP:g@" + initial}, mail: "g@" + initial,
			discarded: dropped("g@"+initial, proxycalc.ReservedSuffix), assumes: "No address of the group arrives",
		},
		"every value is discarded, and nothing makes a MOERA": {
			holder: group("", "g h@contoso.com"), discarded: dropped("g h@contoso.com", proxycalc.Malformed),
			assumes: "and it has no MOERA; assumed that it is mail-enabled all the same, without an address",
		},
		"a licence means nothing": {
			holder:  proxycalc.Holder{Kind: address.Group, UPN: "x@contoso.com", Mail: "g@contoso.com", ExchangeLicensed: true, RemoteRecipient: true, SharedMailbox: true},
			proxies: []string{"SMTP:g@contoso.com", "smtp:g@" + initial}, mail: "g@contoso.com", nickname: "g",
		},
		"the MOERA stays when mailNickname changes": {
			holder: group("new", "g@contoso.com"), previous: withMOERA, nickname: "new",
			proxies: []string{"SMTP:g@contoso.com", "smtp:g@" + initial}, mail: "g@contoso.com",
		},
		"a taken address": {
			holder: group("g", "", "SMTP:g@contoso.com", "smtp:h@contoso.com"), taken: []address.Address{"h@contoso.com"},
			proxies: []string{"SMTP:g@contoso.com", "smtp:g@" + initial}, mail: "g@contoso.com",
			discarded: dropped("smtp:h@contoso.com", proxycalc.Taken),
		},
	})
}

func TestMailEnabled(t *testing.T) {
	t.Parallel()
	tenant := proxycalc.Tenant{InitialDomain: initial, VerifiedDomains: []string{"contoso.com"}}
	for name, c := range map[string]struct {
		holder proxycalc.Holder
		want   bool
	}{
		"group with a primary":           {group("g", "", "SMTP:g@contoso.com"), true},
		"group with an alias":            {group("g", "", "smtp:g@contoso.com"), true},
		"group with mail":                {group("g", "g@contoso.com"), true},
		"group with mail and X500":       {group("g", "g@contoso.com", "X500:/o=contoso/cn=g"), false},
		"group with nothing":             {group("g", ""), false},
		"group with a mail that is none": {group("", "g h@contoso.com"), true},
		"user with a licence":            {user(true, ""), true},
		"user without anything":          {user(false, ""), false},
		"contact that syncs":             {proxycalc.Holder{Kind: address.Contact, Mail: "c@x.com", Proxies: proxies("SMTP:c@x.com")}, true},
		"contact that does not (mail)":   {proxycalc.Holder{Kind: address.Contact, Proxies: proxies("SMTP:c@x.com")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := proxycalc.Calculate(tenant, c.holder, nil); got.MailEnabled != c.want {
				t.Errorf("mail-enabled is %v, proxyAddresses %q", got.MailEnabled, got.Proxies)
			}
		})
	}
}

func TestContacts(t *testing.T) {
	contact := func(mail string, values ...string) proxycalc.Holder {
		return proxycalc.Holder{Kind: address.Contact, Nickname: "c", Mail: mail, Proxies: proxies(values...)}
	}
	runCases(t, map[string]ruleCase{
		"primary": {
			holder:  contact("c@x.com", "SMTP:c@x.com", "smtp:d@x.com"),
			proxies: []string{"SMTP:c@x.com", "smtp:d@x.com"}, mail: "c@x.com", nickname: "c",
		},
		"no MOERA": {
			holder: contact("c@x.com", "smtp:c@x.com"), proxies: []string{"smtp:c@x.com"}, assumes: "neither a primary nor a MOERA",
		},
		"an address in a tenant's own domain": {
			holder:  contact("c@fabrikam.onmicrosoft.com", "SMTP:c@fabrikam.onmicrosoft.com", "smtp:c@fabrikam.com"),
			proxies: []string{"smtp:c@fabrikam.com"}, discarded: dropped("SMTP:c@fabrikam.onmicrosoft.com", proxycalc.ReservedSuffix),
			assumes: "neither a primary nor a MOERA",
		},
		"nothing else than an address in a tenant's own domain": {
			holder:    contact("c@"+initial, "SMTP:c@"+initial),
			discarded: dropped("SMTP:c@"+initial, proxycalc.ReservedSuffix), assumes: "mask AD mail",
		},
		"X500 alone": {
			holder: contact("c@x.com", "X500:/o=contoso/cn=c"), proxies: []string{"X500:/o=contoso/cn=c"}, assumes: "mask AD mail",
		},
		"a taken address": {
			holder: contact("c@x.com", "SMTP:c@x.com", "smtp:d@x.com"), taken: []address.Address{"D@x.com"},
			proxies: []string{"SMTP:c@x.com"}, mail: "c@x.com", discarded: dropped("smtp:d@x.com", proxycalc.Taken),
		},
		"a malformed address": {
			holder:  contact("c@x.com", "SMTP:c@x.com", "smtp:d d@x.com"),
			proxies: []string{"SMTP:c@x.com"}, mail: "c@x.com", discarded: dropped("smtp:d d@x.com", proxycalc.Malformed),
		},
		"mailNickname from the primary": {
			holder:  proxycalc.Holder{Kind: address.Contact, Mail: "c@x.com", Proxies: proxies("SMTP:p@x.com"), ExchangeLicensed: true},
			proxies: []string{"SMTP:p@x.com"}, mail: "p@x.com", nickname: "p",
		},
		"no mail":            {holder: contact("", "SMTP:c@x.com"), assumes: "does not sync"},
		"no proxies":         {holder: contact("c@x.com"), assumes: "does not sync"},
		"no @ in any of it":  {holder: contact("c", "SMTP:c"), assumes: "does not sync"},
		"the @ in one of it": {holder: contact("c", "SMTP:c@x.com"), proxies: []string{"SMTP:c@x.com"}, mail: "c@x.com"},
	})
}
