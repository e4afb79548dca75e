package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
)

// A store that was migrated is not worked on by mistake.
func TestMigratedStoreIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Embedded, tenant.Options{})
	settings, err := config.Load(s.file, os.LookupEnv)
	fatal(t, err)
	old, err := openStore(t.Context(), settings)
	fatal(t, err)
	fatal(t, errors.Join(old.SetPaused(t.Context(), true, byMigration, time.Now()), old.Close()))
	d, err := openDaemon(t.Context(), settings, slog.New(slog.NewTextHandler(s.log, nil)), s.tuning)
	if err == nil {
		fatal(t, d.Close())
		t.Fatal("it was started")
	}
	contains(t, err.Error(), "this store was migrated")
	s.tuning.paused = true
	s.startDaemon(t)
	contains(t, s.log.String(), "all writing is stopped")
}

// Commands that look at a store make none.
func TestNoStoreIsMade(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Embedded, tenant.Options{})
	for _, args := range [][]string{{"log", "verify"}, {"log", "export"}, {"backup", filepath.Join(s.dir, "b.db")}, {"report"}} {
		if got := s.cli(t, args...); got.code != exitError || !strings.Contains(got.err, "there is no store") {
			t.Errorf("%v: %+v", args, got)
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, "data", storeFile)); !os.IsNotExist(err) {
		t.Errorf("a store was made: %v", err)
	}
}

// A daemon that begins paused takes requests in and writes none until resume.
func TestRunPaused(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Embedded, tenant.Options{})
	s.tuning.paused = true
	s.startDaemon(t)
	r := s.submit(t, address.AddAlias, "twin1@contoso.test", "one@contoso.test")
	got := s.untilState(t, r.ID, queue.Queued, cause.Paused)
	contains(t, got.Cause.Message, "run --paused")
	second := s.submit(t, address.AddAlias, "twin1@contoso.test", "two@contoso.test")
	s.untilState(t, second.ID, queue.Queued, cause.Paused)
	_, err := s.remote.Resume(context.Background())
	fatal(t, err)
	if left, err := s.remote.Get(context.Background(), second.ID); err != nil || codeOf(left) == cause.Paused {
		t.Errorf("after resume the second one still says %s: %v", codeOf(left), err)
	}
	s.verify(t, r.ID)
}
