//go:build unix

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckFilesOpenToOthers: each secret's file, the API's key and the data folder, with the command that mends it.
func TestCheckFilesOpenToOthers(t *testing.T) {
	t.Parallel()
	f := newFilesFixture(t)
	if err := os.Mkdir(filepath.Join(f.dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"secret.txt": 0o644, "client.pem": 0o604, "api.key": 0o660, "state": 0o750, "ca.pem": 0o644, "api.pem": 0o644} {
		if err := os.Chmod(filepath.Join(f.dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	got := strings.ReplaceAll(f.check(filesSettings).Error(), f.dir, "DIR")
	const want = `aliasd.yaml:2: data_dir: DIR/state is open to others (mode 0750, want 0700) (mend it with: chmod 0700 DIR/state)
aliasd.yaml:9: directory.bind.password: DIR/secret.txt is open to others (mode 0644, want 0600) (mend it with: chmod 0600 DIR/secret.txt)
aliasd.yaml:13: cloud.certificate: DIR/client.pem is open to others (mode 0604, want 0600) (mend it with: chmod 0600 DIR/client.pem)
aliasd.yaml:18: api.tls.key_file: DIR/api.key is open to others (mode 0660, want 0600) (mend it with: chmod 0600 DIR/api.key)`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestCheckFilesUnreadable cannot run as root, who reads everything.
func TestCheckFilesUnreadable(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root reads every file")
	}
	f := newFilesFixture(t)
	for _, name := range []string{"secret.txt", "ca.pem"} {
		if err := os.Chmod(filepath.Join(f.dir, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	problems := f.check(filesSettings)
	if len(problems) != 2 || strings.Count(problems.Error(), "cannot be read by this account") != 2 {
		t.Errorf("got %v", problems)
	}
}
