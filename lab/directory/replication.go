package directory

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aliasd/aliasd/lab/pki"
	"github.com/aliasd/aliasd/lab/site"
)

// replicaHost is the name of the second domain controller.
const replicaHost = "dc2." + site.Domain

// Replica starts a second domain controller of the same domain: the same objects under the same GUIDs, the same accounts,
// update sequence numbers, ports and a certificate of its own, signed by the same authority. What is written on one of the two
// comes to the other when a Replication is told to, and not before. It ends with its own site's Stop.
func (d *Directory) Replica() (*Directory, error) {
	options := d.options
	options.Certificate, options.Listen = pki.Leaf{}, ""
	r := &Directory{options: options, host: replicaHost, authority: d.authority, store: d.store.Replica()}
	return r, r.begin()
}

// Replication carries what was written on either of two domain controllers to the other one, as AD does: whole attributes, and
// where both wrote one, the last writer wins for all its values. Nothing moves by itself. It may be used concurrently.
type Replication struct {
	mu   sync.Mutex
	a, b *Directory
}

// Replicate joins a directory and its replica.
func Replicate(a, b *Directory) *Replication { return &Replication{a: a, b: b} }

// Step carries everything that was written so far, in both directions, and gives how many objects changed. Between domain
// controllers of which one is switched off nothing moves.
func (r *Replication) Step() (changed int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.a.ldaps.isOpen() || !r.b.ldaps.isOpen() {
		return 0, nil
	}
	toB, err := r.b.store.Pull(r.a.store)
	if err != nil {
		return toB, fmt.Errorf("to %s: %w", r.b.host, err)
	}
	toA, err := r.a.store.Pull(r.b.store)
	if err != nil {
		return toA + toB, fmt.Errorf("to %s: %w", r.a.host, err)
	}
	return toA + toB, nil
}

// Run makes a step again and again until ctx ends or a step fails.
func (r *Replication) Run(ctx context.Context, every time.Duration) error {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
			if _, err := r.Step(); err != nil {
				return err
			}
		}
	}
}
