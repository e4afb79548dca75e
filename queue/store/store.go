package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"sync"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/sqlitefile"
)

// ErrClosed: the store was closed; nothing was stored.
var ErrClosed = errors.New("the store is closed")

// readers is how many reads run at the same time; each has a page cache of 2 MB at most.
const readers = 4

// Store is a queue.Store in one SQLite file. Several processes may have the same file open: the command line beside the
// daemon.
type Store struct {
	writes *prepared // on one connection, used by the writer goroutine alone
	reads  *prepared
	jobs   chan *job
	quit   chan struct{}
	close  func() error
}

var _ queue.Store = (*Store)(nil)

// Open opens the store in the file path and makes it where there is none, readable by its owner alone. It brings an older
// schema up to date, and refuses one that a newer version of the program made.
func Open(ctx context.Context, path string) (*Store, error) {
	s, err := open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", path, err)
	}
	return s, nil
}

func open(ctx context.Context, path string) (*Store, error) {
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
	if err := migrate(ctx, writing); err != nil {
		return nil, errors.Join(err, writing.Close())
	}
	reading, err := connect(path, readers, "query_only(1)")
	if err != nil {
		return nil, errors.Join(err, writing.Close())
	}
	s := &Store{writes: prepare(writing), reads: prepare(reading), jobs: make(chan *job), quit: make(chan struct{})}
	var writer sync.WaitGroup
	writer.Go(s.writeLoop)
	s.close = sync.OnceValue(func() error {
		close(s.quit)
		writer.Wait()
		return errors.Join(reading.Close(), writing.Close())
	})
	return s, nil
}

// Close waits for the writes that are under way and closes the file. Calls after it give ErrClosed. Closing twice is
// harmless.
func (s *Store) Close() error { return s.close() }

// connect opens a pool of connections to a store; mode says whether they may write.
func connect(path string, connections int, mode string) (*sql.DB, error) {
	return sqlitefile.Connect(path, connections, url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "temp_store(MEMORY)", mode},
	})
}
