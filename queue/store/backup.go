package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"github.com/aliasd/aliasd/publish"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
	"github.com/aliasd/aliasd/sqlitefile"
)

// BackedUp is what a copy of the store has.
type BackedUp struct {
	eventlog.Result
	// own is the head that the copy came with: one of an earlier version is sealed on the way, which adds entries.
	own eventlog.Anchor
	// InForce are the tokens that the copy lets in.
	InForce []string `json:"tokens_in_force"`
	// Open is how many requests of the copy are not written yet, by state.
	Open map[queue.State]int `json:"open"`
}

// Backup writes a consistent copy of the store to a new file, while others write: what was acknowledged before it began is in it. The
// copy is readable by its owner alone and on the disk when Backup returns, and it was opened and verified. A file that is there
// already is an error (fs.ErrExist). What an interrupted one leaves is called path.part, and the next one takes it away.
func (s *Store) Backup(ctx context.Context, path string) (c BackedUp, err error) {
	if s.file == "" {
		return c, errors.New("backup: PostgreSQL has its own: pg_dump")
	}
	if _, err := os.Lstat(path); err == nil {
		return c, &fs.PathError{Op: "backup", Path: path, Err: fs.ErrExist}
	}
	part := path + ".part"
	if err := errors.Join(removeStore(part), sqlitefile.Create(part)); err != nil {
		return c, fmt.Errorf("backup: %w", err)
	}
	defer func() { err = errors.Join(err, removeStore(part)) }()
	if err := s.copyTo(ctx, part); err != nil {
		return c, fmt.Errorf("backup: %w", ended(ctx, s.inWords(err)))
	}
	if c, err = Inspect(ctx, part); err != nil {
		return c, fmt.Errorf("backup: the copy is not sound: %w", err)
	}
	if err := s.has(ctx, c.Head); err != nil {
		return c, fmt.Errorf("backup: %w", err)
	}
	return c, publish.New(part, path)
}

// copyTo copies the store into an empty file. What retention removed does not come along.
func (s *Store) copyTo(ctx context.Context, path string) error {
	select {
	case <-s.quit:
		return ErrClosed
	default:
	}
	db, err := connect(s.file, 1, "query_only(0)") // VACUUM INTO is no query, but changes nothing here
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `VACUUM INTO ?`, path)
	return errors.Join(err, db.Close())
}

// has looks whether the log still has the head of a copy.
func (s *Store) has(ctx context.Context, head eventlog.Anchor) error {
	var hash string
	found, err := s.row(ctx, `SELECT hash FROM events WHERE id = ?`, []any{head.ID}, &hash)
	if err == nil && head.ID != 0 && (!found || hash != head.Hash) {
		err = fmt.Errorf("the copy ends at entry %d, which is another one here; make it again", head.ID)
	}
	return err
}

// Errors of a file that is no copy of a store to go on with.
var (
	// ErrNoStore: the file is no store of aliasd, or is damaged.
	ErrNoStore = errors.New("this is no sound copy of the store")
	// ErrAltered: its schema is not as aliasd made it, its event log does not hold, or its rows are not what the log says.
	ErrAltered = errors.New("the copy is not as aliasd wrote it")
)

// Inspect looks through a copy of a store that nobody works on: the file as a whole, its schema, its event log, and its requests.
// One of an older schema is brought up to date and sealed; nothing else is changed in it. Errors: ErrNoStore, ErrAltered, ErrNewer.
func Inspect(ctx context.Context, path string) (c BackedUp, err error) {
	older, err := sound(ctx, path)
	if err == nil {
		c.own, err = headOf(ctx, path)
	}
	if err != nil {
		return c, err
	}
	if older {
		if err := bringUp(ctx, path); err != nil {
			return c, err
		}
	}
	db, err := readOnly(path)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	copied := reader(db)
	if c.Result, err = copied.Verify(ctx, eventlog.Check{}); err != nil {
		return c, fmt.Errorf("%w: %w", ErrNoStore, err)
	}
	if why := c.Err(); why != nil {
		return c, fmt.Errorf("%w: %w", ErrAltered, why)
	}
	return c, copied.describe(ctx, &c)
}

// headOf is the newest entry of the event log of a store.
func headOf(ctx context.Context, path string) (head eventlog.Anchor, err error) {
	db, err := readOnly(path)
	if err != nil {
		return head, err
	}
	head, err = reader(db).Head(ctx)
	return head, errors.Join(err, db.Close())
}

// readOnly opens a store that is not to be changed, schema and journal mode included.
func readOnly(path string) (*sql.DB, error) {
	return sqlitefile.Connect(path, 1, url.Values{"_pragma": {lockWait(), "query_only(1)", "temp_store(MEMORY)"}})
}

// reader makes a store that only reads, and is never closed.
func reader(db *sql.DB) *Store {
	d := sqlite()
	return &Store{dialect: d, reads: prepare(db, d), quit: make(chan struct{})}
}

// bringUp makes the steps of the schema that a store lacks.
func bringUp(ctx context.Context, path string) error {
	s, err := Open(ctx, path)
	if err != nil {
		return err
	}
	return errors.Join(s.Close(), Fold(ctx, path))
}

// sound looks whether a file is a whole SQLite file with our tables, and whether its schema is an older one.
func sound(ctx context.Context, path string) (older bool, err error) {
	db, err := readOnly(path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var verdict string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&verdict); err != nil || verdict != "ok" {
		return false, fmt.Errorf("%w: it is damaged, or cut off, or no SQLite file: %s", ErrNoStore, cmp.Or(verdict, fmt.Sprint(err)))
	}
	var version, tables int
	err = db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('requests', 'events', 'tokens', 'meta')`).Scan(&tables)
	if err == nil {
		err = db.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version)
	}
	steps, globErr := sqlite().steps()
	switch {
	case err != nil || globErr != nil:
		return false, errors.Join(err, globErr)
	case tables != 4 || version < 1:
		return false, fmt.Errorf("%w: it is another program's, or empty", ErrNoStore)
	case version > len(steps):
		return false, newer(version, len(steps))
	}
	if err := foreignSQLite(ctx, db, version); err != nil {
		return false, fmt.Errorf("%w: %w", ErrAltered, err)
	}
	return version < len(steps), nil
}

func (s *Store) describe(ctx context.Context, c *BackedUp) error {
	stats, err := s.Stats(ctx)
	if err != nil {
		return err
	}
	c.Open = map[queue.State]int{}
	for _, state := range []queue.State{queue.Accepted, queue.Queued, queue.Held, queue.Writing} {
		if n := stats.ByState[state]; n > 0 {
			c.Open[state] = n
		}
	}
	tokens, err := s.ListTokens(ctx)
	for _, k := range tokens {
		if k.RevokedAt.IsZero() {
			c.InForce = append(c.InForce, k.Name)
		}
	}
	return err
}

// removeStore removes a store's file and its companions; none of them has to be there.
func removeStore(path string) error {
	var errs []error
	for _, companion := range append(Companions(path), path) {
		if err := os.Remove(companion); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Companions are the files that SQLite keeps beside a store while it is open, or after a crash.
func Companions(path string) []string {
	return []string{path + "-wal", path + "-shm", path + "-journal"}
}
