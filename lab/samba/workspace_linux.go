package samba

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// workspace is the temporary folder of one domain controller, with a lock beside the domain that says that its process lives.
type workspace struct {
	dir    string
	unlock func()
}

// Every workspace has a name like this one's, in the temporary folder, and such a lock in it.
const (
	workspacePattern = "aliasd-dc-*"
	ownerFile        = "owner"
)

// newWorkspace makes a workspace, and removes those of test processes that were killed.
func newWorkspace() (*workspace, error) {
	removeAbandoned(time.Now())
	dir, err := os.MkdirTemp("", workspacePattern)
	if err != nil {
		return nil, fmt.Errorf("make a folder for the domain controller: %w", err)
	}
	unlock, err := lockFile(filepath.Join(dir, ownerFile))
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, "dc"), 0o700)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a folder for the domain controller: %w", err), os.RemoveAll(dir))
	}
	return &workspace{dir: dir, unlock: unlock}, nil
}

// folder is where the domain is.
func (w *workspace) folder() folder { return folder(filepath.Join(w.dir, "dc")) }

func (w *workspace) remove() error {
	defer w.unlock()
	if err := os.RemoveAll(w.dir); err != nil {
		return fmt.Errorf("remove the domain controller's folder: %w", err)
	}
	return nil
}

// removeAbandoned removes workspaces that nobody owns any more. One that is being made may not be locked yet, so young ones are
// left alone. What cannot be removed stays: it is somebody else's.
func removeAbandoned(now time.Time) {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), workspacePattern)) // the pattern is well-formed
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err == nil && now.Sub(info.ModTime()) > time.Minute && abandoned(dir) {
			_ = os.RemoveAll(dir)
		}
	}
}

// abandoned says that a workspace has a lock and nobody holds it.
func abandoned(dir string) bool {
	file, err := os.OpenFile(filepath.Join(dir, ownerFile), os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
