//go:build !windows

package torture

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// die lets daemons live and die, one after the other. What still has a trap in it goes with the last one.
func (r *Run) die(ctx context.Context) error {
	for _, l := range r.script.lives {
		if err := r.live(ctx, l); err != nil {
			return err
		}
		if n := r.nodes[l.node]; !n.life().over() { // another one died in its place
			n.kill()
			r.Tally.Kills[atRandom]++
		}
	}
	return nil
}

// passageLimit is how long a point is waited for.
const passageLimit = 5 * time.Second

// live lets one daemon live until its death.
func (r *Run) live(ctx context.Context, l life) error {
	n := r.nodes[l.node]
	if n.life() != nil && !n.life().over() { // it is to have another fate
		n.kill()
		r.Tally.Kills[atRandom]++
	}
	if n.life() != nil {
		r.tap.Load().sweep(n.pid())
	}
	if err := r.revive(n); err != nil {
		return err
	}
	r.Tally.Restarts++
	var env []string
	if l.at.N > 0 && !l.at.onWire() {
		env = append(env, killKey+"="+l.at.String())
	}
	if err := n.start(env...); err != nil {
		return err
	}
	if l.at.N > 0 && l.at.onWire() {
		r.tap.Load().arm(l.at)
		defer r.tap.Load().arm(Passage{})
	}
	if l.at.N > 0 && r.dies(ctx, passageLimit) {
		r.Tally.Kills[l.at.Point.String()]++
		return r.badEnd()
	}
	if !l.atStart {
		if _, err := n.remote(ctx); err != nil && !n.life().killed() {
			return err
		}
	}
	if !r.dies(ctx, l.after) {
		n.kill()
	}
	r.Tally.Kills[atRandom]++
	return r.badEnd()
}

// badEnd is an error where a daemon is dead that nobody killed.
func (r *Run) badEnd() error {
	for _, n := range r.nodes {
		if n.life().over() && !n.life().killed() {
			return fmt.Errorf("a daemon ended by itself: %w", n.life().err)
		}
	}
	return nil
}

// dies waits until any daemon dies, but not longer than a while.
func (r *Run) dies(ctx context.Context, limit time.Duration) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for {
		if slices.ContainsFunc(r.nodes, func(n *node) bool { return n.life().over() }) {
			return true
		}
		select {
		case <-look.C:
		case <-deadline.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// revive starts the daemons that are dead, all but one.
func (r *Run) revive(except *node) error {
	for _, n := range r.nodes {
		if n == except || n.life() != nil && !n.life().over() {
			continue
		}
		if n.life() != nil {
			r.tap.Load().sweep(n.pid())
		}
		if err := n.start(); err != nil {
			return err
		}
	}
	return nil
}
