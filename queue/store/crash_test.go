package store

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/storetest"
)

// childStore names the store that a child process of the crash test works on, childJob what it does with it, without end.
const (
	childStore = "ALIASD_TEST_CHILD_STORE"
	childJob   = "ALIASD_TEST_CHILD_JOB"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childStore); path != "" {
		fmt.Fprintln(os.Stderr, child(path))
		os.Exit(1)
	}
	code := m.Run()
	if err := lab.stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// openAt opens the store at a path or a URL.
func openAt(ctx context.Context, place string) (*Store, error) {
	if strings.HasPrefix(place, "postgres:") {
		return OpenPostgres(ctx, place)
	}
	return Open(ctx, place)
}

// child works on a store until it is killed.
func child(path string) error {
	if job := os.Getenv(childJob); job != "" {
		return childJobs()[job](path)
	}
	s, err := openAt(context.Background(), path)
	if err != nil {
		return err
	}
	return storetest.Load(s, os.Stdout)
}

// A process that is killed in the middle of its work has lost nothing that it acknowledged.
func TestCrash(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, d database) { crash(t, d.place(t), d) })
}

func crash(t *testing.T, place string, d database) {
	storetest.Crash(t,
		func() *exec.Cmd {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env, cmd.Stderr = append(os.Environ(), childStore+"="+place), os.Stderr
			return cmd
		},
		func(t *testing.T) queue.Store { return d.open(t, place) },
		func(s queue.Store) error {
			broken, err := s.(*Store).VerifyChain(context.Background())
			if broken != 0 {
				return fmt.Errorf("the event log is broken at %d", broken)
			}
			return err
		})
}
