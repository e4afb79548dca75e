package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck/audit"
	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/report"
)

// auditOptions are the flags of the audit.
type auditOptions struct {
	dir   string
	quiet bool
}

func (a *app) auditCommand() *cobra.Command {
	var o auditOptions
	c := &cobra.Command{Use: "audit", Short: "Compare every holder with the tenant; write what is wrong",
		Example: "  aliasd audit\n  aliasd audit --dir ./audit --json",
		Long: `Compares every holder below directory.base_dn with the tenant: what the cloud should show against what it shows, addresses that two
objects have, values that will not arrive, holders that are missing. It reads both sides, with or without a running daemon, and
changes neither. What it finds is written as HTML, CSV and JSON lines.

Ctrl-C stops the audit; the files then say what it covered. Exit codes: 0 all in order, 4 something is wrong, 1 it could not finish.`,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return a.audit(c.Context(), o) }}
	c.Flags().StringVar(&o.dir, "dir", "", "where the files go, instead of report.dir of the settings")
	c.Flags().BoolVar(&o.quiet, "quiet", false, "tell no progress")
	c.Flags().Bool("full", false, "no effect: each audit reads the whole tenant")
	_ = c.Flags().MarkHidden("full") // it fails for a flag that is not there
	return c
}

func (a *app) audit(ctx context.Context, o auditOptions) (err error) {
	s, err := a.settings()
	if err != nil {
		return err
	}
	shown := &watched{app: a, progress: a.newProgress(o.quiet)}
	job, err := a.openAuditing(s, slog.New(notices{tell: shown.notice}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, job.directory.Close()) }()
	if job.dir, err = filepath.Abs(o.dir); o.dir == "" || err != nil {
		job.dir = s.Report.Dir
	}
	job.progress = shown.show
	made, err := job.run(ctx)
	shown.end()
	if err != nil {
		return err
	}
	return a.printAudit(made, ctx.Err())
}

// openAuditing makes an audit of the settings.
func (a *app) openAuditing(s *config.Settings, log *slog.Logger) (auditing, error) {
	if err := checkSecrets(s); err != nil {
		return auditing{}, err
	}
	directory, err := openDirectory(s.Directory, log, nil)
	if err != nil {
		return auditing{}, err
	}
	job := auditing{settings: s, directory: directory, now: a.now, log: log}
	if job.graph, err = openGraph(s.Cloud, log, nil, tuning{}); err != nil {
		return auditing{}, errors.Join(err, directory.Close())
	}
	job.checker = newChecker(s, job.graph, a.now, log, tuning{})
	return job, nil
}

// checkSecrets reads the secrets once: what systemd hands to the service alone, nobody has who starts an audit by hand.
func checkSecrets(s *config.Settings) error {
	for _, secret := range []config.Secret{s.Directory.Bind.Password, s.Cloud.Certificate, s.Cloud.ClientSecret} {
		if !secret.Set() {
			continue
		}
		_, err := secret.Bytes()
		if errors.Is(err, config.ErrNoCredentials) {
			return fmt.Errorf("%w; let the daemon audit (schedule.audit), or have systemd hand the secrets over: systemd-run --pipe --wait -p LoadCredential=NAME:FILE … aliasd audit", err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// printAudit prints what an audit found, and ends with its exit code; interrupt is the context's error.
func (a *app) printAudit(made audited, interrupt error) error {
	if a.json {
		if err := a.printJSON(made); err != nil {
			return err
		}
	} else {
		printSummary(a.out, made)
	}
	switch {
	case made.stopped != nil && interrupt != nil:
		return interrupt
	case made.stopped != nil:
		return made.inWords()
	case made.Summary.Wrong > 0:
		return &silentError{code: exitMismatched}
	}
	return nil
}

// inWords is why an audit is not complete: the code of the side's cause, and the sentence of the summary.
func (m audited) inWords() error {
	why, ok := cause.As(m.stopped)
	if !ok {
		return m.incomplete()
	}
	return cause.Wait(why.Cause.Code, "the audit is not complete: %s", m.Summary.Stopped)
}

// printSummary prints an audit in 80 columns.
func printSummary(w io.Writer, made audited) {
	s := made.Summary
	fmt.Fprintln(w)
	say(w, "", auditTitle(s))
	if !s.Complete {
		say(w, "", "Not complete: "+s.Stopped)
	}
	say(w, "", report.AuditHeadline(s))
	if len(s.Codes) > 0 {
		fmt.Fprintf(w, "\n  %-28s %9s %9s\n", "", "findings", "holders")
	}
	for _, c := range s.Codes {
		fmt.Fprintf(w, "  %-28s %9d %9d   %s\n", c.Code, c.Findings, c.Holders, report.SeverityLabel(c.Severity))
	}
	fmt.Fprintln(w)
	for _, file := range []string{made.Files.HTML, made.Files.CSV, made.Files.JSONL} {
		sayf(w, "  %s", file)
	}
}

func auditTitle(s audit.Summary) string {
	if s.TenantDomain == "" {
		return "Audit below " + s.BaseDN
	}
	return fmt.Sprintf("Audit of %s below %s", s.TenantDomain, s.BaseDN)
}

// audited is an audit that was made: what it covered and found, and where it is written.
type audited struct {
	Summary audit.Summary     `json:"summary"`
	Files   report.AuditFiles `json:"files"`
	// stopped is why it did not compare every holder; nil where it did.
	stopped error
}

// incomplete says that an audit did not compare every holder, and why; nil where it did.
func (m audited) incomplete() error {
	if m.stopped == nil {
		return nil
	}
	return fmt.Errorf("the audit is not complete: %w", m.stopped)
}
