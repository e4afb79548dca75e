package proxycalc

import (
	"slices"

	"github.com/aliasd/aliasd/address"
)

// nickname is mailNickname. Once set it changes only when AD mailNickname does; on the first sync it is AD
// mailNickname, else the prefix of the primary, of AD mail, of the AD UPN, of a secondary (UPN population,
// "MailNickName attribute value calculation"; KB 3190357, scenarios 3 and 5).
func (c *calculation) nickname() string {
	if c.holder.Nickname != "" {
		return c.holder.Nickname
	}
	if c.previous.Nickname != "" {
		return c.previous.Nickname
	}
	candidates := slices.Concat(c.onPremisesPrimary(), []string{c.usableMail(), c.holder.UPN}, c.secondaries())
	for _, s := range candidates {
		if local := prefix(s); local != "" {
			c.noteNickname(local)
			return local
		}
	}
	c.assume("Nothing on-premises gives a mailNickname; what the cloud makes up for it is not documented.")
	return ""
}

// onPremisesPrimary is the primary as far as it comes from AD proxyAddresses or mail.
func (c *calculation) onPremisesPrimary() []string {
	switch {
	case len(c.primaries) > 0:
		return []string{string(c.explicitPrimary())}
	case c.mailValue != "":
		return []string{string(c.mailValue)}
	}
	return nil
}

// usableMail is AD mail where it is an address at all, masked or not.
func (c *calculation) usableMail() string {
	mail := address.Primary(address.Address(c.holder.Mail))
	if c.holder.Mail == "" || malformed(mail) != "" || c.reservedSuffix(mail) != "" {
		return ""
	}
	return c.holder.Mail
}

func (c *calculation) secondaries() []string {
	var list []string
	for _, a := range c.smtp {
		list = append(list, string(a))
	}
	return list
}

// noteNickname says what is open about a mailNickname that is made from another value.
func (c *calculation) noteNickname(local string) {
	if !c.first {
		c.assume("The earlier cloud state has no mailNickname: %q is that of a first sync with today's values.", local)
	}
	if len(c.primaries) == 0 && len(c.holder.Proxies.Primaries()) > 0 {
		c.assume("The SMTP: value of AD is discarded; assumed that mailNickname is not made from it, but %q.", local)
	}
	if len(c.primaries) == 0 && c.holder.Mail != "" && !MailSurvives(c.tenant, c.holder) {
		c.noteNicknameOfMail(local)
	}
}

func (c *calculation) noteNicknameOfMail(local string) {
	if prefix(c.usableMail()) != "" {
		c.assume("AD mail %q does not arrive; assumed that mailNickname is made from it all the same, %q.", c.holder.Mail, local)
		return
	}
	c.assume("AD mail %q does not arrive; assumed that mailNickname is not made from it, but %q.", c.holder.Mail, local)
}
