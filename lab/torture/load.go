//go:build !windows

package torture

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// again is how soon a caller who got no answer asks again.
const again = 25 * time.Millisecond

// answered is what the daemon said to an ask in the end.
type answered struct {
	ask ask
	// ticket is in the request, so that it is found even where its id was never told.
	ticket string
	// request is what it was answered with; problem says no. Neither is set where nobody answered to the end.
	request server.RequestJSON
	problem *client.Problem
	at      time.Time
	calls   int // how often it was sent
}

// callers are those who ask: each keeps at it until there is an answer, with the same idempotency key, as a helpdesk's
// program does.
type callers struct {
	script script
	ledger *ledger
	// client gives a client for the daemon of a call; with several, another one each time.
	client func(ctx context.Context, n int) (*client.Client, error)

	answers []*answered
	known   []chan struct{} // closed when there is an answer to ask i
}

func newCallers(s script, l *ledger, of func(context.Context, int) (*client.Client, error)) *callers {
	c := &callers{script: s, ledger: l, client: of}
	for i, a := range s.asks {
		c.answers = append(c.answers, &answered{ask: a, ticket: fmt.Sprintf("T%d-%s", i, s.tag)})
		c.known = append(c.known, make(chan struct{}))
	}
	return c
}

// run asks everything at its time and returns when all is answered, or ctx ends.
func (c *callers) run(ctx context.Context, began time.Time) error {
	failed := make([]error, len(c.answers))
	var all sync.WaitGroup
	for i, a := range c.answers {
		all.Go(func() {
			defer close(c.known[i])
			select {
			case <-time.After(time.Until(began.Add(a.ask.at))):
				failed[i] = c.insist(ctx, i)
			case <-ctx.Done():
			}
		})
	}
	all.Wait()
	return errors.Join(failed...)
}

// insist asks until somebody answers.
func (c *callers) insist(ctx context.Context, i int) error {
	a := c.answers[i]
	if a.ask.verb == undo || a.ask.verb == cancel || a.ask.verb == recheck {
		select {
		case <-c.known[a.ask.of]:
		case <-ctx.Done():
			return nil
		}
		if c.answers[a.ask.of].request.ID == "" {
			return nil // what it is about was never taken in
		}
	}
	for n := i; ; n++ {
		r, err := c.once(ctx, n, a)
		a.calls++
		var problem *client.Problem
		switch {
		case err == nil:
			a.request, a.at = r, time.Now()
			return nil
		case errors.As(err, &problem) && problem.Status < 500 && problem.Status != http.StatusTooManyRequests:
			a.problem, a.at = problem, time.Now()
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(again):
		}
	}
}

// once asks once, or two times at the same time: the second caller is one who has lost patience.
func (c *callers) once(ctx context.Context, n int, a *answered) (server.RequestJSON, error) {
	if !a.ask.twice || a.calls > 0 {
		return c.call(ctx, n, a)
	}
	type outcome struct {
		r   server.RequestJSON
		err error
	}
	second := make(chan outcome, 1)
	go func() {
		r, err := c.call(ctx, n+1, a)
		second <- outcome{r, err}
	}()
	r, err := c.call(ctx, n, a)
	other := <-second
	if err == nil && other.err == nil && a.ask.keyed && r.ID != other.r.ID {
		return r, fmt.Errorf("one key gave two requests, %s and %s", r.ID, other.r.ID)
	}
	return r, err
}

func (c *callers) call(ctx context.Context, n int, a *answered) (server.RequestJSON, error) {
	remote, err := c.client(ctx, n)
	if err != nil {
		return server.RequestJSON{}, err
	}
	key := ""
	if a.ask.keyed {
		key = a.ticket
	}
	switch a.ask.verb {
	case undo:
		return remote.Undo(ctx, c.about(a), server.UndoJSON{Ticket: a.ticket}, key)
	case cancel:
		return remote.Cancel(ctx, c.about(a))
	case recheck:
		return remote.Recheck(ctx, c.about(a))
	}
	return remote.Submit(ctx, c.submission(a), key)
}

func (c *callers) about(a *answered) queue.RequestID { return c.answers[a.ask.of].request.ID }

func (c *callers) submission(a *answered) server.SubmissionJSON {
	actions := map[verb]address.Action{add: address.AddAlias, remove: address.RemoveAlias, primary: address.SetPrimary}
	return server.SubmissionJSON{Holder: c.identity(a.ask), Action: actions[a.ask.verb], Address: string(a.ask.address), Ticket: a.ticket,
		Allow: []address.Allowance{address.AllowMailEnable}}
}

// identity names the holder; what it does not have is not what it is called by.
func (c *callers) identity(a ask) string {
	h := c.ledger.holders[a.holder]
	o := h.object
	known := map[naming]string{byUPN: o.UPN, byAccount: o.Account, byMail: o.Mail, byGUID: h.guid.String(), byName: o.Name, byNothing: "nobody." + c.script.tag}
	if known[a.naming] == "" {
		return h.guid.String()
	}
	return known[a.naming]
}
