package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

func (a *app) showCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{Use: "show ID", Short: "Tell a request's story, before and after", Example: "  aliasd show 0198c5a2-…",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, given []string) error {
			remote, err := a.connect()
			if err != nil {
				return err
			}
			get := remote.Get
			if all {
				get = remote.GetWhole
			}
			r, err := get(c.Context(), queue.RequestID(given[0]))
			if err != nil {
				return err
			}
			return a.printRequest(r)
		}}
	c.Flags().BoolVar(&all, "all-events", false, "show all events; without it the newest 100")
	return c
}

func (a *app) listCommand() *cobra.Command {
	var q client.Query
	c := &cobra.Command{Use: "list", Short: "List requests, newest first", Example: "  aliasd list --state mismatched", Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if q.Limit < 1 || q.Limit > 500 {
				return usage(c, fmt.Errorf("--limit %d is not 1 to 500", q.Limit))
			}
			remote, err := a.connect()
			if err != nil {
				return err
			}
			page, err := remote.List(c.Context(), q)
			if err != nil {
				return err
			}
			return a.printPage(page)
		}}
	c.Flags().StringVar((*string)(&q.State), "state", "", "only these: accepted, queued, held, writing, written, verified, mismatched, …")
	c.Flags().StringVar(&q.Holder, "holder", "", "only this holder's, as it was named, or by objectGUID")
	c.Flags().StringVar(&q.Ticket, "ticket", "", "only this ticket's")
	c.Flags().IntVar(&q.Limit, "limit", 50, "how many, 1 to 500")
	c.Flags().StringVar(&q.Cursor, "cursor", "", "where to go on, as printed below a page")
	return c
}

func (a *app) printPage(page server.PageJSON) error {
	if a.json {
		return a.printJSON(page)
	}
	if len(page.Items) == 0 {
		fmt.Fprintln(a.out, "no requests")
	}
	for _, r := range page.Items {
		printRow(a.out, "", r)
	}
	if slices.ContainsFunc(page.Items, func(r server.RequestJSON) bool { return r.State == queue.Held }) {
		fmt.Fprintln(a.out, "\nheld: aliasd show ID says why; aliasd release ID lets it go, aliasd cancel ID ends it")
	}
	if page.NextCursor != "" {
		fmt.Fprintf(a.out, "\nThere is more: --cursor %s\n", page.NextCursor)
	}
	return nil
}

// printRow prints a request in a list: where it is, and what it asks for.
func printRow(w io.Writer, indent string, r server.RequestJSON) {
	line := fmt.Sprintf("%s%s  %s", indent, r.ID, r.State)
	if r.Cause != nil {
		line += fmt.Sprintf(" (%s)", r.Cause.Code)
	}
	sayf(w, "%s", line)
	say(w, indent+"    ", asked(r))
}

func (a *app) pauseCommand() *cobra.Command {
	var patience time.Duration
	c := &cobra.Command{Use: "pause", Short: "Stop all writing, on every node", Example: "  aliasd pause", Args: args(cobra.NoArgs),
		Long: "Stop all writing, on every node, at once: nothing new is begun. Then wait until what had begun has its answer from the directory.\n" +
			"Exit code 5 says that writing is stopped, and that something that had begun has no answer yet.",
		RunE: func(c *cobra.Command, _ []string) error {
			if patience < 0 {
				return usage(c, errors.New("--timeout must not be less than 0"))
			}
			remote, err := a.connect()
			if err != nil {
				return err
			}
			state, err := pauseAndWait(c.Context(), remote, patience)
			if err != nil {
				return err
			}
			return a.printSwitch(state)
		}}
	c.Flags().DurationVar(&patience, "timeout", 30*time.Second, "how long to wait for what had begun; 0: not at all")
	return c
}

// pauseAndWait stops all writing, and asks again until nothing is on its way to the directory any more, or the time is over.
func pauseAndWait(ctx context.Context, remote *client.Client, patience time.Duration) (server.PauseJSON, error) {
	state, err := remote.Pause(ctx)
	if err != nil || patience == 0 {
		return state, err
	}
	over := time.NewTimer(patience)
	defer over.Stop()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for state.BeingWritten > 0 {
		select {
		case <-ctx.Done():
			return state, ctx.Err()
		case <-over.C:
			return state, nil
		case <-again.C:
			if state, err = remote.Pause(ctx); err != nil {
				return state, err
			}
		}
	}
	return state, nil
}

func (a *app) resumeCommand() *cobra.Command {
	return &cobra.Command{Use: "resume", Short: "Start writing again", Example: "  aliasd resume", Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			remote, err := a.connect()
			if err != nil {
				return err
			}
			state, err := remote.Resume(c.Context())
			if err != nil {
				return err
			}
			return a.printSwitch(state)
		}}
}

// printSwitch says how the stop switch stands; what is still on its way to the directory is not done with.
func (a *app) printSwitch(state server.PauseJSON) error {
	onItsWay := state.Paused && state.BeingWritten > 0
	switch {
	case a.json:
		if err := a.printJSON(state); err != nil {
			return err
		}
	case onItsWay:
		fmt.Fprintln(a.out, "writing is stopped; requests are still taken in and wait")
		say(a.out, "", fmt.Sprintf("%d begun before it and without an answer from the directory yet: aliasd list --state writing shows them", state.BeingWritten))
	case state.Paused:
		fmt.Fprintln(a.out, "writing is stopped; requests are still taken in and wait")
	default:
		fmt.Fprintln(a.out, "writing goes on")
	}
	if onItsWay {
		return &silentError{code: exitTimedOut}
	}
	return nil
}
