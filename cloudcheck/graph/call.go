package graph

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// gate keeps the client from asking while Graph wants it to wait.
type gate struct {
	mu    sync.Mutex
	until time.Time
}

func (g *gate) closedUntil(now time.Time) (time.Time, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.until, g.until.After(now)
}

func (g *gate) close(until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until.After(g.until) {
		g.until = until
	}
}

// call makes one HTTP call through the SDK. do gets a context that ends with the call's time. A token that Graph does not
// take is renewed and the call tried once more. Every error is a *cause.Error; what was said last is noted in n, which
// may be nil.
func (c *Client) call(ctx context.Context, what area, n *note, do func(context.Context) error) error {
	if until, closed := c.gate.closedUntil(c.now()); closed {
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
	c.charge(ctx, n.cost(what), 0, n.share)
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
