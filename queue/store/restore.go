package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	codes "modernc.org/sqlite/lib"

	"github.com/aliasd/aliasd/publish"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
	"github.com/aliasd/aliasd/sqlitefile"
)

// Restoring is a copy that takes the place of a store.
type Restoring struct {
	From string // the copy; it is read only
	Path string // the store; it need not be there
	By   string
	Now  time.Time
}

// Restoration is what a restore did.
type Restoration struct {
	BackedUp
	// Replaced is where the store from before stands now; empty where there was none.
	Replaced string `json:"replaced,omitempty"`
	// Unreadable says that the store from before could not be read, so that nobody knows what it had.
	Unreadable bool `json:"unreadable,omitempty"`
	// Lost is how many entries the store from before had that the copy has not, -1 where it is not the same log.
	Lost int64 `json:"lost"`
}

// ErrInUse: another process works on the store.
var ErrInUse = errors.New("another process works on the store")

// Restore puts a copy in the place of a store that nobody works on. The copy is inspected first, and nothing is touched where it is not
// sound. What was written since it was made is not known to it, so writing is stopped with that reason, and the log tells where it
// comes from. The store from before is kept beside. A crash leaves the one or the other in place, whole.
func Restore(ctx context.Context, r Restoring) (done Restoration, err error) {
	part := r.Path + ".restoring"
	if err := removeStore(part); err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, removeStore(part)) }()
	if err := copyFile(r.From, part); err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	if done.BackedUp, err = Inspect(ctx, part); err != nil {
		return done, fmt.Errorf("restore: %s: %w", r.From, err)
	}
	if err := done.setAside(ctx, r); err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	if err := done.prepare(ctx, part, r); err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	return done, publish.Replace(part, r.Path)
}

// setAside keeps a copy of the store that is replaced. Where it can still be read, all of it is in its one file then.
func (done *Restoration) setAside(ctx context.Context, r Restoring) error {
	if _, err := os.Lstat(r.Path); errors.Is(err, fs.ErrNotExist) {
		// What a lost store left beside it belongs to no store any more, and must not be taken for the new one's.
		return removeStore(r.Path)
	}
	err := Fold(ctx, r.Path)
	if sqlitefile.Code(err) == codes.SQLITE_BUSY {
		return fmt.Errorf("%w: %w", ErrInUse, err)
	}
	done.Unreadable = err != nil
	if err == nil {
		done.compare(ctx, r.Path)
	}
	if done.Replaced, err = keep(r.Path, r.Now); err != nil {
		return err
	}
	return keepCompanions(r.Path, done.Replaced)
}

// keep copies a store that is to be replaced to a name of its own beside it. What an interrupted one left is taken away.
func keep(path string, now time.Time) (kept string, err error) {
	draft := path + ".replaced.part"
	if err := errors.Join(removeStore(draft), copyFile(path, draft)); err != nil {
		return "", err
	}
	name := path + ".replaced-" + now.UTC().Format("20060102T150405Z")
	kept = name
	for n := 2; ; n++ {
		if err := publish.New(draft, kept); !errors.Is(err, fs.ErrExist) {
			return kept, err
		}
		kept = fmt.Sprintf("%s-%d", name, n)
	}
}

// keepCompanions moves what stands beside a store that could not be read to where the store is kept: the new one must not take it
// for its own.
func keepCompanions(path, kept string) error {
	to := Companions(kept)
	for i, companion := range Companions(path) {
		if err := os.Rename(companion, to[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// compare counts what the store that is replaced has and the copy has not.
func (done *Restoration) compare(ctx context.Context, path string) {
	db, err := readOnly(path)
	if err == nil {
		old := reader(db)
		var head eventlog.Anchor
		head, err = old.Head(ctx)
		if done.Lost = head.ID - done.own.ID; err == nil && old.has(ctx, done.own) != nil {
			done.Lost = -1
		}
		err = errors.Join(err, db.Close())
	}
	done.Unreadable = err != nil
}

// prepare makes the copy fit to take the place of the store.
func (done *Restoration) prepare(ctx context.Context, path string, r Restoring) error {
	s, err := Open(ctx, path)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(t *txn) error { return t.restored(*done, r.By, queue.Instant(r.Now)) })
	return errors.Join(err, s.Close(), Fold(ctx, path))
}

// restored tells in the log where the store comes from, and stops all writing.
func (t *txn) restored(done Restoration, by string, now time.Time) error {
	if _, err := t.exec(`DELETE FROM pause WHERE id = 1`); err != nil {
		return err
	}
	of := "an empty log"
	if !done.HeadAt.IsZero() {
		of = done.HeadAt.UTC().Format(time.RFC3339)
	}
	stopper := "the restore of a backup from " + of
	if _, err := t.exec(`INSERT INTO pause (`+pauseColumns+`) VALUES (1, ?, ?)`, micros(now), stopper); err != nil {
		return err
	}
	return t.tell(eventlog.Restored, now, eventlog.Restoral{By: by, Head: done.Head, Replaced: done.Replaced},
		digestRow(pauseColumns, int64(1), micros(now), stopper))
}

// Fold brings all of a store that nobody works on into its one file. The error is a busy one where somebody does.
func Fold(ctx context.Context, path string) error {
	db, err := connect(path, 1, "query_only(0)")
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `PRAGMA journal_mode = DELETE`)
	return errors.Join(err, db.Close())
}

// copyFile copies a file to one that is not there yet, for its owner alone, and returns when it is on the disk.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if info, err := in.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, fmt.Errorf("%s is no regular file", from))
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
