package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// stepper moves one request that is there.
type stepper func(*client.Client, context.Context, queue.RequestID) (server.RequestJSON, error)

// chosen says which requests a command is for: those that are named, or all that are held and fit.
type chosen struct {
	allHeld     bool
	query       client.Query
	submittedBy string
}

func (s *chosen) flags(c *cobra.Command) {
	c.Flags().BoolVar(&s.allHeld, "all-held", false, "all that are held, instead of IDs")
	c.Flags().StringVar(&s.submittedBy, "submitted-by", "", "with --all-held: only those that came with the token of this name")
	c.Flags().StringVar(&s.query.Ticket, "ticket", "", "with --all-held: only this ticket's")
	c.Flags().StringVar(&s.query.Holder, "holder", "", "with --all-held: only this holder's, as it was named, or by objectGUID")
}

// check refuses a command line that names both, or neither.
func (s *chosen) check(c *cobra.Command, ids []string, w waiting) error {
	filtered := c.Flags().Changed("submitted-by") || c.Flags().Changed("ticket") || c.Flags().Changed("holder")
	switch {
	case s.allHeld && len(ids) > 0:
		return usage(c, errors.New("name IDs, or say --all-held, not both"))
	case !s.allHeld && len(ids) == 0:
		return usage(c, errors.New("name one ID or more, or say --all-held"))
	case filtered && !s.allHeld:
		return usage(c, errors.New("--submitted-by, --ticket and --holder are for --all-held"))
	case w.wait && (s.allHeld || len(ids) > 1):
		return usage(c, errors.New("--wait is for one ID"))
	}
	return w.check(c)
}

// heldCommand makes a command that moves requests, one or many.
func (a *app) heldCommand(verb, short, long string, step stepper) *cobra.Command {
	var which chosen
	var wait waiting
	c := &cobra.Command{Use: verb + " ID...", Short: short, Long: long, Args: args(cobra.ArbitraryArgs),
		Example: "  aliasd " + verb + " 0198c5a2-…\n  aliasd " + verb + " --all-held --submitted-by import",
		RunE: func(c *cobra.Command, ids []string) error {
			if err := which.check(c, ids, wait); err != nil {
				return err
			}
			if len(ids) == 1 {
				return a.withRequest(c, wait, func(ctx context.Context, remote *client.Client) (server.RequestJSON, error) {
					return step(remote, ctx, queue.RequestID(ids[0]))
				})
			}
			return a.moveAll(c.Context(), which, ids, step)
		}}
	which.flags(c)
	if verb != "cancel" {
		wait.flags(c)
	}
	return c
}

// movedJSON is what became of many requests.
type movedJSON struct {
	Items  []server.RequestJSON `json:"items"`
	Failed []notMovedJSON       `json:"failed"`
}

// notMovedJSON is a request that stayed as it was.
type notMovedJSON struct {
	ID    queue.RequestID `json:"id"`
	Error string          `json:"error"`
}

// moveAll moves requests in the order in which they were accepted. One that cannot be moved does not keep the others from it.
func (a *app) moveAll(ctx context.Context, which chosen, named []string, step stepper) error {
	remote, err := a.connect()
	if err != nil {
		return err
	}
	ids := make([]queue.RequestID, len(named))
	for i, id := range named {
		ids[i] = queue.RequestID(id)
	}
	if which.allHeld {
		if ids, err = which.find(ctx, remote); err != nil {
			return err
		}
	}
	done := movedJSON{Items: []server.RequestJSON{}, Failed: []notMovedJSON{}}
	for _, id := range ids {
		r, err := step(remote, ctx, id)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			done.Failed = append(done.Failed, notMovedJSON{ID: id, Error: err.Error()})
			continue
		}
		done.Items = append(done.Items, r)
	}
	return a.printMoved(done)
}

// find lists what is held and fits, oldest first. The list is read to its end before anything is moved.
func (s *chosen) find(ctx context.Context, remote *client.Client) ([]queue.RequestID, error) {
	q := s.query
	q.State, q.Limit = queue.Held, 500
	var ids []queue.RequestID
	for {
		page, err := remote.List(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Items {
			if s.submittedBy == "" || r.SubmittedBy == s.submittedBy {
				ids = append(ids, r.ID)
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			slices.Reverse(ids)
			return ids, nil
		}
	}
}

func (a *app) printMoved(done movedJSON) error {
	if a.json {
		if err := a.printJSON(done); err != nil {
			return err
		}
	} else {
		a.tellMoved(done)
	}
	if len(done.Failed) > 0 {
		return &silentError{code: exitError}
	}
	return nil
}

func (a *app) tellMoved(done movedJSON) {
	for _, r := range done.Items {
		printRow(a.out, "", r)
	}
	for _, f := range done.Failed {
		say(a.err, "", fmt.Sprintf("%s stays as it is: %s", f.ID, f.Error))
	}
	if len(done.Items)+len(done.Failed) == 0 {
		fmt.Fprintln(a.out, "no request is held")
	}
}
