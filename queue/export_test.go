package queue

import (
	"context"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
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
	return true, nil
}

// SweepAsked makes the looks that somebody asked for.
func (r *Runner) SweepAsked(ctx context.Context) error { return r.sweepAsked(ctx) }

// Recover is the first thing that Run does.
func (r *Runner) Recover(ctx context.Context) { r.recover(ctx) }
