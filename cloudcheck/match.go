package cloudcheck

import (
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// Match says which of the candidates a ref's holder is in the cloud: by the cloud id, else by the source anchor, a group by
// its SID too, and a contact by its addresses. It is nil where none of them is; the error is Wait(cloud_unavailable)
// where two contacts fit equally well.
func (r Ref) Match(candidates []Object) (*Object, error) {
	for i, o := range candidates {
		if r.CloudID != "" && strings.EqualFold(o.ID, r.CloudID) {
			return &candidates[i], nil
		}
	}
	h := r.Holder
	if h.Kind == address.Contact {
		return matchContact(h, candidates)
	}
	for i, o := range candidates {
		byAnchor := h.Anchor != "" && o.ImmutableID == h.Anchor
		bySID := h.Kind == address.Group && h.SID != "" && strings.EqualFold(o.SID, h.SID)
		if byAnchor || bySID {
			return &candidates[i], nil
		}
	}
	return nil, nil
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
