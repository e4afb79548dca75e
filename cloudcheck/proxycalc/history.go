package proxycalc

import (
	"github.com/aliasd/aliasd/address"
)

// showsNothing says that an earlier state has neither an address nor a name, as before the first sync.
func (p *Previous) showsNothing() bool {
	return p.Mail == "" && p.Nickname == "" && p.UPN == "" && len(p.Proxies) == 0
}

// noteHistory says what hangs on a history that was not given, or that the documents do not have.
func (c *calculation) noteHistory() {
	c.noteFirstSync()
	if c.holder.Kind != address.User {
		return
	}
	c.noteEarlierUPN()
	c.noteUPNFollows()
	c.noteAfterLicence()
}

// noteFirstSync: mailNickname and the MOERA are kept once they are there, so a holder that is not new may have older
// ones than a first sync with its values of now gives (KB 3190357, scenarios 3 and 5).
func (c *calculation) noteFirstSync() {
	given := "No earlier cloud state was given"
	if c.empty {
		given = "The earlier cloud state is empty"
	}
	switch {
	case !c.first:
	case c.holder.Nickname == "" && (len(c.cloudOnly) > 0 || c.mailbox()):
		c.assume("%s: mailNickname %q and the MOERA are those of a first sync with today's values.", given, c.result.Nickname)
	case len(c.cloudOnly) > 0:
		c.assume("%s: the MOERA %q is that of a first sync with today's mailNickname.", given, c.cloudOnly[0])
	case c.empty:
		c.assume("%s: taken for a first sync.", given)
	}
}

func (c *calculation) noteEarlierUPN() {
	upn := address.Address(c.previous.UPN)
	if c.previouslyShown(upn) && len(c.result.Proxies.Find(upn)) == 0 && !upn.Equal(address.Address(c.result.UPN)) {
		c.assume("The UPN changed; whether the address of the earlier one, %q, stays is not documented, assumed that it goes.", upn)
	}
}

// noteUPNFollows: the UPN is calculated again only when the AD UPN or the verified domains change (UPN population,
// "Important").
func (c *calculation) noteUPNFollows() {
	p := c.previous
	if p.UPN == "" || p.OnPremUPN == "" || !c.upnUnchanged() || c.result.UPN != c.holder.UPN || address.EqualFold(p.UPN, c.holder.UPN) {
		return
	}
	c.assume("The cloud UPN was %q although the AD UPN %q has not changed; assumed that its domain was verified since, and that the cloud takes it over.",
		p.UPN, c.holder.UPN)
}

// noteAfterLicence: KB 3190357 takes the licence from a user with a MOERA and nothing in AD (scenario 4).
func (c *calculation) noteAfterLicence() {
	switch primary := address.Address(c.result.Mail); {
	case c.recipient():
	case len(c.cloudOnly) > 0 && primary != "" && !contains(c.cloudOnly, primary):
		c.assume("The user has a MOERA and no licence; whether %q of AD or the MOERA %q is the primary then is not documented, assumed that it is the former.",
			primary, c.cloudOnly[0])
	case len(c.cloudOnly) == 0 && c.previous.ExchangeLicensed:
		c.assume("The licence goes, and the earlier state has no MOERA (an address in %s) that could become the primary; assumed that there is none%s.",
			c.tenant.InitialDomain, c.nothingLeft())
	}
}

func (c *calculation) nothingLeft() string {
	if len(c.result.Proxies.SMTP()) > 0 {
		return ""
	}
	return ", so that no address is left"
}
