package postgres_test

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/lab/postgres"
)

// start starts a server that ends with the test.
func start(t *testing.T, options postgres.Options) *postgres.Server {
	t.Helper()
	if err := postgres.Missing(); err != nil {
		if os.Getenv("ALIASD_TEST_STRICT") != "" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED: %v", err)
	}
	s, err := postgres.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// folderOf is where a server lives.
func folderOf(t *testing.T, s *postgres.Server) string {
	t.Helper()
	parsed, err := url.Parse(s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Query().Get("host")
}

func TestServer(t *testing.T) {
	t.Parallel()
	s, ctx := start(t, postgres.Options{}), t.Context()
	first, err := s.NewDatabase(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.NewDatabase(ctx, first)
	if err != nil || second == first {
		t.Fatalf("got %s from %s: %v", second, first, err)
	}
	if err := s.Down(); err != nil {
		t.Fatal(err)
	}
	if err := s.Admin().PingContext(ctx); err == nil {
		t.Error("a server that is down answers")
	}
	if err := s.Up(ctx); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := s.Admin().QueryRowContext(ctx, `SELECT count(*) FROM pg_database WHERE datname IN ($1, $2)`, first, second).Scan(&n); err != nil || n != 2 {
		t.Errorf("%d databases came through: %v", n, err)
	}
	if err := s.DropDatabase(ctx, second); err != nil {
		t.Error(err)
	}
}

func TestFsync(t *testing.T) {
	t.Parallel()
	for fsync, want := range map[bool]string{true: "on", false: "off"} {
		var got string
		if err := start(t, postgres.Options{Fsync: fsync}).Admin().QueryRow(`SHOW fsync`).Scan(&got); err != nil || got != want {
			t.Errorf("fsync is %s, want %s: %v", got, want, err)
		}
	}
}

// abandon makes this test binary start a server and then wait to be killed.
const abandon = "ALIASD_TEST_ABANDON_PG"

// A server whose test was killed ends by itself; the next one removes what it left.
func TestEndsWithAKilledTest(t *testing.T) {
	t.Parallel()
	if os.Getenv(abandon) != "" {
		fmt.Println("folder:", folderOf(t, start(t, postgres.Options{})))
		select {}
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestEndsWithAKilledTest$", "-test.v")
	command.Env = append(os.Environ(), abandon+"=1")
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	folder := ""
	for lines := bufio.NewScanner(out); folder == "" && lines.Scan(); {
		folder, _ = strings.CutPrefix(lines.Text(), "folder: ")
		if !filepath.IsAbs(folder) {
			folder = ""
		}
	}
	if err := command.Process.Kill(); err != nil || folder == "" {
		t.Fatalf("the child's folder is %q: %v", folder, err)
	}
	_ = command.Wait()
	awaitEnd(t, filepath.Join(folder, "data", "postmaster.pid"))
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(folder, old, old); err != nil {
		t.Fatal(err)
	}
	start(t, postgres.Options{})
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", folder, err)
	}
}

// awaitEnd polls for the end of a server that is not our child: it removes the file with its id last.
func awaitEnd(t *testing.T, pidFile string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for {
		if _, err := os.Stat(pidFile); os.IsNotExist(err) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal("the server outlived the test that started it")
		case <-time.After(20 * time.Millisecond):
		}
	}
}
