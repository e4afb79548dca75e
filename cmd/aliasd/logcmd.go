package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/publish"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
	"github.com/aliasd/aliasd/queue/store"
)

func (a *app) logCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "log", Short: "Verify, export and shorten the event log",
		Long: `The event log has an entry for every step of every request, each hashed with the one before it. These commands work on the store
in the data folder, with or without a running daemon.`,
		Example: "  aliasd log verify\n  aliasd log export > aliasd-log.jsonl"})
	c.AddCommand(a.logVerifyCommand(), a.logExportCommand(), a.logPruneCommand())
	return c
}

// verifying are the flags of log verify.
type verifying struct {
	head, export, file string
	quiet              bool
}

func (a *app) logVerifyCommand() *cobra.Command {
	var o verifying
	c := &cobra.Command{Use: "verify", Short: "Verify the event log; name the first broken link",
		Example: "  aliasd log verify\n  aliasd log verify --head 4711:9f2c…\n  aliasd log verify --file aliasd-log.jsonl",
		Long: `Walks the whole event log, and names the first entry that is changed, missing or moved. Then it compares every request, token and other
row that aliasd acts on with what its entries say, and the schema with the one that aliasd makes, and names what was changed by hand.

That the newest entries were cut off, a chain alone does not show. The requests do, unless they were cut off too. So keep the head that
this command prints, or an export, on another machine: --head and --from-export look whether the log still has all that it had then.
The daemon writes the head into its own log every night.

Exit codes: 0 everything holds, 1 something does not, or it could not be read.`,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return a.logVerify(c, o) }}
	c.Flags().StringVar(&o.head, "head", "", "ID:HASH, a head of this log from before, which it must have still")
	c.Flags().StringVar(&o.export, "from-export", "", "an export of this log from before, whose end it must have still")
	c.Flags().StringVar(&o.file, "file", "", "verify this export instead of the store; needs no settings")
	c.Flags().BoolVar(&o.quiet, "quiet", false, "tell no progress")
	return c
}

func (a *app) logVerify(c *cobra.Command, o verifying) error {
	if o.head != "" && o.export != "" {
		return usage(c, errors.New("--head and --from-export say the same; give one of them"))
	}
	var check eventlog.Check
	if o.head != "" {
		head, err := eventlog.ParseAnchor(o.head)
		if err != nil {
			return usage(c, fmt.Errorf("--head: %w", err))
		}
		check.Expected = &head
	}
	if o.export != "" {
		head, err := headOfExport(o.export)
		if err != nil {
			return fmt.Errorf("--from-export: %w", err)
		}
		check.Expected = &head
	}
	if o.file != "" {
		return a.verifyFile(o.file, check)
	}
	shown := a.newProgress(o.quiet)
	check.Progress = func(done, of int64) { shown.show(verified(done, of)) }
	return a.withStoreThere(c.Context(), func(s *store.Store) error {
		found, err := s.Verify(c.Context(), check)
		shown.end()
		if err != nil {
			return err
		}
		shows := logVerifiedJSON{OK: found.OK(), Result: found}
		if !shows.OK {
			shows.Code = cause.StoreAltered
		}
		return a.printVerified(shows, "The event log", check.Expected)
	})
}

// headOfExport verifies an export by itself and gives its last entry.
func headOfExport(path string) (eventlog.Anchor, error) {
	found, err := verifyExport(path, eventlog.Check{})
	if err != nil {
		return eventlog.Anchor{}, err
	}
	if why := found.Err(); why != nil {
		return eventlog.Anchor{}, fmt.Errorf("%s does not hold itself: %w", path, why)
	}
	if found.Head.ID == 0 {
		return eventlog.Anchor{}, fmt.Errorf("%s has no entry", path)
	}
	return found.Head, nil
}

func verifyExport(path string, check eventlog.Check) (eventlog.FileResult, error) {
	f, err := os.Open(path)
	if err != nil {
		return eventlog.FileResult{}, err
	}
	defer f.Close()
	found, err := eventlog.VerifyFile(f, check)
	if err != nil {
		return found, fmt.Errorf("%s: %w", path, err)
	}
	return found, nil
}

func (a *app) verifyFile(path string, check eventlog.Check) error {
	found, err := verifyExport(path, check)
	if err != nil {
		return err
	}
	return a.printVerified(logVerifiedJSON{OK: found.OK(), Result: found.Result, Summary: found.Summary}, "The export", check.Expected)
}

