package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/postgres"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/private"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/store"
	"github.com/aliasd/aliasd/server"
)

// newDatabase starts a PostgreSQL for one test, with an empty database. It skips aloud where there is none; continuous integration
// may not skip.
func newDatabase(t *testing.T) (s *postgres.Server, url string) {
	t.Helper()
	if missing := postgres.Missing(); missing != nil {
		if os.Getenv("ALIASD_TEST_STRICT") != "" {
			t.Fatalf("PostgreSQL is needed here: %v", missing)
		}
		t.Skipf("SKIPPED, PostgreSQL cannot run here: %v", missing)
	}
	s, err := postgres.Start(context.Background(), postgres.Options{})
	fatal(t, err)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	name, err := s.NewDatabase(context.Background(), "")
	fatal(t, err)
	return s, s.URL(name)
}

// useDatabase names a database in a settings file.
func useDatabase(t *testing.T, file, url string) {
	t.Helper()
	text, err := os.ReadFile(file)
	fatal(t, err)
	fatal(t, os.WriteFile(file, append([]byte("database: '"+url+"'\n"), text...), 0o600))
}

// node runs one more daemon until stop is called, at the latest with the test.
func (s *stack) node(t *testing.T, file string) (remote *client.Client, stop func()) {
	t.Helper()
	settings, err := config.Load(file, os.LookupEnv)
	fatal(t, err)
	ctx, end := context.WithCancel(context.Background())
	d, err := openDaemon(ctx, settings, slog.New(slog.NewTextHandler(s.log, nil)), s.tuning)
	fatal(t, err)
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		end()
		if err := errors.Join(<-ended, d.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	remote, err = localClient(d)
	fatal(t, err)
	return remote, stop
}

// beside is a settings file like the one in text, with a data folder and a port of its own.
func (s *stack) beside(t *testing.T, text []byte, folder string) (file string) {
	t.Helper()
	other := strings.Replace(string(text), "data_dir: data\n", "data_dir: "+folder+"\n", 1)
	other = regexp.MustCompile(`(listen: "?127[.0-9]+):\d+`).ReplaceAllString(other, "$1:0")
	file = filepath.Join(s.dir, folder+".yaml")
	fatal(t, os.WriteFile(file, []byte(other), 0o600))
	fatal(t, private.MakePrivateDir(filepath.Join(s.dir, folder)))
	return file
}

// secondNode is a settings file like the stack's, with a data folder and a port of its own.
func (s *stack) secondNode(t *testing.T) (file string) {
	t.Helper()
	text, err := os.ReadFile(s.file)
	fatal(t, err)
	return s.beside(t, text, "data2")
}

// Two daemons share a database: what one takes in, both know, and either does the work.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	_, url := newDatabase(t)
	s := newSite(t, lab.Embedded, tenant.Options{})
	useDatabase(t, s.file, url)
	s.startDaemon(t)
	other, stop := s.node(t, s.secondNode(t))
	s.syncAlways(t)
	ctx := context.Background()
	first := s.submit(t, address.AddAlias, "twin1@contoso.test", "one@contoso.test")
	second, err := other.Submit(ctx, server.SubmissionJSON{Holder: "twin2@contoso.test", Action: address.AddAlias, Address: "two@contoso.test"}, "")
	fatal(t, err)
	for _, id := range []queue.RequestID{first.ID, second.ID} {
		s.untilState(t, id, queue.Verified, "")
		if r, err := other.Get(ctx, id); err != nil || r.State != queue.Verified {
			t.Errorf("the other node shows %s as %s: %v", id, r.State, err)
		}
	}
	_, err = other.Pause(ctx)
	fatal(t, err)
	waiting := s.submit(t, address.AddAlias, "twin1@contoso.test", "three@contoso.test")
	stop()
	_, err = s.remote.Resume(ctx)
	fatal(t, err)
	s.untilState(t, waiting.ID, queue.Verified, "")
	created := s.cli(t, "token", "create", "--name", "helpdesk", "--scope", "read")
	listed := s.cli(t, "token", "list")
	if created.code != exitDone || !strings.Contains(listed.out, "helpdesk") {
		t.Errorf("tokens: %+v, %+v", created, listed)
	}
	if got := s.cli(t, "report"); got.code != exitDone {
		t.Errorf("report: %+v", got)
	}
	if got := s.cli(t, "check"); !strings.Contains(got.out, "ok    database: answers") {
		t.Errorf("check: %+v", got)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "data", storeFile)); !os.IsNotExist(err) {
		t.Errorf("there is a SQLite file too: %v", err)
	}
}

