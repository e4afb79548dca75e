package queue

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// Options are what a runner is made from.
type Options struct {
	Store     Store
	Directory Directory
	Cloud     Cloud
	Observer  Observer // may be nil
	Logger    *slog.Logger
	Now       func() time.Time // nil: time.Now
	// Node names this daemon in leases and events, each process anew.
	Node string
	// Home is what the names of this node's processes begin with, none of which runs beside this one. It is empty where that
	// is not known: what an earlier process had claimed waits for the end of its lease then.
	Home string
	// Workers write at the same time; 0 is 4.
	Workers int
	// Lease is how long a request may be in writing before another owner takes it over. It has to be longer than three
	// time limits of the directory; 0 is 2 minutes.
	Lease time.Duration
	// Landing is how long after it was sent a modify may still reach the holder, where no answer came and the connection was cut. No
	// protocol bounds it; 0 is 30 seconds, three time limits of the directory.
	Landing time.Duration
	// Poll is how often the runner looks for work that nobody told it of (retries, other nodes); 0 is one second.
	Poll time.Duration
	// RetryBase and RetryLimit space the tries; 0 is 2 seconds and 5 minutes.
	RetryBase, RetryLimit time.Duration
	// Deadline is how long after the write the cloud may take; 0 is 24 hours.
	Deadline time.Duration
	// SyncInterval is the sync engine's cycle, CalculationGrace the time given to the calculation after it; 0 is
	// 30 minutes, and one SyncInterval.
	SyncInterval, CalculationGrace time.Duration
	// UnitsPerTick are Graph's resource units that one sweep may spend; 0 is 2,000.
	UnitsPerTick int
	// Limits are the brakes; the zero ones do not brake.
	Limits Limits
	// DryRun does everything but the modify: what would be written is said on the request, which stays in its line. Either
	// every node of a store is in a dry run, or none.
	DryRun bool
}

// Runner resolves, writes and sweeps. Run it once per process; Sweep may be called at any time.
type Runner struct {
	store     Store
	directory Directory
	cloud     Cloud
	observer  Observer
	log       *slog.Logger
	now       func() time.Time
	node      string
	home      string
	workers   int
	lease     time.Duration
	landing   time.Duration
	poll      time.Duration
	deadline  time.Duration
	retry     backoff
	checks    checks
	limits    Limits
	dryRun    bool

	signals map[work]chan struct{}
	// ticking is held by the sweep of a tick.
	ticking sync.Mutex
	// sweeping guards what sweeps need: the agenda, and the units for what somebody asks for between two ticks.
	sweeping sync.Mutex
	agenda   *agenda
	units    int
	forAsked *cloudcheck.Budget
	// served is when the directory last answered a look-up, in nanoseconds since 1970.
	served atomic.Int64
	again  *asks
	// claims counts the claims of this process, so that each has a name of its own.
	claims atomic.Int64
	// atWork are the requests that attempts of this process are at; each channel is closed when its attempt ends.
	atWork sync.Map
	// lates are the late writes that are looked after.
	lates sync.WaitGroup
}

// work is a kind of work that somebody can tell the runner of.
type work string

const (
	toResolve work = "resolve"
	toWrite   work = "write"
	toSweep   work = "sweep"
)

