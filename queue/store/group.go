package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/aliasd/aliasd/sqlitefile"
)

// maxGroup is how many writes one transaction takes at most, so that nobody waits long for the others.
const maxGroup = 256

// job is one write on its way to the writer goroutine.
type job struct {
	ctx  context.Context
	do   func(*txn) error
	err  error
	done chan struct{}
}

// errBroken: SQLite rolled the whole transaction back on account of one write (a full disk does that).
var errBroken = errors.New("the transaction is gone")

// write has the writer goroutine run do, and returns when what it did is durable. Where do fails, nothing of it stays. do
// may be run twice, so it must not build on what an earlier run left behind. A ctx that ends before do has begun stops
// the write; later it is finished.
func (s *Store) write(ctx context.Context, do func(*txn) error) error {
	j := &job{ctx: ctx, do: do, done: make(chan struct{})}
	select {
	case s.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.quit:
		return ErrClosed
	}
	<-j.done
	return inWords(j.err)
}

// writeLoop commits what is waiting, group by group, until the store is closed.
func (s *Store) writeLoop() {
	for {
		select {
		case first := <-s.jobs:
			group := s.waiting(first)
			s.commit(group)
			for _, j := range group {
				close(j.done)
			}
		case <-s.quit:
			return
		}
	}
}

// waiting is a first write and the others that wait behind it just now.
func (s *Store) waiting(first *job) []*job {
	group := []*job{first}
	for len(group) < maxGroup {
		select {
		case j := <-s.jobs:
			group = append(group, j)
		default:
			return group
		}
	}
	return group
}

// commit runs a group in one transaction. Where one write breaks it for all, each is run again by itself. The context is
// nobody's: one caller who goes away does not roll the others back.
func (s *Store) commit(group []*job) {
	ctx := context.Background()
	err := sqlitefile.InTx(ctx, s.writes.db, func(tx *sql.Tx) error {
		t := &txn{ctx: ctx, tx: tx, statements: s.writes}
		for _, j := range group {
			if err := t.attempt(j); err != nil {
				return err
			}
		}
		return nil
	})
	s.writes.prepareWanted(ctx)
	if errors.Is(err, errBroken) && len(group) > 1 {
		for _, j := range group {
			s.commit([]*job{j})
		}
		return
	}
	for _, j := range group {
		if j.err == nil || errors.Is(err, errBroken) {
			j.err = err
		}
	}
}

// attempt runs one write behind a savepoint. Its own failure goes to its caller; what attempt returns broke the
// transaction.
func (t *txn) attempt(j *job) error {
	if j.err = j.ctx.Err(); j.err != nil {
		return nil
	}
	if _, err := t.exec("SAVEPOINT write"); err != nil {
		return err
	}
	head := t.head
	if j.err = j.do(t); j.err == nil {
		_, err := t.exec("RELEASE write")
		return err
	}
	t.head = head
	if _, err := t.exec("ROLLBACK TO write"); err != nil {
		return fmt.Errorf("%w: %w", errBroken, j.err)
	}
	_, err := t.exec("RELEASE write")
	return err
}
