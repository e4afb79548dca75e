//go:build !windows

package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aliasd/aliasd/private"
)

// someService is an account that is nobody here.
const someService = 4242

// needRoot skips aloud where the tests are not root's.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can give files away")
	}
}

// dynamicUser lays the data folder out as systemd does for a made-up account: behind a folder that root alone passes.
func dynamicUser(t *testing.T, dataDir string) {
	t.Helper()
	needRoot(t)
	behind := filepath.Join(t.TempDir(), "private")
	real := filepath.Join(behind, "aliasd")
	fatal(t, errors.Join(os.Mkdir(behind, 0o700), os.Mkdir(real, 0o700), os.Chown(real, someService, someService)))
	if err := os.Remove(dataDir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	fatal(t, os.Symlink(real, dataDir))
}

// wantOwner checks whom everything below a folder belongs to.
func wantOwner(t *testing.T, dir string, owner uint32) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(dir)
	fatal(t, err)
	fatal(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Sys().(*syscall.Stat_t).Uid != owner {
			t.Errorf("%s belongs to %d", path, info.Sys().(*syscall.Stat_t).Uid)
		}
		return err
	}))
}

// What root makes in the service's folder belongs to the service: the audit's files, its copy and its lock, the store.
func TestRootInTheServicesFolder(t *testing.T) {
	t.Parallel()
	s := newDefects(t)
	data := filepath.Join(s.dir, "data")
	dynamicUser(t, data)
	s.cli(t, "token", "create", "--name", "helpdesk", "--scope", "read").want(t, exitDone)
	for range 2 {
		s.auditedBy(t, exitMismatched)
	}
	if files, err := os.ReadDir(filepath.Join(data, "reports")); err != nil || len(files) != 6 {
		t.Errorf("%d files, %v", len(files), err)
	}
	wantOwner(t, data, someService)
}

// Root's backup, restore and removal leave the folder to the service; the backup elsewhere is root's.
func TestRootBacksUpAndRestores(t *testing.T) {
	t.Parallel()
	s := newDefects(t)
	data := filepath.Join(s.dir, "data")
	dynamicUser(t, data)
	s.cli(t, "token", "create", "--name", "helpdesk", "--scope", "read").want(t, exitDone)
	inside, outside := filepath.Join(data, "copy.db"), filepath.Join(s.dir, "copy.db")
	for _, file := range []string{inside, outside} {
		s.cli(t, "backup", file).want(t, exitDone)
	}
	s.cli(t, "restore", outside).want(t, exitDone)
	s.cli(t, "log", "verify").want(t, exitDone)
	wantOwner(t, data, someService)
	info, err := os.Stat(outside)
	if fatal(t, err); info.Sys().(*syscall.Stat_t).Uid != 0 || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup has mode %v", info.Mode())
	}
}

func TestRootWithoutAFolder(t *testing.T) {
	t.Parallel()
	needRoot(t)
	s := newDefects(t)
	data := filepath.Join(s.dir, "data")
	fatal(t, os.Remove(data))
	s.cli(t, "audit").want(t, exitError, "start the service once")
	s.cli(t, "token", "list").want(t, exitError, "start the service once")
	if _, err := os.Lstat(data); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("made: %v", err)
	}
}

// A link that the service's account has laid leads root nowhere.
func TestRootFollowsNoLinks(t *testing.T) {
	t.Parallel()
	needRoot(t)
	secret := filepath.Join(t.TempDir(), "secret")
	fatal(t, os.WriteFile(secret, nil, 0o600))
	dir := t.TempDir()
	fatal(t, errors.Join(os.Chmod(dir, 0o700), os.Chown(dir, someService, someService)))
	for _, name := range []string{lockFile, auditLockFile, backupLockFile, storeFile} {
		path := filepath.Join(dir, name)
		for _, link := range []func(string, string) error{os.Symlink, os.Link} {
			fatal(t, link(secret, path))
			err := inDataDir(dir, func() error { return errors.New("it was done") })
			if err == nil || !strings.Contains(err.Error(), name+" is a link") {
				t.Errorf("%s: %v", name, err)
			}
			fatal(t, os.Remove(path))
		}
	}
	fatal(t, inDataDir(dir, func() error {
		return errors.Join(os.Symlink(filepath.Dir(secret), filepath.Join(dir, "reports")), os.Link(secret, filepath.Join(dir, "hard")),
			os.Symlink(secret, filepath.Join(dir, "soft")), private.WriteFile(filepath.Join(dir, "own"), nil))
	}))
	for path, owner := range map[string]uint32{secret: 0, filepath.Dir(secret): 0, filepath.Join(dir, "own"): someService} {
		info, err := os.Stat(path)
		if fatal(t, err); info.Sys().(*syscall.Stat_t).Uid != owner {
			t.Errorf("%s belongs to %d", path, info.Sys().(*syscall.Stat_t).Uid)
		}
	}
}

// What systemd hands to the service alone, an audit by hand does not have, and says what to do.
func TestAuditWithoutCredentials(t *testing.T) {
	t.Parallel()
	s := newDefects(t)
	text, err := os.ReadFile(s.file)
	fatal(t, err)
	changed := bytes.Replace(text, []byte("password: {file: password.txt}"), []byte("password: {credential: ad-password}"), 1)
	if bytes.Equal(text, changed) {
		t.Fatalf("no password in %s", text)
	}
	fatal(t, os.WriteFile(s.file, changed, 0o600))
	s.cli(t, "audit").want(t, exitError, "schedule.audit", "systemd-run", "LoadCredential=")
}
