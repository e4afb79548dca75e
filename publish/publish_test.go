package publish_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/aliasd/aliasd/publish"
)

// names are the files in a folder, in order.
func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func wantNames(t *testing.T, folder string, want ...string) {
	t.Helper()
	if got := names(t, folder); !slices.Equal(got, want) {
		t.Errorf("the folder holds %v, want %v", got, want)
	}
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil || string(text) != want {
		t.Errorf("%s holds %q, %v", path, text, err)
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%s: mode %v, %v", path, info.Mode(), err)
	}
}

// write makes a file that is not a draft of this package.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func drafts(t *testing.T, folder string, of ...string) (all []*publish.Draft) {
	t.Helper()
	for _, name := range of {
		d, err := publish.Create(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.WriteString("this is " + name); err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

func TestAll(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	both := drafts(t, folder, "a", "b")
	if info, err := both[0].Stat(); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("a draft has the mode %v, %v", info.Mode(), err)
	}
	if _, err := publish.Create(filepath.Join(folder, "a")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second draft of one file: %v", err)
	}
	wantNames(t, folder, ".a.tmp", ".b.tmp")
	if err := publish.All(both...); err != nil {
		t.Fatal(err)
	}
	wantNames(t, folder, "a", "b")
	wantFile(t, filepath.Join(folder, "b"), "this is b")
	for _, d := range both {
		if err := d.Discard(); err != nil {
			t.Error(err)
		}
	}
	wantNames(t, folder, "a", "b")
}

// Where one of several cannot get its name, none has one, and what stood in the way stays.
func TestAllOrNone(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	all := drafts(t, folder, "a", "b", "c")
	write(t, filepath.Join(folder, "b"), "older")
	if err := publish.All(all...); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another file: %v", err)
	}
	wantNames(t, folder, "b")
	wantFile(t, filepath.Join(folder, "b"), "older")
}

// A draft that is closed already cannot be brought to the disk: nothing is published.
func TestAllOfAClosedDraft(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	all := drafts(t, folder, "a", "b")
	if err := all[1].Close(); err != nil {
		t.Fatal(err)
	}
	if err := publish.All(all...); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a closed draft: %v", err)
	}
	wantNames(t, folder)
}

func TestDiscard(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	d := drafts(t, folder, "a")[0]
	for range 2 {
		if err := d.Discard(); err != nil {
			t.Error(err)
		}
	}
	wantNames(t, folder)
}

func TestNewAndReplace(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	from, to := filepath.Join(folder, "x.part"), filepath.Join(folder, "x")
	write(t, from, "one")
	if err := publish.New(from, to); err != nil {
		t.Fatal(err)
	}
	wantNames(t, folder, "x")
	write(t, from, "two")
	if err := publish.New(from, to); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another file: %v", err)
	}
	wantNames(t, folder, "x", "x.part")
	wantFile(t, to, "one")
	if err := publish.Replace(from, to); err != nil {
		t.Fatal(err)
	}
	wantNames(t, folder, "x")
	wantFile(t, to, "two")
	for name, err := range map[string]error{"New": publish.New(from, to+"2"), "Replace": publish.Replace(from, to)} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of nothing: %v", name, err)
		}
	}
	wantFile(t, to, "two")
}

func TestWrite(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "token")
	write(t, filepath.Join(folder, ".token.1.tmp"), "left by a killed process")
	for _, text := range []string{"one", "two"} {
		if err := publish.Write(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		wantFile(t, path, text)
	}
	wantNames(t, folder, ".token.1.tmp", "token")
	taken := filepath.Join(folder, "folder")
	if err := os.Mkdir(taken, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := publish.Write(taken, nil); err == nil {
		t.Error("a folder was replaced")
	}
	if err := publish.Write(filepath.Join(folder, "none", "x"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that is not there: %v", err)
	}
	wantNames(t, folder, ".token.1.tmp", "folder", "token")
}

func TestRemoveLeftovers(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, age := range map[string]time.Duration{".mine-1.tmp": 2 * time.Hour, ".mine-2.tmp": 0, "mine-3": 2 * time.Hour, ".other.tmp": 2 * time.Hour} {
		path := filepath.Join(folder, name)
		write(t, path, "")
		at := time.Now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := publish.RemoveLeftovers(folder, "mine-", time.Hour); err != nil {
		t.Fatal(err)
	}
	wantNames(t, folder, ".mine-2.tmp", ".other.tmp", "mine-3")
	if err := publish.RemoveLeftovers(filepath.Join(folder, "none"), "", 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}
