//go:build !windows

package torture

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/tenant"
)

// syncEvery is the pause between two sync cycles of a world.
const syncEvery = 150 * time.Millisecond

// World is a lab in which many runs take place, one after the other or side by side, each with holders of its own.
type World struct {
	box  *lab.Lab
	kind lab.Kind
	stop context.CancelFunc
	done chan struct{}

	mu     sync.Mutex
	shown  map[string]*showing // by source anchor
	failed error               // of the last sync cycle
	held   bool                // no cycle runs but those that a run needs
}

// showing is what the tenant has shown of one holder over time.
type showing struct{ views []view }

// view is what the tenant showed from a time until another; the last one has no end yet.
type view struct {
	from, until time.Time
	present     bool
	address.Values
}

// OpenWorld starts a lab and a sync engine that never rests. registered is the tenant's (tenant.Options).
func OpenWorld(ctx context.Context, kind lab.Kind, registered func() (tenant.Registration, error)) (*World, error) {
	box, err := lab.Start(ctx, lab.Options{Directory: kind, Tenant: tenant.Options{LicenceNew: true, Registered: registered}})
	if err != nil {
		return nil, fmt.Errorf("start the lab: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	w := &World{box: box, kind: kind, stop: stop, done: make(chan struct{}), shown: map[string]*showing{}}
	go w.turn(ctx)
	return w, nil
}

// Close stops everything.
func (w *World) Close() error {
	w.stop()
	<-w.done
	return w.box.Close()
}

func (w *World) turn(ctx context.Context) {
	defer close(w.done)
	ticker := time.NewTicker(syncEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if !w.onHold() {
			_ = w.cycle(ctx) // kept for the runs
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// Hold stops the sync engine: nothing arrives in the cloud any more but the holders of new runs.
func (w *World) Hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = true
}

func (w *World) onHold() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.held
}

// cycle runs one sync cycle and notes what the tenant shows then.
func (w *World) cycle(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	began := time.Now()
	if w.failed = w.box.Engine.Cycle(ctx); w.failed != nil {
		return w.failed
	}
	for anchor, s := range w.shown {
		v := view{from: began}
		values, err := w.box.Tenant.Values(anchor)
		switch {
		case err == nil:
			v.present, v.Values = true, values
		case !errors.Is(err, tenant.ErrNoObject):
			return err
		}
		s.note(v)
	}
	return nil
}

// note adds a view where it differs from the last one. The old one may have been seen until now, the new one from the
// beginning of the cycle.
func (s *showing) note(v view) {
	if n := len(s.views); n > 0 {
		last := &s.views[n-1]
		if last.present == v.present && last.Mail == v.Mail && last.Proxies.Equal(v.Proxies) {
			return
		}
		last.until = time.Now()
	}
	s.views = append(s.views, v)
}

// watch begins to note what the tenant shows of holders, and returns when it has them all.
func (w *World) watch(ctx context.Context, anchors []string) error {
	w.mu.Lock()
	for _, a := range anchors {
		w.shown[a] = &showing{}
	}
	w.mu.Unlock()
	if err := w.cycle(ctx); err != nil {
		return fmt.Errorf("sync the run's holders: %w", err)
	}
	return nil
}

// forget ends watch and gives what was shown.
func (w *World) forget(anchors []string) map[string][]view {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := map[string][]view{}
	for _, a := range anchors {
		if s := w.shown[a]; s != nil {
			seen[a] = s.views
		}
		delete(w.shown, a)
	}
	return seen
}
