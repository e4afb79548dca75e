//go:build !windows

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// keepOwner lets a command that root runs leave the data folder to the service's account: give, at the end, gives that account
// what belongs to root there. A folder that is missing is refused, since root's own would keep the service out, and links
// in the place of our files too, since the account could lead root elsewhere by them. Nobody else has anything to give.
func keepOwner(dir string) (give func() error, err error) {
	nothing := func() error { return nil }
	if os.Geteuid() != 0 {
		return nothing, nil
	}
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not there, and root's own would keep the service out; start the service once, or make the folder: install -d -m 0700 -o ACCOUNT %s", dir, dir)
	}
	if err != nil {
		return nil, err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nothing, nil
	}
	for _, name := range []string{storeFile, storeFile + "-wal", storeFile + "-shm", lockFile, auditLockFile, backupLockFile} {
		if info, err := os.Lstat(dir + "/" + name); err == nil && !alone(info) {
			return nil, fmt.Errorf("%s/%s is a link, or no file; root does not work on it", dir, name)
		}
	}
	return func() error { return giveAway(dir, owner) }, nil
}

// alone says that a file is a regular one with one name.
func alone(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return info.Mode().IsRegular() && ok && stat.Nlink == 1
}

// giveAway gives what belongs to root below a folder to the folder's owner. It does not leave the folder, whatever links
// lead there.
func giveAway(dir string, owner *syscall.Stat_t) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // the service works there too
			return nil
		}
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil || !info.IsDir() && !alone(info) {
			return nil
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); !ok || stat.Uid != 0 {
			return nil
		}
		return ignoreGone(root.Lchown(name, int(owner.Uid), int(owner.Gid)))
	})
}