// NewRunner makes a runner that does nothing until Run is called.
func NewRunner(o Options) *Runner {
	r := &Runner{
		store: o.Store, directory: o.Directory, cloud: o.Cloud, observer: o.Observer, log: o.Logger, now: o.Now, node: o.Node, home: o.Home,
		workers: cmp.Or(o.Workers, 4), lease: cmp.Or(o.Lease, 2*time.Minute), landing: cmp.Or(o.Landing, 30*time.Second), poll: cmp.Or(o.Poll, time.Second),
		deadline: cmp.Or(o.Deadline, 24*time.Hour),
		retry:    backoff{base: cmp.Or(o.RetryBase, 2*time.Second), limit: cmp.Or(o.RetryLimit, 5*time.Minute)},
		signals:  map[work]chan struct{}{}, again: newAsks(),
		limits: o.Limits, dryRun: o.DryRun,
	}
	if r.dryRun {
		r.directory = readOnly{o.Directory}
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.observer == nil {
		r.observer = unobserved{}
	}
	interval := cmp.Or(o.SyncInterval, 30*time.Minute)
	r.checks = checks{directory: o.Directory, cloud: o.Cloud, now: r.now, syncInterval: interval, grace: cmp.Or(o.CalculationGrace, interval)}
	r.units, r.agenda = cmp.Or(o.UnitsPerTick, 2000), newAgenda(min(r.checks.grace, eagerAfterSync))
	r.forAsked = cloudcheck.NewBudget(r.units)
	for _, w := range []work{toResolve, toWrite, toSweep} {
		r.signals[w] = make(chan struct{}, 1)
	}
	return r
}

// Run works until ctx ends, then finishes what is being written, gives back what was only claimed, and returns nil. A
// store that cannot be read is logged and tried again: the runner never gives up.
func (r *Runner) Run(ctx context.Context) error {
	r.recover(ctx)
	var loops sync.WaitGroup
	loops.Go(func() { r.resolveLoop(ctx) })
	loops.Go(func() { r.sweepLoop(ctx) })
	loops.Go(func() { r.writeLoop(ctx) })
	if !r.dryRun {
		loops.Go(func() { r.endDryRun(ctx) })
	}
	loops.Wait()
	r.lates.Wait()
	return nil
}

// wake tells the loop of one kind of work to look now. It never blocks: one signal waiting is enough.
func (r *Runner) wake(w work) {
	select {
	case r.signals[w] <- struct{}{}:
	default:
	}
}

// sleepUntil waits for a signal of one kind of work, or a tick where there are ticks; false where ctx ended first.
func (r *Runner) sleepUntil(ctx context.Context, w work, ticks <-chan time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-r.signals[w]:
	case <-ticks:
	}
	return true
}

// put moves a request; false where the store did not take it. Where it has moved on meanwhile, that is somebody else's doing and
// no error: it is logged, and the request is the zero one.
func (r *Runner) put(ctx context.Context, t Transition) (Request, bool) {
	t.Now = r.now()
	moved, err := r.store.Advance(ctx, t)
	switch {
	case errors.Is(err, ErrStale):
		r.log.Info("the request moved on meanwhile", "request", t.ID, "from", t.From, "to", t.To)
		return Request{}, true
	case err != nil:
		r.log.Error("the store did not take a transition; it is tried again", "request", t.ID, "from", t.From, "to", t.To, "error", err)
		return Request{}, false
	}
	if t.To != t.From && (t.To.Final() || t.To == Mismatched) {
		r.logEnd(moved)
	}
	return moved, true
}

// logEnd reports a request that came to an end.
func (r *Runner) logEnd(q Request) {
	attrs := []any{"request", q.ID, "state", q.State, "holder", q.Holder, "action", q.Action, "address", q.Address, "ticket", q.Ticket}
	if q.Cause != nil {
		attrs = append(attrs, "code", q.Cause.Code, "cause", q.Cause.Message)
	}
	r.log.Info("request finished", attrs...)
}

// later puts the next try of a step off.
func (r *Runner) later(attempts int) (tries *int, notBefore *time.Time) {
	n := attempts + 1
	at := r.now().Add(r.retry.after(n))
	return &n, &at
}

// asCause makes a cause of any error: one that says nothing better is the named side's being away.
func asCause(err error, side cause.Code) *cause.Error {
	if e, ok := cause.As(err); ok {
		return e
	}
	return cause.Wait(side, "it could not be asked just now; it is tried again by itself").Because(err)
}

// unobserved is an Observer that nobody gave.
type unobserved struct{}

func (unobserved) RequestWritten(time.Duration)  {}
func (unobserved) RequestVerified(time.Duration) {}
func (unobserved) SweepDone(Swept)               {}
func (unobserved) SyncSeen(time.Time)            {}
