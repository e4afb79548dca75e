package samba

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// The programs that a domain controller of the lab needs.
const (
	sambaProgram = "samba"
	sambaTool    = "samba-tool"
	ldbAdd       = "ldbadd"
	ldbModify    = "ldbmodify"
	ldbSearch    = "ldbsearch"
)

// Missing says what keeps a domain controller from running here: programs that are not installed, with the packages that
// bring them, or no right to listen on port 636. It is nil when Start can work. Tests that skip say so with this error.
func Missing() error {
	var absent []string
	for _, name := range []string{sambaProgram, sambaTool, ldbAdd, ldbModify, ldbSearch} {
		if _, err := program(name); err != nil {
			absent = append(absent, name)
		}
	}
	if len(absent) > 0 {
		return fmt.Errorf("no Samba domain controller can run here: %s not found (apt-get install samba samba-ad-dc "+
			"samba-ad-provision samba-dsdb-modules winbind python3-samba ldb-tools)", strings.Join(absent, ", "))
	}
	return mayListen()
}

// program finds an installed program. Debian puts samba where only root's PATH looks.
func program(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("find %s: %w", name, err)
}

// mayListen tries the port that needs a right. Any other failure, a port in use say, is none of its business.
func mayListen() error {
	listener, err := net.Listen("tcp", "127.0.10.255:636")
	if err == nil {
		return listener.Close()
	}
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EADDRNOTAVAIL) {
		return fmt.Errorf("no Samba domain controller can run here: %w (be root, or run under \"unshare -rn\" with lo up)", err)
	}
	return nil
}
