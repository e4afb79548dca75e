package server

import (
	"context"
	"sync"
	"time"

	"github.com/aliasd/aliasd/cause"
)

// readiness asks the dependencies, at most once per readyFor.
type readiness struct {
	dependencies []Dependency
	archive      Archive
	dryRun       bool
	now          func() time.Time

	mu      sync.Mutex
	askedAt time.Time
	last    ReadyJSON
}

// ask gives the state of everything. Callers that come while one asks wait for its answer.
func (r *readiness) ask(ctx context.Context) ReadyJSON {
	r.mu.Lock()
	defer r.mu.Unlock()
	if age := r.now().Sub(r.askedAt); !r.askedAt.IsZero() && age >= 0 && age < readyFor {
		return r.last
	}
	// The answer is for everybody: it must not fail because the caller who happened to ask goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkLimit)
	defer cancel()
	r.last, r.askedAt = r.askAll(ctx), r.now()
	return r.last
}

func (r *readiness) askAll(ctx context.Context) ReadyJSON {
	answer := ReadyJSON{Ready: true, DryRun: r.dryRun, Dependencies: make([]DependencyJSON, len(r.dependencies))}
	var asking sync.WaitGroup
	for i, d := range r.dependencies {
		asking.Go(func() { answer.Dependencies[i] = askOne(ctx, d) })
	}
	since, _, err := r.archive.Paused(ctx)
	answer.Paused = err == nil && !since.IsZero()
	asking.Wait()
	for i, d := range r.dependencies {
		answer.Ready = answer.Ready && (!d.Required || answer.Dependencies[i].State == "up")
	}
	return answer
}

func askOne(ctx context.Context, d Dependency) DependencyJSON {
	err := d.Check(ctx)
	if err == nil {
		return DependencyJSON{Name: d.Name, State: "up"}
	}
	down := DependencyJSON{Name: d.Name, State: "down"}
	if e, ok := cause.As(err); ok {
		down.Cause = &e.Cause
	}
	return down
}
