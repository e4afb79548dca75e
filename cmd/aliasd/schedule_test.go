package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/private"
)

// A job that panics is logged with its stack, and the daemon lives.
func TestJobPanics(t *testing.T) {
	t.Parallel()
	log := &safeBuffer{}
	settings := &config.Settings{DataDir: filepath.Join(t.TempDir(), "data"), Schedule: config.Schedule{Audit: "@every 1h"}}
	fatal(t, private.MakePrivateDir(settings.DataDir))
	d := &daemon{parts: parts{settings: settings, log: slog.New(slog.NewTextHandler(log, nil)), now: func() time.Time { panic("no clock today") }}}
	d.shift = newShift(t, tempStore(t))
	schedule, err := d.newSchedule(t.Context())
	fatal(t, err)
	for _, job := range schedule.Entries() {
		job.WrappedJob.Run()
	}
	contains(t, log.String(), "a scheduled job broke down")
	contains(t, log.String(), "no clock today")
	contains(t, log.String(), "schedule.go")
}

// Where the API fails, an audit that runs is stopped too, and the daemon ends.
func TestServerFailsDuringAnAudit(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Embedded, tenant.Options{})
	settings, err := config.Load(s.file, os.LookupEnv)
	fatal(t, err)
	settings.Schedule.Audit = "@every 1s"
	d, err := openDaemon(t.Context(), settings, slog.New(slog.NewTextHandler(s.log, nil)), s.tuning)
	fatal(t, err)
	defer func() { fatal(t, d.Close()) }()
	s.Tenant.Faults(tenant.Fault{Path: "/users", Times: -1, Hang: true})
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() { ended <- d.Run(ctx) }()
	until(t, "an audit runs", func() bool {
		lock, err := lockAudit(settings.DataDir)
		if err == nil {
			fatal(t, lock.Close())
		}
		return err != nil
	})
	fatal(t, d.listener.Close())
	if err := within(t, "the daemon ends, although an audit runs", ended); err == nil || strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("the daemon ends with %v", err)
	}
}

// An account that sees nobody is no news of a directory in order: the gauges stay as they were.
func TestAuditSeesNobody(t *testing.T) {
	t.Parallel()
	s := newDefects(t)
	s.startDaemon(t)
	fatal(t, s.daemon.auditNow(t.Context()))
	before := s.scrape(`aliasd_audit_holders{standing="in_order"}`)
	settings := *s.daemon.settings
	settings.Directory.BaseDN = site.Support + "," + s.Site.BaseDN // nobody stands there any more
	for _, o := range append(colleagues(), demoObjects()...) {
		if o.OU == site.Support {
			fatal(t, s.Site.Remove(t.Context(), s.Site.DNOf(o)))
		}
	}
	directory, err := openDirectory(settings.Directory, s.daemon.log, nil)
	fatal(t, err)
	defer func() { fatal(t, directory.Close()) }()
	blind := *s.daemon
	blind.settings, blind.directory = &settings, directory
	if err := blind.auditNow(t.Context()); err == nil || !strings.Contains(err.Error(), "may read below "+settings.Directory.BaseDN) {
		t.Errorf("ends with %v", err)
	}
	if after := s.scrape(`aliasd_audit_holders{standing="in_order"}`); before == "" || after != before {
		t.Errorf("the metrics had %q and have %q", before, after)
	}
}

// scrape gives the line of one metric.
func (s *stack) scrape(name string) string {
	scraped := httptest.NewRecorder()
	s.daemon.numbers.ServeHTTP(scraped, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(scraped.Body.String()) {
		if strings.HasPrefix(line, name) {
			return line
		}
	}
	return ""
}
