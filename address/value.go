package address

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Address is a bare SMTP address, local@domain, in the spelling it was given.
type Address string

// Key is a value in lower case, for maps and comparison: addresses are compared without case. It is our own comparison, everywhere the
// same; what the directory takes for equal beyond it (accents, width) is the directory's to say.
type Key string

// Domain gives what stands after the last @, in lower case; "" where there is no @.
func (a Address) Domain() string {
	at := strings.LastIndexByte(string(a), '@')
	if at < 0 {
		return ""
	}
	return lower(string(a[at+1:]))
}

// Local gives what stands before the last @, as it is spelled; the whole where there is no @.
func (a Address) Local() string {
	at := strings.LastIndexByte(string(a), '@')
	if at < 0 {
		return string(a)
	}
	return string(a[:at])
}

// Key gives a in lower case.
func (a Address) Key() Key { return Key(lower(string(a))) }

// Equal compares without case, as the directory and the cloud do.
func (a Address) Equal(b Address) bool { return a == b || a.Key() == b.Key() }

// Bare gives the address in a value of proxyAddresses, mail or userPrincipalName, as it is spelled.
func Bare(value string) Address {
	if p := Proxy(value); p.IsSMTP() {
		return p.Address()
	}
	return Address(value)
}

// Proxy is one value of proxyAddresses, byte for byte: type prefix, colon, address. "SMTP:" upper case is the primary.
type Proxy string

// Primary gives a as a primary: "SMTP:" and the address.
func Primary(a Address) Proxy { return Proxy(primaryType + ":" + a) }

// Secondary gives a as an alias: "smtp:" and the address.
func Secondary(a Address) Proxy { return Proxy(secondaryType + ":" + a) }

const (
	primaryType   = "SMTP"
	secondaryType = "smtp"
)

// Type gives what stands before the first colon, as it is written; "" where there is no colon.
func (p Proxy) Type() string {
	kind, _, found := strings.Cut(string(p), ":")
	if !found {
		return ""
	}
	return kind
}

// IsSMTP says whether the type is smtp in any case. Everything else passes through this package untouched.
func (p Proxy) IsSMTP() bool {
	kind := p.Type()
	return len(kind) == len(secondaryType) && strings.EqualFold(kind, secondaryType) // of that length it is ASCII
}

// IsPrimary says whether the type is exactly "SMTP". A prefix in mixed case ("Smtp:") is not a primary.
func (p Proxy) IsPrimary() bool { return p.Type() == primaryType }

// Address gives what stands after the first colon, as it is spelled; "" where there is no colon. It is an SMTP
// address only where IsSMTP says so.
func (p Proxy) Address() Address {
	_, rest, _ := strings.Cut(string(p), ":")
	return Address(rest)
}

// Key gives the whole value in lower case: the directory takes two values with the same key for one.
func (p Proxy) Key() Key { return Key(lower(string(p))) }

// EqualFold compares text without case as addresses are compared: domain names, user principal names, whole values.
func EqualFold(a, b string) bool { return a == b || lower(a) == lower(b) }

// lower gives s in lower case. Bytes that are no UTF-8 stay as they are, and so do the letters that Unicode lowers to ASCII (the
// Kelvin sign to k, the dotted I to i), so that two different mailboxes never become one.
func lower(s string) string {
	if !utf8.ValidString(s) {
		return lowerASCII(s)
	}
	return strings.Map(func(r rune) rune {
		l := unicode.ToLower(r)
		if r > unicode.MaxASCII && l <= unicode.MaxASCII {
			return r
		}
		return l
	}, s)
}

func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
