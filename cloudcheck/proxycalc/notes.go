package proxycalc

import (
	"strings"

	"github.com/aliasd/aliasd/address"
)

// MaxAddresses is about how many addresses one object can hold (sync errors: LargeObject, ExceededAllowedLength).
const MaxAddresses = 300

// note says what else is open about a finished result.
func (c *calculation) note() {
	c.noteSize()
	c.noteMask()
	c.noteDiscardedMail()
	c.noteMissingPrimary()
	c.noteEmptyGroup()
	c.noteSharedResource()
	c.noteOtherTypes()
	c.noteHistory()
}

// noteMask says where it is not documented that AD proxyAddresses comes before AD mail and the UPN: where it holds
// values of other types only, or values that are all discarded.
func (c *calculation) noteMask() {
	if !c.mailMasked() || len(c.smtp) > 0 {
		return
	}
	const sentence = "No value of AD proxyAddresses is an SMTP address that arrives; whether they mask %s %q is not documented, assumed that they do."
	switch {
	case c.holder.Mail != "":
		c.assume(sentence, "AD mail", c.holder.Mail)
	case len(c.upn) > 0:
		c.assume(sentence, "the UPN", c.upn[0])
	}
}

// noteDiscardedMail: it is documented for both alike empty only that the UPN is the primary.
func (c *calculation) noteDiscardedMail() {
	if c.mailDiscarded && len(c.upn) > 0 && !contains(c.cloudOnly, c.upn[0]) {
		c.assume("AD mail %q is discarded; whether the UPN then becomes the primary is not documented, assumed that it does not.", c.holder.Mail)
	}
}

// noteMixedCase: the documents know SMTP: and smtp: alone.
func (c *calculation) noteMixedCase(p address.Proxy) {
	if kind := p.Type(); kind != strings.ToLower(kind) && !p.IsPrimary() {
		c.assume("What the cloud makes of the prefix of %q is not documented, assumed that it is a secondary.", p)
	}
}

func (c *calculation) noteSize() {
	if n := len(c.holder.Proxies); n > MaxAddresses {
		c.assume("AD proxyAddresses has %d values; above about %d the export fails (LargeObject), assumed that it does not.", n, MaxAddresses)
	}
}

// noteMissingPrimary: KB 3190357 makes the MOERA the primary where only secondaries are there, but who never had a
// licence has no MOERA.
func (c *calculation) noteMissingPrimary() {
	if c.result.Mail == "" && len(c.smtp) > 0 {
		c.assume("There are secondary addresses but neither a primary nor a MOERA; what the cloud makes of that is not documented, assumed that there is no primary.")
	}
}

// noteEmptyGroup: a group is mail-enabled by the values that it has in AD (users, groups and contacts), and nothing says
// what becomes of one whose values are all discarded.
func (c *calculation) noteEmptyGroup() {
	if c.holder.Kind != address.Group || !c.groupMailEnabled() || len(c.smtp) > 0 || c.mailValue != "" {
		return
	}
	if len(c.cloudOnly) == 0 {
		c.assume("No address of the group arrives, and it has no MOERA; assumed that it is mail-enabled all the same, without an address.")
		return
	}
	c.assume("No address of the group arrives; assumed that it is mail-enabled all the same, by its MOERA.")
}

// noteSharedResource: what makes a user a shared resource is an Exchange attribute too, and those leave AD only with a
// mailNickname. It can be set in the cloud as well.
func (c *calculation) noteSharedResource() {
	if c.holder.Kind == address.User && c.holder.SharedMailbox && !c.holder.ExchangeLicensed && c.holder.Nickname == "" {
		c.assume("AD mailNickname is not set; assumed that the cloud knows the user as a shared resource all the same.")
	}
}

// noteOtherTypes: the documents name few types, and the characters that they forbid are common in X500 values.
func (c *calculation) noteOtherTypes() {
	for _, p := range c.other {
		switch strings.ToUpper(p.Type()) {
		case "X500", "SIP", "SPO", "EUM":
		default:
			c.assume("Whether values of type %s arrive is not documented, assumed that %q does.", p.Type(), p)
		}
		if !hasDomain(p) && strings.ContainsFunc(string(p.Address()), notPermitted) {
			c.assume("The rule against spaces, brackets and diacritics is taken to be for addresses only: assumed that %q arrives.", p)
		}
	}
}

func notPermitted(r rune) bool { return !address.Permitted(r) }
