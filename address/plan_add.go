package address

import "github.com/aliasd/aliasd/cause"

// addAlias plans that the holder has the address, without moving its primary.
func (p *planner) addAlias() error {
	alias := p.ask.Address
	if _, err := Parse(string(alias)); err != nil {
		return err
	}
	if err := p.refuseMailEnabling(); err != nil {
		return err
	}
	if len(p.target.Proxies.Find(alias)) > 0 {
		p.want(alias, p.role(p.target.Proxies, alias))
		return nil
	}
	if len(p.target.Proxies.Primaries()) == 0 {
		return p.addFirstAlias(alias)
	}
	p.append(alias)
	return nil
}

// addFirstAlias adds an alias where proxyAddresses names no primary: the one that the cloud shows is named with it.
func (p *planner) addFirstAlias(alias Address) error {
	primary, err := p.implicitPrimary()
	switch {
	case err != nil:
		return err
	case primary.none != "":
		return cause.Refuse(cause.NoPrimary,
			"%s has no primary address (%s), and an alias cannot be the first one: ask for set_primary of %q instead",
			p.name(), primary.none, alias)
	case !primary.routing && primary.address.Equal(alias):
		p.want(alias, RolePrimary)
		return nil
	}
	p.append(alias)
	if !primary.routing {
		p.makeExplicit(primary.address)
	}
	return nil
}

func (p *planner) append(alias Address) {
	p.target.Proxies = p.target.Proxies.With(Secondary(alias))
	p.want(alias, RoleSecondary)
}

// makeExplicit names the primary that so far rested on mail or on the UPN.
func (p *planner) makeExplicit(primary Address) {
	mail := Address(p.Holder.Mail)
	if mail.Equal(primary) {
		primary = mail
	}
	primary = p.asStored(primary)
	p.target.Proxies = p.target.Proxies.Without(p.target.Proxies.Find(primary)...).With(Primary(primary))
	if p.target.Mail == "" {
		p.target.Mail = string(primary)
	}
	p.want(primary, RolePrimary)
	p.note("the primary %q was not named in proxyAddresses; it is named now, so that the alias does not move it", primary)
}

// asStored gives the spelling in which an address stands in the directory, where it stands there exactly once.
func (p *planner) asStored(a Address) Address {
	if stored := p.Holder.Proxies.Find(a); len(stored) == 1 {
		return stored[0].Address()
	}
	return a
}

// refuseMailEnabling: the first address of a group makes it mail-enabled in the cloud.
func (p *planner) refuseMailEnabling() error {
	hasAddress := p.masked() || p.Holder.Mail != ""
	if p.Holder.Kind != Group || hasAddress || p.allows(AllowMailEnable) {
		return nil
	}
	return cause.Refuse(cause.WouldMailEnable,
		`the group %s has no e-mail address, and %q would make it mail-enabled in the cloud: if that is meant, ask for set_primary with "allow": ["mail_enable"]`,
		p.name(), p.ask.Address)
}
