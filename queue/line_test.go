package queue_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
)

// shown is a request as everybody sees it, alone and in a list, which say the same.
func (b *bench) shownCause(t *testing.T, id queue.RequestID) *cause.Cause {
	t.Helper()
	s := queue.Shown{Store: b.store}
	r, err := s.Get(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	page, _, err := s.List(context.Background(), queue.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, listed := range page {
		same := listed.Cause == nil && r.Cause == nil || listed.Cause != nil && r.Cause != nil && listed.Cause.Message == r.Cause.Message
		if listed.ID == id && !same {
			t.Errorf("shown alone with %+v, in the list with %+v", r.Cause, listed.Cause)
		}
	}
	return r.Cause
}

// The requests behind one that waits say which one comes first, and no longer once it has ended. Nothing of that is stored.
func TestTheLineSaysBehindWhom(t *testing.T) {
	t.Parallel()
	b := newBench()
	now := b.clock.Now()
	b.changes(t, now.Add(-time.Minute), now.Add(-time.Minute))
	b.syncs(now.Add(-5 * time.Minute))
	first := b.submit(t, "bob", address.AddAlias, "bobby@contoso.test")
	dropped := b.submit(t, "bob", address.AddAlias, "b@contoso.test")
	second := b.submit(t, "bob@contoso.test", address.AddAlias, "bert@contoso.test")
	third := b.submit(t, "bob", address.RemoveAlias, "nothere@contoso.test")
	other := b.submit(t, "ann", address.RemoveAlias, "nothere@contoso.test")
	b.pass(t)
	b.wantState(t, first.ID, queue.Queued, cause.NotSyncedYet)
	b.wantState(t, other.ID, queue.Written, cause.NotSyncedYet)
	if _, err := b.service.Cancel(context.Background(), dropped.ID, "admin"); err != nil {
		t.Fatal(err)
	}
	for waits, ahead := range map[queue.RequestID]queue.Request{second.ID: first, third.ID: second} {
		b.wantState(t, waits, queue.Queued, "")
		c := b.shownCause(t, waits)
		if c == nil || c.Code != cause.BehindRequest || c.Conflict == nil || c.Conflict.ID != string(ahead.ID) || !strings.Contains(c.Message, string(ahead.Address)) {
			t.Errorf("it is shown with %+v, and %s comes first", c, ahead.ID)
		}
	}
	if c := b.shownCause(t, second.ID); !strings.Contains(c.Message, "queued (not_synced_yet)") {
		t.Errorf("%s", c.Message)
	}
	if _, err := b.service.Cancel(context.Background(), first.ID, "admin"); err != nil {
		t.Fatal(err)
	}
	if c := b.shownCause(t, second.ID); c != nil {
		t.Errorf("the first of the line is shown with %+v", c)
	}
	b.pass(t)
	if c := b.shownCause(t, third.ID); c == nil || !strings.Contains(c.Message, "is queued (not_synced_yet)") {
		t.Errorf("the last one: %+v", c)
	}
}

// Behind a request that is held, the next one says that an administrator may release it.
func TestTheLineBehindAHeldRequest(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.restart("node-1", b.store, func(o *queue.Options) { o.Limits.Caps.Writes = 1 })
	done := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	held := b.submit(t, "bob", address.AddAlias, "bobby@contoso.test")
	next := b.submit(t, "bob", address.AddAlias, "bert@contoso.test")
	b.pass(t)
	b.wantState(t, done.ID, queue.Written, cause.NotSyncedYet)
	b.wantState(t, held.ID, queue.Held, cause.OverCap)
	if c := b.shownCause(t, next.ID); c == nil || !strings.Contains(c.Message, "held (over_cap)") || !strings.Contains(c.Message, "an administrator releases it") {
		t.Errorf("%+v", c)
	}
	if _, err := b.service.Cancel(context.Background(), held.ID, "admin"); err != nil {
		t.Fatal(err)
	}
	if c := b.shownCause(t, next.ID); c != nil {
		t.Errorf("%+v", c)
	}
}

// Whose holder becomes known after a later request of that holder was written is refused, and says which one that was: what is older
// must not be written over what is newer, nor be taken for the last word by an undo or at a fail-over.
func TestOneWhoseHolderIsKnownTooLate(t *testing.T) {
	t.Parallel()
	b := newBench()
	ctx, bob := context.Background(), b.find(t, "bob")
	late := b.submit(t, "bobs later name", address.AddAlias, "bobby@contoso.test")
	newer := b.submit(t, "bob", address.AddAlias, "bert@contoso.test")
	next := b.submit(t, "bob", address.AddAlias, "robert@contoso.test")
	resolve := func(q queue.Request) {
		if _, err := b.store.Resolve(ctx, q.ID, bob, []queue.Claim{{Address: q.Address.Key(), Kind: queue.Take}}, b.clock.Now()); err != nil {
			t.Fatal(err)
		}
	}
	writeOne := func() {
		if more, err := b.runner.WriteOne(ctx); !more || err != nil {
			t.Fatal(more, err)
		}
	}
	resolve(newer)
	writeOne()
	b.wantState(t, newer.ID, queue.Written, cause.NotSyncedYet)
	resolve(late)
	refused := b.wantState(t, late.ID, queue.Refused, cause.ChangedSince)
	if c := refused.Cause.Conflict; c == nil || c.ID != string(newer.ID) || !strings.Contains(refused.Cause.Message, "bert@contoso.test") {
		t.Errorf("%+v", refused.Cause)
	}
	resolve(next)
	writeOne()
	b.wantState(t, next.ID, queue.Written, cause.NotSyncedYet)
}
