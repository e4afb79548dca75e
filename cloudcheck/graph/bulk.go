package graph

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	abstractions "github.com/microsoft/kiota-abstractions-go"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// bulkPatience is how many times the patience of one call a page of a bulk reading may wait: nobody waits for an answer,
// and to begin anew would cost Graph more.
const bulkPatience = 15

// pageOrError is what a reader hands over.
type pageOrError struct {
	objects []cloudcheck.Object
	err     error
}

// EachObject gives every user, group and contact that lives, a page of at most 999 at a time. The three are read at the same
// time, each at most a page ahead of take, which is called from one goroutine. An error of take ends it and is returned
// as it is. A page that is throttled or broken is asked for again for a while.
func (c *Client) EachObject(ctx context.Context, take func([]cloudcheck.Object) error) error {
	reading, stop := context.WithCancel(ctx)
	pages := make(chan pageOrError)
	var readers sync.WaitGroup
	for _, kind := range holderKinds() {
		readers.Go(func() { c.readPages(reading, collectionOf(kind), pages) })
	}
	go func() {
		readers.Wait()
		close(pages)
	}()
	defer func() {
		stop()
		for range pages { // until the last reader has ended
		}
	}()
	for p := range pages {
		if p.err != nil {
			return p.err
		}
		if err := take(p.objects); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return c.explain(usersArea(), context.Cause(ctx), note{}).cause()
	}
	return nil
}

// readPages hands the pages of a collection over, the next one read while the last is worked on.
func (c *Client) readPages(ctx context.Context, of collection, pages chan<- pageOrError) {
	first := c.question(of, query{fields: shown(of.kind), top: bigPage})
	at, p := first.url, pageOrError{err: first.err}
	var passed trail
	for more := true; more; {
		if p.err == nil {
			p.objects, at, p.err = c.readOne(ctx, of, at, &passed)
		}
		more = p.err == nil && at != ""
		if p.err == nil && len(p.objects) == 0 {
			continue
		}
		select {
		case pages <- p:
		case <-ctx.Done():
			return
		}
	}
}

// readOne reads the page at an address and gives the address of the next one, "" after the last. It tries again what may
// pass: Graph's throttling for as long as it asks, and a broken answer after a short wait.
func (c *Client) readOne(ctx context.Context, of collection, at string, passed *trail) ([]cloudcheck.Object, string, error) {
	until := time.Now().Add(bulkPatience * c.patience)
	for tries := 0; ; tries++ {
		objects, next, err := c.getPage(ctx, of, at, passed)
		if err == nil {
			return objects, next, nil
		}
		wait, again := c.tryAgain(failureOf(err), tries)
		if !again || time.Now().Add(wait).After(until) || !timeFor(ctx, wait) {
			return nil, "", err
		}
		if !sleep(ctx, wait) {
			return nil, "", c.explain(of.area, context.Cause(ctx), note{}).cause()
		}
	}
}

// tryAgain says whether a page may come with the next try, and how long to wait for it. What the SDK has tried again
// itself, and what Graph refuses, would not.
func (c *Client) tryAgain(f *failure, tries int) (time.Duration, bool) {
	if f.code == cause.Throttled {
		until, closed := c.gate.closedUntil(c.now())
		if !closed {
			return 0, true
		}
		return until.Sub(c.now()), true
	}
	switch f.status {
	case 0, http.StatusOK, http.StatusInternalServerError, http.StatusBadGateway:
		return waitFor("", tries, c.now()), tries < maxTries
	}
	return 0, false
}

// sleep waits, and says whether it could to the end.
func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// getPage makes one HTTP call for a page.
func (c *Client) getPage(ctx context.Context, of collection, at string, passed *trail) ([]cloudcheck.Object, string, error) {
	target, err := url.Parse(c.adapter.GetBaseUrl() + at)
	if err != nil {
		return nil, "", unreadable(of.area, err).cause()
	}
	var body []byte
	err = c.call(ctx, of.area, nil, func(ctx context.Context) (err error) {
		info := abstractions.NewRequestInformation()
		info.Method = abstractions.GET
		info.SetUri(*target)
		body, err = c.send(ctx, info)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	p, objects, err := readPage(body, of)
	if err != nil {
		f := unreadable(of.area, err)
		f.status = http.StatusOK
		return nil, "", f.cause()
	}
	if p.NextLink == "" {
		return objects, "", nil
	}
	next, err := passed.turn(at, p.NextLink)
	if err != nil {
		return nil, "", unreadable(of.area, err).cause()
	}
	return objects, next, nil
}
