package proxycalc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
)

// Calculate gives what the cloud makes of a holder. previous is nil on a first sync. It is pure; the result never holds
// two primaries, and fed back as previous with unchanged input it comes out the same.
func Calculate(t Tenant, h Holder, previous *Previous) Result {
	c := newCalculation(t, h, previous)
	if !c.contactSyncs() {
		return c.result
	}
	c.shadow()
	c.result.Nickname = c.nickname()
	c.result.UPN = c.userPrincipalName()
	c.cloudOnly = c.initialAddresses()
	c.upn = c.upnAddress()
	c.assemble()
	c.result.Mail = c.mail()
	c.result.MailEnabled = c.mailEnabled()
	c.note()
	return c.result
}

// MailSurvives says whether the holder's AD mail, were it the only address, would be its primary in the cloud.
func MailSurvives(t Tenant, h Holder) bool {
	if h.Mail == "" {
		return false
	}
	c := newCalculation(t, h, nil)
	_, dropped := c.discards(address.Primary(address.Address(h.Mail)))
	return !dropped
}

// calculation is one calculation under way: its input, what of it survives, and the result so far.
type calculation struct {
	tenant   Tenant
	holder   Holder
	previous *Previous // never nil; zero on a first sync
	first    bool      // no earlier state was given, or an empty one
	empty    bool      // an earlier state was given, and shows nothing
	taken    map[address.Key]bool
	digits   map[string]string

	// smtp and other are the values of AD proxyAddresses that survive, smtp as bare addresses; primaries are those of
	// smtp that are written SMTP:. mail is AD mail where nothing masks it and it survives.
	smtp      []address.Address
	primaries []address.Address
	other     []address.Proxy
	mailValue address.Address
	// mailDiscarded says that AD mail would count, and does not survive.
	mailDiscarded bool
	// cloudOnly are the addresses in the initial domain that the cloud makes itself, the MOERA first.
	cloudOnly []address.Address
	// upn is the UPN where it is an address too, else empty.
	upn []address.Address

	result Result
}

func newCalculation(t Tenant, h Holder, previous *Previous) *calculation {
	c := &calculation{
		tenant:   t,
		holder:   h,
		previous: previous,
		first:    previous == nil,
		taken:    make(map[address.Key]bool, len(t.TakenAddresses)),
		digits:   map[string]string{},
		result:   Result{Proxies: address.Set{}, Discarded: []Discarded{}, Assumptions: []string{}},
	}
	if previous == nil {
		c.previous = &Previous{}
	} else if previous.showsNothing() {
		c.first, c.empty = true, true
	}
	for _, a := range t.TakenAddresses {
		c.taken[a.Key()] = true
	}
	return c
}

// assume notes what the documents leave open, once.
func (c *calculation) assume(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if !slices.Contains(c.result.Assumptions, s) {
		c.result.Assumptions = append(c.result.Assumptions, s)
	}
}

// discard notes a value that does not arrive, once.
func (c *calculation) discard(value string, reason Reason) {
	if d := (Discarded{Value: value, Reason: reason}); !slices.Contains(c.result.Discarded, d) {
		c.result.Discarded = append(c.result.Discarded, d)
	}
}

// shadow is the copy that the cloud keeps of the on-premises values, less what it discards. Nothing of the earlier
// calculated value gets in here (shadow attributes: the calculated values are separate, and later than the export).
func (c *calculation) shadow() {
	for _, p := range c.holder.Proxies {
		if reason, dropped := c.discards(p); dropped {
			c.discard(string(p), reason)
			continue
		}
		c.keep(p)
	}
	if c.mailMasked() || c.holder.Mail == "" {
		return
	}
	if reason, dropped := c.discards(address.Primary(address.Address(c.holder.Mail))); dropped {
		c.discard(c.holder.Mail, reason)
		c.mailDiscarded = true
		return
	}
	c.mailValue = address.Address(c.holder.Mail)
}

func (c *calculation) keep(p address.Proxy) {
	if !p.IsSMTP() {
		c.other = append(c.other, p)
		return
	}
	c.noteMixedCase(p)
	c.smtp = append(c.smtp, p.Address())
	if p.IsPrimary() {
		c.primaries = append(c.primaries, p.Address())
	}
}

// assemble puts the surviving values and what the cloud adds together, each address once, the primary first.
func (c *calculation) assemble() {
	out := collector{seen: map[address.Key]bool{}}
	primary := c.primary()
	if primary != "" {
		out.add(address.Primary(primary), primary.Key())
	}
	secondaries := slices.Concat(c.smtp, c.upn, c.cloudOnly)
	for _, a := range secondaries {
		out.add(address.Secondary(a), a.Key())
	}
	for _, p := range slices.Concat(c.other, c.addedByCloud()) {
		out.add(p, p.Key())
	}
	c.result.Proxies = append(c.result.Proxies, out.values...)
}

// collector keeps each value once; the first spelling wins.
type collector struct {
	values address.Set
	seen   map[address.Key]bool
}

func (o *collector) add(p address.Proxy, key address.Key) {
	if !o.seen[key] {
		o.seen[key] = true
		o.values = append(o.values, p)
	}
}

func contains(list []address.Address, a address.Address) bool {
	return slices.ContainsFunc(list, a.Equal)
}

func prefix(s string) string {
	local, _, _ := strings.Cut(s, "@")
	return local
}
