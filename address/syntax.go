package address

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aliasd/aliasd/cause"
)

const (
	// MaxValue is how many characters a value of proxyAddresses may have, the prefix included (Microsoft, "Prepare
	// directory attributes for synchronization").
	MaxValue = 256
	// maxLocal is in octets, RFC 5321, 4.5.3.1.1; maxLabel too, RFC 1035, 2.3.4. A domain's own limit of 253 octets
	// cannot be reached within MaxValue.
	maxLocal = 64
	maxLabel = 63
	// forbidden are the characters that Entra takes in no proxy address, beside space (same article); the backslash
	// and the second colon are no RFC 5322 dot-atom either.
	forbidden = "<>()[];,\"\\:"
)

// Parse takes a bare address that somebody asks for. It never corrects: what is not right is refused with a
// *cause.Error, invalid_address or reserved_suffix, whose sentence says which rule is broken and what to do. It is
// stricter than CheckSyntax, because a new address must also be deliverable: RFC 5321 lengths, a domain of two
// labels or more.
func Parse(s string) (Address, error) {
	for _, check := range []func(string) *cause.Error{checkPrefix, checkSyntax, checkLocal, checkDomain, checkSuffix} {
		if err := check(s); err != nil {
			return "", err
		}
	}
	return Address(s), nil
}

// CheckSyntax checks a bare SMTP address, without its prefix, against what Entra discards as too long or malformed: 256
// characters with the prefix, no space, no invisible or non-ASCII character, none of `< > ( ) ; , [ ] "`, RFC 5322.
// It says nothing on suffixes. The error is a *cause.Error, invalid_address.
func CheckSyntax(s string) error {
	if err := checkSyntax(s); err != nil {
		return err
	}
	return nil
}

func checkSyntax(s string) *cause.Error {
	for _, check := range []func(string) *cause.Error{checkLength, checkCharacters, checkOneAt, checkDots, checkRFC5322} {
		if err := check(s); err != nil {
			return err
		}
	}
	return nil
}

func checkPrefix(s string) *cause.Error {
	if p := Proxy(s); p.IsSMTP() {
		return invalid("the address %q starts with the prefix %q: give the bare address, %q", clip(s), p.Type()+":",
			clip(string(p.Address())))
	}
	return nil
}

func checkLength(s string) *cause.Error {
	if s == "" {
		return invalid("the address is empty: give one like j.doe@contoso.com")
	}
	if n := utf8.RuneCountInString(string(Primary(Address(s)))); n > MaxValue {
		return invalid("the address %q has %d characters with its prefix, and %d are allowed: give a shorter one",
			clip(s), n, MaxValue)
	}
	return nil
}

func checkCharacters(s string) *cause.Error {
	for _, r := range s {
		if what := refusedRune(r); what != "" {
			return invalid("the address %q contains %s (%q), which Entra ID discards without a word: leave it out",
				s, what, r)
		}
	}
	return nil
}

// Permitted says whether Entra takes the character in an address: it is none of those that CheckSyntax refuses.
func Permitted(r rune) bool { return refusedRune(r) == "" }

func refusedRune(r rune) string {
	switch {
	case r == utf8.RuneError:
		return "bytes that are no text"
	case unicode.IsSpace(r):
		return "a space"
	case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
		return "an invisible character"
	case r > unicode.MaxASCII && unicode.In(r, unicode.Latin, unicode.Mn):
		return "a letter with a diacritic"
	case r > unicode.MaxASCII:
		return "a character that is not ASCII"
	case strings.ContainsRune(forbidden, r):
		return "a character that no address may have"
	}
	return ""
}

func checkOneAt(s string) *cause.Error {
	switch n := strings.Count(s, "@"); {
	case n == 0:
		return invalid("the address %q has no @: give the whole address, like j.doe@contoso.com", s)
	case n > 1:
		return invalid("the address %q has %d @ signs: give it with one", s, n)
	case strings.HasPrefix(s, "@"):
		return invalid("the address %q has nothing before the @: give the whole address", s)
	case strings.HasSuffix(s, "@"):
		return invalid("the address %q has no domain after the @: give the whole address", s)
	}
	return nil
}

