package store

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue/eventlog"
)

// A row, a trigger or a backup that somebody prepared so that the daemon believes what is not so.
func TestVerifyFindsWhatWasPrepared(t *testing.T) {
	t.Parallel()
	const stopUndone = `CREATE TRIGGER goes_on AFTER INSERT ON pause BEGIN DELETE FROM pause; END`
	path := livedIn(t, 2)
	for name, statements := range map[string][]string{
		"an expectation that asks for nothing":                      {`UPDATE requests SET expectation = '{"wants":[],"shown_at_write":false,"sync_at_write":"0001-01-01T00:00:00Z"}' WHERE state = 'written'`},
		"a release that nobody gave":                                {`UPDATE requests SET released_by = 'boss' WHERE state = 'queued'`},
		"a trigger that undoes the stop":                            {stopUndone},
		"a token, in a store that says to be of an earlier version": {`INSERT INTO tokens (name, scopes, hash, created_at) VALUES ('boss', '["admin"]', x'00', 1)`, `PRAGMA user_version = 3`},
		"the log's triggers dropped":                                {`DROP TRIGGER events_keep`, `DROP TRIGGER events_stay`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prepared := filepath.Join(t.TempDir(), "copy.db")
			if err := os.WriteFile(prepared, altered(t, path, statements...), 0o600); err != nil {
				t.Fatal(err)
			}
			target := filepath.Join(t.TempDir(), "queue.db")
			_, err := Restore(context.Background(), Restoring{From: prepared, Path: target, Now: time.Now()})
			if e, ok := cause.As(err); !ok || e.Cause.Code != cause.StoreAltered {
				t.Errorf("the restore says %v", err)
			}
			s, err := Open(context.Background(), prepared)
			if e, ok := cause.As(err); ok && e.Cause.Code == cause.StoreAltered {
				return // it cannot even be opened
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			if found := verified(t, s, eventlog.Check{}); found.OK() {
				t.Error("log verify took it")
			}
			if found, err := s.Glance(context.Background()); err != nil || found.OK() {
				t.Errorf("the start took it: %v", err)
			}
		})
	}
}
