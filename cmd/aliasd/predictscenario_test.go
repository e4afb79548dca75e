package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

// articleStep is one step of KB 3190357: the attributes in AD, with the licence, the cloud as it was before, and the
// cloud as the article prints it.
type articleStep struct {
	name             string
	holder, previous string
	taken            []string
	want             predicted
}

// TestArticle plays the six scenarios through the command. Each step has the article's own state as previous, and once
// more what the command printed for the step before.
func TestArticle(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string][]articleStep{
		"1": articleScenario1(), "2": articleScenario2(), "3": articleScenario3(), "4": articleScenario4(), "5": articleScenario5(),
		"6, first user": articleScenario6()[:1], "6, second user": articleScenario6()[1:],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := ""
			for _, s := range steps {
				s.play(t, s.previous)
				before = s.play(t, before)
				s.play(t, before) // fed back, nothing changes
			}
		})
	}
}

// play asks for one step and gives what it printed as the previous state of the next.
func (s articleStep) play(t *testing.T, previous string) string {
	t.Helper()
	got := predict(t, inputLine(s.taken, s.holder, previous))
	results := got.results(t)
	if got.code != exitDone || got.err != "" || len(results) != 1 {
		t.Fatalf("%s: %+v", s.name, got)
	}
	r := results[0]
	if r.Mail != s.want.Mail || r.Nickname != s.want.Nickname || r.UPN != s.want.UPN || !sameValues(r.Proxies, s.want.Proxies) {
		t.Errorf("%s: %+v, the article has %+v", s.name, r, s.want)
	}
	if extra := unneeded(r.Assumptions, previous == ""); len(extra) > 0 {
		t.Errorf("%s: the article is clear, and yet it was assumed: %q", s.name, extra)
	}
	if !slices.Equal(r.Discarded, s.want.Discarded) || r.MailEnabled != (len(s.want.Proxies) > 0) {
		t.Errorf("%s: %+v, want %+v", s.name, r, s.want)
	}
	return s.next(t, r)
}

// unneeded leaves out what the article leaves open: the digits, and on a first sync, which could be one of a holder that
// is not new, one sentence on the history.
func unneeded(assumptions []string, first bool) []string {
	history := 0
	return slices.DeleteFunc(slices.Clone(assumptions), func(s string) bool {
		if first && strings.HasPrefix(s, "No earlier cloud state was given: ") {
			history++
			return history == 1
		}
		return strings.Contains(s, "cannot be predicted and print as "+proxycalc.Unknown)
	})
}

