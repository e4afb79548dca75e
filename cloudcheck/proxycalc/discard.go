package proxycalc

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aliasd/aliasd/address"
)

// discards says whether a value of proxyAddresses is dropped, and why. A value that breaks several rules gets the reason
// of the first one.
func (c *calculation) discards(p address.Proxy) (Reason, bool) {
	rules := []func(address.Proxy) Reason{
		noType, legacyType, cloudX500, tooLong, malformed, c.reservedSuffix, c.unverifiedDomain, c.takenByOther,
	}
	for _, rule := range rules {
		if reason := rule(p); reason != "" {
			return reason, true
		}
	}
	return "", false
}

// noType drops a value without type prefix (KB 3190357: "missing protocol prefix").
func noType(p address.Proxy) Reason {
	kind := p.Type()
	if kind == "" || strings.ContainsFunc(kind, notAlphanumeric) {
		return Malformed
	}
	return ""
}

func notAlphanumeric(r rune) bool {
	return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r)
}

// legacyType drops values of legacy mail systems. KB 3190357 names MSMAIL and X400, "etc."; the others are the address
// types of the connectors that Exchange shipped beside those two.
func legacyType(p address.Proxy) Reason {
	switch strings.ToUpper(p.Type()) {
	case "MSMAIL", "MS", "X400", "CCMAIL", "GWISE", "NOTES", "PROFS", "SNADS", "FAX", "RFAX":
		return LegacyType
	}
	return ""
}

// cloudX500 drops the X500 values that the cloud itself writes back (shadow attributes: /o=MicrosoftOnline).
func cloudX500(p address.Proxy) Reason {
	if organization(p) == "microsoftonline" {
		return CloudX500
	}
	return ""
}

// organization is the organization of an X500 value, /o=Contoso/ou=…, in lower case; "" for other values.
func organization(p address.Proxy) string {
	value, found := strings.CutPrefix(string(p.Key()), "x500:/o=")
	if !found {
		return ""
	}
	name, _, _ := strings.Cut(value, "/")
	return name
}

// tooLong drops what is longer than 256 characters, type prefix included (directory preparation).
func tooLong(p address.Proxy) Reason {
	if utf8.RuneCountInString(string(p)) > address.MaxValue {
		return TooLong
	}
	return ""
}

// malformed drops what is not RFC 5322, has a space or another invalid character (KB 3190357, directory preparation).
// X500 and other foreign values are no addresses with a domain: they may have spaces, but nothing invisible.
func malformed(p address.Proxy) Reason {
	value := string(p.Address())
	broken := value == "" || strings.ContainsFunc(value, invisible)
	if hasDomain(p) {
		broken = broken || address.CheckSyntax(value) != nil
	}
	if broken {
		return Malformed
	}
	return ""
}

// hasDomain says that a value is an address with a domain: of type SMTP or SIP, in any case.
func hasDomain(p address.Proxy) bool {
	return p.IsSMTP() || strings.EqualFold(p.Type(), "SIP")
}

// hasSuffix says that a value ends in a domain: each address, whatever its type (KB 3190357 names none where it speaks
// of suffixes), but no X500 value. "SPO:SPO_1@SPO_2" ends in none.
func hasSuffix(p address.Proxy) bool {
	if hasDomain(p) {
		return true
	}
	a := p.Address()
	return !strings.EqualFold(p.Type(), "X500") && strings.Contains(a.Domain(), ".") && address.CheckSyntax(string(a)) == nil
}

func invisible(r rune) bool {
	return r != ' ' && (unicode.IsSpace(r) || !unicode.IsGraphic(r))
}

// reservedSuffix drops addresses in Microsoft's own domains, but not those in the tenant's hybrid coexistence domain
// (KB 3190357: "@*.onmicrosoft.com, @*.microsoftonline.com"). The initial domain of a tenant in another cloud, such as
// contoso.onmicrosoft.us, is taken for one of them.
func (c *calculation) reservedSuffix(p address.Proxy) Reason {
	domain := p.Address().Domain()
	if !hasSuffix(p) || domain == c.hybridDomain() {
		return ""
	}
	for _, suffix := range []string{"onmicrosoft.com", "microsoftonline.com"} {
		if domain == suffix || strings.HasSuffix(domain, "."+suffix) {
			return ReservedSuffix
		}
	}
	if c.inInitialDomain(p.Address()) {
		c.assume("The documents name @*.onmicrosoft.com and @*.microsoftonline.com as reserved; assumed that @%s is too.", domain)
		return ReservedSuffix
	}
	return ""
}

// unverifiedDomain drops addresses in domains that the tenant has not verified, where the holder is a mailbox: an
// Exchange plan, msExchRemoteRecipientType, or a shared resource. Mail users and contacts keep any domain (shadow
// attributes, "proxyAddresses": "only values for verified domains appear"). A domain verified later brings the values
// back, since they stay in the shadow.
func (c *calculation) unverifiedDomain(p address.Proxy) Reason {
	if !hasSuffix(p) || c.verified(p.Address().Domain()) {
		return ""
	}
	switch {
	case c.recipient():
		return UnverifiedDomain
	case c.holder.Kind == address.Group:
		c.assume("The domain of %q is not verified; whether a group loses such a value is not documented, assumed that it keeps it.", p)
	}
	return ""
}

// takenByOther quarantines an SMTP value that another user, group or contact holds: the object syncs without it
// (duplicate resiliency).
func (c *calculation) takenByOther(p address.Proxy) Reason {
	a := p.Address()
	if !p.IsSMTP() || !c.isTaken(a) {
		return ""
	}
	if c.taken[a.Key()] && c.previouslyShown(a) {
		c.assume("%q is in taken_addresses and in the earlier state: taken to be another object's.", a)
	}
	return Taken
}

func (c *calculation) isTaken(a address.Address) bool {
	return c.taken[a.Key()] || c.tenant.Taken != nil && c.tenant.Taken(a)
}

// verified knows the initial and the hybrid coexistence domain beside the listed ones.
func (c *calculation) verified(domain string) bool {
	if address.EqualFold(domain, c.tenant.InitialDomain) || domain == c.hybridDomain() {
		return true
	}
	if c.tenant.Verified != nil && c.tenant.Verified(domain) {
		return true
	}
	return slices.ContainsFunc(c.tenant.VerifiedDomains, func(d string) bool { return address.EqualFold(d, domain) })
}

// hybridDomain is <tenant>.mail.onmicrosoft.com, the domain through which a hybrid organization routes its mail.
func (c *calculation) hybridDomain() string {
	tenant, rest, ok := strings.Cut(strings.ToLower(c.tenant.InitialDomain), ".")
	if !ok {
		return ""
	}
	return tenant + ".mail." + rest
}
