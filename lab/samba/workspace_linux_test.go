package samba

import (
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"
)

func TestAbandonedWorkspaces(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	abandonedOne, err := newWorkspace()
	if err != nil {
		t.Fatal(err)
	}
	abandonedOne.unlock() // as the kernel does for a process that was killed
	owned, err := newWorkspace()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(abandonedOne.dir); err != nil {
		t.Fatalf("a young one was removed: %v", err)
	}
	removeAbandoned(time.Now().Add(time.Hour))
	if _, err := os.Stat(abandonedOne.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the abandoned one is still there: %v", err)
	}
	if _, err := os.Stat(string(owned.folder())); err != nil {
		t.Errorf("the owned one: %v", err)
	}
	if err := owned.remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(owned.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the removed one is still there: %v", err)
	}
}
