package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/audit"
	"github.com/aliasd/aliasd/cloudcheck/graph"
	"github.com/aliasd/aliasd/cloudcheck/tenantfile"
	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/report"
)

// auditTenantFile is what an audit reads of the tenant, in the data folder while the audit runs.
const auditTenantFile = "audit-tenant.tmp"

// oldTenantCopy is the copy of the tenant that audits kept until they read the whole tenant each time.
const oldTenantCopy = "tenant.db"

// auditing is one audit, from both sides to the files.
type auditing struct {
	settings  *config.Settings
	directory *ldapwriter.Directory
	graph     *graph.Client
	checker   *cloudcheck.Checker
	dir       string // where the files go
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
	removeAuditLeftovers(j.settings.DataDir, j.log)
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
	file := tenantfile.New(filepath.Join(j.settings.DataDir, auditTenantFile))
	defer func() { err = errors.Join(err, file.Close()) }()
	return audit.Run(ctx, audit.Options{Directory: j.directory, Sink: sink, BaseDN: j.settings.Directory.BaseDN,
		Cloud: audit.Online{Checker: j.checker, Source: j.graph, File: file}, Progress: j.progress, Now: j.now, Logger: j.log})
}

// clearAudits removes what audits left in the data folder, unless one runs.
func clearAudits(dir string, log *slog.Logger) error {
	lock, err := lockAudit(dir)
	if errors.Is(err, errAuditRuns) {
		return nil
	}
	if err != nil {
		return err
	}
	removeAuditLeftovers(dir, log)
	return lock.Close()
}

// removeAuditLeftovers removes what audits left in the data folder: the file of one that was killed, and the copy of the tenant
// that audits of earlier versions kept. The caller holds the lock of audits.
func removeAuditLeftovers(dir string, log *slog.Logger) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		isCopy := e.Name() == oldTenantCopy || strings.HasPrefix(e.Name(), oldTenantCopy+"-") || strings.HasPrefix(e.Name(), oldTenantCopy+".new-")
		if e.Name() == auditTenantFile || isCopy {
			err = errors.Join(err, ignoreGone(os.Remove(filepath.Join(dir, e.Name()))))
		}
	}
	if err != nil {
		log.Warn("what an audit left in data_dir cannot be removed; remove it by hand: it holds addresses of the tenant", "error", err)
	}
}
