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
type unknown []intended

// intended is a request with whom it is for and what it claims, or why that is not known just now.
type intended struct {
	Request
	identity string
	claims   []Claim
	err      error
}

// unknown finds out what accepted requests before a Seq are for. What is for nobody is left out.
func (r *Runner) unknown(ctx context.Context, before int64) (ahead unknown, err error) {
	waiting, err := r.store.Unknown(ctx, before)
	if err != nil {
		return nil, err
	}
	for _, q := range waiting {
		identity, claims, err := r.meant(ctx, q)
		if refusal, ok := cause.As(err); ok && refusal.Kind == cause.Refusal {
			continue
		}
		ahead = append(ahead, intended{q, identity, claims, err})
	}
	return ahead, nil
}

// after is what is unknown after a request has moved.
func (u unknown) after(moved Request) unknown {
	at := slices.IndexFunc(u, func(other intended) bool { return other.ID == moved.ID })
	switch {
	case at < 0:
		return u
	case moved.State == Accepted:
		u[at].Request = moved
		return u
	}
	return slices.Delete(u, at, at+1)
}

// keeping is the first unknown request that one has to stay behind whose holder is known; nil where none.
func (u unknown) keeping(q Request, f found) (*Request, error) {
	for i, first := range u {
		if first.Seq >= q.Seq {
			return nil, nil
		}
		if first.err != nil {
			return nil, first.err
		}
		isSameName := strings.EqualFold(strings.TrimSpace(first.identity), strings.TrimSpace(q.Holder))
		if isSameName || f.entry.Bears(first.identity) || takesAfter(f.claims, first.claims) {
			return &u[i].Request, nil
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
