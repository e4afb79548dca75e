//go:build unix

package private

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestModes(t *testing.T) {
	t.Parallel()
	cases := []struct {
		dir  bool
		mode fs.FileMode
		want string // the mode that is asked for, empty when it passes
	}{
		{false, 0o600, ""}, {false, 0o400, ""}, {false, 0o640, ""}, {false, 0o440, ""}, {false, 0o700, ""},
		{false, 0o644, "0600"}, {false, 0o660, "0600"}, {false, 0o604, "0600"}, {false, 0o602, "0600"},
		{false, 0o610, "0600"}, {false, 0o666, "0600"}, {false, 0o601, "0600"},
		{true, 0o700, ""}, {true, 0o500, ""}, {true, fs.ModeSticky | 0o700, ""},
		{true, 0o750, "0700"}, {true, 0o755, "0700"}, {true, 0o701, "0700"}, {true, 0o710, "0700"}, {true, 0o720, "0700"},
	}
	for _, c := range cases {
		path := make1(t, c.dir, c.mode)
		err := CheckPrivate(path)
		if c.want == "" {
			if err != nil {
				t.Errorf("%v dir=%v: %v", c.mode, c.dir, err)
			}
			continue
		}
		var wider *WiderError
		if !errors.As(err, &wider) || wider.Want != c.want || wider.Mend != "chmod "+c.want+" "+path {
			t.Errorf("%v dir=%v: got %+v", c.mode, c.dir, err)
		}
		if _, err := ReadFile(path); !c.dir && !errors.As(err, &wider) {
			t.Errorf("%v: ReadFile gave %v", c.mode, err)
		}
	}
}

// make1 makes one file or folder of exactly that mode.
func make1(t *testing.T, dir bool, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x")
	var err error
	if dir {
		err = os.Mkdir(path, 0o700)
	} else {
		err = os.WriteFile(path, []byte("x"), 0o600)
	}
	if err == nil {
		err = os.Chmod(path, mode)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMakePrivateDirLeavesAWiderOneAlone(t *testing.T) {
	t.Parallel()
	path := make1(t, true, 0o755)
	var wider *WiderError
	if err := MakePrivateDir(path); !errors.As(err, &wider) {
		t.Fatalf("took a folder that is open to others: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Fatalf("changed the folder: %v, %v", info, err)
	}
}

// owned is a file of mode 0600 that belongs to somebody.
type owned struct {
	fs.FileInfo
	uid uint32
}

func (o owned) Mode() fs.FileMode { return 0o600 }
func (o owned) IsDir() bool       { return false }
func (o owned) Sys() any          { return &syscall.Stat_t{Uid: o.uid} }

func TestOwners(t *testing.T) {
	t.Parallel()
	cases := []struct {
		owner uint32
		euid  int
		ok    bool
	}{{0, 0, true}, {0, 990, true}, {990, 990, true}, {990, 0, true}, {1000, 990, false}}
	for _, c := range cases {
		err := judge("/data/x y", owned{uid: c.owner}, c.euid)
		if (err == nil) != c.ok {
			t.Errorf("owner %d, asked by %d: %v", c.owner, c.euid, err)
		}
		if err != nil && !strings.Contains(err.Error(), "chown 990 '/data/x y'") {
			t.Errorf("does not say how to mend it: %v", err)
		}
	}
}

// TestMendWorks runs what the error says, in a shell, on a path that a shell would take apart.
func TestMendWorks(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "it's $(a) folder; #1")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	var wider *WiderError
	if err := CheckPrivate(path); !errors.As(err, &wider) {
		t.Fatal(err)
	}
	if out, err := exec.Command("sh", "-c", wider.Mend).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", wider.Mend, err, out)
	}
	if err := CheckPrivate(path); err != nil {
		t.Fatalf("%s did not mend it: %v", wider.Mend, err)
	}
}

func TestReadFileDoesNotWaitOnAPipe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := ReadFile(path)
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil {
			t.Fatal("read a pipe")
		}
	case <-time.After(5 * time.Minute):
		t.Fatal("waits on a pipe")
	}
}

func TestSymlinkIsFollowed(t *testing.T) {
	t.Parallel()
	target := make1(t, false, 0o644)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	var wider *WiderError
	if err := CheckPrivate(link); !errors.As(err, &wider) {
		t.Fatalf("a link hid an open file: %v", err)
	}
}

func TestWriteFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret.txt")
	for _, text := range []string{"a longer text", "short"} {
		if err := WriteFile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadFile(path); err != nil || string(got) != text {
			t.Errorf("read %q, %v, want %q", got, err, text)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	var wider *WiderError
	if err := WriteFile(path, []byte("x")); !errors.As(err, &wider) {
		t.Errorf("a file that is open to others was written: %v", err)
	}
}
