package private_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/private"
)

func TestMakePrivateDir(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "aliasd")
	for range 2 { // the second time it is there already
		if err := private.MakePrivateDir(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := private.CheckPrivate(path); err != nil {
		t.Fatalf("what was made is not private: %v", err)
	}
	file := filepath.Join(path, "secret.txt")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := private.ReadFile(file)
	if err != nil || string(got) != "s3cret\n" {
		t.Fatalf("read %q, %v", got, err)
	}
}

func TestMakePrivateDirWhereAFileIs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "taken")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := private.MakePrivateDir(path)
	if err == nil || !strings.Contains(err.Error(), "a file of that name is there") {
		t.Fatalf("made a folder over a file: %v", err)
	}
	if err := private.MakePrivateDir(filepath.Join(path, "below")); err == nil {
		t.Fatal("made a folder below a file")
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "nothing")
	if err := private.CheckPrivate(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("CheckPrivate of nothing: %v", err)
	}
	if _, err := private.ReadFile(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ReadFile of nothing: %v", err)
	}
}

func TestReadFileRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := private.ReadFile(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("read a folder: %v", err)
	}
	long := filepath.Join(dir, "long")
	if err := os.WriteFile(long, make([]byte, 1<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := private.ReadFile(long); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("read a file that is too long: %v", err)
	}
}
