package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Missing says what keeps a server from running here; nil when Start can work. Tests that skip say so with this error.
func Missing() error {
	if _, err := program("postgres"); err != nil {
		return fmt.Errorf("no PostgreSQL can run here: %w (apt-get install postgresql)", err)
	}
	_, err := account()
	return err
}

// program finds one of the server's programs. Debian keeps them out of the PATH, a folder for each version.
func program(name string) (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) }), nil
	}
	return exec.LookPath(name)
}

func version(path string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	if err != nil {
		return 0
	}
	return n
}

// account is who the server runs as: we, but PostgreSQL refuses to be root. nil is we.
func account() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		known, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(known.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(known.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(uidErr, gidErr)
	}
	return nil, errors.New("no PostgreSQL can run here: it refuses to be root, and there is neither a user postgres nor nobody")
}
