package main

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// One audit at a time, one daemon at a time, and neither keeps the other off.
func TestLocks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	daemon, err := lockDataDir(dir)
	fatal(t, err)
	audit, err := lockAudit(dir)
	fatal(t, err)
	if _, err := lockDataDir(dir); err == nil || !strings.Contains(err.Error(), "another aliasd runs on it") {
		t.Errorf("two daemons: %v", err)
	}
	if _, err := lockAudit(dir); !errors.Is(err, errAuditRuns) {
		t.Errorf("two audits: %v", err)
	}
	fatal(t, errors.Join(daemon.Close(), audit.Close()))
	again, err := lockAudit(dir)
	fatal(t, err)
	fatal(t, again.Close())
	if _, err := lockAudit(filepath.Join(dir, "missing")); err == nil || errors.Is(err, errAuditRuns) {
		t.Errorf("locked where there is no folder: %v", err)
	}
}
