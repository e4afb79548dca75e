package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// The lock files in the data folder: the running daemon holds one, each audit and each backup one of its own.
const (
	lockFile       = "aliasd.lock"
	auditLockFile  = "audit.lock"
	backupLockFile = "backup.lock"
)

// errAuditRuns says that another audit works on the same data folder, in the daemon or by hand.
var errAuditRuns = errors.New("another audit runs on this data_dir; wait until it has ended")

// lockDataDir keeps a second daemon off the same data folder: several nodes need PostgreSQL. The lock ends with the process.
func lockDataDir(dir string) (*os.File, error) {
	f, err := lock(filepath.Join(dir, lockFile))
	if errors.Is(err, errTaken) {
		return nil, fmt.Errorf("data_dir %s: another aliasd runs on it; stop that one, or give this one a data_dir of its own", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("data_dir %s: lock: %w", dir, err)
	}
	return f, nil
}

// lockAudit keeps a second audit off the file that an audit makes of the tenant, whoever started it. Errors: errAuditRuns, or what the
// operating system said.
func lockAudit(dir string) (*os.File, error) {
	f, err := lock(filepath.Join(dir, auditLockFile))
	if errors.Is(err, errTaken) {
		return nil, errAuditRuns
	}
	if err != nil {
		return nil, fmt.Errorf("data_dir %s: lock: %w", dir, err)
	}
	return f, nil
}

// errTaken says that another process, or another part of this one, holds a lock.
var errTaken = errors.New("the lock is taken")

// lock takes a lock file, which is made where it is missing, without waiting. Closing the file ends the lock, and so does
// the end of the process.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := takeLock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
