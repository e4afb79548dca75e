package address

// setPrimary plans that the address is the one primary, and that the primary before becomes an alias.
func (p *planner) setPrimary() error {
	if _, err := Parse(string(p.ask.Address)); err != nil {
		return err
	}
	if err := p.refuseMailEnabling(); err != nil {
		return err
	}
	p.notePolicy()
	if p.isOnlyPrimary(p.ask.Address) {
		p.want(p.ask.Address, RolePrimary)
		p.mendMail()
		return nil
	}
	before, err := p.primariesBefore()
	if err != nil {
		return err
	}
	p.promote(p.asStored(p.ask.Address))
	for _, old := range before {
		p.demote(old)
	}
	p.noteLostMail()
	return nil
}

func (p *planner) isOnlyPrimary(a Address) bool {
	primaries := p.Holder.Proxies.Primaries()
	return len(primaries) == 1 && primaries[0].Address().Equal(a)
}

// primariesBefore are the addresses that shall stay as aliases: the named primaries, else the implicit one.
func (p *planner) primariesBefore() ([]Address, error) {
	named := p.Holder.Proxies.Primaries()
	if len(named) == 0 {
		return p.implicitBefore()
	}
	before := make([]Address, len(named))
	for i, primary := range named {
		before[i] = primary.Address()
	}
	return before, nil
}

func (p *planner) implicitBefore() ([]Address, error) {
	asksForMail := p.ask.Address.Equal(Address(p.Holder.Mail))
	if asksForMail && len(p.Cloud.Proxies.Primaries()) == 1 && p.isRouting(p.shownPrimary()) {
		return nil, nil // the MOERA stays by itself, and mail is what is asked for
	}
	primary, err := p.implicitPrimary()
	if err != nil || primary.address == "" {
		return nil, err
	}
	return []Address{p.asStored(primary.address)}, nil
}

// promote takes every primary and every spelling of the address out, and names it as the one primary.
func (p *planner) promote(a Address) {
	values := p.target.Proxies
	values = values.Without(values.Primaries()...)
	values = values.Without(values.Find(a)...)
	p.target.Proxies = values.With(Primary(a))
	p.want(a, RolePrimary)
	p.writeMail(a)
}

// demote keeps a former primary as an alias, unless the address stands there already.
func (p *planner) demote(old Address) {
	if len(p.target.Proxies.Find(old)) == 0 {
		p.target.Proxies = p.target.Proxies.With(Secondary(old))
	}
	if !discarded(old) {
		p.want(old, RoleSecondary)
	}
}

// writeMail makes mail the primary's address; one that differs in case alone is left as it is.
func (p *planner) writeMail(primary Address) {
	if !Address(p.Holder.Mail).Equal(primary) {
		p.target.Mail = string(primary)
	}
}

// mendMail makes a mail that says something else the address of the primary that is there. An absent mail stays absent.
func (p *planner) mendMail() {
	if p.Holder.Mail == "" {
		return
	}
	p.writeMail(p.asStored(p.ask.Address))
	p.noteLostMail()
}

// noteLostMail reports a mail that goes and that no value of proxyAddresses had or keeps.
func (p *planner) noteLostMail() {
	before := p.Holder.Mail
	if before != "" && before != p.target.Mail && len(p.target.Proxies.Find(Address(before))) == 0 {
		p.note("mail was %q, which no value of proxyAddresses names; it becomes %q, and the former is not kept as an alias",
			before, p.target.Mail)
	}
}

func (p *planner) notePolicy() {
	if p.Holder.PolicyOwned {
		p.note("an Exchange e-mail address policy owns the addresses of %s and may turn the primary back: exclude the holder from it (msExchPoliciesExcluded)",
			p.name())
	}
}
