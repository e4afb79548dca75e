package cloudcheck

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// examineCloud compares what the calculation predicts with what the cloud shows.
func (e *examination) examineCloud() {
	switch {
	case e.object == nil:
		e.examineAbsence()
	case e.object.CloudManaged():
		e.examineManaged()
	default:
		e.compare()
	}
	e.explainLate()
}

// examineAbsence: not every holder is meant to be in the cloud.
func (e *examination) examineAbsence() {
	h := e.holder
	switch {
	case LeftOut(*h) != "":
		e.find(Notice, "", e.notInCloud(LeftOut(*h)))
	case h.Mail == "" && len(h.Proxies) == 0:
		e.find(Notice, "", e.notInCloud("it has no address on-premises that could be missing there"))
	case !e.settled():
		e.late = append(e.late, "the holder")
	default:
		e.find(Wrong, "", e.notInCloud(whyNotInCloud(*h)))
	}
}

func (e *examination) notInCloud(why string) *cause.Cause {
	return say(cause.NotInCloud, "the tenant does not have %s: %s", e.name(), why)
}

// examineManaged: whatever differs differs because of that.
func (e *examination) examineManaged() {
	own := len(e.findings)
	e.compare()
	severity := Notice
	if len(e.findings) > own || len(e.late) > 0 {
		severity = Wrong
	}
	e.findings, e.late = e.findings[:own], nil
	e.find(severity, "", managedInCloud(e.name(), "what is changed in the directory"))
}

// compare finds each SMTP value that one side lacks, another primary, and another UPN.
func (e *examination) compare() {
	for _, p := range e.predicted.Proxies {
		if p.IsSMTP() && !hasAddress(e.object.Proxies, p.Address()) {
			e.examineMissing(p)
		}
	}
	for _, p := range e.object.Proxies {
		if p.IsSMTP() && !hasAddress(e.predicted.Proxies, p.Address()) && !e.cloudsOwn(p.Address()) {
			e.differs(string(p), "no "+string(p.Address()), e.surplus(p))
		}
	}
	e.comparePrimary()
	e.compareUPN()
}

// differs finds a difference: wrong once the cloud had its time, else one more thing that is on its way.
func (e *examination) differs(value, wanted string, c *cause.Cause) {
	if e.settled() {
		e.find(Wrong, value, c)
		return
	}
	e.late = append(e.late, wanted)
}

func (e *examination) examineMissing(p address.Proxy) {
	a := p.Address()
	switch {
	case e.object.quarantines(a):
		e.find(Wrong, string(p), quarantinedBy(e.name(), a, nil))
	case e.holder.Kind != address.Contact && len(e.tenant.Verified) > 0 && !e.tenant.Verifies(a.Domain()):
		e.differs(string(p), string(p), unverifiedDomain(e.name(), a))
	case !e.given(a):
		e.find(Notice, string(p), say(cause.CalculatedOtherwise,
			"by the documented rules the cloud gives %s the address %s by itself, and it does not show it; nothing is to be done unless somebody misses it", e.name(), p))
	default:
		e.differs(string(p), string(p), say(cause.CalculatedOtherwise,
			"%s of %s does not show in the cloud, although the tenant was synchronised since the holder's addresses were last changed; look at the synchronisation errors of the holder in the Entra admin centre",
			p, e.name()))
	}
}

// given says whether an address stands on-premises in proxyAddresses or mail. Others the cloud makes by itself.
func (e *examination) given(a address.Address) bool {
	return hasAddress(e.holder.Proxies, a) || a.Equal(address.Address(e.holder.Mail))
}

// cloudsOwn says whether the cloud adds an address by itself: the MOERA and others of Microsoft's domains, and the UPN.
func (e *examination) cloudsOwn(a address.Address) bool {
	return strings.HasSuffix(a.Domain(), ".onmicrosoft.com") ||
		a.Equal(address.Address(e.object.UPN)) || a.Equal(address.Address(e.holder.UPN))
}

func (e *examination) surplus(p address.Proxy) *cause.Cause {
	return say(cause.CalculatedOtherwise,
		"the cloud shows %s for %s, which the directory does not have; it should have gone with the last sync, so look at the synchronisation errors of the holder in the Entra admin centre",
		p, e.name())
}

