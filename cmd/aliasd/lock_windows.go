package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// lockDataDir keeps a second daemon off the same data folder: several nodes need PostgreSQL. The lock ends with the process.
func lockDataDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	flags := uint32(windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY)
	if err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{}); err != nil {
		return nil, errors.Join(errLocked(dir, errors.Is(err, windows.ERROR_LOCK_VIOLATION), err), f.Close())
	}
	return f, nil
}

// becomeOwner changes nothing: the data folder's access list is inherited by what is made there.
func becomeOwner(string) error { return nil }
