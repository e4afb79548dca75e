package cloudcheck

import (
	"slices"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

// contradiction says why what the cloud shows will not become what was asked for, nil where it sees no reason. The
// address is the one whose other holder would explain more.
type contradiction func(evidence) (*cause.Cause, address.Address)

// contradictions lists them, the surest and nearest to the root first. They are asked only once a sync ran since the
// write; those that conclude from absence wait until things have settled.
func contradictions() []contradiction {
	return []contradiction{
		goneOnPremises, exchangePolicy, changedOnPremises,
		cloudManaged, quarantined, domainNotVerified, valueDiscarded, upnStays,
		notInCloud, licenceMissing, calculatedOtherwise,
	}
}

func goneOnPremises(e evidence) (*cause.Cause, address.Address) {
	if !e.gone {
		return nil, ""
	}
	return say(cause.ChangedOnPremises,
		"%s is no longer in the directory since %s at %s, so %s cannot arrive; if it was deleted by mistake, restore it and ask again",
		e.name(), e.since(), stamp(e.WrittenAt), e.wanted()), ""
}

// exchangePolicy: the primary that was asked for turned back, and an e-mail address policy owns the holder (KB 318072).
func exchangePolicy(e evidence) (*cause.Cause, address.Address) {
	h := e.Ref.Holder
	written, now := primaryOf(e.After), primaryOf(h.Values)
	if e.lost == nil || !h.PolicyOwned || written.Equal(now) || !e.wantsPrimary(written) {
		return nil, ""
	}
	return say(cause.ExchangePolicy,
		"%s %s the primary of %s, and an on-premises Exchange e-mail address policy turned it back to %s; take the holder out of the policy (Set-… -EmailAddressPolicyEnabled $false) and ask again",
		written, e.had("was written as", "was"), e.name(), orNothing(string(now))), ""
}

// had is what is said of something that was written, or that stood there already.
func (e evidence) had(written, stood string) string {
	if e.Unwritten {
		return stood
	}
	return written
}

func (e evidence) wantsPrimary(a address.Address) bool {
	return slices.ContainsFunc(e.Expectation.Wants, func(w address.Want) bool {
		return w.Role == address.RolePrimary && w.Address.Equal(a)
	})
}

func changedOnPremises(e evidence) (*cause.Cause, address.Address) {
	if e.lost == nil {
		return nil, ""
	}
	h := e.Ref.Holder
	return say(cause.ChangedOnPremises,
		"%s %s for %s at %s, and the directory has %s there now (last changed %s); somebody or something else changed it, find out who and ask again",
		describe(*e.lost), e.had("was written", "stood on-premises"), e.name(), stamp(e.WrittenAt), describeValues(h.Values, e.lost.Address), stamp(h.Changed)), ""
}

func cloudManaged(e evidence) (*cause.Cause, address.Address) {
	if e.object == nil || len(e.missing) == 0 || !e.object.CloudManaged() {
		return nil, ""
	}
	return managedInCloud(e.name(), e.wanted()), ""
}

// quarantined: the holder was synchronised without a value that somebody else has (duplicate attribute resiliency).
func quarantined(e evidence) (*cause.Cause, address.Address) {
	if e.object == nil {
		return nil, ""
	}
	for _, w := range e.absent() {
		if e.object.quarantines(w.Address) {
			return quarantinedBy(e.name(), w.Address, nil), w.Address
		}
	}
	return nil, ""
}

// domainNotVerified: contacts keep any domain, Exchange recipients lose what is not verified. What becomes of the others'
// values is not documented: there it is said once things have settled.
func domainNotVerified(e evidence) (*cause.Cause, address.Address) {
	if e.Ref.Holder.Kind == address.Contact || len(e.tenant.Verified) == 0 {
		return nil, ""
	}
	for _, w := range e.absent() {
		d, discarded := e.discards(w.Address)
		sure := discarded && d.Reason == proxycalc.UnverifiedDomain || e.settled()
		if sure && !e.tenant.Verifies(w.Address.Domain()) {
			return unverifiedDomain(e.name(), w.Address), ""
		}
	}
	return nil, ""
}

// valueDiscarded: the proxy calculation drops such a value.
func valueDiscarded(e evidence) (*cause.Cause, address.Address) {
	for _, w := range e.absent() {
		if d, discarded := e.discards(w.Address); discarded {
			return discardedValue(e.name(), d), ""
		}
	}
	return nil, ""
}

// discards says whether the calculation drops an address as it stands on-premises: not while another value keeps it, beside a
// legacy one (MSMAIL:) for example. Who else holds it is not known to it.
func (e evidence) discards(a address.Address) (proxycalc.Discarded, bool) {
	predicted := calculate(e.Ref.Holder, e.tenant, e.object)
	if hasAddress(predicted.Proxies, a) {
		return proxycalc.Discarded{}, false
	}
	for _, d := range predicted.Discarded {
		if a.Equal(address.Proxy(d.Value).Address()) || a.Equal(address.Address(d.Value)) {
			return d, true
		}
	}
	return proxycalc.Discarded{}, false
}

// upnStays: the UPN is always an address of a licensed user or an Exchange recipient (KB 3190357, note on scenario 1). It
// was none when the address was removed, that is refused as is_upn; but people marry.
func upnStays(e evidence) (*cause.Cause, address.Address) {
	if e.object == nil {
		return nil, ""
	}
	predicted := calculate(e.Ref.Holder, e.tenant, e.object)
	for _, w := range e.missing {
		becomes := w.Address.Equal(address.Address(predicted.UPN)) && hasAddress(predicted.Proxies, w.Address)
		is := e.settled() && w.Address.Equal(address.Address(e.object.UPN))
		if w.Role == address.RoleAbsent && (becomes || is) {
			return say(cause.UPNStays,
				"%s is the user principal name of %s, so the cloud keeps it as an address although it is none on-premises; change the user principal name first if it has to go",
				w.Address, e.name()), ""
		}
	}
	return nil, ""
}

// notInCloud: it is left out, or it cannot get in because another object holds what it brings.
func notInCloud(e evidence) (*cause.Cause, address.Address) {
	if e.object != nil || e.gone || e.moves < movesNeeded && !e.pastDeadline() {
		return nil, ""
	}
	return say(cause.NotInCloud, "the tenant does not have %s, although it was synchronised at %s, after %s, so %s cannot arrive: %s",
		e.name(), stamp(e.lastSync), e.since(), e.wanted(), whyNotInCloud(e.Ref.Holder)), e.brings()
}

// brings is the address for which the export of a new object may fail, "" where it is left out for what it is.
func (e evidence) brings() address.Address {
	absent := e.absent()
	if len(absent) == 0 || LeftOut(e.Ref.Holder) != "" {
		return ""
	}
	return absent[0].Address
}

// licenceMissing: without an Exchange plan the MOERA is the primary (KB 3190357, scenario 4).
func licenceMissing(e evidence) (*cause.Cause, address.Address) {
	if e.object == nil || e.Ref.Holder.Kind != address.User || e.object.takesMail(e.Ref.Holder) || !e.settled() {
		return nil, ""
	}
	moera := e.object.primary()
	if !address.EqualFold(moera.Domain(), e.tenant.InitialDomain) {
		return nil, ""
	}
	for _, w := range e.missing {
		if w.Role == address.RolePrimary {
			return missingLicence(e.name(), moera, w.Address), ""
		}
	}
	return nil, ""
}

// calculatedOtherwise: everything had its time and the cloud shows something else.
func calculatedOtherwise(e evidence) (*cause.Cause, address.Address) {
	if len(e.missing) == 0 || !e.settled() {
		return nil, ""
	}
	var disputed address.Address
	if absent := e.absent(); len(absent) > 0 {
		disputed = absent[0].Address
	}
	return say(cause.CalculatedOtherwise,
		"the tenant was synchronised %d times since %s, and the cloud shows %s for %s where %s was asked for; look at the synchronisation errors of the holder in the Entra admin centre",
		e.moves, e.since(), e.shown(), e.name(), e.wanted()), disputed
}
