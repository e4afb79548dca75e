package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
)

// patience is how long an attempt waits in its place for a slot of the pace, as a share of the lease. What has to wait for
// longer goes back to its line.
const patience = 6

// longWait is how long an attempt may wait for its slot before what it has read and checked counts as old.
const longWait = time.Second

// errWaited: the attempt has waited for its slot for so long that it has to look again. It keeps the slot.
var errWaited = errors.New("the attempt waited for its slot")

// errStopping: the program stops while an attempt waits for its slot; nothing was sent.
var errStopping = errors.New("the program is stopping")

// deferral puts a request back into its line until a time, without counting a try: nothing went wrong.
type deferral struct {
	why    *cause.Error
	what   string // names the step in the event log
	detail any
	until  time.Time
}

// Error is why.
func (d *deferral) Error() string { return d.why.Error() }

// Unwrap gives the cause.
func (d *deferral) Unwrap() error { return d.why }

// room says how many requests to claim: as many as the workers begin soon, and as the pace lets go while their attempts
// wait for it; none while it is used up for longer than that.
func (r *Runner) room(ctx context.Context) (int, error) {
	most, every := r.atOnce(), r.limits.Pace.every()
	if every == 0 || r.dryRun {
		return most, nil
	}
	now := r.now()
	next, err := r.store.NextSlot(ctx)
	if err != nil {
		return 0, err
	}
	spare := r.lease / patience
	if !next.After(FarthestSlot(now, every, spare)) {
		spare -= max(0, next.Sub(now))
	}
	if spare < 0 {
		return 0, nil
	}
	return min(most, 1+int(spare/every)), nil
}

// atOnce is how many requests are claimed at once at most.
func (r *Runner) atOnce() int { return 4 * r.workers }

// keepPace waits for this modify's slot. It comes last, so that only what is written takes a slot; but where that took long,
// the holder and everybody else have to be looked at again (errWaited), and the slot is kept for what is found then.
func (a *attempt) keepPace(ctx context.Context) error {
	p, asked := a.limits.Pace, a.now()
	if p.every() == 0 {
		return nil
	}
	if a.hasSlot {
		a.hasSlot = false
		return nil
	}
	at, ok, err := a.store.Slot(ctx, asked, p.every(), a.lease/patience)
	if err != nil {
		return fmt.Errorf("%w: pace: %w", errStore, err)
	}
	if !ok {
		return &deferral{what: "paced", until: at, why: cause.Wait(cause.Paced,
			"writes are spread, at most %d in %s over all nodes (limits.pace); this one goes on by itself at about %s", p.Writes, p.Within, at.UTC().Format(time.RFC3339))}
	}
	if err := a.waitUntil(ctx, at); err != nil {
		return err
	}
	if max(at.Sub(asked), a.now().Sub(asked)) > longWait {
		a.hasSlot = true
		return errWaited
	}
	return nil
}

func (a *attempt) waitUntil(ctx context.Context, at time.Time) error {
	left := at.Sub(a.now())
	if left <= 0 {
		return nil
	}
	wait := time.NewTimer(left)
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-a.stopping:
		return errStopping
	case <-ctx.Done():
		return fmt.Errorf("the lease ended: %w", ErrStale)
	}
}

// mustNotBurst holds a request whose source had sent too many in too short a time when it came. Only its own acceptance
// counts, so the answer stays the same however often it is asked, on whatever node.
func (a *attempt) mustNotBurst(ctx context.Context) error {
	b, q := a.limits.Burst, a.request
	if b.Requests <= 0 || a.dryRun || q.Doubt().Exists() || q.ReleasedBy != "" {
		return nil
	}
	n, err := a.store.FromSource(ctx, q, q.CreatedAt.Add(-b.Within), b.Requests)
	if err != nil {
		return fmt.Errorf("%w: requests of the source: %w", errStore, err)
	}
	if n <= b.Requests {
		return nil
	}
	return a.held("%s sent more than %d requests within %s (limits.burst)", source(q.Submission), b.Requests, b.Within)
}

// source is who sent a request, for a sentence.
func source(s Submission) string {
	if s.Requester == "" {
		return "the token " + s.SubmittedBy
	}
	return "the token " + s.SubmittedBy + " for " + s.Requester
}

// held is why an administrator has to look at a request, and what to do about it.
func (a *attempt) held(format string, args ...any) *cause.Error {
	return cause.Wait(cause.OverCap, "%s; held since %s, and nothing is written before an administrator has looked at it: `aliasd list --state held` shows all that is held, `aliasd release %s` lets this one go, `aliasd cancel %s` ends it",
		fmt.Sprintf(format, args...), a.now().UTC().Format(time.RFC3339), a.request.ID, a.request.ID)
}

// spend is what a change takes from the caps. They judge what nobody has let go, and what cannot have been written yet.
func (a *attempt) spend(entry ldapwriter.Entry, c address.Change) *Spend {
	s := &Spend{Removals: len(c.Removed(entry.Values))}
	if a.request.ReleasedBy == "" && !a.request.Doubt().Exists() {
		s.Caps = a.limits.Caps
	}
	return s
}

// stopped makes a cause of what kept the store from taking an intent.
func (a *attempt) stopped(ctx context.Context, err error) error {
	var over *OverCapError
	switch {
	case errors.As(err, &over) && over.Removals:
		return a.held("holders lost %s in the last hour and would lose %d more by this request, %d are allowed (limits.removals_per_hour)",
			count(over.Used, "address", "addresses"), over.Wanted, over.Cap).Because(err)
	case errors.As(err, &over):
		return a.held("%s in the last hour, %d are allowed (limits.writes_per_hour)", count(over.Used, "request was written", "requests were written"), over.Cap).Because(err)
	case errors.Is(err, ErrPaused):
		return a.paused(ctx)
	case errors.Is(err, ErrStale):
		return err
	}
	return fmt.Errorf("%w: intent: %w", errStore, err)
}

func count(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// paused says who stopped all writing, as far as it is stopped still.
func (a *attempt) paused(ctx context.Context) error {
	since, by, err := a.store.Paused(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("%w: stop switch: %w", errStore, err)
	case since.IsZero():
		return cause.Wait(cause.Paused, "all writing was stopped for a moment; it goes on by itself")
	}
	return pausedBy(by, since)
}
