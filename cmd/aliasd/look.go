package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{Use: "show ID", Short: "Tell a request's whole story, before and after", Example: "  aliasd show 0198c5a2-…",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, given []string) error {
			remote, err := a.connect()
			if err != nil {
				return err
			}
			r, err := remote.Get(c.Context(), queue.RequestID(given[0]))
			if err != nil {
				return err
			}
			return a.printRequest(r)
		}}
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
	return a.switchCommand("pause", "Stop all writing, on every node", (*client.Client).Pause)
}

func (a *app) resumeCommand() *cobra.Command {
	return a.switchCommand("resume", "Start writing again", (*client.Client).Resume)
}

func (a *app) switchCommand(verb, short string, turn func(*client.Client, context.Context) (server.PauseJSON, error)) *cobra.Command {
	return &cobra.Command{Use: verb, Short: short, Example: "  aliasd " + verb, Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			remote, err := a.connect()
			if err != nil {
				return err
			}
			state, err := turn(remote, c.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(state)
			}
			if state.Paused {
				fmt.Fprintln(a.out, "writing is stopped; requests are still taken in and wait")
			} else {
				fmt.Fprintln(a.out, "writing goes on")
			}
			return nil
		}}
}
