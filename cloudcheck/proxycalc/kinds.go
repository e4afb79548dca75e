package proxycalc

import (
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
)

// mailbox says that an Exchange Online plan is enabled or that the user is a shared resource.
func (c *calculation) mailbox() bool {
	return c.holder.Kind == address.User && (c.holder.ExchangeLicensed || c.holder.SharedMailbox)
}

// recipient says that the user is an Exchange recipient: one with a mailbox, or with msExchRemoteRecipientType as far as
// that flows (KB 3190357, note to scenario 1; shadow attributes).
func (c *calculation) recipient() bool {
	return c.mailbox() || c.holder.Kind == address.User && c.holder.RemoteRecipient && c.exchangeAttributesFlow()
}

// exchangeAttributesFlow says that Exchange attributes leave AD: only with a mailNickname, under the default sync rules
// ("In from AD - User Exchange"). proxyAddresses flows without it (KB 3190357, scenario 3).
func (c *calculation) exchangeAttributesFlow() bool {
	if c.holder.Nickname == "" {
		c.assume("AD mailNickname is not set, so msExchRemoteRecipientType does not flow; the default sync rules are assumed.")
	}
	return c.holder.Nickname != ""
}

// groupMailEnabled says that a group comes mail-enabled: it has an SMTP value in any case, or mail and no proxies
// (users, groups and contacts, "Groups").
func (c *calculation) groupMailEnabled() bool {
	if len(c.holder.Proxies) == 0 {
		return c.holder.Mail != ""
	}
	return len(c.holder.Proxies.SMTP()) > 0
}

// mailEnabled says that the cloud object takes mail.
func (c *calculation) mailEnabled() bool {
	if c.holder.Kind != address.Group {
		return len(c.result.Proxies.SMTP()) > 0
	}
	kept := len(c.result.Proxies.SMTP()) > 0
	if kept && !c.groupMailEnabled() {
		c.assume("The group has no address on-premises any more; assumed that it stays mail-enabled by its MOERA.")
	}
	return kept || c.groupMailEnabled()
}

// Syncs says that a holder gets to the cloud at all, as far as its addresses decide that: a contact needs mail,
// proxyAddresses and an address with @ (users, groups and contacts; the default rule "In from AD - Contact Join").
func Syncs(h Holder) bool {
	if h.Kind != address.Contact {
		return true
	}
	hasAt := strings.Contains(h.Mail, "@")
	for _, p := range h.Proxies {
		hasAt = hasAt || strings.Contains(string(p), "@")
	}
	return h.Mail != "" && len(h.Proxies) > 0 && hasAt
}

func (c *calculation) contactSyncs() bool {
	if Syncs(c.holder) {
		return true
	}
	c.assume("A contact needs mail, proxyAddresses and an address with @: this one does not sync, under the default sync rules.")
	return false
}

// addedByCloud are the values of the earlier state that the cloud added by itself.
func (c *calculation) addedByCloud() []address.Proxy {
	var kept []address.Proxy
	for _, p := range c.previous.Proxies {
		if cloudOwn(p) {
			kept = append(kept, p)
			c.noteCloudValue(p)
		}
	}
	return kept
}

// cloudOwn knows what the cloud adds by itself: SIP: and SPO: values (shadow attributes: "Exchange also added SIP:") and
// the X500 values of its own organizations; /o=ExchangeLabs is that of Exchange Online.
func cloudOwn(p address.Proxy) bool {
	switch strings.ToUpper(p.Type()) {
	case "SIP", "SPO":
		return true
	}
	return cloudX500(p) != "" || organization(p) == "exchangelabs"
}

func (c *calculation) noteCloudValue(p address.Proxy) {
	if !hasKey(c.other, p) {
		c.assume("%q is not in AD; assumed that the cloud added it by itself and that it stays.", p)
	}
}

func hasKey(values []address.Proxy, p address.Proxy) bool {
	return slices.ContainsFunc(values, func(q address.Proxy) bool { return q.Key() == p.Key() })
}
