package address

import (
	"net/mail"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/cause"
)

func TestParseTakes(t *testing.T) {
	t.Parallel()
	local64 := strings.Repeat("l", 64)
	domain186 := strings.Repeat(strings.Repeat("d", 60)+".", 3) + "com"
	for _, s := range []string{
		"j.doe@contoso.com",
		"J.Doe+tag@Sub.Contoso.COM",
		"o'brien@contoso.com",
		"!#$%&'*+-/=?^_`{|}~@contoso.com",
		"1@2.test",
		"a@xn--mnchen-3ya.test",
		"a@contoso.mail.onmicrosoft.com",
		"a@notonmicrosoft.com",
		"a@onmicrosoft.com.contoso.test",
		"a@" + strings.Repeat("d", 63) + ".test",
		local64 + "@" + domain186, // 256 with the prefix
	} {
		got, err := Parse(s)
		if err != nil || string(got) != s {
			t.Errorf("Parse(%q) = %q, %v; want it as it is", s, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	local64 := strings.Repeat("l", 64)
	domain187 := strings.Repeat(strings.Repeat("d", 60)+".", 3) + "info"
	tests := []struct {
		name, in string
		code     cause.Code
		says     string
	}{
		{"empty", "", cause.InvalidAddress, "empty"},
		{"prefix", "smtp:a@contoso.com", cause.InvalidAddress, `bare address, "a@contoso.com"`},
		{"upper prefix", "SMTP:a@contoso.com", cause.InvalidAddress, "bare address"},
		{"257 with prefix", local64 + "@" + domain187, cause.InvalidAddress, "257 characters"},
		{"endless", strings.Repeat("x", 1<<20), cause.InvalidAddress, "256 are allowed"},
		{"space", "j doe@contoso.com", cause.InvalidAddress, "a space"},
		{"leading space", " a@contoso.com", cause.InvalidAddress, "a space"},
		{"trailing newline", "a@contoso.com\n", cause.InvalidAddress, "a space"},
		{"no-break space", "a\u00a0b@contoso.com", cause.InvalidAddress, "a space"},
		{"NUL", "a\x00@contoso.com", cause.InvalidAddress, "invisible"},
		{"delete", "a\x7f@contoso.com", cause.InvalidAddress, "invisible"},
		{"zero width", "a\u200b@contoso.com", cause.InvalidAddress, "invisible"},
		{"byte order mark", "\ufeffa@contoso.com", cause.InvalidAddress, "invisible"},
		{"diacritic", "andré@contoso.com", cause.InvalidAddress, "diacritic"},
		{"combining diacritic", "andre\u0301@contoso.com", cause.InvalidAddress, "diacritic"},
		{"kelvin sign", "\u212a@contoso.com", cause.InvalidAddress, "diacritic"},
		{"non-ASCII", "日本@contoso.com", cause.InvalidAddress, "not ASCII"},
		{"non-ASCII domain", "a@münchen.test", cause.InvalidAddress, "diacritic"},
		{"no UTF-8", "a\xff@contoso.com", cause.InvalidAddress, "no text"},
		{"angle", "<a@contoso.com>", cause.InvalidAddress, "no address may have"},
		{"paren", "a(b)@contoso.com", cause.InvalidAddress, "no address may have"},
		{"semicolon", "a;b@contoso.com", cause.InvalidAddress, "no address may have"},
		{"comma", "a,b@contoso.com", cause.InvalidAddress, "no address may have"},
		{"bracket", "a@[127.0.0.1]", cause.InvalidAddress, "no address may have"},
		{"quotes", `"j.doe"@contoso.com`, cause.InvalidAddress, "no address may have"},
		{"backslash", `a\b@contoso.com`, cause.InvalidAddress, "no address may have"},
		{"colon", "a:b@contoso.com", cause.InvalidAddress, "no address may have"},
		{"no at", "contoso.com", cause.InvalidAddress, "no @"},
		{"two ats", "a@b@contoso.com", cause.InvalidAddress, "2 @ signs"},
		{"no local part", "@contoso.com", cause.InvalidAddress, "nothing before"},
		{"no domain", "a@", cause.InvalidAddress, "no domain"},
		{"leading dot", ".a@contoso.com", cause.InvalidAddress, "dot"},
		{"trailing dot", "a.@contoso.com", cause.InvalidAddress, "dot"},
		{"two dots", "a..b@contoso.com", cause.InvalidAddress, "two dots"},
		{"domain leading dot", "a@.contoso.com", cause.InvalidAddress, "dot"},
		{"domain trailing dot", "a@contoso.com.", cause.InvalidAddress, "dot"},
		{"domain two dots", "a@contoso..com", cause.InvalidAddress, "two dots"},
		{"local too long", local64 + "l@contoso.com", cause.InvalidAddress, "RFC 5321"},
		{"one label", "a@localhost", cause.InvalidAddress, "no dot"},
		{"underscore", "a@con_toso.com", cause.InvalidAddress, "letters, digits and hyphens"},
		{"leading hyphen", "a@-contoso.com", cause.InvalidAddress, "hyphen"},
		{"trailing hyphen", "a@contoso-.com", cause.InvalidAddress, "hyphen"},
		{"label of 64", "a@" + strings.Repeat("d", 64) + ".com", cause.InvalidAddress, "63"},
		{"number", "a@127.0.0.1", cause.InvalidAddress, "IP address"},
		{"MOERA", "a@contoso.onmicrosoft.com", cause.ReservedSuffix, "onmicrosoft.com"},
		{"MOERA upper", "a@Contoso.OnMicrosoft.COM", cause.ReservedSuffix, "neither adds nor removes"},
		{"bare suffix", "a@onmicrosoft.com", cause.ReservedSuffix, "discards"},
		{"sub-subdomain", "a@x.contoso.onmicrosoft.com", cause.ReservedSuffix, "discards"},
		{"tenant of two labels", "a@x.y.mail.onmicrosoft.com", cause.ReservedSuffix, "discards"},
		{"tenant called mail", "a@mail.onmicrosoft.com", cause.ReservedSuffix, "discards"},
		{"microsoftonline", "a@contoso.microsoftonline.com", cause.ReservedSuffix, "discards"},
		{"bare microsoftonline", "a@microsoftonline.com", cause.ReservedSuffix, "discards"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse(test.in)
			if got != "" {
				t.Errorf("Parse gives %q beside its error", got)
			}
			refused(t, err, test.code, test.says)
		})
	}
}

// refused checks a refusal: its code, words of its sentence, and that the sentence says what to do and stays readable.
func refused(t *testing.T, err error, code cause.Code, says ...string) {
	t.Helper()
	broken(t, err, cause.Refusal, code, says...)
}

func broken(t *testing.T, err error, kind cause.Kind, code cause.Code, says ...string) {
	t.Helper()
	e, ok := cause.As(err)
	if !ok {
		t.Fatalf("got error %v, want cause %s", err, code)
	}
	if e.Kind != kind || e.Cause.Code != code {
		t.Fatalf("got %s %s (%s), want %s %s", e.Kind, e.Cause.Code, e.Cause.Message, kind, code)
	}
	for _, words := range says {
		if !strings.Contains(e.Cause.Message, words) {
			t.Errorf("message %q does not say %q", e.Cause.Message, words)
		}
	}
	if !strings.Contains(e.Cause.Message, ": ") {
		t.Errorf("message %q does not say what to do", e.Cause.Message)
	}
	if len(e.Cause.Message) > 1200 {
		t.Errorf("message has %d bytes", len(e.Cause.Message))
	}
}

func TestCheckSyntaxJudgesOnlyWhatEntraDiscards(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"a@localhost", "a@contoso.onmicrosoft.com", strings.Repeat("l", 65) + "@contoso.com", "a@con_toso.com"} {
		if err := CheckSyntax(s); err != nil {
			t.Errorf("CheckSyntax(%q) = %v, want nothing", s, err)
		}
	}
	for _, s := range []string{"", "a", "a b@contoso.com", "smtp:a@contoso.com", "é@contoso.com", strings.Repeat("l", 240) + "@contoso.com"} {
		refused(t, CheckSyntax(s), cause.InvalidAddress)
	}
}

func TestRFC5322IsTheLastWord(t *testing.T) {
	t.Parallel()
	refused(t, checkRFC5322("a b"), cause.InvalidAddress, "RFC 5322")
	refused(t, checkRFC5322("John <a@contoso.com>"), cause.InvalidAddress, `read as "a@contoso.com"`)
	if err := checkRFC5322("a@contoso.com"); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"j.doe@contoso.com", "smtp:a@x.test", "a@b@c", "é@x.test", "a@contoso.mail.onmicrosoft.com", "a..b@x", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		if err != nil {
			if e, ok := cause.As(err); !ok || e.Kind != cause.Refusal || len(e.Cause.Message) > 2000 {
				t.Fatalf("Parse(%q): %v is no readable refusal", s, err)
			}
			return
		}
		checkParsed(t, s, a)
	})
}

func checkParsed(t *testing.T, s string, a Address) {
	t.Helper()
	if string(a) != s {
		t.Fatalf("Parse(%q) re-spelled it as %q", s, a)
	}
	if len(Primary(a)) > MaxValue || len(a.Local()) > 64 {
		t.Fatalf("Parse(%q) takes too long an address", s)
	}
	if m, err := mail.ParseAddress(s); err != nil || m.Address != s {
		t.Fatalf("Parse(%q) takes what is no RFC 5322 address: %v", s, err)
	}
	for _, r := range s {
		if r <= ' ' || r > '~' || strings.ContainsRune(`<>()[];,":\`, r) {
			t.Fatalf("Parse(%q) takes %q", s, r)
		}
	}
	if CheckSyntax(s) != nil || !Primary(a).IsPrimary() || Primary(a).Address() != a {
		t.Fatalf("%q does not come through as a value", s)
	}
	if again, err := Parse(string(a.Key())); err != nil || !again.Equal(a) {
		t.Fatalf("the key of %q does not parse: %v", s, err)
	}
}
