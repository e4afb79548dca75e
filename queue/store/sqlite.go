package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"

	codes "modernc.org/sqlite/lib"

	"github.com/aliasd/aliasd/sqlitefile"
)

// sqlite is the dialect of SQLite: one transaction at a time writes.
func sqlite() *dialect {
	return &dialect{
		name: "sqlite", render: forSQLite, fault: sqliteFault, insertEvents: insertEach, commit: (*sql.Tx).Commit,
		seqs:       `SELECT value FROM json_each(?)`,
		texts:      `SELECT value FROM json_each(?)`,
		tables:     `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`,
		lastSeq:    `SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'requests'), 0)`,
		setLastSeq: `DELETE FROM sqlite_sequence WHERE name = 'requests'; INSERT INTO sqlite_sequence (name, seq) VALUES ('requests', %d)`,
		schema:     sqliteSchema, made: madeSQLite,
		version: `PRAGMA user_version`, setVersion: `PRAGMA user_version = %d`,
	}
}

// Open opens the store in the SQLite file path and makes it where there is none, readable by its owner alone. It brings an
// older schema up to date (but AsItIs), and refuses one that a newer version of the program made.
func Open(ctx context.Context, path string, options ...Option) (*Store, error) {
	s, err := open(ctx, path, optionsOf(options))
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", path, err)
	}
	return s, nil
}

func open(ctx context.Context, path string, o options) (*Store, error) {
	if err := sqlitefile.Create(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	writing, err := connect(path, 1, "query_only(0)")
	if err != nil {
		return nil, err
	}
	if err := sqlitefile.Ready(ctx, writing); err != nil {
		return nil, errors.Join(err, writing.Close())
	}
	d := sqlite()
	if err := migrate(ctx, writing, d, o); err != nil {
		return nil, errors.Join(err, writing.Close())
	}
	reading, err := connect(path, readers, "query_only(1)")
	if err != nil {
		return nil, errors.Join(err, writing.Close())
	}
	s := newStore(d, reading, newLane(writing, d, 0))
	s.file = path
	return s, nil
}

// lockWait has a connection wait for a lock for ten seconds. A caller whose write stands behind one that waited in vain is
// answered within the time limit of a call all the same.
func lockWait() string { return "busy_timeout(10000)" }

// connect opens a pool of connections to a file; mode says whether they may write. Each connection has a page cache of 2 MB
// at most.
func connect(path string, connections int, mode string) (*sql.DB, error) {
	return sqlitefile.Connect(path, connections, url.Values{
		"_txlock": {"immediate"},
		"_pragma": {lockWait(), "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "temp_store(MEMORY)", mode},
	})
}

func sqliteFault(err error) fault {
	switch sqlitefile.Code(err) {
	case codes.SQLITE_FULL, codes.SQLITE_READONLY, codes.SQLITE_IOERR, codes.SQLITE_CANTOPEN:
		return full
	case codes.SQLITE_BUSY: // another process had the lock for longer than lockWait
		return late
	}
	return own
}
