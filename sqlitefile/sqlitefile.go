// Package sqlitefile makes and opens SQLite files that belong to their owner alone, such as the store of requests. It knows
// nothing of what stands in them, and imports nothing of ours.
package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite" // and with it the driver "sqlite"
	codes "modernc.org/sqlite/lib"
)

// Create makes the file, empty, so that it belongs to its owner alone from the beginning; SQLite gives the same rights to
// its companions. The error is an *fs.PathError, fs.ErrExist where there is one already.
func Create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// Connect opens a pool of connections that all have the same settings: they stand in the DSN, for a PRAGMA that is sent
// later reaches one connection only. settings are those of modernc.org/sqlite, _txlock and _pragma.
func Connect(path string, connections int, settings url.Values) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	slashed := filepath.ToSlash(absolute)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // file:///C:/…
	}
	dsn := url.URL{Scheme: "file", Path: slashed, RawQuery: settings.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// Memory opens an empty database that stands in no file and ends when it is closed.
func Memory() (*sql.DB, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // each connection has a database of its own
	return db, nil
}

// switching is how long another process may take to switch a new file to its journal mode.
const switching = 10 * time.Second

// Ready makes the first connection of a pool. Where another process is just switching a new file to its journal mode,
// SQLite says at once that the file is locked, whatever the busy_timeout is: so this tries again, for some seconds.
func Ready(ctx context.Context, db *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, switching)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		err := db.PingContext(ctx)
		if Code(err) != codes.SQLITE_BUSY {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return err
		}
	}
}

// InTx runs do in a transaction: committed where do returns nil, else rolled back.
func InTx(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		// SQLite may have rolled back by itself; then there is nothing to roll back, which is no error worth telling.
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

// Code gives the primary result code of an error of SQLite (https://sqlite.org/rescode.html), 0 where it is none.
func Code(err error) int {
	var failed *sqlite.Error
	if !errors.As(err, &failed) {
		return 0
	}
	return failed.Code() & 0xff
}
