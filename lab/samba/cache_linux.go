package samba

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// chunk is how many objects are added in one transaction; the time that one takes grows faster than its size.
const chunk = 1000

// restore fills an empty folder with the lab's domain, with the options' objects in it. What is not in the cache yet is made
// and put there.
func restore(ctx context.Context, options Options, f folder) error {
	base, err := archiveName(ctx, options.CacheDir)
	if err != nil {
		return err
	}
	plain := func() error {
		return cached(base+".tar.gz", f, func() error { return provision(ctx, f) })
	}
	if len(options.Objects) == 0 {
		return plain()
	}
	chunks := ldif(options.Objects, chunk)
	sum := sha256.Sum256(bytes.Join(chunks, nil))
	return cached(base+"-"+hex.EncodeToString(sum[:6])+".tar.gz", f, func() error {
		if err := plain(); err != nil {
			return err
		}
		for _, part := range chunks {
			if err := feed(ctx, f, ldbAdd, part); err != nil {
				return err
			}
		}
		return nil
	})
}

// archiveName is the path, without the ending, that the plain domain has in the cache. It changes with Samba's version and
// with everything that we provision, so that nobody need remember to raise a number.
func archiveName(ctx context.Context, dir string) (string, error) {
	if dir == "" {
		dir = cacheDir()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	version, err := run(ctx, sambaProgram, "--version")
	if err != nil {
		return "", err
	}
	revision, err := schemaRevision()
	if err != nil {
		return "", err
	}
	name := strings.ReplaceAll(strings.TrimPrefix(strings.TrimSpace(string(version)), "Version "), "/", "-")
	return filepath.Join(dir, "samba-"+name+"-"+revision), nil
}

// cacheDir is the user's cache folder, or the temporary one where a user has none.
func cacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "aliasd")
}

// schemaRevision is a digest of all that makes a plain domain the lab's.
func schemaRevision() (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(provisioning, "provision", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := provisioning.ReadFile(path)
		sum.Write(content)
		return err
	})
	sum.Write([]byte(adminPassword + servicePassword + delegate("")))
	return hex.EncodeToString(sum.Sum(nil)[:6]), err
}

// cached unpacks an archive into the folder. When there is none, build fills the folder and the archive is made from it;
// meanwhile other processes that need the same one wait.
func cached(archive string, f folder, build func() error) error {
	err := unpack(archive, f)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	unlock, err := lockFile(archive + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if err := unpack(archive, f); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := build(); err != nil {
		return err
	}
	return pack(f, archive)
}

// lockFile waits for a lock that the kernel lifts with the process at the latest.
func lockFile(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the cache's lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the cache: %w", err), file.Close())
	}
	return func() { _ = file.Close() }, nil
}