func (a *app) logExportCommand() *cobra.Command {
	var since, until moment
	var request string
	c := &cobra.Command{Use: "export", Short: "Write the event log as JSON lines",
		Example: "  aliasd log export > aliasd-log.jsonl\n  aliasd log export --since 2026-11-01 --until 2026-12-01 > november.jsonl",
		Long: `Writes the event log to the output, an entry on a line, with its hash and that of the entry before it, and a summary as the last line.
Each entry stands there byte for byte as it was hashed: aliasd log verify --file FILE verifies the file anywhere.

--since and --until cut a part out that is a chain itself: from the first entry of that time to the last one.`,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			of := store.Selection{Since: since.at(a.now()), Until: until.at(a.now()), Request: queue.RequestID(request)}
			if request != "" && (since != "" || until != "") {
				return usage(c, errors.New("--request takes all entries of a request; leave --since and --until out"))
			}
			return a.withStoreThere(c.Context(), func(s *store.Store) error {
				_, err := s.Export(c.Context(), a.out, of)
				return err
			})
		}}
	c.Flags().Var(&since, "since", "only from this time on: 2026-11-01, 2026-11-01T12:00:00Z, or 7d for seven days ago")
	c.Flags().Var(&until, "until", "only before this time")
	c.Flags().StringVar(&request, "request", "", "only this request's entries")
	return c
}

func (a *app) logPruneCommand() *cobra.Command {
	var before moment
	var export string
	c := &cobra.Command{Use: "prune --before DATE --export FILE", Short: "Remove old requests with their entries, after an export",
		Example: "  aliasd log prune --before 2025-01-01 --export aliasd-log-2025.jsonl",
		Long: `Removes requests that ended before a day, at least 30 days ago, with all their entries, as retention.days of the settings does every
night. Before that it verifies the log, and writes all of it to a new file. What stays can be verified still; open requests stay, and of
each holder the last one that wrote to it.`,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			now := a.now()
			switch at := before.at(now); {
			case before == "" || export == "":
				return usage(c, errors.New("--before and --export are needed"))
			case at.After(now.AddDate(0, 0, -config.LeastRetention)):
				return usage(c, fmt.Errorf("--before: what ended in the last %d days stays", config.LeastRetention))
			}
			return a.withStoreThere(c.Context(), func(s *store.Store) error { return a.logPrune(c.Context(), s, before.at(now), export) })
		}}
	c.Flags().Var(&before, "before", "remove what ended before this day: 2025-01-01, or 400d for so many days ago")
	c.Flags().StringVar(&export, "export", "", "a new file for the whole log as it was before")
	return c
}

func (a *app) logPrune(ctx context.Context, s *store.Store, before time.Time, file string) error {
	found, err := s.Verify(ctx, eventlog.Check{})
	if err == nil && !found.OK() {
		err = fmt.Errorf("nothing is removed from a log that does not hold: %w", found.Err())
	}
	if err != nil {
		return err
	}
	if err := exportTo(ctx, s, file); err != nil {
		return err
	}
	done, err := s.Prune(ctx, store.Pruning{Before: before, By: "log prune", Now: a.now()})
	if err != nil {
		return err
	}
	head, err := s.Head(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(prunedJSON{Pruned: done, Export: file, Head: head})
	}
	say(a.out, "", fmt.Sprintf("%d requests are removed, with %d entries of the event log; all of it as it was stands in %s", done.Requests, done.Entries, file))
	sayf(a.out, "  head  %s", head)
	return nil
}

// prunedJSON is what log prune prints.
type prunedJSON struct {
	store.Pruned
	Export string          `json:"export"`
	Head   eventlog.Anchor `json:"head"`
}

// exportTo writes the whole log to a new file, closed to others, and verifies the file.
func exportTo(ctx context.Context, s *store.Store, path string) (err error) {
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	draft, err := publish.Create(path)
	if err != nil {
		return fmt.Errorf("--export: %w", err)
	}
	defer func() { err = errors.Join(err, draft.Discard()) }()
	if _, err := s.Export(ctx, draft, store.Selection{}); err != nil {
		return fmt.Errorf("--export: %w", err)
	}
	found, err := verifyExport(draft.Name(), eventlog.Check{})
	if err == nil {
		err = found.Err()
	}
	if err != nil {
		return fmt.Errorf("--export: %w", err)
	}
	return publish.All(draft)
}
