//go:build unix

package private

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// CheckPrivate says whether nobody but the owner gets at path: a folder needs mode 0700, a file 0640 or narrower (the
// group may read, so that a secret can belong to root and be read by the service's group). The owner must be root or
// the account that asks; root may ask about anybody's. Symbolic links are followed. Errors: *WiderError, or
// *fs.PathError where path cannot be looked at.
func CheckPrivate(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return judge(path, info, os.Geteuid())
}

// makeDir makes one folder for its owner alone; the umask can only narrow that.
func makeDir(path string) error { return os.Mkdir(path, 0o700) }

// createFile makes or empties the file.
func createFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
}

func checkOpen(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return judge(f.Name(), info, os.Geteuid())
}

func judge(path string, info fs.FileInfo, euid int) error {
	forbidden, want := fs.FileMode(0o037), "0600"
	if info.IsDir() {
		forbidden, want = 0o077, "0700"
	}
	if perm := info.Mode().Perm(); perm&forbidden != 0 {
		return &WiderError{
			Path: path, Found: fmt.Sprintf("mode %04o", perm), Want: want, Mend: "chmod " + want + " " + quote(path),
		}
	}
	return judgeOwner(path, info, euid)
}

func judgeOwner(path string, info fs.FileInfo, euid int) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || euid == 0 || stat.Uid == 0 || int(stat.Uid) == euid {
		return nil
	}
	return &WiderError{
		Path: path, Found: fmt.Sprintf("owner %d", stat.Uid), Want: fmt.Sprintf("%d", euid),
		Mend: fmt.Sprintf("chown %d %s", euid, quote(path)),
	}
}

// quote makes path one word of a POSIX shell.
func quote(path string) string {
	if strings.ContainsAny(path, " \t\n'\"\\$`&|;<>()*?[]#~!{}") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
