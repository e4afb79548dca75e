package queue

import (
	"context"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
)

// Guard is what stands between a plan and its write.
func Guard(s address.Situation, shown cloudcheck.Snapshot, ask address.Ask, plan address.Plan) error {
	return guard(s, shown, ask, plan)
}

// ResolvePass makes one pass of the resolver.
func (r *Runner) ResolvePass(ctx context.Context) error { return r.resolvePass(ctx) }

// WriteOne claims one request and writes it; false where there is none to claim.
func (r *Runner) WriteOne(ctx context.Context) (bool, error) {
	r.notePause(ctx)
	batch, err := r.claim(ctx, 1)
	if err != nil || len(batch) == 0 {
		return false, err
	}
	r.write(ctx, batch[0])
	r.lates.Wait()
	return true, nil
}

// SweepAsked makes the looks that somebody asked for.
func (r *Runner) SweepAsked(ctx context.Context) error { return r.sweepAsked(ctx) }

// Recover is the first thing that Run does.
func (r *Runner) Recover(ctx context.Context) { r.recover(ctx) }

// The transitions of a Doubt.

// With is with.
func (d Doubt) With(i Intent) Doubt { return d.with(i) }

// Intent is intent.
func (d Doubt) Intent() *Intent { return d.intent() }

// Answered is answered.
func (d Doubt) Answered() Doubt { return d.answered() }

// Seen is seen.
func (d Doubt) Seen(e ldapwriter.Entry, at time.Time) Doubt { return d.seen(e, at) }

// LandsBy is landsBy.
func (d Doubt) LandsBy(until time.Time) Doubt { return d.landsBy(until) }

// HasASayIn is hasASayIn.
func (r Request) HasASayIn(c address.Change) bool { return r.hasASayIn(c) }
