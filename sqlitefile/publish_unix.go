//go:build !windows

package sqlitefile

import (
	"errors"
	"os"
)

// flushDir brings the names in a folder to the disk.
func flushDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
