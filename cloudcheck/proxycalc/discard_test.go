package proxycalc_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

// TestDiscards gives a licensed user one value more and looks whether that arrives.
func TestDiscards(t *testing.T) {
	t.Parallel()
	for value, reason := range map[string]proxycalc.Reason{
		"smtp:b@contoso.com":                                "",
		"smtp:b@CONTOSO.com":                                "",
		"smtp:b@contoso.onmicrosoft.com":                    proxycalc.ReservedSuffix,
		"smtp:b@fabrikam.onmicrosoft.com":                   proxycalc.ReservedSuffix,
		"smtp:b@fabrikam.mail.onmicrosoft.com":              proxycalc.ReservedSuffix,
		"smtp:b@contoso.microsoftonline.com":                proxycalc.ReservedSuffix,
		"smtp:b@contoso.mail.onmicrosoft.com":               "",
		"smtp:b@notonmicrosoft.com":                         proxycalc.UnverifiedDomain,
		"MSMAIL:CONTOSO/PO/B":                               proxycalc.LegacyType,
		"X400:c=US;a= ;p=Contoso;o=Exchange;s=B;":           proxycalc.LegacyType,
		"x400:c=US;a= ;p=Contoso;o=Exchange;s=B;":           proxycalc.LegacyType,
		"X500:/o=MicrosoftOnline/ou=External/cn=b":          proxycalc.CloudX500,
		"x500:/O=microsoftonline/ou=External/cn=b":          proxycalc.CloudX500,
		"X500:/o=Contoso/ou=Exchange Group/cn=b":            "",
		"X500:/o=MicrosoftOnlineArchive/cn=b":               "",
		"X500:/o=Contoso/ou=Exchange (FYDIBOHF)/cn=bé:1":    "",
		"X500:/o=Contoso/ou=Exchange\u200bGroup/cn=b":       proxycalc.Malformed,
		"b@contoso.com":                                     proxycalc.Malformed,
		":b@contoso.com":                                    proxycalc.Malformed,
		" smtp:b@contoso.com":                               proxycalc.Malformed,
		"smtp:":                                             proxycalc.Malformed,
		"smtp: b@contoso.com":                               proxycalc.Malformed,
		"smtp:b b@contoso.com":                              proxycalc.Malformed,
		"smtp:b@contoso.com ":                               proxycalc.Malformed,
		"smtp:b\u200b@contoso.com":                          proxycalc.Malformed,
		"smtp:b\u00a0@contoso.com":                          proxycalc.Malformed,
		"smtp:bé@contoso.com":                               proxycalc.Malformed,
		"smtp:b":                                            proxycalc.Malformed,
		"smtp:b@@contoso.com":                               proxycalc.Malformed,
		"smtp:smtp:b@contoso.com":                           proxycalc.Malformed,
		"smtp:b,c@contoso.com":                              proxycalc.Malformed,
		`smtp:"b"@contoso.com`:                              proxycalc.Malformed,
		"smtp:b..c@contoso.com":                             proxycalc.Malformed,
		"smtp:b<c>@contoso.com":                             proxycalc.Malformed,
		"smtp:b(c)@contoso.com":                             proxycalc.Malformed,
		"smtp:b;c@contoso.com":                              proxycalc.Malformed,
		"smtp:b[c]@contoso.com":                             proxycalc.Malformed,
		"smtp:b@contoso.com:25":                             proxycalc.Malformed,
		"smtp:b\u00ad@contoso.com":                          proxycalc.Malformed,
		"smtp:be\u0301@contoso.com":                         proxycalc.Malformed,
		"smtp:b@contoso\u200b.com":                          proxycalc.Malformed,
		"smtp\u200b:b@contoso.com":                          proxycalc.Malformed,
		"SMTP :b@contoso.com":                               proxycalc.Malformed,
		"smtp:@contoso.com":                                 proxycalc.Malformed,
		"smtp:b@":                                           proxycalc.Malformed,
		"sip:b c@contoso.com":                               proxycalc.Malformed,
		"sip:bé@contoso.com":                                proxycalc.Malformed,
		"sip:b:5060@contoso.com":                            proxycalc.Malformed,
		"SIP:b@contoso.onmicrosoft.com":                     proxycalc.ReservedSuffix,
		"sip:b@fabrikam.com":                                proxycalc.UnverifiedDomain,
		"sip:taken@contoso.com":                             "",
		"EUM:1@contoso.com":                                 "",
		"EUM:1@fabrikam.com":                                proxycalc.UnverifiedDomain,
		"eum:1@contoso.onmicrosoft.com":                     proxycalc.ReservedSuffix,
		"EUM:1;phone-context=dp.fabrikam.com":               "",
		"zzz:b@fabrikam.com":                                proxycalc.UnverifiedDomain,
		"zzz:b@dialplan":                                    "",
		"zzz:b c@fabrikam.com":                              "", // no address
		"SPO:SPO_1@SPO_2":                                   "",
		"X500:/o=Contoso/cn=b@fabrikam.com":                 "",
		"x500:b@fabrikam.com":                               "",
		"sip:b@contoso.com":                                 "",
		"smtp:b@fabrikam.com":                               proxycalc.UnverifiedDomain,
		"smtp:b@sub.contoso.com":                            proxycalc.UnverifiedDomain,
		"smtp:taken@contoso.com":                            proxycalc.Taken,
		"smtp:TAKEN@contoso.com":                            proxycalc.Taken,
		"smtp:" + strings.Repeat("b", 239) + "@contoso.com": "", // 256
		"smtp:" + strings.Repeat("b", 240) + "@contoso.com": proxycalc.TooLong,
		"smtp:" + strings.Repeat("é", 240) + "@contoso.com": proxycalc.TooLong, // characters, not bytes
		"smtp:" + strings.Repeat("é", 239) + "@contoso.com": proxycalc.Malformed,
		"X500:/o=" + strings.Repeat("b", 250):               proxycalc.TooLong,
		"X500:/o=" + strings.Repeat("b", 248):               "",
	} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			arrives(t, value, reason)
		})
	}
}

