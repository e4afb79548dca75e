package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
)

// undone is the request that an undo takes back, and what of it is taken back. One that is gone stays gone: to wait for it would hold up all
// who stand behind.
func (r *Runner) undone(ctx context.Context, undo Request) (original Request, wrote ldapwriter.Receipt, err error) {
	original, err = r.store.Get(ctx, undo.Undoes)
	switch {
	case errors.Is(err, ErrNotFound):
		return original, wrote, cause.Refuse(cause.ChangedSince, "request %s is not kept any more, so what it wrote cannot be taken back; "+
			"ask for what the holder shall have now", undo.Undoes)
	case err == nil && original.wroteUnknown() && !undo.takesBackLate():
		return original, wrote, cause.Refuse(cause.ChangedSince, "the answer to a modify of request %s was lost, so what it wrote is not known as a whole and cannot be taken back by itself; "+
			"look at %s and ask for what it shall have now", original.ID, original.Holder)
	case err != nil:
		return original, wrote, fmt.Errorf("%w: the undone request: %w", errStore, err)
	case undo.takesBackLate():
		wrote, err = r.lateWrite(ctx, original)
		return original, wrote, err
	case original.Receipt == nil:
		return original, wrote, cause.Refuse(cause.ChangedSince, "request %s wrote nothing that could be taken back", original.ID)
	}
	return original, *original.Receipt, nil
}

// mustStillBeIts refuses an undo whose addresses a later request of the holder has written or asked for since: what stands there is that
// one's. A later request and the undo that took it back count for nothing together; an undo of what came before counts like any other.
func (r *Runner) mustStillBeIts(ctx context.Context, undo, original Request) error {
	later, err := r.between(ctx, original, undo)
	if err != nil {
		return fmt.Errorf("%w: later requests: %w", errStore, err)
	}
	takenBack := map[RequestID]bool{}
	for _, q := range later {
		if takenBack[q.ID] {
			continue
		}
		undoes := func(other Request) bool { return other.ID == q.Undoes }
		if q.Action == address.Undo && q.Receipt != nil && !q.takesBackLate() && slices.ContainsFunc(later, undoes) {
			takenBack[q.Undoes] = true
			continue
		}
		if q.hasASayIn(original.Receipt.Change) {
			return cause.Refuse(cause.ChangedSince, "request %s (%s) came after request %s and is about the same addresses of %s, so what stands there is not this one's to take back: "+
				"undo that one, or ask for what is meant", q.ID, q.words(), original.ID, original.Holder)
		}
	}
	return nil
}

// hasASayIn says whether a request wrote to an address of a change, or may have, or found there what it asked for.
func (r Request) hasASayIn(c address.Change) bool {
	found := r.Receipt != nil && r.Receipt.Change.Empty() && slices.ContainsFunc(c.Addresses(), r.Address.Equal)
	return found || slices.ContainsFunc(r.changes(), func(wrote address.Change) bool { return wrote.Touches(c) })
}

// wroteUnknown says whether a request may have written more than its receipt tells: a modify before the last one got no answer.
func (r Request) wroteUnknown() bool {
	return r.Receipt != nil && slices.ContainsFunc(r.Doubt().changes(), func(c address.Change) bool { return !c.Equal(r.Receipt.Change) })
}

// between gives the holder's requests that were accepted after one and before another, newest first. All of them have ended, or wait
// for the cloud: a holder's requests are written in their order.
func (r *Runner) between(ctx context.Context, after, before Request) (all []Request, err error) {
	errSeen := errors.New("the first of the two was reached")
	err = Each(ctx, r.store, Filter{Holder: after.Object.String()}, func(q Request) error {
		if q.Seq <= after.Seq {
			return errSeen
		}
		if q.Seq < before.Seq && q.Object == after.Object {
			all = append(all, q)
		}
		return nil
	})
	if errors.Is(err, errSeen) {
		err = nil
	}
	return all, err
}

// changes are what a request wrote, or may have written where no answer came.
func (r Request) changes() []address.Change {
	all := r.Doubt().changes()
	if r.Receipt != nil && !r.Receipt.Change.Empty() {
		all = append(all, r.Receipt.Change)
	}
	return all
}

// undoClaims is what taking back a change asks for: an address that comes back is taken, also where it comes back as mail alone, and one
// that goes is released.
func undoClaims(done address.Change) (claims []Claim) {
	back := done.Invert()
	claim := func(a address.Address, kind ClaimKind) {
		for i := range claims {
			if claims[i].Address == a.Key() {
				claims[i].Kind = kind
				return
			}
		}
		claims = append(claims, Claim{Address: a.Key(), Kind: kind})
	}
	for _, p := range address.Set(back.Delete).SMTP() {
		claim(p.Address(), Release)
	}
	for _, p := range address.Set(back.Add).SMTP() {
		claim(p.Address(), Take)
	}
	if back.Mail != nil && back.Mail.New != "" {
		claim(address.Address(back.Mail.New), Take)
	}
	return claims
}