// While the database is away the API says so, and what was taken in before goes on afterwards by itself.
func TestDatabaseIsAway(t *testing.T) {
	t.Parallel()
	database, url := newDatabase(t)
	s := newSite(t, lab.Embedded, tenant.Options{})
	useDatabase(t, s.file, url)
	s.startDaemon(t)
	ctx := context.Background()
	_, err := s.remote.Pause(ctx)
	fatal(t, err)
	r := s.submit(t, address.AddAlias, "twin1@contoso.test", "one@contoso.test")
	fatal(t, database.Down())
	_, err = s.remote.Submit(ctx, server.SubmissionJSON{Holder: "twin2@contoso.test", Action: address.AddAlias, Address: "two@contoso.test"}, "")
	var problem *client.Problem
	if !errors.As(err, &problem) || problem.Status != 503 || problem.Code != server.StoreAway {
		t.Errorf("a submission gives %v", err)
	}
	if got := s.cli(t, "check"); got.code != exitError || !strings.Contains(got.out, "FAIL  database:") {
		t.Errorf("check: %+v", got)
	}
	fatal(t, database.Up(ctx))
	s.syncAlways(t)
	untilEvery(t, 20*time.Millisecond, "the database is back for the daemon too", func() bool {
		_, err := s.remote.Resume(ctx)
		return err == nil
	})
	s.untilState(t, r.ID, queue.Verified, "")
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	_, url := newDatabase(t)
	s := newSite(t, lab.Embedded, tenant.Options{})
	plain, err := os.ReadFile(s.file)
	fatal(t, err)
	remote, stop := s.node(t, s.file)
	s.remote = remote
	s.syncAlways(t)
	r := s.submit(t, address.AddAlias, "twin1@contoso.test", "one@contoso.test")
	s.untilState(t, r.ID, queue.Verified, "")
	if got := s.cli(t, "migrate"); got.code != exitUsage || !strings.Contains(got.err, "set database") {
		t.Errorf("without a database: %+v", got)
	}
	useDatabase(t, s.file, url)
	if got := s.cli(t, "migrate"); got.code != exitError || !strings.Contains(got.err, "another aliasd runs") {
		t.Errorf("beside a running daemon: %+v", got)
	}
	stop()
	for _, args := range [][]string{{"--from", "postgres"}, {"--to", "sqlite"}, {"--from", "x"}} {
		if got := s.cli(t, append([]string{"migrate"}, args...)...); got.code != exitUsage {
			t.Errorf("%v: %+v", args, got)
		}
	}
	got := s.cli(t, "migrate", "--from", "sqlite", "--to", "postgres", "--json")
	var migrated migratedJSON
	if err := json.Unmarshal([]byte(got.out), &migrated); err != nil || got.code != exitDone || migrated.Events == 0 || len(migrated.Head) != 64 {
		t.Fatalf("migrate: %+v: %v", got, err)
	}
	if got := s.cli(t, "migrate"); got.code != exitError || !strings.Contains(got.err, "not empty") {
		t.Errorf("again: %+v", got)
	}
	old, err := store.Open(context.Background(), filepath.Join(s.dir, "data", storeFile))
	fatal(t, err)
	if _, by, err := old.Paused(context.Background()); err != nil || by != "aliasd migrate" {
		t.Errorf("writing on the source is stopped by %q: %v", by, err)
	}
	fatal(t, old.Close())
	s.backAgain(t, r.ID, plain, migrated.Head)
}

// backAgain looks at what was migrated from a node on the database, and migrates it back into a new data folder.
func (s *stack) backAgain(t *testing.T, id queue.RequestID, plain []byte, head string) {
	t.Helper()
	shared, err := os.ReadFile(s.file)
	fatal(t, err)
	remote, stop := s.node(t, s.secondNode(t))
	s.remote = remote
	s.untilState(t, id, queue.Verified, "")
	env := map[string]string{"ALIASD_CONFIG": s.beside(t, shared, "data3")}
	if got := call(t, env, "migrate", "--from", "postgres", "--to", "sqlite"); got.code != exitError || !strings.Contains(got.err, "stop it on every node") {
		t.Errorf("beside a node: %+v", got)
	}
	stop()
	got := call(t, env, "migrate", "--from", "postgres", "--to", "sqlite")
	if got.code != exitDone || !strings.Contains(got.out, head) || !strings.Contains(got.out, "requests") {
		t.Fatalf("back: %+v", got)
	}
	s.remote, _ = s.node(t, s.beside(t, plain, "data3"))
	s.untilState(t, id, queue.Verified, "")
}
