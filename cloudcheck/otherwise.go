package cloudcheck

import (
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// What differs from the calculation since somebody meant it so.

// signsInOtherwise says that the cloud UPN comes from an attribute that is neither the AD UPN nor mail (alternate login ID):
// the AD UPN has arrived (onPremisesUserPrincipalName), and the one to sign in with is another one, in a verified domain of
// the company's. One that is in conflict, or that cannot arrive, falls back to the tenant's own domain.
func (e *examination) signsInOtherwise() bool {
	h, o := e.holder, e.object
	if o == nil || h.Kind != address.User || o.CloudManaged() || o.quarantinesUPN(h.UPN) || h.SignsInWithMail(address.Address(o.UPN)) {
		return false
	}
	domain := address.Address(o.UPN).Domain()
	arrived := o.OnPremUPN != "" && address.EqualFold(o.OnPremUPN, h.UPN) && !address.EqualFold(o.UPN, h.UPN)
	return arrived && e.tenant.Verifies(domain) && !strings.HasSuffix(domain, ".onmicrosoft.com")
}

// asSignedIn is the holder with the UPN that people sign in with.
func (e *examination) asSignedIn() address.Holder {
	h := *e.holder
	if e.signsInOtherwise() {
		h.UPN = e.object.UPN
	}
	return h
}

// becameShared says that an object whose mailbox the cloud alone knows keeps its UPN as the primary without a licence, as
// shared mailboxes do (Exchange Online, "Convert a user mailbox to a shared mailbox").
func (e *examination) becameShared(primary address.Address) bool {
	h, o := e.holder, e.object
	return h.Kind == address.User && h.Mail == "" && len(h.Proxies) == 0 && !o.takesMail(*h) && primary != "" && primary.Equal(address.Address(o.UPN))
}

func otherLogin(name, upn, cloud string) *cause.Cause {
	return say(cause.CalculatedOtherwise,
		"%s signs in to the cloud as %s, while the user principal name on-premises is %s: that is so where another attribute is the alternate login ID; if none is, look whether the tenant lets the sync change names of licensed users (synchronizeUpnForManagedUsers)",
		name, cloud, upn)
}

func sharedInTheCloud(name string, primary address.Address) *cause.Cause {
	return say(cause.CalculatedOtherwise,
		"%s keeps the primary %s without an Exchange licence and without an address on-premises: it seems to have become a shared mailbox in the cloud, and nothing is to be done",
		name, primary)
}
