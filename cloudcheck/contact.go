package cloudcheck

import (
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// contactClaim is what a contact can be known by in the cloud. Nothing else of it stands in Graph but addresses, and an alias
// may be on another one as well: only the address that it is called by, mail or primary, tells that it is the same.
type contactClaim struct {
	holder address.Holder
	// called is its primary, for want of one its mail, and held are all its addresses.
	called, held []address.Address
	// wasCalled and heldOnce are the same before our own writes, which the cloud may not show yet.
	wasCalled, heldOnce []address.Address
}

func claimOf(r Ref) contactClaim {
	c := contactClaim{holder: r.Holder}
	c.called, c.held = names(r.Holder.Values), addressesOf(r.Holder.Values)
	for _, v := range r.Before {
		c.wasCalled = append(c.wasCalled, names(v)...)
		c.heldOnce = append(c.heldOnce, addressesOf(v)...)
	}
	return c
}

// names are what a contact of the directory is called: its primary, of which there may be several by mistake; else its mail,
// which a primary masks.
func names(v address.Values) []address.Address {
	if len(v.Proxies.Primaries()) > 0 {
		v.Mail = ""
	}
	return callsOf(v)
}

// callsOf are mail and primaries: what an object of the tenant is called, where the two are one as a rule.
func callsOf(v address.Values) []address.Address {
	var calls []address.Address
	for _, p := range v.Proxies.Primaries() {
		calls = append(calls, p.Address())
	}
	if v.Mail != "" {
		calls = append(calls, address.Address(v.Mail))
	}
	return calls
}

// addressesOf are mail and all SMTP values.
func addressesOf(v address.Values) []address.Address {
	all := callsOf(v)
	for _, p := range v.Proxies.SMTP() {
		all = append(all, p.Address())
	}
	return all
}

// matchContact finds a contact by what it is called. The object that was found before is kept while it may still be the
// same. Another one is taken only when it alone is called so; one that merely shares an alias is in conflict with it.
func (r Ref) matchContact(candidates []Object) (*Object, error) {
	c, synced := claimOf(r), syncedOnce(candidates)
	for _, o := range synced {
		if r.CloudID != "" && strings.EqualFold(o.ID, r.CloudID) && c.mayBe(o) {
			return o, nil
		}
	}
	for _, is := range []func(*Object) bool{c.isCalledLike, c.wasCalledLike} {
		found := those(synced, is)
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			return nil, c.ambiguous()
		}
	}
	if doubtful := those(synced, c.holdsTheNameOf); len(doubtful) > 0 {
		return nil, c.unclear(doubtful[0])
	}
	return nil, nil
}

// syncedOnce are the contacts that came from on-premises, each once.
func syncedOnce(candidates []Object) []*Object {
	var synced []*Object
	for i := range candidates {
		o := &candidates[i]
		cameFromAD := o.SyncEnabled != nil && *o.SyncEnabled || !o.LastSync.IsZero()
		known := slices.ContainsFunc(synced, func(other *Object) bool { return other.ID == o.ID })
		if o.Kind == address.Contact && cameFromAD && !known {
			synced = append(synced, o)
		}
	}
	return synced
}

func those(objects []*Object, are func(*Object) bool) []*Object {
	return slices.DeleteFunc(slices.Clone(objects), func(o *Object) bool { return !are(o) })
}

// isCalledLike: the object is called like the contact. One that lost its primary is called nothing: it is the contact when
// it has or lacks by quarantine what the contact is called, and nothing that is not the contact's.
func (c contactClaim) isCalledLike(o *Object) bool {
	calls := callsOf(o.Values)
	if len(calls) > 0 {
		return overlap(calls, c.called)
	}
	claims := func(a address.Address) bool { return o.Holds(a) || o.quarantines(a) }
	return slices.ContainsFunc(c.called, claims) && c.hasAllOf(o)
}

// wasCalledLike: the object is called what we replaced, and shares an address with the contact still.
func (c contactClaim) wasCalledLike(o *Object) bool {
	return overlap(callsOf(o.Values), c.wasCalled) && overlap(addressesOf(o.Values), c.held)
}

// mayBe says whether the object that was the contact may be it still, though not all of a change has arrived.
func (c contactClaim) mayBe(o *Object) bool {
	if len(callsOf(o.Values)) == 0 {
		return overlap(addressesOf(o.Values), c.held) && c.hasAllOf(o)
	}
	return c.holdsTheNameOf(o) || c.wasCalledLike(o)
}

// holdsTheNameOf says that the contact has what the object is called, if only as an alias. Either the contact was called so
// until lately, or the object is another one and the two are in conflict.
func (c contactClaim) holdsTheNameOf(o *Object) bool { return overlap(callsOf(o.Values), c.held) }

// hasAllOf says that every address of an object is, or was before our writes, the contact's.
func (c contactClaim) hasAllOf(o *Object) bool {
	for _, a := range addressesOf(o.Values) {
		if !slices.ContainsFunc(c.held, a.Equal) && !slices.ContainsFunc(c.heldOnce, a.Equal) {
			return false
		}
	}
	return true
}

func overlap(some, others []address.Address) bool {
	return slices.ContainsFunc(some, func(a address.Address) bool { return slices.ContainsFunc(others, a.Equal) })
}

func (c contactClaim) ambiguous() error {
	return cause.Wait(cause.CloudUnavailable,
		"more than one contact of the tenant has the addresses of %s, so it is not known which one it is; remove the addresses from all but one of them",
		nameOf(c.holder))
}

func (c contactClaim) unclear(o *Object) error {
	return cause.Wait(cause.CloudUnavailable,
		"the contact %s of the tenant has the primary %s, which is only an alias of %s on-premises, so it is not known whether it is that one; the next sync tells if the primary was changed, else remove the address from one of them",
		o.Called(), o.primary(), nameOf(c.holder))
}
