package storetest

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// spread is a store made of several nodes' stores on one database: each call goes to the next of them.
type spread struct {
	nodes []queue.Store
	calls atomic.Int64
}

var _ queue.Store = (*spread)(nil)

func (s *spread) next() queue.Store { return s.nodes[int(s.calls.Add(1))%len(s.nodes)] }

// Accept is queue.Intake's.
func (s *spread) Accept(ctx context.Context, sub queue.Submission, key queue.Idempotency, now time.Time) (queue.Request, bool, error) {
	return s.next().Accept(ctx, sub, key, now)
}

// Get is queue.Intake's.
func (s *spread) Get(ctx context.Context, id queue.RequestID) (queue.Request, error) {
	return s.next().Get(ctx, id)
}

// List is queue.Intake's.
func (s *spread) List(ctx context.Context, f queue.Filter) ([]queue.Request, string, error) {
	return s.next().List(ctx, f)
}

// Events is queue.Intake's.
func (s *spread) Events(ctx context.Context, id queue.RequestID, of queue.Part) ([]queue.Event, error) {
	return s.next().Events(ctx, id, of)
}

// Stats is queue.Intake's.
func (s *spread) Stats(ctx context.Context) (queue.Stats, error) { return s.next().Stats(ctx) }

// Unresolved is queue.Work's.
func (s *spread) Unknown(ctx context.Context, before int64) ([]queue.Request, error) {
	return s.next().Unknown(ctx, before)
}

func (s *spread) Unresolved(ctx context.Context, now time.Time, n int) ([]queue.Request, error) {
	return s.next().Unresolved(ctx, now, n)
}

// Resolve is queue.Work's.
func (s *spread) Resolve(ctx context.Context, id queue.RequestID, h address.GUID, claims []queue.Claim, now time.Time) (queue.Request, error) {
	return s.next().Resolve(ctx, id, h, claims, now)
}

// Claim is queue.Work's.
func (s *spread) Claim(ctx context.Context, owner string, now time.Time, lease time.Duration, n int) ([]queue.Request, error) {
	return s.next().Claim(ctx, owner, now, lease, n)
}

// TakeOver is queue.Work's.
func (s *spread) TakeOver(ctx context.Context, owner string, now time.Time, lease time.Duration, n int) ([]queue.Request, error) {
	return s.next().TakeOver(ctx, owner, now, lease, n)
}

// Releasing is queue.Work's.
func (s *spread) Releasing(ctx context.Context, id queue.RequestID) (*queue.Request, error) {
	return s.next().Releasing(ctx, id)
}

// Advance is queue.Work's.
func (s *spread) Advance(ctx context.Context, t queue.Transition) (queue.Request, error) {
	return s.next().Advance(ctx, t)
}

// Prior is queue.Work's.
func (s *spread) Prior(ctx context.Context, h address.GUID, except queue.RequestID, since time.Time) (ldapwriter.Prior, error) {
	return s.next().Prior(ctx, h, except, since)
}

// Awaiting is queue.Work's.
func (s *spread) Awaiting(ctx context.Context, now time.Time) ([]queue.Waiting, error) {
	return s.next().Awaiting(ctx, now)
}

// Awaited is queue.Work's.
func (s *spread) Awaited(ctx context.Context, seqs []int64) ([]queue.Request, error) {
	return s.next().Awaited(ctx, seqs)
}

// Wake is queue.Work's.
func (s *spread) Wake(ctx context.Context, id queue.RequestID, by string, now time.Time) (queue.Request, bool, error) {
	return s.next().Wake(ctx, id, by, now)
}

// NextSlot is queue.Brakes's.
func (s *spread) NextSlot(ctx context.Context) (time.Time, error) { return s.next().NextSlot(ctx) }

// Used is queue.Brakes's.
func (s *spread) Used(ctx context.Context, now time.Time) (queue.Used, error) {
	return s.next().Used(ctx, now)
}

// Slot is queue.Brakes's.
func (s *spread) Slot(ctx context.Context, now time.Time, every, patience time.Duration) (time.Time, bool, error) {
	return s.next().Slot(ctx, now, every, patience)
}

// FromSource is queue.Brakes's.
func (s *spread) FromSource(ctx context.Context, r queue.Request, since time.Time, most int) (int, error) {
	return s.next().FromSource(ctx, r, since, most)
}

// Paused is queue.Control's.
func (s *spread) Paused(ctx context.Context) (time.Time, string, error) { return s.next().Paused(ctx) }

// SetPaused is queue.Control's.
func (s *spread) SetPaused(ctx context.Context, paused bool, by string, now time.Time) error {
	return s.next().SetPaused(ctx, paused, by, now)
}
