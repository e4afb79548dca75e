package queue

import (
	"context"
	"strconv"

	"github.com/aliasd/aliasd/cause"
)

// Shown is a store whose requests say what they wait for where only their holder's line keeps them: behind which earlier request they
// stand. That is worked out when they are shown, so that it is never out of date and leaves no trace.
type Shown struct{ Store }

// lookBack is how many requests of a holder are looked through for the one that comes first.
const lookBack = 50

// Get is Intake's.
func (s Shown) Get(ctx context.Context, id RequestID) (Request, error) {
	r, err := s.Store.Get(ctx, id)
	if err != nil {
		return r, err
	}
	err = s.sayBehind(ctx, &r)
	return r, err
}

// List is Intake's.
func (s Shown) List(ctx context.Context, f Filter) (page []Request, next string, err error) {
	page, next, err = s.Store.List(ctx, f)
	for i := range page {
		if err == nil {
			err = s.sayBehind(ctx, &page[i])
		}
	}
	return page, next, err
}

func (s Shown) sayBehind(ctx context.Context, r *Request) error {
	if r.State != Queued || r.Cause != nil {
		return nil
	}
	first, err := s.before(ctx, *r)
	if err == nil && first != nil {
		r.Cause = &behind(*first).Cause
	}
	return err
}

// before is the request of r's holder right before it in the line; nil where r is the first. Between the two there may be others that
// have ended without a turn.
func (s Shown) before(ctx context.Context, r Request) (*Request, error) {
	earlier, _, err := s.Store.List(ctx, Filter{Holder: r.Object.String(), Limit: lookBack, Cursor: r.cursor()})
	for i, q := range earlier {
		switch q.State {
		case Accepted, Queued, Held, Writing:
			return &earlier[i], err
		}
	}
	return nil, err
}

// cursor is where a list goes on behind r: with the requests that were accepted before it.
func (r Request) cursor() string { return strconv.FormatInt(r.Seq, 10) }

func behind(first Request) *cause.Error {
	state, end := string(first.State), "cancel it, or mend what it waits for"
	if first.Cause != nil {
		state += " (" + string(first.Cause.Code) + ")"
	}
	switch first.State {
	case Held:
		end = "an administrator releases it, or somebody cancels it"
	case Writing:
		end = "nothing is to be done"
	}
	return cause.Wait(cause.BehindRequest, "request %s (%s) of the same holder comes first and is %s; this one has its turn when that one has ended: %s",
		first.ID, first.words(), state, end).
		WithConflict(first.conflict())
}
