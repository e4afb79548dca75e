package proxycalc

import (
	"slices"

	"github.com/aliasd/aliasd/address"
)

// primary is the first of these that survives: an SMTP: value of AD proxyAddresses; AD mail, only where AD
// proxyAddresses is empty; the UPN, only where both are empty and the user is an Exchange recipient; the MOERA
// (KB 3190357, scenarios 1 to 4). "" where there is none of them.
func (c *calculation) primary() address.Address {
	switch {
	case len(c.primaries) > 0:
		return c.explicitPrimary()
	case c.mailValue != "":
		return c.mailValue
	case c.nothingOnPremises() && len(c.upn) > 0: // only a recipient's UPN is an address then
		return c.upn[0]
	case len(c.cloudOnly) > 0:
		return c.cloudOnly[0]
	}
	return ""
}

// explicitPrimary chooses among several SMTP: values, which the documents do not: the earlier primary if it is among
// them, else the first.
func (c *calculation) explicitPrimary() address.Address {
	chosen := c.primaries[0]
	if i := slices.IndexFunc(c.primaries, address.Address(c.previous.Mail).Equal); i >= 0 {
		chosen = c.primaries[i]
	}
	for _, a := range c.primaries {
		if !a.Equal(chosen) {
			c.assume("AD proxyAddresses has several SMTP: values; which one wins is not documented, assumed %q over %q.", chosen, a)
		}
	}
	return chosen
}

// mail is the primary's address (KB 3190357: "Set or update the Mail attribute based on the calculated Primary SMTP
// address").
func (c *calculation) mail() string {
	for _, p := range c.result.Proxies {
		if p.IsPrimary() {
			return string(p.Address())
		}
	}
	return ""
}

// mailMasked says that AD mail does not count, because AD proxyAddresses holds something (KB 3190357: proxyAddresses
// first).
func (c *calculation) mailMasked() bool { return len(c.holder.Proxies) > 0 }

func (c *calculation) nothingOnPremises() bool {
	return c.holder.Mail == "" && len(c.holder.Proxies) == 0
}
