package cloudcheck

import (
	"strings"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// releasedWithin is how long a quarantine may outlast its conflict. A task of the tenant releases it every hour: one run may come too
// early, the next one is whole. The third hour is for the calculation after it and for Graph's replicas, which have no bound of their
// own. An older one that nobody explains is not about to be released.
const releasedWithin = 3 * time.Hour

// quarantines says whether one of an object's provisioning errors names an address.
func (o *Object) quarantines(a address.Address) bool {
	_, is := o.quarantined(a)
	return is
}

// quarantinesUPN says whether one of an object's provisioning errors names a UPN.
func (o *Object) quarantinesUPN(upn string) bool {
	_, is := o.quarantinedUPN(upn)
	return is
}

// quarantined says whether an address is in quarantine, and since when: the zero time where Graph does not tell. The property is
// called ProxyAddress and ProxyAddresses in different places.
func (o *Object) quarantined(a address.Address) (since time.Time, is bool) {
	return o.conflictOver(a, func(property string) bool { return strings.HasPrefix(property, "proxyaddress") || property == "mail" })
}

// quarantinedUPN is the same for a UPN.
func (o *Object) quarantinedUPN(upn string) (since time.Time, is bool) {
	return o.conflictOver(address.Address(upn), func(property string) bool { return property == "userprincipalname" })
}

// conflictOver finds the provisioning errors about a value of some properties; the youngest of them tells since when.
func (o *Object) conflictOver(a address.Address, in func(property string) bool) (since time.Time, is bool) {
	for _, pe := range o.Errors {
		if !in(strings.ToLower(pe.Property)) || !a.Equal(address.Address(pe.Value)) && !a.Equal(address.Proxy(pe.Value).Address()) {
			continue
		}
		is = true
		if pe.Occurred.After(since) {
			since = pe.Occurred
		}
	}
	return since, is
}

// ends says of a quarantine that began then, and whose holder gave the address up or is seen nowhere, that it is about to be released. One
// of unknown age counts as old.
func ends(since, now time.Time) bool { return now.Sub(since) <= releasedWithin }

// unexplained is what is said of a quarantine whose holder nobody shows: it is about to be released, or where it is too old for that,
// something holds the address that Graph lists nowhere.
func unexplained(name string, a address.Address, since, now time.Time) *cause.Cause {
	if ends(since, now) {
		return quarantineOver(name, a)
	}
	return quarantineUnseen(name, a, since)
}
