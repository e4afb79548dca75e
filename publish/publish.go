// Package publish gives files their names once they are whole: a reader finds all of a file or none of it, after a crash too.
//
// A file is written as a draft beside its place, so that a rename is one step of the file system, and belongs to its owner alone from
// the start (mode 0600; on Windows the folder says who may read it). Its bytes are on the disk before it gets its name, and
// the name is on the disk before a function returns. What fails leaves no draft behind; a killed process may leave one, and one that
// another program has open stays beside the file that was published.
//
// It imports nothing of ours and knows nothing of what stands in the files.
package publish

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// What the name of a draft has around the name that it gets.
const (
	draftPrefix = "."
	draftSuffix = ".tmp"
)

// Draft is a file that does not have its own name yet. Whoever creates one publishes or discards it. It is for one goroutine.
type Draft struct {
	*os.File
	path string
	over bool
}

// Create makes an empty draft of the file at path. The name of a draft depends on path alone, so that of two that want one path the
// second gets fs.ErrExist.
func Create(path string) (*Draft, error) {
	folder, name := filepath.Split(path)
	f, err := os.OpenFile(folder+draftPrefix+name+draftSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &Draft{File: f, path: path}, nil
}

// Path is the name that the draft gets.
func (d *Draft) Path() string { return d.path }

// Discard closes the draft and removes it. After it was published or discarded it does nothing.
func (d *Draft) Discard() error {
	if d.over {
		return nil
	}
	d.over = true
	err := d.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	return errors.Join(err, os.Remove(d.Name()))
}

// finish closes the draft once its bytes are on the disk.
func (d *Draft) finish() error { return errors.Join(d.Sync(), d.Close()) }

// All publishes drafts of one folder: each gets its name, or none does. The error is fs.ErrExist where a name is taken. The drafts are
// over in any case.
func All(drafts ...*Draft) (err error) {
	var named []*Draft
	defer func() {
		if err == nil {
			return
		}
		for _, d := range named {
			err = errors.Join(err, os.Remove(d.path))
		}
		for _, d := range drafts {
			err = errors.Join(err, d.Discard())
		}
	}()
	for _, d := range drafts {
		if err := d.finish(); err != nil {
			return err
		}
	}
	for _, d := range drafts {
		if err := giveName(d.Name(), d.path); err != nil {
			return err
		}
		d.over = true
		named = append(named, d)
	}
	if len(drafts) == 0 {
		return nil
	}
	return flushFolder(filepath.Dir(drafts[0].path))
}

// New gives a finished file that somebody else wrote its name. It never takes the place of another one: fs.ErrExist, and the file
// keeps the name that it has.
func New(draft, path string) error {
	if err := flush(draft); err != nil {
		return err
	}
	if err := giveName(draft, path); err != nil {
		return err
	}
	return flushFolder(filepath.Dir(path))
}

// Replace puts a finished file that somebody else wrote in the place of another one, in one step: a crash leaves the one or the other.
func Replace(draft, path string) error {
	if err := flush(draft); err != nil {
		return err
	}
	if err := os.Rename(draft, path); err != nil {
		return err
	}
	return flushFolder(filepath.Dir(path))
}

// Write puts a file with these bytes at path, in the place of one that is there.
func Write(path string, data []byte) (err error) {
	folder, name := filepath.Split(path)
	// The name is another one each time: a draft that a killed process left must not be in the way. The mode is 0600.
	f, err := os.CreateTemp(folder, draftPrefix+name+".*"+draftSuffix)
	if err != nil {
		return err
	}
	d := &Draft{File: f, path: path}
	defer func() { err = errors.Join(err, d.Discard()) }()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := d.finish(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d.over = true
	return flushFolder(filepath.Dir(path))
}

// RemoveLeftovers removes the drafts in a folder that killed processes left: those of files whose name begins with prefix, and that
// nobody wrote to for a time. The error is that of reading the folder; a draft that cannot be removed stays for the next time.
func RemoveLeftovers(folder, prefix string, after time.Duration) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		isDraft := strings.HasPrefix(e.Name(), draftPrefix+prefix) && strings.HasSuffix(e.Name(), draftSuffix)
		if info, err := e.Info(); err == nil && isDraft && time.Since(info.ModTime()) > after {
			_ = os.Remove(filepath.Join(folder, e.Name()))
		}
	}
	return nil
}

// giveName renames a file to a name that none has. A link fails where the name is taken, which a rename does not.
func giveName(draft, path string) error {
	err := os.Link(draft, path)
	switch {
	case err == nil:
		// The file has its name. Where the other one cannot be taken away, as while a scanner has it open, it is a draft that was left.
		_ = os.Remove(draft)
		return nil
	case errors.Is(err, fs.ErrExist):
		return err
	}
	// This file system has no hard links.
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "rename", Path: path, Err: fs.ErrExist}
	}
	return os.Rename(draft, path)
}

// flush brings a file to the disk.
func flush(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
