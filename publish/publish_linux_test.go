package publish_test

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/aliasd/aliasd/publish"
)

const nobody = 65534

// asNobody runs f with the rights that a user without any has on files, who then owns these paths. It changes nothing for one who is not root.
func asNobody(t *testing.T, f func(), owned ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	for _, path := range owned {
		if err := os.Chown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	runtime.LockOSThread() // the rights are the thread's
	defer runtime.UnlockOSThread()
	if err := syscall.Setfsuid(nobody); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setfsuid(0); err != nil {
			t.Fatal(err)
		}
	}()
	f()
}

func mode(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// A draft that cannot be taken away stays, and the file has its name all the same.
func TestNewWhereTheDraftStays(t *testing.T) {
	t.Parallel()
	drafts, folder := t.TempDir(), t.TempDir()
	from, to := filepath.Join(drafts, "x.part"), filepath.Join(folder, "x")
	write(t, from, "one")
	mode(t, filepath.Dir(folder), 0o755)
	mode(t, drafts, 0o555)
	defer mode(t, drafts, 0o755)
	asNobody(t, func() {
		if err := publish.New(from, to); err != nil {
			t.Error(err)
		}
		if err := os.Remove(from); err == nil {
			t.Error("the draft could be removed: this test shows nothing")
		}
	}, from, folder)
	wantNames(t, folder, "x")
	wantNames(t, drafts, "x.part")
	wantFile(t, to, "one")
}

// Of several files each gets its name then.
func TestAllWhereADraftStays(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can make a file that its user can link and not remove")
	}
	folder := t.TempDir()
	all := drafts(t, folder, "a", "b")
	mode(t, filepath.Dir(folder), 0o755)
	mode(t, folder, 0o777|os.ModeSticky) // each user removes what is his own
	mode(t, all[1].Name(), 0o666)
	asNobody(t, func() {
		if err := publish.All(all...); err != nil {
			t.Error(err)
		}
	}, all[0].Name())
	wantNames(t, folder, ".b.tmp", "a", "b")
}
