package proxycalc

import (
	"fmt"
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
	return c.previous.OnPremUPN == "" || address.EqualFold(c.previous.OnPremUPN, c.holder.UPN)
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
	if c.holder.Kind != address.User || c.givenAnyway(upn) {
		return false
	}
	switch {
	case len(c.cloudOnly) == 0:
		c.noteUPN(upn, len(c.smtp) > 0 && !c.previous.ExchangeLicensed, "The user has proxies and was never licensed as far as is known")
	case c.previous.ExchangeLicensed:
		if value := c.firstNew(c.givenInAD()); value != "" {
			c.noteUPN(upn, true, fmt.Sprintf("%q arrives as the licence goes", value))
		}
	case len(c.smtp) == 0:
		c.noteNoProxies(upn)
	case c.heldElsewhere(upn):
		c.noteUPN(upn, true, "Another object holds the address")
	default:
		return c.upnStays(upn)
	}
	return false
}

// givenAnyway says that the UPN is an address whatever it is a UPN for: AD has it, or it is in place of the MOERA.
func (c *calculation) givenAnyway(upn address.Address) bool {
	return contains(c.smtp, upn) || c.mailValue.Equal(upn) || contains(c.cloudOnly, upn)
}

// upnStays says that the UPN is an address again already, or becomes one because something came in AD.
func (c *calculation) upnStays(upn address.Address) bool {
	c.noteLooksLicensed(upn)
	if c.previouslyShown(upn) || c.previouslyShown(address.Address(c.previous.UPN)) {
		return true
	}
	added := c.firstNew(c.smtp)
	if gone := c.goneFromAD(); added != "" && gone != "" {
		c.assume("%q comes and %q goes after the licence; whether the UPN %q is an address again by that is not documented, assumed that it is.", added, gone, upn)
	}
	return added != ""
}

// noteNoProxies says what is open about the UPN of a user whose licence went and who has no address in AD
// proxyAddresses. The UPN is none then.
func (c *calculation) noteNoProxies(upn address.Address) {
	switch {
	case c.noteLooksLicensed(upn):
	case c.previouslyShown(upn):
		c.noteUPN(upn, true, "The proxies that came after the licence went are gone again")
	case c.mailValue != "":
		c.noteUPN(upn, c.firstNew(c.givenInAD()) != "", "AD mail comes after the licence went")
	default:
		c.noteUPN(upn, c.anyNewValue(), "What came in AD proxyAddresses after the licence went has no SMTP address that arrives")
	}
}

// noteLooksLicensed notes, and says, that an earlier state without licence has what only the licence gives: the UPN, which
// AD does not name, as the primary.
func (c *calculation) noteLooksLicensed(upn address.Address) bool {
	looks := upn.Equal(address.Address(c.previous.Mail))
	if looks {
		c.assume("The earlier state has the UPN %q as its primary, and no licence; assumed that the licence had gone before.", upn)
	}
	return looks
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

// givenInAD are the addresses that arrive from AD: those of proxyAddresses, or mail where nothing masks it.
func (c *calculation) givenInAD() []address.Address {
	if c.mailValue != "" {
		return []address.Address{c.mailValue}
	}
	return c.smtp
}

// firstNew is the first of the addresses that is not in the earlier state, or "".
func (c *calculation) firstNew(addresses []address.Address) address.Address {
	for _, a := range addresses {
		if !c.previouslyShown(a) {
			return a
		}
	}
	return ""
}

// anyNewValue says that AD proxyAddresses has a value that is not in the earlier state, as those that are discarded.
func (c *calculation) anyNewValue() bool {
	return slices.ContainsFunc(c.holder.Proxies, func(p address.Proxy) bool { return !hasKey(c.previous.Proxies, p) })
}

// goneFromAD is the first address of the earlier state that came from AD and does not any more, or "".
func (c *calculation) goneFromAD() address.Address {
	for _, p := range c.previous.Proxies.SMTP() {
		if a := p.Address(); !contains(c.smtp, a) && !c.inInitialDomain(a) {
			return a
		}
	}
	return ""
}

func (c *calculation) previouslyShown(a address.Address) bool {
	return a != "" && len(c.previous.Proxies.Find(a)) > 0
}
