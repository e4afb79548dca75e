package child

import (
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"
)

func TestAbandonedFolders(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	abandonedOne, err := NewFolder("some-")
	if err != nil {
		t.Fatal(err)
	}
	if err := abandonedOne.owner.Close(); err != nil { // as the kernel does for a process that was killed
		t.Fatal(err)
	}
	owned, err := NewFolder("some-")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(abandonedOne.dir); err != nil {
		t.Fatalf("a young one was removed: %v", err)
	}
	removeAbandoned("some-", time.Now().Add(time.Hour))
	if _, err := os.Stat(abandonedOne.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the abandoned one is still there: %v", err)
	}
	if _, err := os.Stat(owned.Path("")); err != nil {
		t.Errorf("the owned one: %v", err)
	}
	if err := owned.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(owned.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the removed one is still there: %v", err)
	}
}
