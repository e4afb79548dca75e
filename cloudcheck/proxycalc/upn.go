package proxycalc

import (
	"strings"

	"github.com/aliasd/aliasd/address"
)

// userPrincipalName is the AD UPN where the cloud can take it over, else mailNickname@initialDomain, which is
// calculated again only when the AD UPN or the verified domains change (UPN population, scenarios 1 to 5).
func (c *calculation) userPrincipalName() string {
	upn := address.Address(c.holder.UPN)
	switch {
	case c.holder.Kind != address.User:
		return ""
	case upn == "":
		c.assume("The user has no AD UPN; what the sync engine makes of that is not documented, assumed that the UPN stays %q.", c.previous.UPN)
		return c.previous.UPN
	case c.upnFits(upn):
		return string(upn)
	case c.keptUPN() != "":
		return c.keptUPN()
	}
	return string(c.initialAddress(c.result.Nickname))
}

// upnFits says that the AD UPN can be a UPN in the cloud: in a verified domain and without invalid characters (UPN
// population, "Nonverified UPN suffix" and the warning of "Verified UPN suffix").
func (c *calculation) upnFits(upn address.Address) bool {
	invalid := strings.ContainsFunc(string(upn), func(r rune) bool { return r == ' ' || invisible(r) })
	return !invalid && c.verified(upn.Domain())
}

// keptUPN is the earlier calculated UPN while the AD UPN has not changed (UPN population, "Important").
func (c *calculation) keptUPN() string {
	earlier := address.Address(c.previous.UPN)
	if !c.inInitialDomain(earlier) || !c.upnUnchanged() {
		return ""
	}
	if c.previous.OnPremUPN == "" {
		c.assume("The AD UPN that the earlier state was calculated from was not given; assumed that it has not changed.")
	}
	return c.previous.UPN
}

func (c *calculation) upnUnchanged() bool {
	return c.previous.OnPremUPN == "" || strings.EqualFold(c.previous.OnPremUPN, c.holder.UPN)
}

// upnAddress is the UPN as an address, or nothing: always for a licensed user or an Exchange recipient (KB 3190357, note
// to scenario 1), never for one who was never licensed (scenario 2), and as upnCameBack says after a licence.
func (c *calculation) upnAddress() []address.Address {
	upn := address.Address(c.result.UPN)
	if upn == "" || !c.recipient() && !c.upnCameBack(upn) {
		return nil
	}
	switch {
	case malformed(address.Primary(upn)) != "":
		c.assume("The UPN %q is not an address; assumed that it is left out of proxyAddresses.", upn)
		return nil
	case c.isTaken(upn) && !c.previouslyShown(upn):
		c.discard(string(upn), Taken)
		c.assume("Another object holds the UPN %q as an address; assumed that this one keeps it as its UPN but not as an address.", upn)
		return nil
	}
	return []address.Address{upn}
}

// upnCameBack says that a user without licence has the UPN as an address again: it goes with the licence, and comes
// back when proxies are added after that (KB 3190357, scenario 4).
func (c *calculation) upnCameBack(upn address.Address) bool {
	if c.holder.Kind != address.User || len(c.smtp) == 0 {
		return false
	}
	if len(c.cloudOnly) == 0 {
		if !contains(c.smtp, upn) {
			c.assume("The user was never licensed as far as is known; whether the UPN %q is added beside the proxies is not documented, assumed that it is not.", upn)
		}
		return false
	}
	if c.previous.ExchangeLicensed {
		return false
	}
	return c.previouslyShown(upn) || c.previouslyShown(address.Address(c.previous.UPN)) || c.proxiesAdded()
}

// proxiesAdded says that an SMTP value arrives that the earlier state does not have.
func (c *calculation) proxiesAdded() bool {
	for _, a := range c.smtp {
		if !c.previouslyShown(a) {
			return true
		}
	}
	return false
}

func (c *calculation) previouslyShown(a address.Address) bool {
	return a != "" && len(c.previous.Proxies.Find(a)) > 0
}
