package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/aliasd/aliasd/address"
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
// time, each at most two pages ahead of take, which is called from one goroutine. An error of take ends it and is returned
// as it is. A page that is throttled or broken is asked for again for a while.
func (c *Client) EachObject(ctx context.Context, take func([]cloudcheck.Object) error) error {
	reading, stop := context.WithCancel(ctx)
	pages := make(chan pageOrError)
	var readers sync.WaitGroup
	for _, kind := range []address.Kind{address.User, address.Group, address.Contact} {
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

// rawPage is a page as it came. It is parsed already where its link could not be seen otherwise.
type rawPage struct {
	at, link string
	body     []byte
	parsed   bool
	pageOrError
}

// readPages hands the pages of a collection over: one is fetched while another is parsed and a third is worked on.
func (c *Client) readPages(ctx context.Context, of collection, pages chan<- pageOrError) {
	raws := make(chan rawPage)
	go func() {
		defer close(raws)
		c.fetchPages(ctx, of, raws)
	}()
	for raw := range raws {
		p := c.parse(ctx, of, raw)
		if p.err == nil && len(p.objects) == 0 {
			continue
		}
		select {
		case pages <- p:
		case <-ctx.Done(): // what is still fetched is dropped
		}
	}
}

// fetchPages follows the links of a collection, on our own server, until the last page or an error.
func (c *Client) fetchPages(ctx context.Context, of collection, raws chan<- rawPage) {
	first := c.question(of, query{fields: shown(of.kind), top: bigPage})
	raw, passed := rawPage{link: first.url, pageOrError: pageOrError{err: first.err}}, trail(nil)
	for more := true; more; {
		if raw.err == nil {
			raw = c.fetch(ctx, of, raw.link, &passed)
		}
		more = raw.err == nil && raw.link != ""
		select {
		case raws <- raw:
		case <-ctx.Done():
			return
		}
	}
}

// fetch gets one page and sees where it leads to.
func (c *Client) fetch(ctx context.Context, of collection, at string, passed *trail) rawPage {
	raw, link := rawPage{at: at}, ""
	raw.err = c.persist(ctx, of, func() (err error) {
		if raw.body, err = c.getPage(ctx, of, at); err != nil {
			return err
		}
		if link = linkOf(raw.body); link == "" {
			raw.objects, link, err = parseBulk(of, raw.body)
			raw.parsed = true
		}
		return err
	})
	if raw.err != nil || link == "" {
		return raw
	}
	var err error
	if raw.link, err = passed.follow(at, link); err != nil {
		raw.err = unreadable(of.area, err).cause()
	}
	return raw
}

// parse makes objects of a page. One that is broken behind its link is fetched again.
func (c *Client) parse(ctx context.Context, of collection, raw rawPage) pageOrError {
	if raw.err != nil || raw.parsed {
		return raw.pageOrError
	}
	var p pageOrError
	if p.objects, _, p.err = parseBulk(of, raw.body); p.err == nil {
		return p
	}
	p.err = c.persist(ctx, of, func() error {
		body, err := c.getPage(ctx, of, raw.at)
		if err == nil {
			p.objects, _, err = parseBulk(of, body)
		}
		return err
	})
	return p
}

// linkOf sees the link to the next page without parsing the page; "" where it does not. Inside a string the quotes would
// be escaped, and no property that is selected has pages of its own.
func linkOf(body []byte) (link string) {
	const key = `"@odata.nextLink":`
	at := bytes.Index(body, []byte(key))
	if at < 0 || json.NewDecoder(bytes.NewReader(body[at+len(key):])).Decode(&link) != nil {
		return ""
	}
	return link
}

func parseBulk(of collection, body []byte) ([]cloudcheck.Object, string, error) {
	objects, link, err := readObjects(body, of)
	if err != nil {
		f := unreadable(of.area, err)
		f.status = http.StatusOK
		return nil, "", f.cause()
	}
	return objects, link, nil
}

// persist does again what may pass: Graph's throttling for as long as it asks, and a broken answer after a short wait.
func (c *Client) persist(ctx context.Context, of collection, do func() error) error {
	until := time.Now().Add(bulkPatience * c.patience)
	for tries := 0; ; tries++ {
		err := do()
		if err == nil {
			return nil
		}
		wait, again := c.tryAgain(failureOf(err), tries)
		if !again || time.Now().Add(wait).After(until) || !timeFor(ctx, wait) {
			return err
		}
		if !sleep(ctx, wait) {
			return c.explain(of.area, context.Cause(ctx), note{}).cause()
		}
	}
}

// tryAgain says whether a page may come with the next try, and how long to wait for it: as long as Graph asks, and each time
// longer, for a Retry-After of nothing would have us ask without a pause. What Graph refuses would not come.
func (c *Client) tryAgain(f *failure, tries int) (time.Duration, bool) {
	longer := waitFor("", tries, c.now())
	if f.code == cause.Throttled {
		until, _ := c.gate.closedUntil(c.now())
		return max(until.Sub(c.now()), longer), true
	}
	switch f.status {
	case http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return max(waitFor(f.retryAfter, tries, c.now()), longer), true
	case 0, http.StatusOK, http.StatusInternalServerError, http.StatusBadGateway:
		return longer, tries < maxTries
	}
	return 0, false
}

// getPage makes one HTTP call for a page.
func (c *Client) getPage(ctx context.Context, of collection, at string) (body []byte, err error) {
	err = c.get(ctx, of.area, at, nil, func(answer []byte) error {
		body = answer
		return nil
	})
	return body, err
}
