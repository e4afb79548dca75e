package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
)

// storePath is the stack's store.
func (s *stack) storePath() string { return filepath.Join(s.dir, "data", storeFile) }

// tamper changes the store behind the daemon's back.
func (s *stack) tamper(t *testing.T, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+s.storePath()+"?_pragma=busy_timeout(10000)") // the daemon may write beside
	fatal(t, err)
	for _, statement := range statements {
		_, failed := db.Exec(statement)
		err = errors.Join(err, failed)
	}
	fatal(t, errors.Join(err, db.Close()))
}

// cliAt runs a command line some time from now.
func (s *stack) cliAt(t *testing.T, later time.Duration, args ...string) answer {
	t.Helper()
	var out, errOut bytes.Buffer
	a := newApp(strings.NewReader(""), &out, &errOut, func(name string) (string, bool) {
		return s.file, name == "ALIASD_CONFIG"
	})
	a.now = func() time.Time { return time.Now().Add(later) }
	return answer{code: a.run(t.Context(), args), out: out.String(), err: errOut.String()}
}

// inJSON reads what a command printed with --json.
func inJSON(t *testing.T, a answer, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.out), into); err != nil {
		t.Fatalf("%v in %s%s", err, a.out, a.err)
	}
}

// headOf is the head that log verify prints.
func headOf(t *testing.T, a answer) string {
	t.Helper()
	head := regexp.MustCompile(`head +(\d+:[0-9a-f]{64})\n`).FindStringSubmatch(a.out)
	if head == nil {
		t.Fatalf("no head in %s%s", a.out, a.err)
	}
	return head[1]
}

// writtenSome has a running daemon write, refuse and supersede requests.
func (s *stack) writtenSome(t *testing.T) (verified queue.RequestID) {
	t.Helper()
	s.syncAlways(t)
	for _, args := range [][]string{
		{"add", "bob@contoso.test", "robert@contoso.test", "--ticket", "INC1", "--wait"},
		{"primary", "bob@contoso.test", "robert@contoso.test", "--wait"},
		{"primary", "bob@contoso.test", "bob@contoso.test", "--wait"},
		{"add", "jdoe", "j.d@contoso.test", "--wait"},
		{"add", "jdoe", "j.d@contoso.test", "--wait"},
	} {
		s.cli(t, args...).want(t, exitDone)
	}
	s.cli(t, "remove", "carla", "carla@contoso.test", "--wait").want(t, exitRefused)
	first := s.submit(t, "add_alias", "carla", "c.ruiz@contoso.test")
	s.verify(t, first.ID)
	undo := s.cli(t, "undo", string(first.ID), "--wait")
	undo.want(t, exitDone)
	return first.ID
}

// The whole life of the log on the command line, beside the running daemon and after it: everything that the daemon writes holds.
func TestLogVerifyEndToEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Embedded, tenant.Options{})
	export := filepath.Join(s.dir, "log.jsonl")
	var head string
	t.Run("beside the daemon", func(t *testing.T) {
		s.startDaemon(t)
		id := s.writtenSome(t)
		holds := s.cli(t, "log", "verify")
		holds.want(t, exitDone, "The event log holds.", "each is what its entries say", "--head ID:HASH")
		fits(t, "log verify", holds.out)
		head = headOf(t, holds)
		all := s.cli(t, "log", "export")
		all.want(t, exitDone, `"summary"`)
		fatal(t, os.WriteFile(export, []byte(all.out), 0o600))
		one := s.cli(t, "log", "export", "--request", string(id))
		one.want(t, exitDone, string(id))
		fatal(t, os.WriteFile(export+".one", []byte(one.out), 0o600))
	})
	if t.Failed() {
		return
	}
	s.cli(t, "log", "verify", "--head", head).want(t, exitDone, "It has all that it had")
	s.cli(t, "log", "verify", "--from-export", export).want(t, exitDone, "It has all that it had")
	nowhere := map[string]string{"ALIASD_CONFIG": filepath.Join(s.dir, "nothing.yaml")}
	call(t, nowhere, "log", "verify", "--file", export).want(t, exitDone, "The export holds.", "begins with the log", head)
	call(t, nowhere, "log", "verify", "--file", export+".one").want(t, exitDone, "The export holds.", "single links")
	var found logVerifiedJSON
	inJSON(t, s.cli(t, "log", "verify", "--json"), &found)
	if !found.OK || found.Break != nil || found.Requests != 8 || found.Head.String() != head {
		t.Errorf("%+v", found)
	}
	s.tamperings(t, head, export)
}

