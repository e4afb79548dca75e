package cloudcheck

import (
	"strings"

	"github.com/aliasd/aliasd/address"
)

// Match says which of the candidates a ref's holder is in the cloud: by the cloud id, else a user by the source anchor, by
// objectGUID where the tenant has that as its anchor, or by the SID, a group by the SID. An object that did not come
// from on-premises has no SID. A contact is known by what it is called, even the one that has the cloud id. It is nil where none
// of them is; the error is Wait(cloud_unavailable) where it is not known which contact it is.
func (r Ref) Match(candidates []Object) (*Object, error) {
	h := r.Holder
	if h.Kind == address.Contact {
		return r.matchContact(candidates)
	}
	if o := one(candidates, func(o *Object) bool { return r.CloudID != "" && strings.EqualFold(o.ID, r.CloudID) }); o != nil {
		return o, nil
	}
	if h.Kind == address.User {
		for _, anchor := range []string{h.Anchor, OtherAnchor(h)} {
			if o := one(candidates, func(o *Object) bool { return anchor != "" && o.ImmutableID == anchor }); o != nil {
				return o, nil
			}
		}
	}
	return one(candidates, func(o *Object) bool { return h.SID != "" && strings.EqualFold(o.SID, h.SID) }), nil
}

// one is the first candidate that fits, nil where none does.
func one(candidates []Object, fits func(*Object) bool) *Object {
	for i := range candidates {
		if fits(&candidates[i]) {
			return &candidates[i]
		}
	}
	return nil
}

// OtherAnchor is the anchor that a user has in tenants where it is objectGUID, although mS-DS-ConsistencyGuid is filled;
// "" where it is the same.
func OtherAnchor(h address.Holder) string {
	if other := h.GUID.Anchor(); h.GUID != (address.GUID{}) && other != h.Anchor {
		return other
	}
	return ""
}

// Holds says whether an object holds an address: as proxy address, mail or UPN.
func (o *Object) Holds(a address.Address) bool { return o.holds(a) != "" }
