package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/queue/store"
	"github.com/aliasd/aliasd/report"
)

func (a *app) reportCommand() *cobra.Command {
	var since time.Duration
	var dir string
	c := &cobra.Command{Use: "report", Short: "Write a verification report into the report folder", Example: "  aliasd report --since 24h",
		Long: `Write what became of the requests: each with its result and cause, counts, the slowest, and what needs a human, as HTML, CSV and
JSON. It reads the store in the data folder, with or without a running daemon.`,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if since <= 0 {
				return usage(c, errors.New("--since must be more than 0"))
			}
			s, err := a.settings()
			if err != nil {
				return err
			}
			if dir == "" {
				dir = s.Report.Dir
			}
			return a.withStore(c.Context(), func(st *store.Store) error { return a.writeReport(c.Context(), st, since, dir) })
		}}
	c.Flags().DurationVar(&since, "since", 24*time.Hour, "how far back")
	c.Flags().StringVar(&dir, "dir", "", "where to, instead of report.dir of the settings")
	return c
}

func (a *app) writeReport(ctx context.Context, s *store.Store, since time.Duration, dir string) error {
	until := a.now()
	from := until.Add(-since)
	requests, err := requestsSince(ctx, s, from)
	if err != nil {
		return err
	}
	made := report.Build(requests, from, until)
	if a.json {
		return made.WriteJSON(a.out)
	}
	files, err := made.Save(dir)
	if err != nil {
		return err
	}
	for _, file := range []string{files.HTML, files.CSV, files.JSON} {
		fmt.Fprintln(a.out, file)
	}
	return nil
}
