package main

import (
	"fmt"
	"io"
	"slices"

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
