package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/aliasd/aliasd/sqlitefile"
)

const (
	// maxGroup is how many writes one transaction takes at most, so that nobody waits long for the others.
	maxGroup = 256
	// groupLimit is how long a transaction may take before it is given up: a database that went silent holds nobody for ever.
	groupLimit = time.Minute
	// tries is how often a write is run by itself that another transaction was in the way of.
	tries = 5
	// settleLimit is how long it is tried to find out how a commit ended that got no answer.
	settleLimit = 15 * time.Second
	settleEvery = 100 * time.Millisecond
)

// lane is a queue of writes, and what the one goroutine that commits them needs.
type lane struct {
	statements *prepared // on one connection, used by that goroutine alone
	// lock is taken first in each of its transactions; 0 is none.
	lock lock
	jobs chan *job
	quit <-chan struct{}
}

// job is one write on its way to the writer goroutine.
type job struct {
	ctx  context.Context
	do   func(*txn) error
	err  error
	done chan struct{}
}

// errBroken: the whole transaction was rolled back on account of one write (a full disk does that, and a deadlock).
var errBroken = errors.New("the transaction is gone")

// write has a writer goroutine run do, and returns when what it did is durable. Where do fails, nothing of it stays. do
// may be run several times, so it must not build on what an earlier run left behind. A ctx that ends before do has begun
// stops the write; later it is finished.
func (s *Store) write(ctx context.Context, do func(*txn) error) error {
	return s.inWords(s.work.write(ctx, do))
}

// take is write for what brings requests or claims in: in the order of acceptance, on one node at a time.
func (s *Store) take(ctx context.Context, do func(*txn) error) error {
	return s.inWords(s.intake.write(ctx, do))
}

func (l *lane) write(ctx context.Context, do func(*txn) error) error {
	j := &job{ctx: ctx, do: do, done: make(chan struct{})}
	select {
	case l.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.quit:
		return ErrClosed
	}
	<-j.done
	return j.err
}

// run commits what is waiting, group by group, until the store is closed.
func (l *lane) run() {
	for {
		select {
		case first := <-l.jobs:
			group := l.waiting(first)
			l.commit(group)
			for _, j := range group {
				close(j.done)
			}
		case <-l.quit:
			return
		}
	}
}

// waiting is a first write and the others that wait behind it just now.
func (l *lane) waiting(first *job) []*job {
	group := []*job{first}
	for len(group) < maxGroup {
		select {
		case j := <-l.jobs:
			group = append(group, j)
		default:
			return group
		}
	}
	return group
}

// commit runs a group in one transaction. Where one write breaks it for all, the group is run again behind savepoints, and then
// each by itself.
func (l *lane) commit(group []*job) {
	err := l.once(group, l.statements.dialect.bold)
	if errors.Is(err, errUndone) && l.statements.dialect.fault(err) != away {
		err = l.once(group, false)
	}
	if errors.Is(err, errBroken) && len(group) > 1 && !l.inVain(err) {
		for _, j := range group {
			l.alone(j)
		}
		return
	}
	if len(group) == 1 && l.collided(err) {
		l.alone(group[0])
	}
}

// alone runs one write in a transaction of its own, and again where another transaction was in the way.
func (l *lane) alone(j *job) {
	err := l.once([]*job{j}, false)
	for n := 1; n < tries && l.collided(err); n++ {
		err = l.once([]*job{j}, false)
	}
}

// inVain says that the others of a group would meet what broke it, one after the other.
func (l *lane) inVain(err error) bool {
	fault := l.statements.dialect.fault(err)
	return fault == away || fault == late
}

func (l *lane) collided(err error) bool {
	return err != nil && l.statements.dialect.fault(err) == collided
}

