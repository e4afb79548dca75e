package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/aliasd/aliasd/private"
)

// inDataDir does something in the data folder, beside the daemon or without it. What root does there it does as root, and
// what it makes belongs to whom the folder belongs to afterwards.
func inDataDir(dir string, do func() error) (err error) {
	give, err := keepOwner(dir)
	if err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	defer func() { err = errors.Join(err, give()) }()
	if err := private.MakePrivateDir(dir); err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	return do()
}

// ignoreGone is nil where a file is not there.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