func checkDots(s string) *cause.Error {
	a := Address(s)
	for _, part := range []string{a.Local(), a.Domain()} {
		switch {
		case strings.HasPrefix(part, "."), strings.HasSuffix(part, "."):
			return invalid("in the address %q the part %q starts or ends with a dot: take that dot away", s, part)
		case strings.Contains(part, ".."):
			return invalid("in the address %q the part %q has two dots in a row: leave one", s, part)
		}
	}
	return nil
}

// checkRFC5322 is the last word on what the checks before did not name.
func checkRFC5322(s string) *cause.Error {
	got, err := mail.ParseAddress(s)
	if err != nil {
		return invalid("the address %q is not an address by RFC 5322: correct it", s).Because(err)
	}
	if got.Address != s {
		return invalid("the address %q is read as %q by RFC 5322: give the bare address", s, got.Address)
	}
	return nil
}

func checkLocal(s string) *cause.Error {
	if n := len(Address(s).Local()); n > maxLocal {
		return invalid("the address %q has %d characters before the @, and RFC 5321 allows %d: give a shorter one", s, n,
			maxLocal)
	}
	return nil
}

func checkDomain(s string) *cause.Error {
	domain := Address(s).Domain()
	labels := strings.Split(domain, ".")
	if len(labels) < 2 {
		return invalid("the domain of %q has no dot: give the full domain, like contoso.com", s)
	}
	for _, label := range labels {
		if what := badLabel(label); what != "" {
			return invalid("in the domain of %q the part %q %s: correct it", s, label, what)
		}
	}
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return invalid("the domain of %q ends in a number: give a domain name, not an IP address", s)
	}
	return nil
}

func badLabel(label string) string {
	switch {
	case len(label) > maxLabel:
		return "is longer than 63 characters"
	case strings.HasPrefix(label, "-"), strings.HasSuffix(label, "-"):
		return "starts or ends with a hyphen"
	case strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return "has a character other than letters, digits and hyphens"
	}
	return ""
}

func checkSuffix(s string) *cause.Error {
	if a := Address(s); a.reserved() {
		return cause.Refuse(cause.ReservedSuffix,
			"the address %q ends in %q, which is the tenant's own and which Entra ID discards when it comes from the directory: aliasd neither adds nor removes it",
			s, "@"+a.Domain())
	}
	return nil
}

// reserved says whether Entra discards a when it comes from the directory: @….onmicrosoft.com and
// @….microsoftonline.com. The hybrid coexistence domain <tenant>.mail.onmicrosoft.com does arrive.
func (a Address) reserved() bool {
	domain := "." + a.Domain()
	switch {
	case strings.HasSuffix(domain, ".microsoftonline.com"):
		return true
	case !strings.HasSuffix(domain, routingSuffix):
		return false
	}
	return !a.coexistence()
}

const (
	routingSuffix     = ".onmicrosoft.com"
	coexistenceSuffix = ".mail.onmicrosoft.com"
)

// coexistence says whether a is in a hybrid coexistence domain: <tenant>.mail.onmicrosoft.com, one label for the tenant.
func (a Address) coexistence() bool {
	tenant, found := strings.CutSuffix(a.Domain(), coexistenceSuffix)
	return found && tenant != "" && !strings.Contains(tenant, ".")
}

// invalid gives a plain *cause.Error, never a nil one in an interface.
func invalid(format string, args ...any) *cause.Error {
	return cause.Refuse(cause.InvalidAddress, format, args...)
}

// clip keeps a message readable where the text in it may be of any length.
func clip(s string) string {
	const most = 80
	for i := range s {
		if i >= most {
			return s[:i] + "…"
		}
	}
	return s
}
