package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
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

// run makes the audit and its files. One that was stopped, or lost a side midway, has its files too, and says so in its
// summary; the error is set where there is nothing to be written, and is errAuditRuns where another one runs.
func (j auditing) run(ctx context.Context) (made audited, err error) {
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
	if made.stopped != nil && made.Summary.Holders == 0 {
		return made, made.stopped
	}
	made.Files, err = files.Finish(made.Summary)
	return made, err
}

// compare reads both sides and compares them. The summary is of what was covered, also where there is an error.
func (j auditing) compare(ctx context.Context, sink audit.Sink) (s audit.Summary, err error) {
	cloud, err := j.openCloud(ctx)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, cloud.Mirror.Close()) }()
	return audit.Run(ctx, audit.Options{Directory: j.directory, Cloud: cloud, Sink: sink, BaseDN: j.settings.Directory.BaseDN,
		Progress: j.progress, Now: j.now, Logger: j.log})
}

// openCloud opens the local copy of the tenant, or forgets it first where the whole tenant is to be read anew. A copy belongs
// to the tenant that answers, whatever the settings call it.
func (j auditing) openCloud(ctx context.Context) (audit.Copied, error) {
	t, err := j.checker.Tenant(ctx)
	if err != nil {
		return audit.Copied{}, err
	}
	path := filepath.Join(j.settings.DataDir, mirrorFile)
	if j.full {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return audit.Copied{}, fmt.Errorf("forget the copy of the tenant: %w", err)
		}
	}
	m, err := mirror.Open(mirror.Options{Path: path, TenantID: t.InitialDomain, Now: j.now, Logger: j.log})
	return audit.Copied{Checker: j.checker, Mirror: m, Source: j.graph, Deleted: j.graph}, err
}
