package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"sync"
	"time"
)

// Turn is the right to do a job that one node does at a time. It ends with Release, with the process, and where the
// connection to the database is lost: then another node may have it already.
type Turn struct {
	lost    chan struct{}
	release func() error
}

// Lost is closed when the turn has ended without being released. Whoever has it stops then: the job is another's.
func (t *Turn) Lost() <-chan struct{} { return t.lost }

// Release ends the turn. Doing it twice is harmless.
func (t *Turn) Release() error { return t.release() }

// Turn takes the job called name, on this node alone; ok is false where another node, or another part of this one, has it.
// It does not wait. In SQLite there is one daemon to a file, so only this Store is asked.
func (s *Store) Turn(ctx context.Context, name string) (turn *Turn, ok bool, err error) {
	if !s.turns.take(name) {
		return nil, false, nil
	}
	turn, ok, err = s.turn(ctx, name)
	if err != nil || !ok {
		s.turns.free(name)
	}
	if err != nil {
		return nil, false, fmt.Errorf("take the turn for %s: %w", name, s.inWords(ended(ctx, err)))
	}
	return turn, ok, nil
}

func (s *Store) turn(ctx context.Context, name string) (turn *Turn, ok bool, err error) {
	free := func() error {
		s.turns.free(name)
		return nil
	}
	if s.sessions == nil {
		return &Turn{lost: make(chan struct{}), release: sync.OnceValue(free)}, true, nil
	}
	conn, err := s.sessions.Conn(ctx)
	if err != nil {
		return nil, false, err
	}
	err = endWhenSilent(ctx, conn)
	if err == nil {
		err = conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1, $2)`, turnSpace, keyOf(name)).Scan(&ok)
	}
	if err != nil || !ok {
		return nil, false, errors.Join(err, conn.Close())
	}
	turn = &Turn{lost: make(chan struct{})}
	watch, stop := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { turn.watch(watch, conn) })
	turn.release = sync.OnceValue(func() error {
		stop()
		watching.Wait()
		defer s.turns.free(name)
		return hangUp(conn, name)
	})
	return turn, true, nil
}

// How often a turn's connection is asked whether it stands, and how long it may take to answer.
const (
	watchEvery = time.Second
	watchLimit = 5 * time.Second
)

// endWhenSilent has the server end a connection that is not asked any more, and its lock with it: the process may have been
// stopped, while its machine still answers for it. Servers before version 14 cannot do that.
func endWhenSilent(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `SELECT set_config(name, $1, false) FROM pg_settings WHERE name = 'idle_session_timeout'`,
		strconv.FormatInt((watchEvery+watchLimit).Milliseconds(), 10))
	return err
}

// watch notices the end of the connection that has the lock.
func (t *Turn) watch(ctx context.Context, conn *sql.Conn) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !stands(conn) {
			close(t.lost)
			return
		}
	}
}

func stands(conn *sql.Conn) bool {
	ctx, cancel := context.WithTimeout(context.Background(), watchLimit)
	defer cancel()
	var one int
	return conn.QueryRowContext(ctx, `SELECT 1`).Scan(&one) == nil
}

// hangUp gives the lock back and ends the connection, with which it would end in any case.
func hangUp(conn *sql.Conn, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), watchLimit)
	defer cancel()
	_, _ = conn.ExecContext(ctx, `SELECT pg_advisory_unlock($1, $2)`, turnSpace, keyOf(name))
	if err := conn.Close(); !errors.Is(err, sql.ErrConnDone) {
		return err
	}
	return nil
}

// turnSpace is the first key of the locks of turns: "turn".
const turnSpace = 0x7475726e

// keyOf is the second: a number made of the name.
func keyOf(name string) int32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // it cannot fail
	return int32(h.Sum32())
}

// turns are the jobs that this process does just now.
type turns struct {
	mu    sync.Mutex
	taken map[string]bool
}

func (t *turns) take(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.taken[name] {
		return false
	}
	if t.taken == nil {
		t.taken = map[string]bool{}
	}
	t.taken[name] = true
	return true
}

func (t *turns) free(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.taken, name)
}
