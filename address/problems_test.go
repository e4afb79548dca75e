package address

import (
	"slices"
	"strings"
	"testing"
)

func TestProblems(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		values Values
		want   []ProblemCode
		says   string
	}{
		{"nothing", Values{}, nil, ""},
		{"sound", Values{"A@x.test", Set{"SMTP:a@x.test", "smtp:b@x.test", "X500:/o=a b (c)", "SIP:a@x.test"}}, nil, ""},
		{"mail alone", Values{Mail: "a@x.test"}, nil, ""},
		{"no mail", Values{Proxies: Set{"SMTP:a@x.test"}}, nil, ""},
		{"other types alone", Values{Proxies: Set{"X500:/o=a"}}, nil, ""},
		{"no primary", Values{Proxies: Set{"smtp:a@x.test", "X500:/o=a"}}, []ProblemCode{NoPrimaryValue}, `"smtp:a@x.test"`},
		{"no primary, mail says nothing", Values{"b@x.test", Set{"smtp:a@x.test"}}, []ProblemCode{NoPrimaryValue}, "SMTP:"},
		{"two primaries", Values{"b@x.test", Set{"SMTP:a@x.test", "SMTP:b@x.test"}}, []ProblemCode{SeveralPrimaries}, "2 primaries"},
		{"two primaries, mail neither", Values{"c@x.test", Set{"SMTP:a@x.test", "SMTP:b@x.test"}},
			[]ProblemCode{SeveralPrimaries, MailDiffers}, `"c@x.test"`},
		{"case twins", Values{Proxies: Set{"SMTP:a@x.test", "smtp:A@x.test", "smtp:b@x.test", "smtp:B@x.test"}},
			[]ProblemCode{CaseTwins, CaseTwins}, `"smtp:b@x.test", "smtp:B@x.test"`},
		{"mail differs", Values{"b@x.test", Set{"SMTP:a@x.test"}}, []ProblemCode{MailDiffers}, `"SMTP:a@x.test"`},
		{"no prefix", Values{Proxies: Set{"SMTP:a@x.test", "b@x.test"}}, []ProblemCode{Malformed}, "no type prefix"},
		{"mixed prefix", Values{Proxies: Set{"SMTP:a@x.test", "Smtp:b@x.test"}}, []ProblemCode{Malformed}, "mixed case"},
		{"space", Values{Proxies: Set{"SMTP:a@x.test", "smtp:b c@x.test"}}, []ProblemCode{Malformed}, "discarded"},
		{"no UTF-8", Values{Proxies: Set{"SMTP:a@x.test", "smtp:\xff@x.test"}}, []ProblemCode{Malformed}, `\xff`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var codes []ProblemCode
			var said []string
			for _, p := range test.values.Problems() {
				codes, said = append(codes, p.Code), append(said, p.Message)
			}
			if !slices.Equal(codes, test.want) {
				t.Fatalf("Problems = %v (%q), want %v", codes, said, test.want)
			}
			if !strings.Contains(strings.Join(said, "\n"), test.says) {
				t.Errorf("messages %q do not say %q", said, test.says)
			}
		})
	}
}
