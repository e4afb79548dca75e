package child

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// ownerFile is the lock in a folder that says that its process lives.
const ownerFile = "owner"

// Folder is a temporary folder of one server.
type Folder struct {
	dir   string
	owner *os.File
}

// NewFolder makes a folder with the prefix in its name, and removes those with this prefix whose tests were killed.
func NewFolder(prefix string) (*Folder, error) {
	removeAbandoned(prefix, time.Now())
	dir, err := os.MkdirTemp("", prefix+"*")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	owner, err := own(dir, os.O_CREATE)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a folder: %w", err), os.RemoveAll(dir))
	}
	return &Folder{dir: dir, owner: owner}, nil
}

// Path is that of something in the folder.
func (f *Folder) Path(name string) string { return filepath.Join(f.dir, name) }

// Remove removes the folder with all that is in it.
func (f *Folder) Remove() error { return errors.Join(os.RemoveAll(f.dir), f.owner.Close()) }

// removeAbandoned removes folders that nobody owns any more. One that is being made may not be locked yet, so young ones are
// left alone. What cannot be removed stays: it is somebody else's.
func removeAbandoned(prefix string, now time.Time) {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*")) // the pattern is well-formed
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil || now.Sub(info.ModTime()) < time.Minute {
			continue
		}
		if owner, err := own(dir, 0); err == nil {
			_ = os.RemoveAll(dir)
			_ = owner.Close()
		}
	}
}

// own takes a folder's lock, which the kernel lifts with the process at the latest.
func own(dir string, flag int) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, ownerFile), os.O_RDWR|flag, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