// next makes the previous of the next step as a user would: from the output, the AD UPN and the licence.
func (s articleStep) next(t *testing.T, r predicted) string {
	t.Helper()
	var holder struct {
		UPN      string `json:"user_principal_name"`
		Licensed bool   `json:"exchange_licensed"`
	}
	if err := json.Unmarshal([]byte(s.holder), &holder); err != nil {
		t.Fatal(err)
	}
	next, err := json.Marshal(map[string]any{
		"mail": r.Mail, "mail_nickname": r.Nickname, "user_principal_name": r.UPN, "proxy_addresses": r.Proxies,
		"on_premises_user_principal_name": holder.UPN, "exchange_licensed": holder.Licensed,
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(next)
}

// sameValues compares as sets: the prefix with case, the address without.
func sameValues(a, b []string) bool {
	fold := func(values []string) []string {
		folded := make([]string, len(values))
		for i, v := range values {
			kind, rest, _ := strings.Cut(v, ":")
			folded[i] = kind + ":" + strings.ToLower(rest)
		}
		slices.Sort(folded)
		return folded
	}
	return slices.Equal(fold(a), fold(b))
}

func articleScenario1() []articleStep {
	return []articleStep{
		{
			name:   "synchronised",
			holder: `{"kind": "user", "user_principal_name": "user1upn@Contoso.com"}`,
			want:   predicted{Nickname: "user1upn", UPN: "user1upn@Contoso.com"},
		},
		{
			name:     "licensed",
			holder:   `{"kind": "user", "user_principal_name": "user1upn@Contoso.com", "exchange_licensed": true}`,
			previous: `{"mail_nickname": "user1upn", "user_principal_name": "user1upn@Contoso.com", "on_premises_user_principal_name": "user1upn@Contoso.com"}`,
			want: predicted{Mail: "user1upn@Contoso.com", Nickname: "user1upn", UPN: "user1upn@Contoso.com",
				Proxies: []string{"smtp:user1upn@Contoso.onmicrosoft.com", "SMTP:user1upn@Contoso.com"}},
		},
	}
}

func articleScenario2() []articleStep {
	return []articleStep{
		{
			name:   "synchronised",
			holder: `{"kind": "user", "mail": "user2mail@Contoso.com", "user_principal_name": "user2upn@Contoso.com"}`,
			want: predicted{Mail: "user2mail@Contoso.com", Nickname: "user2mail", UPN: "user2upn@Contoso.com",
				Proxies: []string{"SMTP:user2mail@Contoso.com"}},
		},
		{
			name:   "licensed",
			holder: `{"kind": "user", "mail": "user2mail@Contoso.com", "user_principal_name": "user2upn@Contoso.com", "exchange_licensed": true}`,
			previous: `{"mail": "user2mail@Contoso.com", "mail_nickname": "user2mail", "user_principal_name": "user2upn@Contoso.com",
				"proxy_addresses": ["SMTP:user2mail@Contoso.com"]}`,
			want: predicted{Mail: "user2mail@Contoso.com", Nickname: "user2mail", UPN: "user2upn@Contoso.com",
				Proxies: []string{"smtp:user2upn@Contoso.com", "smtp:user2mail@Contoso.onmicrosoft.com", "SMTP:user2mail@Contoso.com"}},
		},
	}
}

func articleScenario3() []articleStep {
	return []articleStep{
		{
			name: "synchronised and licensed",
			holder: `{"kind": "user", "mail": "", "mail_nickname": "", "user_principal_name": "user3upn@Contoso.com", "exchange_licensed": true,
				"proxy_addresses": ["smtp:user3pa3@Fabrikam.microsoftonline.com", "smtp:user3pa2@Contoso.onmicrosoft.com", "SMTP:user3pa1@Contoso.com"]}`,
			want: predicted{Mail: "user3pa1@Contoso.com", Nickname: "user3pa1", UPN: "user3upn@Contoso.com",
				Proxies: []string{"smtp:user3upn@Contoso.com", "smtp:user3pa1@Contoso.onmicrosoft.com", "SMTP:user3pa1@Contoso.com"},
				Discarded: []proxycalc.Discarded{
					{Value: "smtp:user3pa3@Fabrikam.microsoftonline.com", Reason: "reserved_suffix"},
					{Value: "smtp:user3pa2@Contoso.onmicrosoft.com", Reason: "reserved_suffix"}}},
		},
		{
			name: "new values",
			holder: `{"kind": "user", "user_principal_name": "user3upn@Contoso.com", "exchange_licensed": true,
				"proxy_addresses": ["smtp:user3new3@Fabrikam.microsoftonline.com", "smtp:user3new2@Contoso.onmicrosoft.com", "SMTP:user3new1@Contoso.com"]}`,
			previous: `{"mail": "user3pa1@Contoso.com", "mail_nickname": "user3pa1", "user_principal_name": "user3upn@Contoso.com", "exchange_licensed": true,
				"on_premises_user_principal_name": "user3upn@Contoso.com",
				"proxy_addresses": ["smtp:user3upn@Contoso.com", "smtp:user3pa1@Contoso.onmicrosoft.com", "SMTP:user3pa1@Contoso.com"]}`,
			want: predicted{Mail: "user3new1@Contoso.com", Nickname: "user3pa1", UPN: "user3upn@Contoso.com",
				Proxies: []string{"SMTP:user3new1@Contoso.com", "smtp:user3upn@Contoso.com", "smtp:user3pa1@Contoso.onmicrosoft.com"},
				Discarded: []proxycalc.Discarded{
					{Value: "smtp:user3new3@Fabrikam.microsoftonline.com", Reason: "reserved_suffix"},
					{Value: "smtp:user3new2@Contoso.onmicrosoft.com", Reason: "reserved_suffix"}}},
		},
	}
}

func articleScenario4() []articleStep {
	const both = `["smtp:user4upn@Contoso.onmicrosoft.com", "SMTP:user4upn@Contoso.com"]`
	return []articleStep{
		{
			name:   "synchronised and licensed",
			holder: `{"kind": "user", "user_principal_name": "user4upn@Contoso.com", "exchange_licensed": true}`,
			want: predicted{Mail: "user4upn@Contoso.com", Nickname: "user4upn", UPN: "user4upn@Contoso.com",
				Proxies: []string{"smtp:user4upn@Contoso.onmicrosoft.com", "SMTP:user4upn@Contoso.com"}},
		},
		{
			name:   "licence removed",
			holder: `{"kind": "user", "user_principal_name": "user4upn@Contoso.com", "exchange_licensed": false}`,
			previous: `{"mail": "user4upn@Contoso.com", "mail_nickname": "user4upn", "user_principal_name": "user4upn@Contoso.com",
				"proxy_addresses": ` + both + `, "exchange_licensed": true}`,
			want: predicted{Mail: "user4upn@Contoso.onmicrosoft.com", Nickname: "user4upn", UPN: "user4upn@Contoso.com",
				Proxies: []string{"SMTP:user4upn@Contoso.onmicrosoft.com"}},
		},
		{
			name:   "secondary added",
			holder: `{"kind": "user", "user_principal_name": "user4upn@Contoso.com", "proxy_addresses": ["smtp:user4new@Contoso.com"]}`,
			previous: `{"mail": "user4upn@Contoso.onmicrosoft.com", "mail_nickname": "user4upn", "user_principal_name": "user4upn@Contoso.com",
				"proxy_addresses": ["SMTP:user4upn@Contoso.onmicrosoft.com"], "exchange_licensed": false}`,
			want: predicted{Mail: "user4upn@Contoso.onmicrosoft.com", Nickname: "user4upn", UPN: "user4upn@Contoso.com",
				Proxies: []string{"smtp:user4upn@Contoso.com", "smtp:user4new@Contoso.com", "SMTP:user4upn@Contoso.onmicrosoft.com"}},
		},
	}
}

func articleScenario5() []articleStep {
	all := predicted{Mail: "user5upn@Contoso.com", Nickname: "user5upn", UPN: "user5upn@Contoso.com",
		Proxies: []string{"smtp:user5upn@Contoso.onmicrosoft.com", "SMTP:user5upn@Contoso.com"}}
	renamed := all
	renamed.Nickname = "user5new1"
	return []articleStep{
		{
			name:   "synchronised and licensed",
			holder: `{"kind": "user", "user_principal_name": "user5upn@Contoso.com", "exchange_licensed": true}`,
			want:   all,
		},
		{
			name:   "mailNickname changed",
			holder: `{"kind": "user", "user_principal_name": "user5upn@Contoso.com", "exchange_licensed": true, "mail_nickname": "user5new1"}`,
			previous: `{"mail": "user5upn@Contoso.com", "mail_nickname": "user5upn", "user_principal_name": "user5upn@Contoso.com",
				"proxy_addresses": ["smtp:user5upn@Contoso.onmicrosoft.com", "SMTP:user5upn@Contoso.com"], "exchange_licensed": true}`,
			want: renamed,
		},
	}
}

func articleScenario6() []articleStep {
	return []articleStep{
		{
			name:   "first user",
			holder: `{"kind": "user", "user_principal_name": "user6a@Contoso.com", "exchange_licensed": true, "mail_nickname": "user6mnn"}`,
			want: predicted{Mail: "user6a@Contoso.com", Nickname: "user6mnn", UPN: "user6a@Contoso.com",
				Proxies: []string{"smtp:user6mnn@Contoso.onmicrosoft.com", "SMTP:user6a@Contoso.com"}},
		},
		{
			name:   "second user",
			holder: `{"kind": "user", "user_principal_name": "user6b@Contoso.com", "exchange_licensed": true, "mail_nickname": "user6mnn"}`,
			taken:  []string{"user6mnn@Contoso.onmicrosoft.com", "user6a@Contoso.com"},
			want: predicted{Mail: "user6b@Contoso.com", Nickname: "user6mnn", UPN: "user6b@Contoso.com",
				Proxies: []string{"smtp:user6mnn####@Contoso.onmicrosoft.com", "SMTP:user6b@Contoso.com"}},
		},
	}
}
