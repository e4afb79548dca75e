//go:build !windows

package torture

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// The environment of a daemon that is run by a test binary. Nothing else reads it.
const (
	childKey    = "ALIASD_TORTURE_CHILD" // the binary is to be the daemon
	killKey     = "ALIASD_TORTURE_KILL"  // a passage at which it kills itself
	sleepKey    = "ALIASD_TORTURE_SLEEP" // a passage at which it falls asleep (SIGSTOP) until somebody wakes it
	sabotageKey = "ALIASD_TORTURE_BREAK" // what it shall do wrong
	leaseKey    = "ALIASD_TORTURE_LEASE"
)

// InChild says whether this process is to be a daemon under torture and not a test.
func InChild() bool { return os.Getenv(childKey) != "" }

// Inside is what is inside of a daemon under torture: wrappers around its store and its directory, which kill the process
// at a passage, or do something wrong on purpose.
type Inside struct {
	// Lease is how long a request may be in writing.
	Lease time.Duration
	trap  trap
	bed   trap
	wrong Sabotage
}

// NewInside reads the environment that a Node gave its process.
func NewInside() (*Inside, error) {
	in := &Inside{wrong: Sabotage(os.Getenv(sabotageKey)), trap: trap{signal: syscall.SIGKILL}, bed: trap{signal: syscall.SIGSTOP}}
	var err error
	for key, t := range map[string]*trap{killKey: &in.trap, sleepKey: &in.bed} {
		if text := os.Getenv(key); text != "" {
			if t.at, err = ParsePassage(text); err != nil {
				return nil, err
			}
		}
	}
	if in.Lease, err = time.ParseDuration(os.Getenv(leaseKey)); err != nil {
		return nil, fmt.Errorf("%s: %w", leaseKey, err)
	}
	return in, nil
}

// Store puts the trap around a store.
func (in *Inside) Store(s queue.Store) queue.Store {
	return &trapped{Store: &trapped{Store: in.wrong.store(s), trap: &in.bed}, trap: &in.trap}
}

// Directory puts the traps, and what is done wrong, around a directory.
func (in *Inside) Directory(d queue.Directory) queue.Directory {
	return &watched{Directory: in.wrong.directory(d), traps: []*trap{&in.bed, &in.trap}}
}

// watched is a directory with traps around the last look at the lease, right before a modify is sent.
type watched struct {
	queue.Directory
	traps []*trap
}

func (d *watched) Write(ctx context.Context, job ldapwriter.Job) (ldapwriter.Receipt, error) {
	confirm := job.Confirm
	job.Confirm = func(ctx context.Context) error {
		for _, t := range d.traps {
			t.pass(Confirm, Before)
		}
		err := confirm(ctx)
		for _, t := range d.traps {
			t.pass(Confirm, After)
		}
		return err
	}
	return d.Directory.Write(ctx, job)
}

// trap sends this process a signal at a passage. The zero value never does.
type trap struct {
	at     Passage
	signal syscall.Signal
	passed atomic.Int64
}

// pass is called at each point. It returns when the signal has had its effect: at once, or when somebody wakes the process.
func (t *trap) pass(place Place, moment Moment) {
	if t.at.Point != (Point{place, moment}) || t.passed.Add(1) != t.at.N {
		return
	}
	woken := make(chan os.Signal, 1)
	signal.Notify(woken, syscall.SIGCONT)
	defer signal.Stop(woken)
	if err := syscall.Kill(os.Getpid(), t.signal); err != nil {
		panic(fmt.Sprintf("signal this process: %v", err))
	}
	<-woken // a signal takes its time: nothing may be done between it and its effect. Nobody wakes a dead process.
}

// around is a commit between two points.
func around[T any](t *trap, place Place, commit func() (T, error)) (T, error) {
	t.pass(place, Before)
	got, err := commit()
	if err == nil {
		t.pass(place, After)
	}
	return got, err
}

// trapped is a store with a trap at each of its commits.
type trapped struct {
	queue.Store
	trap *trap
}

func (s *trapped) Accept(ctx context.Context, sub queue.Submission, key queue.Idempotency, now time.Time) (r queue.Request, created bool, err error) {
	r, err = around(s.trap, Accept, func() (queue.Request, error) {
		r, created, err = s.Store.Accept(ctx, sub, key, now)
		return r, err
	})
	return r, created, err
}

func (s *trapped) Resolve(ctx context.Context, id queue.RequestID, holder address.GUID, claims []queue.Claim, now time.Time) (queue.Request, error) {
	return around(s.trap, Resolve, func() (queue.Request, error) { return s.Store.Resolve(ctx, id, holder, claims, now) })
}

// Claim passes its points only where there is something to claim: it is called all the time. Until the one before was passed,
// nothing is claimed that was not seen.
func (s *trapped) Claim(ctx context.Context, owner string, now time.Time, lease time.Duration, n int) ([]queue.Request, error) {
	if s.trap.at.Point == (Point{Claim, Before}) && s.trap.passed.Load() < s.trap.at.N {
		waiting, _, err := s.List(ctx, queue.Filter{State: queue.Queued, Limit: 1})
		if err != nil || len(waiting) == 0 {
			return nil, err
		}
		s.trap.pass(Claim, Before)
	}
	leased, err := s.Store.Claim(ctx, owner, now, lease, n)
	if len(leased) > 0 {
		s.trap.pass(Claim, After)
	}
	return leased, err
}

func (s *trapped) Advance(ctx context.Context, t queue.Transition) (queue.Request, error) {
	commit := func() (queue.Request, error) { return s.Store.Advance(ctx, t) }
	if place := placeOf(t); place != "" {
		return around(s.trap, place, commit)
	}
	return commit()
}

// placeOf is the place of a transition, "" where it has none.
func placeOf(t queue.Transition) Place {
	switch {
	case t.What == "intent":
		return Intent
	case t.To == queue.Written && t.From == queue.Writing:
		return Receipt
	case t.What == "verdict":
		return Verdict
	}
	return ""
}