// tamperings changes the store and the export by hand: each is found, and named.
func (s *stack) tamperings(t *testing.T, head, export string) {
	t.Helper()
	nowhere := map[string]string{"ALIASD_CONFIG": filepath.Join(s.dir, "nothing.yaml")}
	whole, err := os.ReadFile(s.storePath())
	fatal(t, err)
	back := func() { fatal(t, os.WriteFile(s.storePath(), whole, 0o600)) }
	s.tamper(t, `UPDATE requests SET requester = 'somebody else' WHERE seq = 2`)
	s.cli(t, "log", "verify").want(t, exitError, "1 thing is in the store not what it says", "store_altered", "submission")
	back()
	number, _, _ := strings.Cut(head, ":")
	s.tamper(t, `DROP TRIGGER events_stay`, `DELETE FROM events WHERE id = `+number)
	s.cli(t, "log", "verify").want(t, exitError, "things are in the store not what it says", "trigger events_stay", "newest entries were cut off")
	cut := s.cli(t, "log", "verify", "--head", head)
	cut.want(t, exitError, "from entry "+number+" on (cut_off)", "newest entries were cut off")
	fits(t, "log verify", cut.out)
	s.cli(t, "log", "verify", "--from-export", export).want(t, exitError, "cut_off")
	back()
	s.tamper(t, `DROP TRIGGER events_keep`, `UPDATE events SET entry = replace(entry, 'carla', 'boss') WHERE id = (SELECT min(id) FROM events WHERE entry LIKE '%carla%')`)
	var found logVerifiedJSON
	broken := s.cli(t, "log", "verify", "--json")
	broken.want(t, exitError, `"ok":false`, `"kind":"changed"`)
	if inJSON(t, broken, &found); found.Break == nil || found.Break.RequestID == "" {
		t.Errorf("%+v", found)
	}
	s.cli(t, "backup", filepath.Join(s.dir, "broken.db")).want(t, exitError, "store_altered", "trigger events_keep: it is missing")
	s.cliAt(t, 400*24*time.Hour, "log", "prune", "--before", "100d", "--export", filepath.Join(s.dir, "p.jsonl")).
		want(t, exitError, "nothing is removed from a log that does not hold")
	back()
	text, err := os.ReadFile(export)
	fatal(t, err)
	fatal(t, os.WriteFile(export, bytes.Replace(text, []byte("INC1"), []byte("INC2"), 1), 0o600))
	call(t, nowhere, "log", "verify", "--file", export).want(t, exitError, "The export does not hold from entry 1 on (changed)")
	s.cli(t, "log", "verify", "--from-export", export).want(t, exitError, "does not hold itself")
}

func TestLogUsage(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Embedded, tenant.Options{})
	for _, args := range [][]string{
		{"verify", "--head", "12"}, {"verify", "--head", "x:y"}, {"verify", "--head", "1:00", "--from-export", "x"},
		{"export", "--since", "yesterday"}, {"export", "--request", "x", "--since", "1d"},
		{"prune"}, {"prune", "--before", "100d"}, {"prune", "--before", "29d", "--export", "x"}, {"verify", "more"},
	} {
		s.cli(t, append([]string{"log"}, args...)...).want(t, exitUsage, "Try: aliasd log "+args[0]+" --help")
	}
	s.cli(t, "token", "list").want(t, exitDone) // which makes an empty store
	s.cli(t, "log", "verify").want(t, exitDone, "entries   0")
	s.cli(t, "log", "verify", "--file", filepath.Join(s.dir, "nothing")).want(t, exitError, "no such file")
	s.cli(t, "log", "verify", "--file", s.file).want(t, exitError, "no export of the event log")
	s.cli(t, "log", "export", "--request", "x").want(t, exitError, "no such request")
	s.cli(t, "--server", "http://localhost:1", "log", "verify").want(t, exitUsage, "this machine alone")
}

