package main

import (
	"context"
	"sync"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// health remembers how the last call to each side went, so that /readyz can tell without asking anybody.
type health struct {
	mu                   sync.Mutex
	onPremises, cloudErr error
}

// note keeps a waiting as the side's state; every other answer shows that the side is there.
func (h *health) note(side *error, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*side = nil
	if e, ok := cause.As(err); ok && e.Kind == cause.Waiting {
		*side = e
	}
}

func (h *health) state(side *error) func(context.Context) error {
	return func(context.Context) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		return *side
	}
}

// dependencies are what /readyz reports. Only the store is needed to take requests in.
func (h *health) dependencies(s queue.Intake) []server.Dependency {
	return []server.Dependency{
		{Name: "store", Required: true, Check: func(ctx context.Context) error {
			_, err := s.Stats(ctx)
			return err
		}},
		{Name: "directory", Check: h.state(&h.onPremises)},
		{Name: "cloud", Check: h.state(&h.cloudErr)},
	}
}

func (h *health) directory(d *ldapwriter.Directory) queue.Directory { return watchedDirectory{d, h} }

func (h *health) cloud(c *cloudcheck.Checker) queue.Cloud { return watchedCloud{c, h} }

// watchedDirectory tells health how the calls that every request makes went.
type watchedDirectory struct {
	*ldapwriter.Directory
	health *health
}

func (w watchedDirectory) Find(ctx context.Context, identity string) (ldapwriter.Entry, error) {
	entry, err := w.Directory.Find(ctx, identity)
	w.health.note(&w.health.onPremises, err)
	return entry, err
}

func (w watchedDirectory) Read(ctx context.Context, id address.GUID, prior ldapwriter.Prior) (ldapwriter.Entry, error) {
	entry, err := w.Directory.Read(ctx, id, prior)
	w.health.note(&w.health.onPremises, err)
	return entry, err
}

// watchedCloud likewise.
type watchedCloud struct {
	*cloudcheck.Checker
	health *health
}

func (w watchedCloud) Look(ctx context.Context, r cloudcheck.Ref) (cloudcheck.Snapshot, error) {
	snapshot, err := w.Checker.Look(ctx, r)
	w.health.note(&w.health.cloudErr, err)
	return snapshot, err
}

func (w watchedCloud) Sweep(ctx context.Context, s cloudcheck.Survey, cases []cloudcheck.Case) ([]cloudcheck.Verdict, error) {
	verdicts, err := w.Checker.Sweep(ctx, s, cases)
	w.health.note(&w.health.cloudErr, err)
	return verdicts, err
}
