package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/store"
)

func (a *app) backupCommand() *cobra.Command {
	return &cobra.Command{Use: "backup FILE", Short: "Copy the store to a new file, while the daemon runs",
		Example: "  aliasd backup /backup/aliasd-$(date +%F).db",
		Long: `Writes a consistent copy of the SQLite store to a new file that only its owner can read. The daemon may go on meanwhile. The copy is
verified before the command says done: the file, its event log, and its requests. It names people and their addresses, and holds the
hashes of tokens: keep it as closed as the store.`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, given []string) error { return a.backup(c, given[0]) }}
}

// backedUpJSON is what backup prints.
type backedUpJSON struct {
	File string `json:"file"`
	store.BackedUp
}

func (a *app) backup(c *cobra.Command, file string) error {
	s, err := a.settings()
	if err != nil {
		return err
	}
	if err := onlySQLite(s); err != nil {
		return err
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	return a.withStoreThere(c.Context(), func(st *store.Store) (err error) {
		one, err := lock(filepath.Join(s.DataDir, backupLockFile))
		if errors.Is(err, errTaken) {
			return errors.New("another backup of this data_dir is being made; wait until it has ended")
		}
		if err != nil {
			return fmt.Errorf("data_dir %s: lock: %w", s.DataDir, err)
		}
		defer func() { err = errors.Join(err, one.Close()) }()
		made, err := st.Backup(c.Context(), path)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s is there already, and a backup overwrites nothing; name a new file", path)
		}
		if err != nil {
			return err
		}
		return a.printBackup(backedUpJSON{File: path, BackedUp: made})
	})
}

func (a *app) printBackup(made backedUpJSON) error {
	if a.json {
		return a.printJSON(made)
	}
	sayf(a.out, "%s", made.File)
	say(a.out, "  ", fmt.Sprintf("%d requests and %d entries of the event log, copied and verified", made.Requests, made.Entries))
	if made.Head.ID > 0 {
		sayf(a.out, "  head  %s", made.Head)
	}
	return nil
}

// onlySQLite refuses to copy or restore a store that is not in data_dir.
func onlySQLite(s *config.Settings) error {
	if s.Database == "" {
		return nil
	}
	return errors.New("the store is in PostgreSQL: back it up with pg_dump and restore it with pg_restore, then run aliasd log verify and start aliasd run --paused")
}

func (a *app) restoreCommand() *cobra.Command {
	return &cobra.Command{Use: "restore FILE", Short: "Put a backup in the place of the store; the daemon must not run",
		Example: "  aliasd restore /backup/aliasd-2026-11-29.db",
		Long: `Verifies a backup, and puts it in the place of the store. The store from before is kept beside it. The daemon must be stopped first.

A restored store does not know what was written after the backup was made. What was open then would be written again, though somebody may
have taken it back since: so writing is stopped until you have looked at it and run aliasd resume. Tokens that were revoked since are
in force again.`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, given []string) error { return a.restore(c, given[0]) }}
}

func (a *app) restore(c *cobra.Command, file string) error {
	s, err := a.settings()
	if err != nil {
		return err
	}
	if err := onlySQLite(s); err != nil {
		return err
	}
	given, err := os.Stat(file)
	if err != nil {
		return err
	}
	if own, err := os.Stat(filepath.Join(s.DataDir, storeFile)); err == nil && os.SameFile(own, given) {
		return fmt.Errorf("%s is the store itself, and no backup of it; name a backup", file)
	}
	return inDataDir(s.DataDir, func() (err error) {
		stopped, err := lock(filepath.Join(s.DataDir, lockFile))
		if errors.Is(err, errTaken) {
			return fmt.Errorf("the daemon runs on data_dir %s; stop it first (systemctl stop aliasd, or aliasd service stop)", s.DataDir)
		}
		if err != nil {
			return fmt.Errorf("data_dir %s: lock: %w", s.DataDir, err)
		}
		defer func() { err = errors.Join(err, stopped.Close()) }()
		done, err := store.Restore(c.Context(), store.Restoring{From: file, Path: filepath.Join(s.DataDir, storeFile), By: "restore", Now: a.now()})
		if errors.Is(err, store.ErrInUse) {
			return fmt.Errorf("%w: another aliasd command works on it; try again when it has ended", err)
		}
		if err != nil {
			return err
		}
		return a.printRestored(restoredJSON{File: file, Restoration: done})
	})
}

// restoredJSON is what restore prints.
type restoredJSON struct {
	File string `json:"file"`
	store.Restoration
}

func (a *app) printRestored(done restoredJSON) error {
	if a.json {
		return a.printJSON(done)
	}
	of := ""
	if !done.HeadAt.IsZero() {
		of = ", up to " + clockTime(done.HeadAt)
	}
	sayf(a.out, "%s is the store now", done.File)
	say(a.out, "  ", fmt.Sprintf("%d requests and %d entries of the event log%s", done.Requests, done.Entries, of))
	if done.Replaced != "" {
		sayf(a.out, "the store from before: %s", done.Replaced)
		say(a.out, "  ", lostInWords(done.Restoration))
	}
	fmt.Fprintln(a.out)
	say(a.out, "", "Writing is stopped. What was written since the backup was made, this store does not know:")
	for _, point := range warnings(done.Restoration) {
		say(a.out, "  - ", point)
	}
	say(a.out, "", "Then start the service, look, and let writing go on: aliasd resume")
	return nil
}

func lostInWords(done store.Restoration) string {
	switch {
	case done.Unreadable:
		return "it cannot be read, so nobody knows what it has that the backup has not"
	case done.Lost < 0:
		return "it is not the store that the backup was made of"
	case done.Lost == 0:
		return "it has no entry of the event log that the backup has not"
	}
	return fmt.Sprintf("it has %d entries of the event log that the backup has not", done.Lost)
}

// warnings are what to look at after a restore.
func warnings(done store.Restoration) []string {
	points := []string{"what is asked again with an idempotency key that was used since is a new request"}
	if open := openInWords(done.Open); open != "" {
		points = append([]string{open + " would run (again): look at aliasd list --state queued and the like, and cancel what was done or taken back since"}, points...)
	}
	if len(done.InForce) > 0 {
		points = append(points, "tokens in force, also where they were revoked since: "+strings.Join(done.InForce, ", ")+"; aliasd token revoke NAME")
	}
	return points
}

func openInWords(open map[queue.State]int) string {
	var parts []string
	for _, state := range queue.States() {
		if n := open[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "open requests (" + strings.Join(slices.Clip(parts), ", ") + ")"
}
