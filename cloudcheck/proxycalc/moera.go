package proxycalc

import (
	"github.com/aliasd/aliasd/address"
)

// initialAddresses are the addresses in the initial domain that the cloud makes itself, the MOERA first. It is kept
// for good once it is there, and else stamped (KB 3190357, scenarios 3 to 5: "Keep the old MOERA").
func (c *calculation) initialAddresses() []address.Address {
	if kept := c.keptMOERA(); len(kept) > 0 {
		return kept
	}
	if !c.stampsMOERA() {
		return nil
	}
	a := c.initialAddress(c.result.Nickname)
	if a == "" {
		a = c.initialUPN()
	}
	if a == "" {
		return nil
	}
	c.noteSharedDigits(a)
	return []address.Address{a}
}

// noteSharedDigits: the UPN and the MOERA may both be mailNickname@initialDomain, and both collide.
func (c *calculation) noteSharedDigits(moera address.Address) {
	plain := address.Address(c.result.Nickname + "@" + c.tenant.InitialDomain)
	if moera.Equal(address.Address(c.result.UPN)) && !moera.Equal(plain) && c.isTaken(plain) {
		c.assume("The UPN and the MOERA are both made from mailNickname, and %q is taken; assumed that they get the same four digits.", plain)
	}
}

// initialUPN is the UPN where it is an address in the initial domain: what there is in place of a MOERA.
func (c *calculation) initialUPN() address.Address {
	upn := address.Address(c.result.UPN)
	if !c.inInitialDomain(upn) || malformed(address.Primary(upn)) != "" || c.isTaken(upn) {
		return ""
	}
	return upn
}

// keptMOERA finds the MOERA in the earlier state: an address in the initial domain, and rather one that is not just
// there as the UPN. Nothing of AD can stand there, since AD values in that domain are discarded.
func (c *calculation) keptMOERA() []address.Address {
	earlier, now := address.Address(c.previous.UPN), address.Address(c.result.UPN)
	var all, others, neither []address.Address
	for _, p := range c.previous.Proxies.SMTP() {
		a := p.Address()
		if !c.inInitialDomain(a) {
			continue
		}
		all = append(all, a)
		if a.Equal(now) {
			continue
		}
		others = append(others, a)
		if !a.Equal(earlier) {
			neither = append(neither, a)
		}
	}
	return c.firstOf(neither, others, all)
}

// firstOf gives the first list that holds something.
func (c *calculation) firstOf(lists ...[]address.Address) []address.Address {
	for _, list := range lists {
		if len(list) > 1 {
			c.assume("The earlier state has several addresses in %s; which one is the MOERA is not documented, assumed %q.", c.tenant.InitialDomain, list[0])
		}
		if len(list) > 0 {
			return list
		}
	}
	return nil
}

// stampsMOERA says that the holder gets a MOERA if it has none: a user with the Exchange licence (KB 3190357, scenarios
// 1 to 3), a group when it becomes mail-enabled (users, groups and contacts). Contacts have none.
func (c *calculation) stampsMOERA() bool {
	switch c.holder.Kind {
	case address.User:
		if c.recipient() && !c.holder.ExchangeLicensed {
			c.assume("An Exchange recipient without licence: whether it gets a MOERA is not documented, assumed that it does.")
		}
		return c.recipient()
	case address.Group:
		return c.groupMailEnabled()
	}
	return false
}

// initialAddress is prefix@initialDomain, with four random digits after the prefix when somebody else has that
// (KB 3190357, scenario 6). "" where the prefix makes no address.
func (c *calculation) initialAddress(prefix string) address.Address {
	a := address.Address(prefix + "@" + c.tenant.InitialDomain)
	switch {
	case prefix == "":
		return ""
	case malformed(address.Primary(a)) != "":
		c.assume("%q is not an address; what the cloud makes up instead is not documented, assumed that it makes none.", a)
		return ""
	case c.isTaken(a):
		return address.Address(c.withDigits(prefix))
	}
	return a
}

// withDigits appends four random digits, the same ones for the same prefix throughout one calculation.
func (c *calculation) withDigits(prefix string) string {
	if _, known := c.digits[prefix]; !known {
		c.digits[prefix] = c.randomDigits(prefix)
	}
	return prefix + c.digits[prefix] + "@" + c.tenant.InitialDomain
}

func (c *calculation) randomDigits(prefix string) string {
	if c.tenant.Digits != nil {
		return c.tenant.Digits(prefix)
	}
	c.assume("%s@%s is taken; the four random digits that tell the two apart cannot be predicted and print as %s.", prefix, c.tenant.InitialDomain, Unknown)
	return Unknown
}

func (c *calculation) inInitialDomain(a address.Address) bool {
	return a != "" && address.EqualFold(a.Domain(), c.tenant.InitialDomain)
}
