package cloudcheck

import (
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// Match says which of the candidates a ref's holder is in the cloud: by the cloud id, else a user by the source anchor, by
// objectGUID where the tenant has that as its anchor, or by the SID, a group by the SID, and a contact by its addresses. An
// object that did not come from on-premises has no SID. It is nil where none of them is; the error is
// Wait(cloud_unavailable) where two contacts fit equally well.
func (r Ref) Match(candidates []Object) (*Object, error) {
	h := r.Holder
	if o := one(candidates, func(o *Object) bool { return r.CloudID != "" && strings.EqualFold(o.ID, r.CloudID) }); o != nil {
		return o, nil
	}
	if h.Kind == address.Contact {
		return matchContact(h, candidates)
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

// matchContact finds a contact by its addresses, for nothing else of it stands in Graph. A contact that never came from
// on-premises is not it; where two fit equally well, neither is taken.
func matchContact(h address.Holder, candidates []Object) (*Object, error) {
	var best *Object
	var bestScore, rivals int
	for i := range candidates {
		o := &candidates[i]
		if best != nil && o.ID == best.ID {
			continue
		}
		switch score := likeness(h, o); {
		case score > bestScore:
			best, bestScore, rivals = o, score, 0
		case score == bestScore && score > 0:
			rivals++
		}
	}
	if rivals > 0 {
		return nil, cause.Wait(cause.CloudUnavailable,
			"more than one contact of the tenant has the addresses of %s, so it is not known which one it is; remove the addresses from all but one of them", h.Name)
	}
	return best, nil
}

// likeness counts what a contact of the tenant shares with one of the directory; mail counts most.
func likeness(h address.Holder, o *Object) int {
	cameFromAD := o.SyncEnabled != nil && *o.SyncEnabled || !o.LastSync.IsZero()
	if !cameFromAD {
		return 0
	}
	score := 0
	for _, p := range h.Proxies.SMTP() {
		if len(o.Proxies.Find(p.Address())) > 0 {
			score += 2
		}
	}
	if h.Mail != "" && strings.EqualFold(h.Mail, o.Mail) {
		score += 100
	}
	if score > 0 && h.Name != "" && h.Name == o.Name {
		score++
	}
	return score
}

// Holds says whether an object holds an address: as proxy address, mail or UPN.
func (o *Object) Holds(a address.Address) bool { return o.holds(a) != "" }
