package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/config"
)

func (a *app) runCommand() *cobra.Command {
	var asService bool
	c := &cobra.Command{Use: "run", Short: "Run the daemon until it is stopped", Example: "  aliasd run -c /etc/aliasd/aliasd.yaml",
		Long: "Run the daemon in the foreground. Ctrl-C or SIGTERM stop it cleanly: what has begun is finished, the rest waits in the store.",
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if !asService {
				return a.runDaemon(c.Context())
			}
			s, err := a.newService(c.Context())
			if err != nil {
				return err
			}
			return runUnderManager(s)
		}}
	// The program cannot always tell that a service manager started it, so it is told.
	c.Flags().BoolVar(&asService, "service", false, "run under the service manager of Windows")
	_ = c.Flags().MarkHidden("service")
	c.Flags().BoolVar(&a.tuning.paused, "paused", false, "begin with all writing stopped, on every node, until aliasd resume: after a restored database, say")
	c.Flags().BoolVar(&a.tuning.dryRun, "dry-run", false, "do everything but the write: say on each request what would be written; it waits until aliasd runs without this")
	return c
}

// runDaemon runs the daemon of the settings file until ctx ends.
func (a *app) runDaemon(ctx context.Context) error {
	s, err := a.settings()
	if err != nil {
		return err
	}
	d, err := openDaemon(ctx, s, newLogger(a.err, s.Log), a.tuning)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return errors.Join(d.Run(ctx), d.Close())
}

// newLogger makes the daemon's log.
func newLogger(w io.Writer, s config.Log) *slog.Logger {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	options := &slog.HandlerOptions{Level: levels[s.Level]}
	if s.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
