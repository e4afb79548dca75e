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
	c.noteMissingPrimary()
	c.noteEarlierUPN()
	c.noteUnknownTypes()
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

func (c *calculation) noteEarlierUPN() {
	upn := address.Address(c.previous.UPN)
	if c.previouslyShown(upn) && len(c.result.Proxies.Find(upn)) == 0 && !upn.Equal(address.Address(c.result.UPN)) {
		c.assume("The UPN changed; whether the address of the earlier one, %q, stays is not documented, assumed that it goes.", upn)
	}
}

func (c *calculation) noteUnknownTypes() {
	for _, p := range c.other {
		switch strings.ToUpper(p.Type()) {
		case "X500", "SIP", "SPO", "EUM":
		default:
			c.assume("Whether values of type %s arrive is not documented, assumed that %q does.", p.Type(), p)
		}
	}
}
