package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/aliasd/aliasd/queue"
)

// cutter breaks the connection of a commit: before the server gets it, or after it was done and before its answer is read.
type cutter struct {
	armed  atomic.Bool
	after  bool
	broken atomic.Int64
}

// cutConn is a connection that a cutter watches.
type cutConn struct {
	net.Conn
	by *cutter
}

func (c *cutConn) Write(b []byte) (int, error) {
	if !bytes.Contains(b, []byte("commit")) || !c.by.armed.CompareAndSwap(true, false) {
		return c.Conn.Write(b)
	}
	c.by.broken.Add(1)
	if c.by.after {
		if _, err := c.Conn.Write(b); err != nil {
			return 0, err
		}
		if _, err := c.Read(make([]byte, 1)); err != nil { // the answer begins: it is done
			return 0, err
		}
	}
	return 0, errors.Join(io.ErrUnexpectedEOF, c.Close())
}

// cut opens a store whose commits can be cut.
func (c *cutter) open(t *testing.T, url string) *Store {
	t.Helper()
	p, err := newPools(url, options{})
	if err != nil {
		t.Fatal(err)
	}
	dial := p.config.DialFunc
	p.config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return &cutConn{conn, c}, err
	}
	s, err := openPostgres(context.Background(), p.open, options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// A commit whose answer is lost is found out about: what was stored is acknowledged, what was not is told, and stored when it is
// sent again.
func TestLostCommit(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]bool{"before it was done": false, "after it was done": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &cutter{after: after}
			s := c.open(t, lab.place(t))
			if _, err := accept(s, 1); err != nil {
				t.Fatal(err)
			}
			c.armed.Store(true)
			r, err := accept(s, 2)
			if c.broken.Load() != 1 {
				t.Fatal("nothing was cut")
			}
			if after && err != nil || !after && !errors.Is(err, queue.ErrStoreAway) {
				t.Errorf("the caller was told %v", err)
			}
			if after {
				if got, err := s.Get(context.Background(), r.ID); err != nil || got.ID != r.ID {
					t.Errorf("what was acknowledged is %v: %v", got, err)
				}
			}
			if n, want := accepted(t, s), map[bool]int{true: 2, false: 1}[after]; n != want {
				t.Errorf("%d requests are there, want %d", n, want)
			}
			if _, err := accept(s, 2); err != nil || accepted(t, s) != 2 {
				t.Errorf("sent again, %d are there: %v", accepted(t, s), err)
			}
			intact(t, s)
		})
	}
}

// A commit without an event cannot be looked for.
func TestCommitStaysUnknown(t *testing.T) {
	t.Parallel()
	c := &cutter{after: true}
	s := c.open(t, lab.place(t))
	if err := s.SetMeta(context.Background(), "k", ""); err != nil {
		t.Fatal(err)
	}
	c.armed.Store(true)
	if err := s.SetMeta(context.Background(), "k", "v"); !errors.Is(err, queue.ErrStoreUnsure) {
		t.Errorf("got %v", err)
	}
	if got, err := s.Meta(context.Background(), "k"); err != nil || got != "v" {
		t.Errorf("the note is %q: %v", got, err)
	}
}
