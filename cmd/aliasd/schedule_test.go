package main

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/tenant"
)

// A job that panics is logged with its stack, and the daemon lives.
func TestJobPanics(t *testing.T) {
	t.Parallel()
	log := &safeBuffer{}
	settings := &config.Settings{DataDir: t.TempDir(), Schedule: config.Schedule{Audit: "@every 1h"}}
	d := &daemon{settings: settings, log: slog.New(slog.NewTextHandler(log, nil)), now: func() time.Time { panic("no clock today") }}
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
	d, err := openDaemon(t.Context(), settings, slog.New(slog.NewTextHandler(s.log, nil)), s.pace)
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
	select {
	case err := <-ended:
		if err == nil || strings.Contains(err.Error(), context.Canceled.Error()) {
			t.Errorf("the daemon ends with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the daemon waits for the audit")
	}
}

// until waits for something that happens soon.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("wait until %s", what)
		}
	}
}
