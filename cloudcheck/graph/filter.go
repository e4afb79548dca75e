package graph

import (
	"strings"

	"github.com/aliasd/aliasd/address"
)

const (
	// maxIn is how many values an `in` filter takes (Graph docs, "filter query parameter").
	maxIn = 15
	// maxEq is how long a value may be for eq (Graph docs, known issues); longer ones are asked for by their beginning.
	maxEq = 120
)

// quote makes a string literal of OData 4.01 (5.1.1.14.1): a quote inside is doubled.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// in asks for objects whose property is one of at most 15 values.
func in(property string, values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	return property + " in (" + strings.Join(quoted, ",") + ")"
}

// is asks for objects whose property has a value, or begins with as much of it as eq would take: the answers have to be
// compared with the whole value.
func is(property, value string) string {
	if runes := []rune(value); len(runes) > maxEq {
		return "startswith(" + property + "," + quote(string(runes[:maxEq])) + ")"
	}
	return property + " eq " + quote(value)
}

// anyProxy asks for objects that have a value of proxyAddresses.
func anyProxy(p address.Proxy) string {
	return "proxyAddresses/any(p:" + is("p", string(p)) + ")"
}

// byProxy asks who holds an address as a proxy address: whether eq minds case is not documented, so both prefixes.
func byProxy(a address.Address) []string {
	return []string{anyProxy(address.Primary(a)), anyProxy(address.Secondary(a))}
}

// byMail and byUPN ask whose mail or UPN an address is; "" where there is none, or it is too long for eq. Nothing is missed by that: a UPN
// has 113 characters at most, and what has mail has it as a proxy address too (KB 3190357).
func byMail(a address.Address) string { return short("mail", a) }
func byUPN(a address.Address) string  { return short("userPrincipalName", a) }

func short(property string, a address.Address) string {
	if a == "" || len([]rune(a)) > maxEq {
		return ""
	}
	return is(property, string(a))
}
