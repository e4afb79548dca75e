package tenant

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzFilter: the parser never fails otherwise than with a syntax error inside the text, and what it reads can be checked
// and matched.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		"", "mail eq 'a'", "proxyAddresses/any(p:p eq 'SMTP:a@x')", "proxyAddresses/any(p:startswith(p,'smtp:'))", "id in ('a','b')",
		"not (mail eq 'o''neil') and (id eq 'x' or onPremisesSyncEnabled eq true)", "onPremisesProvisioningErrors/any(o:o/category eq 'x')",
		"endswith(mail,'x')", "((((((", "any(", "a/any(a:a/any(b:b eq 'c'))", "mail eq '", "mail in (", "not not not mail eq null", "\xff eq '\xff'",
		strings.Repeat("(", 60) + "mail eq 'a'" + strings.Repeat(")", 60),
	} {
		f.Add(seed)
	}
	schema, err := parseSchema(csdl)
	if err != nil {
		f.Fatal(err)
	}
	t := &Tenant{schema: schema}
	o := &object{id: "x", name: "y"}
	f.Fuzz(func(fuzz *testing.T, text string) {
		n, err := parseFilter(text)
		if err != nil {
			if at := err.(syntaxError).at; at < 0 || at > len(text) {
				fuzz.Errorf("error at %d of %d", at, len(text))
			}
			return
		}
		for _, v := range n.values {
			if utf8.ValidString(text) && !utf8.ValidString(v.text) {
				fuzz.Errorf("literal %q of %q", v.text, text)
			}
		}
		for _, set := range []entitySet{usersSet(), groupsSet(), contactsSet()} {
			if t.checkFilter(set, n, true) == nil {
				t.matches(o, n)
			}
		}
	})
}
