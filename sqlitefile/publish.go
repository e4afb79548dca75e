package sqlitefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Publish gives a finished file its name, once it is on the disk. It never takes the place of another one: fs.ErrExist.
func Publish(draft, path string) error {
	if err := flush(draft); err != nil {
		return err
	}
	err := os.Link(draft, path)
	switch {
	case err == nil:
		err = os.Remove(draft)
	case !errors.Is(err, fs.ErrExist):
		err = moveToFree(draft, path) // a file system without hard links
	}
	return errors.Join(err, flushDir(filepath.Dir(path)))
}

func moveToFree(draft, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "rename", Path: path, Err: fs.ErrExist}
	}
	return os.Rename(draft, path)
}

// Replace puts a finished file in the place of another one, in one step: a crash leaves the one or the other.
func Replace(draft, path string) error {
	if err := flush(draft); err != nil {
		return err
	}
	return errors.Join(os.Rename(draft, path), flushDir(filepath.Dir(path)))
}

// flush brings a file to the disk.
func flush(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
