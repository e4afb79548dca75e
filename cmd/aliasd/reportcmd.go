package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/queue/store"
	"github.com/aliasd/aliasd/report"
)

func (a *app) reportCommand() *cobra.Command {
	since := span(24 * time.Hour)
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
			return a.withStoreThere(c.Context(), func(st *store.Store) error { return a.writeReport(c.Context(), st, time.Duration(since), dir) })
		}}
	c.Flags().Var(&since, "since", "how far back: 7d, 36h, 90m")
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
	files, err := made.Save(dir)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(reportJSON{HTML: files.HTML, CSV: files.CSV, JSON: files.JSON,
			Total: made.Total, Verified: made.Verified, Underway: made.Underway, NeedHuman: made.NeedHuman})
	}
	for _, file := range []string{files.HTML, files.CSV, files.JSON} {
		fmt.Fprintln(a.out, file)
	}
	return nil
}

// reportJSON is where a report was written, and its counts.
type reportJSON struct {
	HTML      string `json:"html"`
	CSV       string `json:"csv"`
	JSON      string `json:"json"`
	Total     int    `json:"total"`
	Verified  int    `json:"verified"`
	Underway  int    `json:"under_way"`
	NeedHuman int    `json:"need_human"`
}

// span is a flag for a length of time, in days (7d) or as Go writes it (36h).
type span time.Duration

// Set reads a length of time.
func (s *span) Set(text string) error {
	days, inDays := strings.CutSuffix(text, "d")
	if !inDays {
		d, err := time.ParseDuration(text)
		*s = span(d)
		return err
	}
	n, err := strconv.ParseUint(days, 10, 16)
	*s = span(time.Duration(n) * 24 * time.Hour)
	return err
}

// String writes it as Go does.
func (s *span) String() string { return time.Duration(*s).String() }

// Type names the kind of value in the help.
func (s *span) Type() string { return "duration" }
