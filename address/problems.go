package address

import (
	"fmt"
	"strings"
)

// ProblemCode names what is wrong with a holder's values.
type ProblemCode string

// What can be wrong with values as they stand. None of it is mended unasked.
const (
	NoPrimaryValue   ProblemCode = "no_primary"        // SMTP values, and none of them is the primary
	SeveralPrimaries ProblemCode = "several_primaries" // which of them wins is not documented
	CaseTwins        ProblemCode = "case_twins"        // one address in two values
	MailDiffers      ProblemCode = "mail_differs"      // mail is set, and it is not the primary
	Malformed        ProblemCode = "malformed"         // a value that Entra discards or reads otherwise than it looks
)

// Problem is one thing that is wrong, in one sentence with the values in it.
type Problem struct {
	Code    ProblemCode
	Message string
}

// Problems lists what is wrong with the values, nothing where they are sound.
func (v Values) Problems() []Problem {
	var found []Problem
	for _, look := range []func(Values) []Problem{noPrimary, severalPrimaries, caseTwins, mailDiffers, malformed} {
		found = append(found, look(v)...)
	}
	return found
}

func noPrimary(v Values) []Problem {
	smtp := v.Proxies.SMTP()
	if len(smtp) == 0 || len(v.Proxies.Primaries()) > 0 {
		return nil
	}
	return []Problem{{NoPrimaryValue, fmt.Sprintf("proxyAddresses names no primary (SMTP:) among %s", list(smtp))}}
}

func severalPrimaries(v Values) []Problem {
	primaries := v.Proxies.Primaries()
	if len(primaries) < 2 {
		return nil
	}
	return []Problem{{SeveralPrimaries, fmt.Sprintf("proxyAddresses names %d primaries: %s", len(primaries),
		list(primaries))}}
}

func caseTwins(v Values) []Problem {
	var found []Problem
	seen := map[Key]bool{}
	for _, p := range v.Proxies.SMTP() {
		key := p.Address().Key()
		twins := v.Proxies.Find(p.Address())
		if len(twins) > 1 && !seen[key] {
			found = append(found, Problem{CaseTwins, fmt.Sprintf("one address stands in several values: %s", list(twins))})
		}
		seen[key] = true
	}
	return found
}

func mailDiffers(v Values) []Problem {
	primaries := v.Proxies.Primaries()
	if v.Mail == "" || len(primaries) == 0 {
		return nil
	}
	for _, p := range primaries {
		if p.Address().Equal(Address(v.Mail)) {
			return nil
		}
	}
	return []Problem{{MailDiffers, fmt.Sprintf("mail is %q and not the primary %s", v.Mail, list(primaries))}}
}

func malformed(v Values) []Problem {
	var found []Problem
	for _, p := range v.Proxies {
		if what := flaw(p); what != "" {
			found = append(found, Problem{Malformed, fmt.Sprintf("the value %q %s", p, what)})
		}
	}
	return found
}

// flaw says what is wrong with one value; other types than SMTP have rules of their own and are not looked into.
func flaw(p Proxy) string {
	switch {
	case p.Type() == "":
		return "has no type prefix, so Entra ID discards it"
	case !p.IsSMTP():
		return ""
	case p.Type() != primaryType && p.Type() != secondaryType:
		return "has a prefix in mixed case, so it counts as an alias"
	case checkSyntax(string(p.Address())) != nil:
		return "is no address that Entra ID takes, so it is discarded"
	}
	return ""
}

// list gives values in quotes, for a sentence.
func list(values []Proxy) string {
	quoted := make([]string, len(values))
	for i, p := range values {
		quoted[i] = fmt.Sprintf("%q", p)
	}
	return strings.Join(quoted, ", ")
}
