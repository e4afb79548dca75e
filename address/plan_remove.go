package address

import "github.com/aliasd/aliasd/cause"

// removeAlias plans that the holder lacks the address, without moving its primary.
func (p *planner) removeAlias() error {
	alias := p.ask.Address
	stored := p.Holder.Proxies.Find(alias)
	for _, refuse := range []func(Address) error{p.refusePrimary, p.refuseUPN, p.refuseUnmasking, p.refuseOnlyAddress} {
		if err := refuse(alias); err != nil {
			return err
		}
	}
	p.target.Proxies = p.target.Proxies.Without(stored...)
	p.want(alias, RoleAbsent)
	if Address(p.Holder.Mail).Equal(alias) {
		p.note("mail still says %q; it is left as it is, because it is not what the request named", p.Holder.Mail)
	}
	return nil
}

func (p *planner) refusePrimary(alias Address) error {
	if !p.isPrimary(alias) {
		return nil
	}
	return cause.Refuse(cause.IsPrimary, "%q is the primary address of %s: set another primary first, then remove it",
		alias, p.name())
}

// isPrimary says whether the address is a named primary or, where none is named, what the cloud shows or will make of
// mail.
func (p *planner) isPrimary(a Address) bool {
	primaries := p.Holder.Proxies.Primaries()
	for _, primary := range primaries {
		if primary.Address().Equal(a) {
			return true
		}
	}
	if len(primaries) > 0 || a == "" {
		return false
	}
	mailCounts := !p.masked() && Address(p.Holder.Mail).Equal(a)
	return mailCounts || p.shownPrimary().Equal(a)
}

// refuseUPN: the cloud gives a user its UPN as an address, whatever the directory says.
func (p *planner) refuseUPN(alias Address) error {
	if !p.isUPN(alias) {
		return nil
	}
	return cause.Refuse(cause.IsUPN,
		"%q is the sign-in name (UPN) of %s, and the cloud keeps that as an address, so it would stay: change the UPN first",
		alias, p.name())
}

func (p *planner) isUPN(a Address) bool {
	if p.Holder.Kind != User || a == "" {
		return false
	}
	return a.Equal(Address(p.Holder.UPN)) || a.Equal(Address(p.Cloud.UPN))
}

// refuseUnmasking: without its last SMTP value a holder's primary comes from mail again, or else from the UPN.
func (p *planner) refuseUnmasking(alias Address) error {
	if !p.isLast(alias) { // and it is not a named primary: that was refused before
		return nil
	}
	for _, next := range p.unmasked() {
		if !next.Equal(p.shownPrimary()) {
			return cause.Refuse(cause.PrimaryUnclear,
				"%q is the last SMTP value of %s, and without it %q may become the primary: set the primary that is meant first, then remove it",
				alias, p.name(), next)
		}
	}
	return nil
}

// unmasked is what the primary may come from if proxyAddresses had no SMTP value: mail, and the UPN where mail is empty
// or would be discarded (whether a discarded mail counts as empty is not documented).
func (p *planner) unmasked() []Address {
	var next []Address
	mail, upn := Address(p.Holder.Mail), Address(p.Cloud.UPN)
	if upn == "" {
		upn = Address(p.Holder.UPN)
	}
	if mail != "" {
		next = append(next, mail)
	}
	mailCounts := mail != "" && p.MailSurvives
	if !mailCounts && p.Holder.Kind == User && p.Cloud.InCloud && upn != "" {
		next = append(next, upn)
	}
	return next
}

// refuseOnlyAddress: without any address a contact leaves the synchronisation, and a group is not mail-enabled any more.
func (p *planner) refuseOnlyAddress(alias Address) error {
	if p.Holder.Kind == User || p.Holder.Mail != "" || !p.isLast(alias) {
		return nil
	}
	return cause.Refuse(cause.IsPrimary,
		"%q is the only address of the %s %s, which would lose its mail in the cloud without one: set a primary first, then remove it",
		alias, p.Holder.Kind, p.name())
}

// isLast says whether the address stands there and no other SMTP value does.
func (p *planner) isLast(a Address) bool {
	stored := p.Holder.Proxies.Find(a)
	return len(stored) > 0 && len(stored) == len(p.Holder.Proxies.SMTP())
}