func arrives(t *testing.T, value string, reason proxycalc.Reason) {
	t.Helper()
	tenant := proxycalc.Tenant{
		InitialDomain: initial, VerifiedDomains: []string{"contoso.com"}, TakenAddresses: []address.Address{"Taken@contoso.com"},
	}
	got := proxycalc.Calculate(tenant, user(true, "", "SMTP:a@contoso.com", value), nil)
	shown := got.Proxies.Has(address.Proxy(value))
	if shown != (reason == "") {
		t.Errorf("%q shown: %v, want the reason %q; proxyAddresses are %q", value, shown, reason, got.Proxies)
	}
	if reason == "" && len(got.Discarded) > 0 {
		t.Errorf("%q is discarded as %q", value, got.Discarded)
	}
	if reason != "" && (len(got.Discarded) != 1 || got.Discarded[0] != proxycalc.Discarded{Value: value, Reason: reason}) {
		t.Errorf("discarded are %q, want %q as %s", got.Discarded, value, reason)
	}
	if got.Mail != "a@contoso.com" {
		t.Errorf("the primary moved to %q", got.Mail)
	}
}

// TestReasonsAreAllReached: each reason is given for some value.
func TestReasonsAreAllReached(t *testing.T) {
	t.Parallel()
	values := proxies("smtp:a@contoso.onmicrosoft.com", "MSMAIL:A", "X500:/o=MicrosoftOnline/cn=a", "nothing", "smtp:"+strings.Repeat("a", 300)+"@contoso.com",
		"smtp:a@fabrikam.com", "smtp:taken@contoso.com")
	got := proxycalc.Calculate(proxycalc.Tenant{
		InitialDomain: initial, VerifiedDomains: []string{"contoso.com"}, TakenAddresses: []address.Address{"taken@contoso.com"},
	}, proxycalc.Holder{Kind: address.User, UPN: "u@contoso.com", Proxies: values, ExchangeLicensed: true}, nil)
	found := map[proxycalc.Reason]bool{}
	for _, d := range got.Discarded {
		found[d.Reason] = true
	}
	for _, r := range []proxycalc.Reason{proxycalc.ReservedSuffix, proxycalc.LegacyType, proxycalc.CloudX500, proxycalc.Malformed,
		proxycalc.TooLong, proxycalc.UnverifiedDomain, proxycalc.Taken} {
		if !found[r] {
			t.Errorf("no value was discarded as %s", r)
		}
	}
}

