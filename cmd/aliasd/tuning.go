package main

import (
	"time"

	"github.com/aliasd/aliasd/queue"
)

// tuning is what of a daemon does not stand in the settings: what the command line says of this run, and what the demo and the tests, whose
// syncs take a second, have otherwise. The zero value is right for a real tenant.
type tuning struct {
	// how quickly things are tried again
	retryBase, retryLimit, poll time.Duration
	// calculationGrace is one sync interval of the settings where it is zero.
	calculationGrace time.Duration
	// dryRun does everything but the modify.
	dryRun bool
	// paused stops all writing before anything is begun, until resume.
	paused bool
	// graphTimeout and graphPatience bound one call to Graph and its retries; zero: the client's own.
	graphTimeout, graphPatience time.Duration
	// now is the clock of everything that the daemon decides; nil: the system's.
	now func() time.Time
	// lease is leaseFor the directory's time limit where it is zero.
	lease time.Duration
	// between is who stands between the daemon and its two sides; nobody in production, the torture run's traps in its tests.
	between between
}

func (p tuning) clock() func() time.Time {
	if p.now == nil {
		return time.Now
	}
	return p.now
}

// between wraps the two sides that a request is brought through; nil leaves a side as it is.
type between struct {
	store     func(queue.Store) queue.Store
	directory func(queue.Directory) queue.Directory
}

// wrapped puts a wrapper around a side, where there is one.
func wrapped[T any](side T, with func(T) T) T {
	if with == nil {
		return side
	}
	return with(side)
}
