package queue_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/storetest"
)

// crowd is a runner with many holders, each of which waits for the cloud with one request, and what its sweeps did.
type crowd struct {
	*bench
	waiting *waitingStore
	swept   []queue.Swept
}

// waitingStore keeps requests that wait for the cloud, in a list: the model would look through all of them for each.
type waitingStore struct {
	*storetest.Model
	mu       sync.Mutex
	requests []queue.Request
	puts     int
	loads    int // requests read
	pages    int // in so many pages
	// unclaimed counts the transitions that gave claims up.
	unclaimed int
}

// guid is the objectGUID of a crowd's holder.
func guid(n int) (g address.GUID) {
	binary.BigEndian.PutUint32(g[:], uint32(n+1))
	return g
}

// number takes guid back.
func number(g address.GUID) int { return int(binary.BigEndian.Uint32(g[:])) - 1 }

// newCrowd has n holders, written a second apart, the last of them at the clock's time, and a budget for each tick.
func newCrowd(n, units int) *crowd {
	c := &crowd{bench: &bench{clock: newClock()}, waiting: &waitingStore{Model: storetest.NewModel()}}
	c.directory = newDirectory(c.clock)
	c.cloud = newCloud(c.clock, c.directory)
	now := c.clock.Now()
	for i := range n {
		h := guid(i)
		values := address.Values{Mail: fmt.Sprintf("user%d@contoso.test", i), Proxies: address.Set{address.Primary(address.Address(fmt.Sprintf("user%d@contoso.test", i)))}}
		alias := address.Address(fmt.Sprintf("alias%d@contoso.test", i))
		values.Proxies = values.Proxies.With(address.Secondary(alias))
		c.directory.holders[h] = &ldapwriter.Entry{DC: dc, Holder: address.Holder{GUID: h, Kind: address.User, Values: values}}
		at := now.Add(time.Duration(i-n+1) * time.Second)
		c.waiting.requests = append(c.waiting.requests, queue.Request{
			ID: queue.RequestID(fmt.Sprint(i)), Seq: int64(i + 1), Object: h, State: queue.Written, NotBefore: at, WrittenAt: at, UpdatedAt: at,
			Submission:   queue.Submission{Holder: values.Mail, Action: address.AddAlias, Address: alias},
			Cause:        &cause.Wait(cause.NotSyncedYet, "no sync ran since").Cause,
			Receipt:      &ldapwriter.Receipt{DC: dc, After: values, At: at},
			Expectation:  &cloudcheck.Expectation{Wants: []address.Want{{Address: alias, Role: address.RoleSecondary}}},
			LastSyncSeen: c.cloud.lastSync,
		})
	}
	c.runner = queue.NewRunner(queue.Options{Store: c.waiting, Directory: c.directory, Cloud: c.cloud, Observer: c, Now: c.clock.Now, Node: "node-1",
		UnitsPerTick: units})
	return c
}

// The crowd observes its runner.

func (c *crowd) RequestWritten(time.Duration)  {}
func (c *crowd) RequestVerified(time.Duration) {}
func (c *crowd) SyncSeen(time.Time)            {}
func (c *crowd) SweepDone(s queue.Swept)       { c.swept = append(c.swept, s) }

// tick lets two minutes pass and sweeps; it gives the holders that were looked at.
func (c *crowd) tick(t tester) []address.GUID {
	t.Helper()
	c.clock.Add(2 * time.Minute)
	c.cloud.looks = nil
	if err := c.runner.Sweep(context.Background()); err != nil {
		t.Fatalf("sweep: %v", err)
	}
	return c.cloud.looks
}

// newSync moves the organization's stamp; the cloud shows nothing new by it.
func (c *crowd) newSync() { c.cloud.lastSync = c.clock.Now() }

// unchanging makes the cloud say of everybody what it said before, but that the sync moved.
func (c *crowd) unchanging() {
	c.cloud.judge = func(one cloudcheck.Case) cloudcheck.Verdict {
		return cloudcheck.Verdict{Outcome: cloudcheck.NotYet, Cause: &cause.Wait(cause.NotSyncedYet, "no sync ran since").Cause,
			LastSyncSeen: one.LastSyncSeen, SyncMoves: one.SyncMoves}
	}
}

// find gives the request whose id is its place in the list.
func (s *waitingStore) find(id queue.RequestID) *queue.Request {
	var i int
	_, _ = fmt.Sscan(string(id), &i)
	return &s.requests[i]
}

func (s *waitingStore) Awaiting(_ context.Context, now time.Time) ([]queue.Waiting, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []queue.Waiting
	for _, r := range s.requests {
		if r.State == queue.Written || r.State == queue.Mismatched && !r.NotBefore.After(now) {
			all = append(all, queue.Waiting{Seq: r.Seq, Object: r.Object, State: r.State, NotBefore: r.NotBefore, WrittenAt: r.WrittenAt})
		}
	}
	return all, nil
}

func (s *waitingStore) Awaited(_ context.Context, seqs []int64) ([]queue.Request, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []queue.Request
	for _, seq := range slices.Sorted(slices.Values(seqs)) {
		found = append(found, s.requests[seq-1])
	}
	s.loads, s.pages = s.loads+len(found), s.pages+1
	return found, nil
}

func (s *waitingStore) Advance(_ context.Context, t queue.Transition) (queue.Request, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puts++
	r := s.find(t.ID)
	untouched := t.AsOf.IsZero() || t.AsOf.Equal(r.UpdatedAt)
	r.State, r.UpdatedAt = t.To, t.Now
	if t.Unclaim {
		s.unclaimed++
	}
	if t.Cause != nil {
		r.Cause = t.Cause
	}
	if t.NotBefore != nil && untouched {
		r.NotBefore = *t.NotBefore
	}
	if t.SyncMoves != nil {
		r.SyncMoves, r.LastSyncSeen = *t.SyncMoves, *t.LastSyncSeen
	}
	return *r, nil
}

func (s *waitingStore) Get(_ context.Context, id queue.RequestID) (queue.Request, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.find(id), nil
}

func (s *waitingStore) Wake(_ context.Context, id queue.RequestID, _ string, now time.Time) (queue.Request, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.find(id)
	woken := !r.NotBefore.IsZero()
	if woken {
		r.NotBefore, r.UpdatedAt = time.Time{}, now
	}
	return *r, woken, nil
}
