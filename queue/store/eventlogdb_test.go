package store

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/queue/eventlog"
)

// Verifying, exporting and removing do the same in both databases, and both let nothing but retention's way pass.
func TestEventLogOnBothDatabases(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) {
		s := d.fresh(t)
		past(t, s, address.GUID{1}, 3)
		if err := halfway(s, 1); err != nil {
			t.Fatal(err)
		}
		past(t, s, address.GUID{2}, 4)
		before := wantSound(t, s)
		if done := prune(t, s); done != (Pruned{Requests: 5, Entries: 30}) {
			t.Errorf("removed %+v", done)
		}
		found := verified(t, s, eventlog.Check{Expected: &before.Head})
		if !found.OK() || found.Removed != 30 || found.Requests != 3 {
			t.Errorf("%v, %+v", found.Err(), found)
		}
		past(t, s, address.GUID{1}, 2)
		prune(t, s)
		wantSound(t, s)
		refusesAll(t, s)
		var out bytes.Buffer
		if _, err := s.Export(context.Background(), &out, Selection{}); err != nil {
			t.Fatal(err)
		}
		whole := wantSound(t, s)
		if exported := verifiedFile(t, out.String()); !exported.OK() || exported.Head != whole.Head || exported.Removed != whole.Removed {
			t.Errorf("the export: %v, %+v", exported.Err(), exported)
		}
		tamperAndLook(t, s)
	})
}

// refusesAll tries what only retention may do.
func refusesAll(t *testing.T, s *Store) {
	t.Helper()
	for _, statement := range []string{
		`DELETE FROM events`,
		`UPDATE events SET hash = 'x'`,
		`DELETE FROM event_gaps`,
		`UPDATE event_gaps SET last_id = first_id, prev_hash = 'x'`,
		`INSERT INTO event_gaps SELECT id, id, prev_hash, hash FROM events WHERE request_id = ''`,
		`DELETE FROM requests WHERE state = 'verified'`,
		`DELETE FROM requests WHERE state = 'queued'`,
	} {
		if _, err := s.work.statements.db.Exec(statement); err == nil || !strings.Contains(err.Error(), "stay") && !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", statement, err)
		}
	}
	wantSound(t, s)
}

// tamperAndLook changes a row that no trigger guards: the request is named.
func tamperAndLook(t *testing.T, s *Store) {
	t.Helper()
	set(t, s, `UPDATE requests SET ticket = 'INC0' WHERE state = 'queued'`)
	if found := verified(t, s, eventlog.Check{}); found.Break != nil || found.Odd != 1 || !strings.Contains(found.Findings[0].Message, "submission") {
		t.Errorf("%v, %+v", found.Break, found.Findings)
	}
}

func TestBackupIsForSQLite(t *testing.T) {
	t.Parallel()
	if _, err := onPostgres().fresh(t).Backup(context.Background(), "x"); err == nil || !strings.Contains(err.Error(), "pg_dump") {
		t.Errorf("got %v", err)
	}
}