// Retention by hand: an export first, then old requests go, and what stays holds, before the daemon and after it.
func TestLogPruneEndToEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Embedded, tenant.Options{})
	t.Run("written", func(t *testing.T) {
		s.startDaemon(t)
		s.writtenSome(t)
	})
	file := filepath.Join(s.dir, "all.jsonl")
	was := headOf(t, s.cli(t, "log", "verify"))
	before := time.Now().AddDate(0, 0, 2).Format(time.DateOnly)
	pruned := s.cliAt(t, 100*24*time.Hour, "log", "prune", "--before", before, "--export", file)
	pruned.want(t, exitDone, "requests are removed, with", file)
	if headOf(t, pruned) == was {
		t.Error("the removal left no entry")
	}
	s.cli(t, "log", "verify", "--file", file).want(t, exitDone, was)
	s.cli(t, "log", "verify", "--from-export", file).want(t, exitDone, "that retention removed")
	s.cliAt(t, 100*24*time.Hour, "log", "prune", "--before", before, "--export", file).want(t, exitError, "exists")
	t.Run("goes on", func(t *testing.T) {
		s.startDaemon(t)
		s.syncAlways(t)
		s.cli(t, "add", "bob@contoso.test", "bobby@contoso.test", "--wait").want(t, exitDone, "VERIFIED")
		s.cli(t, "log", "verify").want(t, exitDone, "that retention removed")
	})
}

// The daemon's nightly look after the log: it says its head, removes what is old where that is asked for, and nothing from a log that does
// not hold.
func TestDaemonKeepsTheLog(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Embedded, tenant.Options{})
	const old = 401 * 24 * time.Hour
	clock := newTestClock()
	clock.Add(-old) // when the requests were made
	s.tuning.now = clock.Now
	replaceInFile(t, s.file, "deadline: 24h0m0s", "deadline: 20000h")
	s.startDaemon(t)
	s.writtenSome(t)
	clock.Add(old)
	fatal(t, s.daemon.keepLog(t.Context()))
	head := headOf(t, s.cli(t, "log", "verify"))
	if log := s.log.String(); !strings.Contains(log, "the event log holds") || !strings.Contains(log, head) || strings.Contains(log, "old requests are removed") {
		t.Error("the log has no head, or something was removed without a setting")
	}
	s.daemon.settings.Retention.Days = 500
	clock.Add(old)
	fatal(t, s.daemon.keepLog(t.Context()))
	if strings.Contains(s.log.String(), "old requests are removed") {
		t.Error("a clock that is a year ahead of the tenant's has removed requests")
	}
	s.daemon.settings.Retention.Days = 400
	fatal(t, s.daemon.keepLog(t.Context()))
	s.cli(t, "log", "verify").want(t, exitDone, "that retention removed")
	contains(t, s.log.String(), "old requests are removed")
	s.tamper(t, `DROP TRIGGER events_keep`, `UPDATE events SET hash = 'x' WHERE id = (SELECT max(id) FROM events)`)
	fatal(t, s.daemon.keepLog(t.Context()))
	contains(t, s.log.String(), "the event log does not hold; aliasd log verify says more")
}

