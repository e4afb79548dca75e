package token

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/aliasd/aliasd/publish"
)

// LocalFile is the name of the local administrator's token file in the daemon's data folder. Whoever may read that
// folder (the service's account and administrators) is an administrator of aliasd.
const LocalFile = "admin.token"

// LocalToken returns the local administrator's token of a data folder, and makes it at the first start. One that is
// there stays, so that a command that waits survives a restart of the daemon; deleting the file and restarting
// replaces it. A file that others can read is refused with how to mend it; one that is no token is replaced.
func LocalToken(dir string) (Secret, error) {
	s, err := ReadLocal(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrMalformed) {
		return writeLocal(dir)
	}
	return s, err
}

// ReadLocal reads the local administrator's token, for a command that runs on the daemon's machine: fs.ErrNotExist where
// no daemon has run in that folder yet, fs.ErrPermission where the caller is no administrator.
func ReadLocal(dir string) (Secret, error) {
	path := filepath.Join(dir, LocalFile)
	info, err := os.Lstat(path)
	if err != nil {
		return Secret{}, fmt.Errorf("local token: %w", err)
	}
	if err := closedToOthers(path, info); err != nil {
		return Secret{}, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Secret{}, fmt.Errorf("local token: %w", err)
	}
	s, err := Parse(strings.TrimSpace(string(text)))
	if err != nil {
		return Secret{}, fmt.Errorf("local token %s: %w", path, err)
	}
	return s, nil
}

// closedToOthers checks the file itself where the mode says who may read it. On Windows the folder's DACL says so, and
// the daemon checks that before it starts.
func closedToOthers(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("local token %s is no regular file (%s); remove it and restart the daemon", path, info.Mode().Type())
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("local token %s can be read by others (mode %04o); remove it and restart the daemon, which makes a new one",
			path, info.Mode().Perm())
	}
	return nil
}

// writeLocal puts a new token in place.
func writeLocal(dir string) (Secret, error) {
	s := New()
	if err := publish.Write(filepath.Join(dir, LocalFile), []byte(s.Reveal()+"\n")); err != nil {
		return Secret{}, fmt.Errorf("local token: %w", err)
	}
	return s, nil
}
