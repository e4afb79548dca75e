package proxycalc_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

// step is one synchronisation of a scenario: what is on-premises then, and what the article prints.
type step struct {
	name   string
	holder proxycalc.Holder
	taken  []address.Address
	// verified are the verified domains; contoso.com when nil.
	verified []string
	want     want
}

// want is what the article prints of a cloud object.
type want struct {
	mail, nickname, upn string
	proxies             []string
}

// play runs the steps of one scenario, each on the state that the one before left.
func play(t *testing.T, steps []step) {
	t.Helper()
	var previous *proxycalc.Previous
	for _, s := range steps {
		s.holder.Kind = address.User
		got := proxycalc.Calculate(tenantOf(s), s.holder, previous)
		check(t, s.name, got, s.want)
		next := got.Next(s.holder)
		previous = &next
	}
}

func tenantOf(s step) proxycalc.Tenant {
	t := proxycalc.Tenant{InitialDomain: "Contoso.onmicrosoft.com", VerifiedDomains: s.verified, TakenAddresses: s.taken}
	if s.verified == nil {
		t.VerifiedDomains = []string{"contoso.com"}
	}
	return t
}

func check(t *testing.T, name string, got proxycalc.Result, w want) {
	t.Helper()
	if got.Mail != w.mail || got.Nickname != w.nickname || got.UPN != w.upn {
		t.Errorf("%s: mail, mailNickname, UPN are %q %q %q, the article has %q %q %q", name,
			got.Mail, got.Nickname, got.UPN, w.mail, w.nickname, w.upn)
	}
	if !sameSet(got.Proxies, w.proxies) {
		t.Errorf("%s: proxyAddresses are %q, the article has %q", name, got.Proxies, w.proxies)
	}
}

// sameSet compares without order: the prefix with case, the rest without.
func sameSet(got address.Set, want []string) bool {
	var a, b []string
	for _, p := range got {
		a = append(a, p.Type()+":"+string(p.Address().Key()))
	}
	for _, s := range want {
		p := address.Proxy(s)
		b = append(b, p.Type()+":"+string(p.Address().Key()))
	}
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func proxies(values ...string) address.Set {
	var set address.Set
	for _, v := range values {
		set = append(set, address.Proxy(v))
	}
	return set
}

// TestScenarios plays KB 3190357 as it is printed.
func TestScenarios(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string][]step{
		"1 no attribute set":          scenario1(),
		"2 mail only":                 scenario2(),
		"3 proxyAddresses change":     scenario3(),
		"4 licence removed":           scenario4(),
		"5 mailNickname changes":      scenario5(),
		"6 the same mailNickname":     scenario6First(),
		"6 and the second user of it": scenario6Second(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, steps)
		})
	}
}

func scenario1() []step {
	upn := "user1upn@Contoso.com"
	return []step{
		{
			name:   "synchronised",
			holder: proxycalc.Holder{UPN: upn},
			want:   want{nickname: "user1upn", upn: upn},
		},
		{
			name:   "licensed",
			holder: proxycalc.Holder{UPN: upn, ExchangeLicensed: true},
			want: want{mail: upn, nickname: "user1upn", upn: upn,
				proxies: []string{"smtp:user1upn@Contoso.onmicrosoft.com", "SMTP:user1upn@Contoso.com"}},
		},
	}
}

func scenario2() []step {
	upn, mail := "user2upn@Contoso.com", "user2mail@Contoso.com"
	return []step{
		{
			name:   "synchronised",
			holder: proxycalc.Holder{UPN: upn, Mail: mail},
			want:   want{mail: mail, nickname: "user2mail", upn: upn, proxies: []string{"SMTP:user2mail@Contoso.com"}},
		},
		{
			name:   "licensed",
			holder: proxycalc.Holder{UPN: upn, Mail: mail, ExchangeLicensed: true},
			want: want{mail: mail, nickname: "user2mail", upn: upn, proxies: []string{
				"smtp:user2upn@Contoso.com", "smtp:user2mail@Contoso.onmicrosoft.com", "SMTP:user2mail@Contoso.com"}},
		},
	}
}

func scenario3() []step {
	upn := "user3upn@Contoso.com"
	return []step{
		{
			name: "synchronised and licensed",
			holder: proxycalc.Holder{UPN: upn, ExchangeLicensed: true, Proxies: proxies("smtp:user3pa3@Fabrikam.microsoftonline.com",
				"smtp:user3pa2@Contoso.onmicrosoft.com", "SMTP:user3pa1@Contoso.com")},
			want: want{mail: "user3pa1@Contoso.com", nickname: "user3pa1", upn: upn, proxies: []string{
				"smtp:user3upn@Contoso.com", "smtp:user3pa1@Contoso.onmicrosoft.com", "SMTP:user3pa1@Contoso.com"}},
		},
		{
			name: "new values",
			holder: proxycalc.Holder{UPN: upn, ExchangeLicensed: true, Proxies: proxies("smtp:user3new3@Fabrikam.microsoftonline.com",
				"smtp:user3new2@Contoso.onmicrosoft.com", "SMTP:user3new1@Contoso.com")},
			want: want{mail: "user3new1@Contoso.com", nickname: "user3pa1", upn: upn, proxies: []string{
				"SMTP:user3new1@Contoso.com", "smtp:user3upn@Contoso.com", "smtp:user3pa1@Contoso.onmicrosoft.com"}},
		},
	}
}

