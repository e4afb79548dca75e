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

// A store that somebody altered while no daemon ran is not worked on. What has ended is found right after the start, beside the work.
func TestAlteredStoreIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Embedded, tenant.Options{})
	settings, err := config.Load(s.file, os.LookupEnv)
	fatal(t, err)
	store, err := openStore(t.Context(), settings)
	fatal(t, err)
	open, _, err := store.Accept(t.Context(), queue.Submission{Holder: "jdoe", Action: address.AddAlias, Address: "j@contoso.test", SubmittedBy: "test"}, queue.Idempotency{}, time.Now())
	fatal(t, err)
	ended, _, err := store.Accept(t.Context(), queue.Submission{Holder: "jdoe", Action: address.AddAlias, Address: "k@contoso.test", SubmittedBy: "test"}, queue.Idempotency{}, time.Now())
	fatal(t, err)
	_, err = store.Advance(t.Context(), queue.Transition{ID: ended.ID, From: queue.Accepted, To: queue.Cancelled, Now: time.Now()})
	fatal(t, errors.Join(err, store.Close()))
	for says, c := range map[string]struct{ forge, undo string }{
		"request " + string(open.ID): {`UPDATE requests SET address = 'boss@contoso.test' WHERE state = 'accepted'`, `UPDATE requests SET address = 'j@contoso.test' WHERE state = 'accepted'`},
		"trigger forged":             {`CREATE TRIGGER forged AFTER INSERT ON pause BEGIN DELETE FROM pause; END`, `DROP TRIGGER forged`},
		"token boss (1)":             {`INSERT INTO tokens (name, scopes, hash, created_at) VALUES ('boss', '["admin"]', x'00', 1)`, `DELETE FROM tokens`},
	} {
		s.tamper(t, c.forge)
		d, err := openDaemon(t.Context(), settings, slog.New(slog.NewTextHandler(s.log, nil)), s.tuning)
		if err == nil {
			fatal(t, d.Close())
			t.Fatalf("it was started: %s", says)
		}
		if e, ok := cause.As(err); !ok || e.Cause.Code != cause.StoreAltered || !strings.Contains(err.Error(), says) {
			t.Errorf("it says %v, want %s", err, says)
		}
		s.tamper(t, c.undo)
	}
	s.tamper(t, `UPDATE requests SET note = 'x' WHERE state = 'cancelled'`)
	s.startDaemon(t)
	until(t, "the log of the daemon names "+string(ended.ID), func() bool {
		return strings.Contains(s.log.String(), "the store is not what the event log says of it") && strings.Contains(s.log.String(), string(ended.ID))
	})
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
