//go:build !windows

package publish

import (
	"errors"
	"os"
)

// flushFolder brings the names in a folder to the disk.
func flushFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