// comparePrimary compares the primary and mail, which is its address. One that is not there at all is found already.
func (e *examination) comparePrimary() {
	a := address.Address(e.predicted.Mail)
	if a == "" || !hasAddress(e.object.Proxies, a) || e.showsPrimary(a) {
		return
	}
	value := string(address.Primary(a))
	shown := e.object.primary()
	if e.becameShared(shown) {
		e.find(Notice, string(address.Primary(shown)), sharedInTheCloud(e.name(), shown))
		return
	}
	if e.lacksLicence(shown) {
		e.differs(value, value, missingLicence(e.name(), shown, a))
		return
	}
	e.differs(value, value, say(cause.CalculatedOtherwise,
		"the primary of %s is to be %s, and the cloud shows %s with mail %s, although the tenant was synchronised since the holder's addresses were last changed; look at the synchronisation errors of the holder in the Entra admin centre",
		e.name(), a, listed(sortedValues(e.object.Proxies.Primaries())), orNothing(e.object.Mail)))
}

func (e *examination) showsPrimary(a address.Address) bool {
	if !a.Equal(address.Address(e.object.Mail)) {
		return false
	}
	for _, p := range e.object.Proxies {
		if p.IsPrimary() && p.Address().Equal(a) {
			return true
		}
	}
	return false
}

// lacksLicence: without an Exchange plan the MOERA is the primary (KB 3190357, scenario 4).
func (e *examination) lacksLicence(shown address.Address) bool {
	return e.holder.Kind == address.User && !e.object.takesMail(*e.holder) && address.EqualFold(shown.Domain(), e.tenant.InitialDomain)
}

func (e *examination) compareUPN() {
	if e.signsInOtherwise() {
		e.find(Notice, e.holder.UPN, otherLogin(e.name(), e.holder.UPN, e.object.UPN))
		return
	}
	upn := e.predicted.UPN
	if upn == "" || e.holder.Kind != address.User || address.EqualFold(upn, e.object.UPN) {
		return
	}
	if e.object.quarantinesUPN(upn) {
		e.find(Wrong, upn, quarantinedBy(e.name(), address.Address(upn), nil))
		return
	}
	e.differs(upn, upn, say(cause.CalculatedOtherwise,
		"the user principal name of %s is to be %s, and the cloud shows %s; look at the synchronisation errors of the holder in the Entra admin centre, and whether the tenant lets the sync change names of licensed users (synchronizeUpnForManagedUsers)",
		e.name(), upn, orNothing(e.object.UPN)))
}

// settled says that a whole sync cycle and the calculation after it had their time since the holder's addresses were last changed: what
// the cloud shows now is meant. A sync that ends a cycle's length after the change began after it. Where the tenant does
// not tell when it was synchronised, a change is old after three cycles.
//
// The object's own stamp tells when the change was exported, unless something else of the holder was changed later: then it may be that
// one's. A second cycle surely brought the addresses.
func (e *examination) settled() bool {
	changed := e.holder.AddressesSince()
	age := e.now.Sub(changed)
	exported := e.object != nil && e.object.LastSync.After(changed)
	changedAgain := e.holder.Changed.After(changed) && age >= movesNeeded*e.timing.cycle+e.timing.grace
	switch {
	case changed.IsZero():
		return true
	case exported && !changedAgain:
		return e.now.Sub(e.object.LastSync) >= e.timing.grace
	case e.tenant.LastSync.IsZero():
		return age > stoppedAfter*e.timing.cycle
	}
	return e.tenant.LastSync.Sub(changed) >= e.timing.cycle && age >= e.timing.grace
}

// explainLate says in one finding what all that is on its way waits for. Where the sync has stopped, it never comes.
func (e *examination) explainLate() {
	if len(e.late) == 0 {
		return
	}
	slices.Sort(e.late)
	changed := e.holder.AddressesSince()
	d := delay{name: e.name(), at: changed, wanted: listed(e.late), shown: "something else", since: "the change",
		stands: e.name() + " is changed on-premises", stood: e.name() + " was changed on-premises at " + stamp(changed),
		tenant: *e.tenant, object: e.object, now: e.now, timing: e.timing}
	if e.object == nil {
		d.shown = "nothing"
	}
	c := d.waiting()
	severity := Pending
	if c.Code == cause.SyncStopped {
		severity = Wrong
	}
	e.find(severity, "", c)
}

// listed puts a few things in words, and counts the rest.
func listed(values []string) string {
	const most = 3
	if len(values) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(values[:most], ", "), len(values)-most)
	}
	return cmp.Or(strings.Join(values, ", "), "none")
}
