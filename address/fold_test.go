package address

import (
	"strings"
	"testing"
	"unicode"
)

// No letter outside ASCII is an ASCII letter in another case, whatever Unicode's folding says: U+212A is not k, U+0130 is not i, and
// U+017F is not s. A mailbox has one of the two, and an alias of one must not pass for the other's.
func TestNoLetterFoldsToASCII(t *testing.T) {
	t.Parallel()
	found := 0
	for r := rune(unicode.MaxASCII + 1); r <= unicode.MaxRune; r++ {
		for _, ascii := range foldsToASCII(r) {
			found++
			strange, plain := "a"+string(r)+"b@contoso.com", "a"+string(ascii)+"b@contoso.com"
			if Address(strange).Equal(Address(plain)) || Proxy("smtp:"+strange).Key() == Proxy("smtp:"+plain).Key() {
				t.Errorf("%U passes for %q", r, ascii)
			}
			if (Set{Secondary(Address(strange))}).Find(Address(plain)) != nil {
				t.Errorf("%q is found as %q", strange, plain)
			}
			if domain := Address("a@" + string(r)).Domain(); domain == string(unicode.ToLower(ascii)) {
				t.Errorf("the domain %U passes for %q", r, domain)
			}
			if (Proxy(strings.Replace("smtp:x@contoso.com", string(unicode.ToLower(ascii)), string(r), 1))).IsSMTP() && strings.ContainsRune("smtp", unicode.ToLower(ascii)) {
				t.Errorf("a type with %U passes for smtp", r)
			}
		}
	}
	if found < 6 { // K, k of U+212A; I, i of U+0130 and U+0131; S, s of U+017F
		t.Errorf("only %d letters fold to ASCII", found)
	}
}

// foldsToASCII are the ASCII letters that a rune is another case of, by any of Unicode's ways to tell.
func foldsToASCII(r rune) (all []rune) {
	seen := map[rune]bool{}
	note := func(f rune) {
		if f <= unicode.MaxASCII && !seen[f] {
			seen[f] = true
			all = append(all, f)
		}
	}
	for _, f := range []rune{unicode.ToLower(r), unicode.ToUpper(r), unicode.ToTitle(r)} {
		note(f)
	}
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		note(f)
	}
	return all
}

// A letter with a diacritic is the same in both cases, as the directory has it.
func TestOtherLettersFold(t *testing.T) {
	t.Parallel()
	if !Address("MÜLLER@contoso.com").Equal("müller@contoso.com") || Address("müller@contoso.com").Equal("muller@contoso.com") {
		t.Error("Ü and ü are one letter, ü and u are two")
	}
}
