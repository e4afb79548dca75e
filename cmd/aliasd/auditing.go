package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/audit"
	"github.com/aliasd/aliasd/cloudcheck/graph"
	"github.com/aliasd/aliasd/cloudcheck/mirror"
	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/report"
)

// mirrorFile is the local copy of the tenant in the data folder.
const mirrorFile = "tenant.db"

// auditing is one audit, from both sides to the files.
type auditing struct {
	settings  *config.Settings
	directory *ldapwriter.Directory
	graph     *graph.Client
	checker   *cloudcheck.Checker
	dir       string // where the files go
	full      bool   // the whole tenant is read anew
	progress  func(audit.Progress)
	now       func() time.Time
	log       *slog.Logger
}

// run makes the audit and its files. One that was stopped, or lost a side or never had it, has its files too, and says so in
// its summary; the error is set where the files cannot be written, and is errAuditRuns where another one runs.
func (j auditing) run(ctx context.Context) (made audited, err error) {
	err = inDataDir(j.settings.DataDir, func() (err error) {
		made, err = j.locked(ctx)
		return err
	})
	return made, err
}

// locked keeps other audits off while it makes one.
func (j auditing) locked(ctx context.Context) (made audited, err error) {
	lock, err := lockAudit(j.settings.DataDir)
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	files, err := report.CreateAudit(j.dir, j.now())
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, files.Abort()) }()
	made.Summary, made.stopped = j.compare(ctx, files)
	made.Files, err = files.Finish(made.Summary)
	return made, err
}

// compare reads both sides and compares them. The summary is of what was covered, also where there is an error.
func (j auditing) compare(ctx context.Context, sink audit.Sink) (s audit.Summary, err error) {
	cloud := &tenantCopy{Copied: audit.Copied{Checker: j.checker, Source: j.graph, Deleted: j.graph}, open: j.openCopy}
	defer func() { err = errors.Join(err, cloud.close()) }()
	return audit.Run(ctx, audit.Options{Directory: j.directory, Cloud: cloud, Sink: sink, BaseDN: j.settings.Directory.BaseDN,
		Progress: j.progress, Now: j.now, Logger: j.log})
}

// openCopy opens the local copy of the tenant. A copy belongs to the tenant that answers, whatever the settings call it.
func (j auditing) openCopy(initialDomain string) (*mirror.Mirror, error) {
	return mirror.Open(mirror.Options{Path: filepath.Join(j.settings.DataDir, mirrorFile), TenantID: initialDomain, Anew: j.full,
		Now: j.now, Logger: j.log})
}

// tenantCopy is a tenant whose local copy is opened once the tenant has said which it is.
type tenantCopy struct {
	audit.Copied
	open func(initialDomain string) (*mirror.Mirror, error)
}

// Tenant is the Checker's; the copy is open then.
func (c *tenantCopy) Tenant(ctx context.Context) (cloudcheck.Tenant, error) {
	t, err := c.Copied.Tenant(ctx)
	if err == nil && c.Mirror == nil {
		c.Mirror, err = c.open(t.InitialDomain)
	}
	return t, err
}

func (c *tenantCopy) close() error {
	if c.Mirror == nil {
		return nil
	}
	return c.Mirror.Close()
}
