package token_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/server/token"
)

// FuzzScopes: a list gives only scopes that it names, each once, and the same again when it is written anew.
func FuzzScopes(f *testing.F) {
	for _, s := range []string{"submit,read", "admin", " read ,\tsubmit", "", ",", "read,read", "Admin", "admin\x00", "аdmin", "submit;admin", "admin\u200b", "read,,submit"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		scopes, err := token.ParseScopes(list)
		if err != nil {
			if len(scopes) > 0 {
				t.Fatalf("%q: %v and %v", list, scopes, err)
			}
			return
		}
		var words []string
		for _, s := range scopes {
			if !slices.Contains(token.Scopes(), s) || !strings.Contains(list, string(s)) || slices.Contains(words, string(s)) {
				t.Fatalf("%q gives %v", list, scopes)
			}
			words = append(words, string(s))
		}
		again, err := token.ParseScopes(strings.Join(words, ","))
		if err != nil || !slices.Equal(again, scopes) || len(scopes) == 0 {
			t.Fatalf("%q gives %v, and that %v, %v", list, scopes, again, err)
		}
	})
}

// FuzzName: a name that passes is one plain word, and never the local administrator's.
func FuzzName(f *testing.F) {
	for _, s := range []string{"helpdesk", "local", "LOCAL", "a\n", "a b", "-x", "..", "ⅼocal", strings.Repeat("a", 64), "", "a/b", "=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if token.CheckName(name) != nil {
			return
		}
		if name == token.LocalName || name == "" || len(name) > 63 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`/\:;,"'=<>|*?`, r) }) {
			t.Errorf("%q passes", name)
		}
	})
}
