package cloudcheck

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// A holder that no id, anchor or name leads to counts as absent from the tenant, and what is absent shows no address. But it may be there
// under another anchor and other names. So the removal of an address is verified for it only once it is known who holds that address.

// restsOnAbsence says that a case is verified since the tenant does not show its holder, who has a SID to be known by.
func (r *ruling) restsOnAbsence() bool {
	return r.Outcome == Verified && r.evidence.object == nil && r.evidence.Ref.Holder.SID != ""
}

// lookForUnfound judges the cases again that rest on the absence of their holder, where the holder itself is among those who hold what was
// removed. Where that cannot be asked nothing is said.
func (c *Checker) lookForUnfound(ctx context.Context, s Survey, rulings []ruling) {
	var removed []address.Address
	for i := range rulings {
		if rulings[i].restsOnAbsence() {
			removed = append(removed, rulings[i].askedFor()...)
		}
	}
	if len(removed) == 0 {
		return
	}
	objects, asked, err := c.holdersOfAll(ctx, removed)
	for i := range rulings {
		r := &rulings[i]
		if !r.restsOnAbsence() {
			continue
		}
		e := r.evidence
		unasked := func(a address.Address) bool { return !asked[a.Key()] }
		switch own := r.itself(objects); {
		case own != nil:
			*r = judge(e.Case, e.tenant, own, e.now, e.timing)
			r.doubt(s.Err)
		case !slices.ContainsFunc(r.askedFor(), unasked):
		case errors.Is(err, ErrUnasked):
			*r = ruling{Verdict: Verdict{Outcome: Unasked}}
		default:
			*r = unknown(e.Case, e.tenant, err, e.now, cause.CloudUnavailable)
		}
	}
}

// askedFor are the addresses that a case is about.
func (r *ruling) askedFor() []address.Address {
	wants := r.evidence.Expectation.Wants
	addrs := make([]address.Address, len(wants))
	for i, w := range wants {
		addrs[i] = w.Address
	}
	return addrs
}

// itself finds a ruling's holder by its SID among live objects that hold what was removed.
func (r *ruling) itself(objects []Object) *Object {
	return one(objects, func(o *Object) bool {
		return !o.Deleted && strings.EqualFold(o.SID, r.evidence.Ref.Holder.SID) && slices.ContainsFunc(r.askedFor(), o.Holds)
	})
}

// holdersOfAll finds who holds some addresses, each asked for once and many by one call. Where a call fails, the addresses that were asked
// for until then are told with the error.
func (c *Checker) holdersOfAll(ctx context.Context, addrs []address.Address) (objects []Object, asked map[address.Key]bool, err error) {
	asked = map[address.Key]bool{}
	listed := map[address.Key]bool{}
	once := slices.DeleteFunc(slices.Clone(addrs), func(a address.Address) bool {
		again := listed[a.Key()]
		listed[a.Key()] = true
		return again
	})
	for some := range slices.Chunk(once, addressesAtOnce) {
		found, err := c.reader.HoldersOf(ctx, some)
		if err != nil {
			return objects, asked, err
		}
		objects = append(objects, found...)
		for _, a := range some {
			asked[a.Key()] = true
		}
	}
	return objects, asked, nil
}
