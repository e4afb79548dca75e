package graph

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// gateAtMost is how long Graph is not asked whatever it says. A Retry-After of days would stop all writing because of one
// answer; a single call then finds out whether it is still meant.
const gateAtMost = 15 * time.Minute

// gate keeps the client from asking while Graph wants it to wait.
type gate struct {
	mu    sync.Mutex
	until time.Time
	// capped says that Graph wanted longer than the gate is closed: then one call goes ahead alone, until trial at most.
	capped bool
	trial  time.Time
}

func (g *gate) closedUntil(now time.Time) (time.Time, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed(now)
}

func (g *gate) closed(now time.Time) (time.Time, bool) {
	until := g.until
	if g.trial.After(until) {
		until = g.trial
	}
	return until, until.After(now)
}

// enter lets a call through, or says until when the gate is closed. One that goes ahead alone holds it closed for the others,
// as long as a call may take.
func (g *gate) enter(now time.Time, takes time.Duration) (until time.Time, closed, alone bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until, closed = g.closed(now); !closed && g.capped {
		g.trial, alone = now.Add(takes), true
	}
	return until, closed, alone
}

// close keeps calls back for a wait, and gives the time until which it does.
func (g *gate) close(now time.Time, wait time.Duration) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := now.Add(min(wait, gateAtMost)); until.After(g.until) {
		g.until = until
	}
	g.capped, g.trial = g.capped || wait > gateAtMost, time.Time{}
	return g.until
}

// open lets everybody through after one that went ahead alone.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.capped, g.trial = false, time.Time{}
}

// call makes one HTTP call through the SDK. do gets a context that ends with the call's time. A token that Graph does not
// take is renewed and the call tried once more. Every error is a *cause.Error; what was said last is noted in n, which
// may be nil.
func (c *Client) call(ctx context.Context, what area, n *note, do func(context.Context) error) error {
	until, closed, alone := c.gate.enter(c.now(), c.timeout+c.patience)
	if closed {
		return throttled(until).cause()
	}
	if n == nil {
		n = &note{}
	}
	age := c.signIn.age()
	err := c.try(ctx, n, do)
	if n.status == http.StatusUnauthorized && c.signIn.renew(age) {
		err = c.try(ctx, n, do)
	}
	if alone && n.status != http.StatusTooManyRequests {
		c.gate.open()
	}
	c.charge(ctx, n.cost(what), 0)
	if err == nil {
		return nil
	}
	return c.explain(what, err, *n).cause()
}

func (c *Client) try(ctx context.Context, n *note, do func(context.Context) error) error {
	*n = note{}
	ctx, cancel := context.WithTimeout(withNote(ctx, n), c.timeout+c.patience)
	defer cancel()
	return do(ctx)
}
