package proxycalc

import (
	"slices"
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
	case c.heldElsewhere(upn):
		c.discard(string(upn), Taken)
		c.assume("Another object holds the UPN %q as an address; assumed that this one keeps it as its UPN but not as an address.", upn)
		return nil
	}
	return []address.Address{upn}
}

// upnCameBack says that a user without licence has the UPN as an address again: it goes with the licence, and comes
// back when proxies are added after that (KB 3190357, scenario 4).
func (c *calculation) upnCameBack(upn address.Address) bool {
	if c.holder.Kind != address.User || contains(c.smtp, upn) {
		return false
	}
	switch {
	case len(c.cloudOnly) == 0:
		c.noteUPN(upn, len(c.smtp) > 0, "The user has proxies and was never licensed as far as is known")
	case c.previous.ExchangeLicensed:
		c.noteUPN(upn, c.anyNew(c.smtp...), "The licence goes and proxies come at once")
	case len(c.smtp) == 0:
		c.noteUPN(upn, c.mailValue != "" && c.anyNew(c.mailValue), "AD mail comes after the licence went")
	case c.heldElsewhere(upn):
		c.noteUPN(upn, true, "Another object holds the address")
	default:
		return c.previouslyShown(upn) || c.previouslyShown(address.Address(c.previous.UPN)) || c.anyNew(c.smtp...)
	}
	return false
}

// heldElsewhere says that the UPN is another object's address. What the cloud made for the holder itself is not.
func (c *calculation) heldElsewhere(upn address.Address) bool {
	return c.isTaken(upn) && !contains(c.cloudOnly, upn)
}

// noteUPN says where it is open whether the UPN is an address.
func (c *calculation) noteUPN(upn address.Address, open bool, when string) {
	if open {
		c.assume("%s; whether the UPN %q is an address then is not documented, assumed that it is not.", when, upn)
	}
}

// anyNew says that one of the addresses is not in the earlier state.
func (c *calculation) anyNew(addresses ...address.Address) bool {
	return slices.ContainsFunc(addresses, func(a address.Address) bool { return !c.previouslyShown(a) })
}

func (c *calculation) previouslyShown(a address.Address) bool {
	return a != "" && len(c.previous.Proxies.Find(a)) > 0
}
