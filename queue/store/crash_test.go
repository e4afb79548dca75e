package store

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/storetest"
)

// childStore names the store that a child process of the crash test works on.
const childStore = "ALIASD_TEST_CHILD_STORE"

func TestMain(m *testing.M) {
	if path := os.Getenv(childStore); path != "" {
		fmt.Fprintln(os.Stderr, child(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child works on a store until it is killed.
func child(path string) error {
	s, err := Open(context.Background(), path)
	if err != nil {
		return err
	}
	return storetest.Load(s, os.Stdout)
}

// A process that is killed in the middle of its work has lost nothing that it acknowledged.
func TestCrash(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "queue.db")
	storetest.Crash(t,
		func() *exec.Cmd {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env, cmd.Stderr = append(os.Environ(), childStore+"="+path), os.Stderr
			return cmd
		},
		func(t *testing.T) queue.Store { return opened(t, path) },
		func(s queue.Store) error {
			broken, err := s.(*Store).VerifyChain(context.Background())
			if broken != 0 {
				return fmt.Errorf("the event log is broken at %d", broken)
			}
			return err
		})
}
