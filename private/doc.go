// Package private keeps files and folders to their owner: the data folder, and the files that secrets stand in.
//
// What is wider than its owner (and root, or SYSTEM and Administrators) is refused, and the error says how to mend it.
// The package never narrows what somebody else made: an administrator who opened a folder on purpose shall hear of it,
// and what was readable yesterday may have been read.
//
// It imports nothing of ours.
package private

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxFile is the most that ReadFile reads, in bytes: secrets, keys and certificates are a few kilobytes.
const maxFile = 1 << 20

// WiderError says that others than the owner get at a file or folder.
type WiderError struct {
	Path string
	// Found says who gets at it, or who owns it: "mode 0644".
	Found string
	// Want says what it should be: "0600".
	Want string
	// Mend is the command that makes it so, in the words of the platform's shell.
	Mend string
}

// Error names the path, what was found and the command that mends it.
func (e *WiderError) Error() string {
	return fmt.Sprintf("%s is open to others (%s, want %s); mend it with: %s", e.Path, e.Found, e.Want, e.Mend)
}

// MakePrivateDir makes a folder that only its owner gets at (0700; on Windows a protected DACL for SYSTEM,
// Administrators and the own account), and the folders above it where they are missing. One that is there already is
// not touched, but checked as CheckPrivate does. Errors: *WiderError, *fs.PathError.
func MakePrivateDir(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := makeDir(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &fs.PathError{Op: "mkdir", Path: path, Err: errors.New("a file of that name is there")}
	}
	return CheckPrivate(path)
}

// WriteFile writes a file that only its owner gets at (0600; on Windows a protected DACL for SYSTEM, Administrators and the
// own account). One that is there already keeps its rules, and is refused where they are wider. Errors: *WiderError,
// *fs.PathError.
func WriteFile(path string, data []byte) error {
	f, err := createFile(path)
	if err != nil {
		return err
	}
	if err := checkOpen(f); err != nil {
		return errors.Join(err, f.Close())
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// ReadFile reads a file that nobody else can read, at most 1 MiB. The file is checked after it was opened, so that it
// cannot be another one by then. Errors: *WiderError; *fs.PathError; one that says so when it is no regular file or
// too long.
func ReadFile(path string) ([]byte, error) {
	if err := regular(path); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := checkOpen(f); err != nil {
		return nil, err
	}
	return readUpTo(f)
}

// regular keeps ReadFile from waiting for ever on a pipe.
func regular(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	return nil
}

func readUpTo(f *os.File) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is longer than %d bytes", f.Name(), maxFile)
	}
	return data, nil
}