// once runs a group in one transaction, and tells each write how it ended. The error is the transaction's. The context is
// nobody's: one caller who goes away does not roll the others back. bold is without savepoints.
func (l *lane) once(group []*job, bold bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), groupLimit)
	defer cancel()
	for _, j := range group {
		j.err = nil
	}
	err := l.inTx(ctx, func(t *txn) error {
		t.bold = bold
		for _, j := range group {
			if err := t.attempt(j); err != nil {
				return err
			}
		}
		return t.appendEvents()
	})
	l.statements.prepareWanted(ctx)
	for _, j := range group {
		if j.err == nil || errors.Is(err, errBroken) {
			j.err = err
		}
	}
	return err
}

// inTx runs do in a transaction: committed where do returns nil, else rolled back.
func (l *lane) inTx(ctx context.Context, do func(*txn) error) error {
	tx, err := l.statements.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	t := &txn{ctx: ctx, tx: tx, statements: l.statements}
	if l.lock != 0 {
		err = t.lock(l.lock)
	}
	if err == nil {
		err = do(t)
	}
	if err != nil {
		// The database may have rolled back by itself; then there is nothing to roll back, which is no error worth telling.
		_ = tx.Rollback()
		return err
	}
	err = l.statements.dialect.commit(tx)
	if err != nil && l.statements.dialect.fault(err) == unsure && t.last.id > 0 {
		return l.settle(t.last, err)
	}
	return err
}

// settle finds out how a transaction ended whose commit got no answer: the last event that it appended is there, or it is not.
// Whoever takes the lock of the log knows, for the transaction held it to its end. Where the database stays away, the answer
// stays unknown.
func (l *lane) settle(last head, unknown error) error {
	ctx, cancel := context.WithTimeout(context.Background(), settleLimit)
	defer cancel()
	again := time.NewTicker(settleEvery)
	defer again.Stop()
	for {
		there, err := l.holds(ctx, last)
		switch {
		case err == nil && there:
			return nil
		case err == nil:
			return fmt.Errorf("%w: %v", errNotCommitted, unknown) //nolint:errorlint // it is known now
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return unknown
		}
	}
}

// errNotCommitted: the database went away before it committed.
var errNotCommitted = errors.New("the database went away before it committed")

// holds says whether an event is in the log.
func (l *lane) holds(ctx context.Context, last head) (there bool, err error) {
	err = sqlitefile.InTx(ctx, l.statements.db, func(tx *sql.Tx) error {
		t := &txn{ctx: ctx, tx: tx, statements: l.statements}
		if err := t.lock(chainLock); err != nil {
			return err
		}
		var hash string
		_, err := t.row(`SELECT hash FROM events WHERE id = ?`, []any{last.id}, &hash)
		there = hash == last.hash
		return err
	})
	return there, err
}

// attempt runs one write behind a savepoint. Its own failure goes to its caller; what attempt returns broke the
// transaction.
func (t *txn) attempt(j *job) error {
	if j.err = j.ctx.Err(); j.err != nil {
		return nil
	}
	if t.bold {
		return t.dare(j)
	}
	if _, err := t.exec("SAVEPOINT write"); err != nil {
		return err
	}
	events := len(t.events)
	if j.err = j.do(t); j.err == nil {
		_, err := t.exec("RELEASE write")
		return err
	}
	t.events = t.events[:events]
	if t.statements.dialect.fault(j.err) == collided {
		return fmt.Errorf("%w: %w", errBroken, j.err)
	}
	if _, err := t.exec("ROLLBACK TO write"); err != nil {
		return fmt.Errorf("%w: %w", errBroken, j.err)
	}
	_, err := t.exec("RELEASE write")
	return err
}

// errUndone: a write failed that would have to be undone alone, without a savepoint to go back to.
var errUndone = errors.New("a write has to be undone alone")

// dare runs one write without a savepoint. One that fails before it has written anything leaves nothing to undo: that the
// request moved on meanwhile is such a failure, and by far the most frequent one.
func (t *txn) dare(j *job) error {
	events := len(t.events)
	t.touched = false
	if j.err = j.do(t); j.err == nil {
		return nil
	}
	if t.touched {
		return fmt.Errorf("%w: %w", errUndone, j.err)
	}
	t.events = t.events[:events]
	return nil
}