func TestUnverifiedDomains(t *testing.T) {
	gone := dropped("smtp:b@fabrikam.com", proxycalc.UnverifiedDomain)
	with := func(h proxycalc.Holder) proxycalc.Holder {
		h.UPN, h.Proxies = "u@contoso.com", proxies("SMTP:u@contoso.com", "smtp:b@fabrikam.com")
		return h
	}
	kept := []string{"SMTP:u@contoso.com", "smtp:b@fabrikam.com"}
	cleaned := []string{"SMTP:u@contoso.com", "smtp:u@" + initial}
	runCases(t, map[string]ruleCase{
		"Exchange plan": {
			holder: with(proxycalc.Holder{Nickname: "u", ExchangeLicensed: true}), proxies: cleaned, mail: "u@contoso.com", discarded: gone,
		},
		"msExchRemoteRecipientType": {
			holder:  with(proxycalc.Holder{Nickname: "u", RemoteRecipient: true}),
			proxies: cleaned, mail: "u@contoso.com", discarded: gone, assumes: "without licence",
		},
		"msExchRemoteRecipientType does not flow without mailNickname": {
			holder: with(proxycalc.Holder{RemoteRecipient: true}), proxies: kept, mail: "u@contoso.com", assumes: "default sync rules",
		},
		"shared resource": {
			holder: with(proxycalc.Holder{Nickname: "u", SharedMailbox: true}), proxies: cleaned, mail: "u@contoso.com", discarded: gone, assumes: "*",
		},
		"mail user": {
			holder: with(proxycalc.Holder{Nickname: "u"}), proxies: kept, mail: "u@contoso.com",
		},
		"contact": {
			holder:  proxycalc.Holder{Kind: address.Contact, Mail: "b@fabrikam.com", Nickname: "b", Proxies: proxies("SMTP:b@fabrikam.com")},
			proxies: []string{"SMTP:b@fabrikam.com"}, mail: "b@fabrikam.com",
		},
		"unverified primary": {
			holder:  user(true, "", "SMTP:a@fabrikam.com", "smtp:b@contoso.com"),
			proxies: []string{"SMTP:u@" + initial, "smtp:b@contoso.com", "smtp:u@contoso.com"}, mail: "u@" + initial,
			discarded: dropped("SMTP:a@fabrikam.com", proxycalc.UnverifiedDomain),
		},
		"the licence takes values away that were there": {
			holder:   with(proxycalc.Holder{Nickname: "u", ExchangeLicensed: true}),
			previous: state(false, "u", "u@contoso.com", kept...), proxies: cleaned, mail: "u@contoso.com", discarded: gone,
		},
		"a domain verified later brings them back": {
			holder: with(proxycalc.Holder{Nickname: "u", ExchangeLicensed: true}), verified: []string{"contoso.com", "fabrikam.com"},
			previous: state(true, "u", "u@contoso.com", cleaned...),
			proxies:  append([]string{"smtp:b@fabrikam.com"}, cleaned...), mail: "u@contoso.com",
		},
	})
}

func TestMailSurvives(t *testing.T) {
	t.Parallel()
	tenant := proxycalc.Tenant{InitialDomain: initial, VerifiedDomains: []string{"contoso.com"}, TakenAddresses: []address.Address{"taken@contoso.com"}}
	licensed := proxycalc.Holder{Kind: address.User, UPN: "u@contoso.com", ExchangeLicensed: true}
	for name, c := range map[string]struct {
		holder proxycalc.Holder
		mail   string
		want   bool
	}{
		"verified":             {licensed, "m@contoso.com", true},
		"none":                 {licensed, "", false},
		"unverified, licensed": {licensed, "m@fabrikam.com", false},
		"unverified, not":      {proxycalc.Holder{Kind: address.User}, "m@fabrikam.com", true},
		"unverified, contact":  {proxycalc.Holder{Kind: address.Contact}, "m@fabrikam.com", true},
		"reserved":             {licensed, "m@contoso.onmicrosoft.com", false},
		"malformed":            {licensed, "m m@contoso.com", false},
		"no address":           {licensed, "Jane Doe", false},
		"taken":                {licensed, "taken@contoso.com", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.holder.Mail = c.mail
			c.holder.Proxies = proxies("smtp:masks@contoso.com")
			if got := proxycalc.MailSurvives(tenant, c.holder); got != c.want {
				t.Errorf("MailSurvives is %v for %q", got, c.mail)
			}
		})
	}
}

func TestTakenByFunction(t *testing.T) {
	t.Parallel()
	tenant := proxycalc.Tenant{
		InitialDomain: initial, VerifiedDomains: []string{"contoso.com"},
		Taken: func(a address.Address) bool { return a.Equal("b@contoso.com") },
	}
	got := proxycalc.Calculate(tenant, user(true, "", "SMTP:a@contoso.com", "smtp:B@contoso.com"), nil)
	if len(got.Discarded) != 1 || got.Discarded[0].Reason != proxycalc.Taken {
		t.Errorf("discarded are %q", got.Discarded)
	}
}

func TestVerifiedByFunction(t *testing.T) {
	t.Parallel()
	tenant := proxycalc.Tenant{InitialDomain: initial, Verified: func(domain string) bool { return domain == "contoso.com" }}
	got := proxycalc.Calculate(tenant, user(true, "", "SMTP:a@Contoso.com", "smtp:b@fabrikam.com"), nil)
	if got.Mail != "a@Contoso.com" || !slices.Equal(got.Discarded, dropped("smtp:b@fabrikam.com", proxycalc.UnverifiedDomain)) {
		t.Errorf("%+v", got)
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	for details, shared := range map[int64]bool{
		0: false, 1: false, 2: false, 4: true, 16: true, 32: true, 2147483648: false, 8589934592: true, 17179869184: true, 34359738368: true,
	} {
		h := address.Holder{Kind: address.User, RecipientTypeDetails: details}
		if got := proxycalc.Of(h, false).SharedMailbox; got != shared {
			t.Errorf("msExchRecipientTypeDetails %d is a shared resource: %v", details, got)
		}
	}
}