func scenario4() []step {
	upn := "user4upn@Contoso.com"
	moera := "user4upn@Contoso.onmicrosoft.com"
	return []step{
		{
			name:   "synchronised and licensed",
			holder: proxycalc.Holder{UPN: upn, ExchangeLicensed: true},
			want:   want{mail: upn, nickname: "user4upn", upn: upn, proxies: []string{"smtp:" + moera, "SMTP:" + upn}},
		},
		{
			name:   "licence removed",
			holder: proxycalc.Holder{UPN: upn},
			want:   want{mail: moera, nickname: "user4upn", upn: upn, proxies: []string{"SMTP:" + moera}},
		},
		{
			name:   "secondary added",
			holder: proxycalc.Holder{UPN: upn, Proxies: proxies("smtp:user4new@Contoso.com")},
			want: want{mail: moera, nickname: "user4upn", upn: upn,
				proxies: []string{"smtp:" + upn, "smtp:user4new@Contoso.com", "SMTP:" + moera}},
		},
		{
			name:   "nothing changes any more",
			holder: proxycalc.Holder{UPN: upn, Proxies: proxies("smtp:user4new@Contoso.com")},
			want: want{mail: moera, nickname: "user4upn", upn: upn,
				proxies: []string{"smtp:" + upn, "smtp:user4new@Contoso.com", "SMTP:" + moera}},
		},
	}
}

func scenario5() []step {
	upn := "user5upn@Contoso.com"
	all := []string{"smtp:user5upn@Contoso.onmicrosoft.com", "SMTP:user5upn@Contoso.com"}
	return []step{
		{
			name:   "synchronised and licensed",
			holder: proxycalc.Holder{UPN: upn, ExchangeLicensed: true},
			want:   want{mail: upn, nickname: "user5upn", upn: upn, proxies: all},
		},
		{
			name:   "mailNickname set",
			holder: proxycalc.Holder{UPN: upn, ExchangeLicensed: true, Nickname: "user5new1"},
			want:   want{mail: upn, nickname: "user5new1", upn: upn, proxies: all},
		},
	}
}

func scenario6First() []step {
	upn := "user6a@Contoso.com"
	return []step{{
		name:   "first user",
		holder: proxycalc.Holder{UPN: upn, ExchangeLicensed: true, Nickname: "user6mnn"},
		want: want{mail: upn, nickname: "user6mnn", upn: upn,
			proxies: []string{"smtp:user6mnn@Contoso.onmicrosoft.com", "SMTP:user6a@Contoso.com"}},
	}}
}

func scenario6Second() []step {
	upn := "user6b@Contoso.com"
	return []step{{
		name:   "second user",
		holder: proxycalc.Holder{UPN: upn, ExchangeLicensed: true, Nickname: "user6mnn"},
		taken:  []address.Address{"user6mnn@contoso.onmicrosoft.com", "user6a@contoso.com"},
		want: want{mail: upn, nickname: "user6mnn", upn: upn,
			proxies: []string{"smtp:user6mnn####@Contoso.onmicrosoft.com", "SMTP:user6b@Contoso.com"}},
	}}
}

// TestScenario6Digits prints the article's own digits when the tenant supplies them.
func TestScenario6Digits(t *testing.T) {
	t.Parallel()
	s := scenario6Second()[0]
	tenant := tenantOf(s)
	tenant.Digits = func(prefix string) string {
		if prefix != "user6mnn" {
			t.Errorf("asked for digits after %q", prefix)
		}
		return "5236"
	}
	s.holder.Kind = address.User
	got := proxycalc.Calculate(tenant, s.holder, nil)
	if len(got.Proxies.Find("user6mnn5236@contoso.onmicrosoft.com")) != 1 {
		t.Errorf("no MOERA with the digits in %q", got.Proxies)
	}
	if strings.Contains(strings.Join(got.Assumptions, " "), proxycalc.Unknown) {
		t.Errorf("digits that were given are assumed: %q", got.Assumptions)
	}
}

// TestUPNPopulation plays the scenarios of "Microsoft Entra UserPrincipalName population", one after the other on the
// same user, who has no licence.
func TestUPNPopulation(t *testing.T) {
	t.Parallel()
	verified := []string{"verified.contoso.com"}
	holder := func(nickname, upn, primary, mail string) proxycalc.Holder {
		return proxycalc.Holder{Nickname: nickname, UPN: upn, Mail: mail, Proxies: proxies("SMTP:" + primary)}
	}
	shows := func(mail, nickname, upn string) want {
		return want{mail: mail, nickname: nickname, upn: upn, proxies: []string{"SMTP:" + mail}}
	}
	play(t, []step{
		{
			name: "1 first sync", verified: verified,
			holder: holder("", "user3@contoso.com", "user1@contoso.com", "user2@contoso.com"),
			want:   shows("user1@contoso.com", "user1", "user1@Contoso.onmicrosoft.com"),
		},
		{
			name: "2 mailNickname set", verified: verified,
			holder: holder("user4", "user3@contoso.com", "user1@contoso.com", "user2@contoso.com"),
			want:   shows("user1@contoso.com", "user4", "user1@Contoso.onmicrosoft.com"),
		},
		{
			name: "3 UPN changed", verified: verified,
			holder: holder("user4", "user5@contoso.com", "user1@contoso.com", "user2@contoso.com"),
			want:   shows("user1@contoso.com", "user4", "user4@Contoso.onmicrosoft.com"),
		},
		{
			name: "4 primary and mail changed", verified: verified,
			holder: holder("user4", "user5@contoso.com", "user6@contoso.com", "user7@contoso.com"),
			want:   shows("user6@contoso.com", "user4", "user4@Contoso.onmicrosoft.com"),
		},
		{
			name: "5 UPN in a verified domain", verified: verified,
			holder: holder("user4", "user5@verified.contoso.com", "user6@contoso.com", "user7@contoso.com"),
			want:   shows("user6@contoso.com", "user4", "user5@verified.contoso.com"),
		},
	})
}
