package client

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// pace is how often Wait looks: soon after a change, since the next often follows at once, then less and less often.
type pace struct {
	first, last time.Duration
	sleep       func(context.Context, time.Duration) error
}

func defaultPace() pace {
	return pace{first: 200 * time.Millisecond, last: 5 * time.Second, sleep: sleep}
}

// sleep waits, or gives the context's error when that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// next is the pause after one of d.
func (p pace) next(d time.Duration) time.Duration { return min(d*3/2, p.last) }

// Watch is who is told while Wait waits; each may be nil.
type Watch struct {
	// Changed is told of the first look and of each change of state or cause.
	Changed func(server.RequestJSON)
	// Away is told once per outage that the server does not answer, or is not able to; Wait tries again.
	Away func(error)
}

// Wait looks at a request until it is final or mismatched, and returns it. Nothing but ctx bounds the wait: when that ends
// first, the error wraps its error, and the request is as it was seen last. A server that is away meanwhile is waited for,
// once it has answered.
func (c *Client) Wait(ctx context.Context, id queue.RequestID, watch Watch) (server.RequestJSON, error) {
	var last server.RequestJSON
	away := false
	pause := c.pace.first
	for {
		seen, err := c.Get(ctx, id)
		switch {
		case err == nil && changed(last, seen):
			pause = c.pace.first
			tell(watch.Changed, seen)
		case err != nil && ctx.Err() != nil:
			return last, waited(id, ctx.Err())
		case err != nil && (last.ID == "" || !Passing(err)):
			return last, err
		case err != nil && !away:
			tell(watch.Away, err)
		}
		if away = err != nil; !away {
			last = seen
		}
		if ended(last.State) {
			return last, nil
		}
		if err := c.pace.sleep(ctx, pause); err != nil {
			return last, waited(id, err)
		}
		pause = c.pace.next(pause)
	}
}

func tell[T any](to func(T), what T) {
	if to != nil {
		to(what)
	}
}

func waited(id queue.RequestID, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("request %s has not ended in time: %w", id, err)
	}
	return fmt.Errorf("wait for request %s: %w", id, err)
}

// changed says whether there is something new to tell.
func changed(last, seen server.RequestJSON) bool {
	return last.ID == "" || last.State != seen.State || !reflect.DeepEqual(last.Cause, seen.Cause)
}

// ended says whether waiting on is pointless: a mismatched request may still be verified, but not before somebody acts.
func ended(s queue.State) bool { return s == queue.Mismatched || s.Final() }