// A backup beside the running daemon, more work, and a restore: nothing is written by itself afterwards.
func TestBackupAndRestoreEndToEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Embedded, tenant.Options{})
	file := filepath.Join(s.dir, "copy.db")
	var waits, later queue.RequestID
	t.Run("before", func(t *testing.T) {
		s.startDaemon(t)
		s.writtenSome(t)
		s.cli(t, "token", "create", "--name", "helpdesk", "--scope", "read").want(t, exitDone)
		s.cli(t, "pause").want(t, exitDone)
		waits = s.submit(t, "add_alias", "jdoe", "waits@contoso.test").ID
		s.untilState(t, waits, queue.Queued, "paused")
		made := s.cli(t, "backup", file)
		made.want(t, exitDone, file, "9 requests", "copied and verified")
		fits(t, "backup", made.out)
		s.cli(t, "backup", file).want(t, exitError, "overwrites nothing")
		s.cli(t, "restore", file).want(t, exitError, "the daemon runs on data_dir", "stop it first")
		s.cli(t, "token", "revoke", "helpdesk").want(t, exitDone)
		s.cli(t, "resume").want(t, exitDone)
		s.verify(t, waits)
		later = s.submit(t, "remove_alias", "jdoe", "waits@contoso.test").ID
		s.verify(t, later)
	})
	if t.Failed() {
		return
	}
	restored := s.cli(t, "restore", file)
	restored.want(t, exitDone, "is the store now", "entries of the event log that the backup has not", "Writing is stopped", "open requests (1 queued)",
		"tokens in force, also where they were revoked since: helpdesk", "aliasd resume")
	for line := range strings.Lines(restored.out) {
		if !strings.Contains(line, s.dir) {
			fits(t, "restore", line)
		}
	}
	if old, err := filepath.Glob(s.storePath() + ".replaced-*"); err != nil || len(old) != 1 {
		t.Errorf("the store from before: %v, %v", old, err)
	}
	s.cli(t, "log", "verify").want(t, exitDone, "The event log holds.")
	t.Run("after", func(t *testing.T) {
		s.startDaemon(t)
		s.syncAlways(t)
		r := s.untilState(t, waits, queue.Queued, "paused")
		contains(t, r.Cause.Message, "stopped by")
		if _, err := s.remote.Get(context.Background(), later); err == nil {
			t.Error("the restored store knows what came after the backup")
		}
		s.cli(t, "cancel", string(waits)).want(t, exitDone, "CANCELLED")
		s.cli(t, "resume").want(t, exitDone)
		s.cli(t, "add", "jdoe", "goes.on@contoso.test", "--wait").want(t, exitDone, "VERIFIED")
		if got := s.values(t, "Jane Doe", ""); len(got.Proxies.Find("waits@contoso.test")) != 0 {
			t.Errorf("what was taken back came again: %v", got)
		}
		s.cli(t, "log", "verify").want(t, exitDone, "The event log holds.")
	})
}

// What is no backup is refused, and the store stays as it is.
func TestRestoreRefusesOnTheCommandLine(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Embedded, tenant.Options{})
	s.cli(t, "token", "create", "--name", "helpdesk", "--scope", "read").want(t, exitDone)
	good := filepath.Join(s.dir, "copy.db")
	s.cli(t, "backup", good, "--json").want(t, exitDone, `"tokens_in_force":["helpdesk"]`)
	data, err := os.ReadFile(good)
	fatal(t, err)
	cut := filepath.Join(s.dir, "cut.db")
	fatal(t, os.WriteFile(cut, data[:len(data)/3], 0o600))
	s.cli(t, "restore", cut).want(t, exitError, "no sound copy of the store")
	s.cli(t, "restore", s.file).want(t, exitError, "no sound copy of the store")
	s.cli(t, "restore", filepath.Join(s.dir, "nothing.db")).want(t, exitError, "no such file")
	s.cli(t, "restore", s.dir).want(t, exitError, "no regular file")
	s.cli(t, "token", "list").want(t, exitDone, "helpdesk")
	names, err := filepath.Glob(s.storePath() + "*")
	if err != nil || len(names) != 1 {
		t.Errorf("left: %v, %v", names, err)
	}
	s.cli(t, "restore", good).want(t, exitDone, "it has no entry of the event log that the backup has not")
}

func TestBackupOfPostgreSQL(t *testing.T) {
	t.Parallel()
	if err := onlySQLite(&config.Settings{Database: "postgres://db/aliasd"}); err == nil || !strings.Contains(err.Error(), "pg_dump") {
		t.Errorf("got %v", err)
	}
}
