package main

import "time"

// tuning is what of a daemon does not stand in the settings: what the command line says of this run, and what the demo and the tests, whose
// syncs take a second, have otherwise. The zero value is right for a real tenant.
type tuning struct {
	// how quickly things are tried again
	retryBase, retryLimit, poll time.Duration
	// landing is how long a modify without an answer may take; zero: as the time limit of the directory has it.
	landing time.Duration
	// calculationGrace is one sync interval of the settings where it is zero.
	calculationGrace time.Duration
	// dryRun does everything but the modify.
	dryRun bool
	// paused stops all writing before anything is begun, until resume.
	paused bool
	// graphTimeout and graphPatience bound one call to Graph and its retries; zero: the client's own.
	graphTimeout, graphPatience time.Duration
	// explainFresh is how long explain may show again what the cloud said of a holder; the constant of that name where it is zero.
	explainFresh time.Duration
	// now is the clock of everything that the daemon decides; nil: the system's.
	now func() time.Time
}

func (p tuning) clock() func() time.Time {
	if p.now == nil {
		return time.Now
	}
	return p.now
}
