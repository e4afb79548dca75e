package main

import (
	"context"
	"fmt"
	"text/tabwriter"

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
	table := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tSTATE\tCAUSE\tWHAT")
	for _, r := range page.Items {
		code := "–"
		if r.Cause != nil {
			code = string(r.Cause.Code)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", r.ID, r.State, code, asked(r))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if page.NextCursor != "" {
		fmt.Fprintf(a.out, "\nThere is more: --cursor %s\n", page.NextCursor)
	}
	return nil
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
