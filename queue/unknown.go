package queue

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
)

// unknown are accepted requests whose holders nobody knows yet, in the order of acceptance. A later one passes them, but
//
//   - not where its holder bears the name that one of them gives, or both give the same: a holder's requests keep their order;
//   - not where it takes an address that one of them takes away from somebody: that has to go first.
//
// Who waits here waits for an hour at the longest (inVain), as long as the directory answers at all.
type unknown []Request

// after is what is unknown after a request has moved.
func (u unknown) after(moved Request) unknown {
	at := slices.IndexFunc(u, func(other Request) bool { return other.ID == moved.ID })
	switch {
	case at < 0:
		return u
	case moved.State == Accepted:
		u[at] = moved
		return u
	}
	return slices.Delete(u, at, at+1)
}

// keptBy is the first unknown request that one has to stay behind whose holder is known; nil where none.
func (r *Runner) keptBy(ctx context.Context, q Request, f found, ahead unknown) (*Request, error) {
	for i, first := range ahead {
		if first.Seq >= q.Seq {
			return nil, nil
		}
		identity, claims, err := r.meant(ctx, first)
		if refusal, ok := cause.As(err); ok && refusal.Kind == cause.Refusal {
			continue // it is for nobody
		}
		if err != nil {
			return nil, err
		}
		if f.entry.Bears(identity) || strings.EqualFold(strings.TrimSpace(identity), strings.TrimSpace(q.Holder)) || takesAfter(f.claims, claims) {
			return &ahead[i], nil
		}
	}
	return nil, nil
}

// takesAfter says whether some claims take an address that others release.
func takesAfter(claims, earlier []Claim) bool {
	return slices.ContainsFunc(claims, func(c Claim) bool {
		return c.Kind == Take && slices.Contains(earlier, Claim{Address: c.Address, Kind: Release})
	})
}

// minTries is how often a name is looked up in vain at least: a clock that jumps makes no hour.
const minTries = 10

// inVain says whether a name has been looked up for as long as a directory takes to replicate, while others were found: what was made
// before the request came would show by now. Without that, one name that no server can answer would keep others waiting for ever.
func (r *Runner) inVain(q Request, err error, e *cause.Error) bool {
	if errors.Is(err, errStore) || q.Attempts < minTries || r.now().Sub(q.CreatedAt) < ldapwriter.Replicated {
		return false
	}
	served := time.Unix(0, r.served.Load())
	return e.Cause.Code == cause.DCUnavailable || r.now().Sub(served) < 2*r.retry.limit
}

func behindUnknown(first Request) *cause.Error {
	why := "its holder is not known yet"
	if first.Cause != nil {
		why += " (" + string(first.Cause.Code) + ")"
	}
	return cause.Wait(cause.BehindRequest, "request %s (%s) came first and may be for the same holder, or frees the address first, and %s; this one goes on when that is known, or when somebody cancels that one",
		first.ID, first.words(), why).
		WithConflict(first.conflict())
}
