package store

import (
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/aliasd/aliasd/queue"
)

// ErrClosed: the store was closed; nothing was stored.
var ErrClosed = errors.New("the store is closed")

// readers is how many reads run at the same time.
const readers = 4

// Store is a queue.Store in one database. Several processes may have the same one open: the command line beside the
// daemon, and on PostgreSQL the daemons of several nodes.
type Store struct {
	dialect *dialect
	// file is where it stands in SQLite; empty elsewhere.
	file string
	// intake takes what brings requests and claims in, work everything else. In SQLite both are one.
	intake, work *lane
	reads        *prepared
	// sessions are connections that turns hold; nil in SQLite.
	sessions *sql.DB
	turns    turns
	quit     chan struct{}
	close    func() error
}

var _ queue.Store = (*Store)(nil)

// newStore makes a store of the pools of a database that is up to date: for reads, and for one lane or two.
func newStore(d *dialect, reading *sql.DB, lanes ...*lane) *Store {
	s := &Store{dialect: d, reads: prepare(reading, d), quit: make(chan struct{}), intake: lanes[0], work: lanes[len(lanes)-1]}
	var writers sync.WaitGroup
	for _, l := range lanes {
		l.quit = s.quit
		writers.Go(l.run)
	}
	s.close = sync.OnceValue(func() error {
		close(s.quit)
		writers.Wait()
		errs := []error{reading.Close()}
		if s.sessions != nil {
			errs = append(errs, s.sessions.Close())
		}
		for _, l := range lanes {
			errs = append(errs, l.statements.db.Close())
		}
		return errors.Join(errs...)
	})
	return s
}

func newLane(db *sql.DB, d *dialect, first lock) *lane {
	return &lane{statements: prepare(db, d), lock: first, jobs: make(chan *job)}
}

// Close waits for the writes that are under way and closes the database. Calls after it give ErrClosed. Closing twice is
// harmless.
func (s *Store) Close() error { return s.close() }

// inWords tells what a database's error means: queue.ErrStoreFull where it cannot be written (a disk that is full),
// queue.ErrStoreAway where it cannot be reached, does not answer in time, or is locked by another process for too long, queue.ErrStoreUnsure
// where it went away in the middle of a commit. Every other error stays as it is.
func (s *Store) inWords(err error) error {
	if err == nil {
		return nil
	}
	switch s.dialect.fault(err) {
	case full:
		return fmt.Errorf("%w: %w", queue.ErrStoreFull, err)
	case away, late:
		return fmt.Errorf("%w: %w", queue.ErrStoreAway, err)
	case unsure:
		return fmt.Errorf("%w: %w", queue.ErrStoreUnsure, err)
	}
	return err
}
