package queue_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/storetest"
)

// sleepy is the directory of a process that the machine stops: between its last look at the lease and its modify, and after it.
type sleepy struct {
	*directory
	asleep, landed func()
}

func (s *sleepy) Write(ctx context.Context, job ldapwriter.Job) (ldapwriter.Receipt, error) {
	confirm := job.Confirm
	job.Confirm = func(ctx context.Context) error {
		err := confirm(ctx)
		s.asleep()
		return err
	}
	receipt, err := s.directory.Write(ctx, job)
	if s.landed != nil {
		s.landed()
	}
	return receipt, err
}

// sleeper is a bench whose first node is stopped at its first write for longer than a lease, and a second node on the same store, which goes
// on meanwhile.
func sleeper(meanwhile func(other *bench)) (b *bench, s *sleepy, other *bench) {
	b = newBench()
	other = &bench{clock: b.clock, directory: b.directory, cloud: b.cloud, store: b.store}
	other.restart("node-2", b.store)
	s = &sleepy{directory: b.directory, asleep: sync.OnceFunc(func() {
		b.clock.Add(2 * time.Minute)
		meanwhile(other)
	})}
	b.restart("node-1", b.store, func(o *queue.Options) { o.Directory = s })
	return b, s, other
}

// notedLate gives the request that takes back a late write of another one, and fails where there is none.
func (b *bench) notedLate(t *testing.T, id queue.RequestID) queue.Request {
	t.Helper()
	events, err := b.store.Events(t.Context(), id, queue.Part{})
	if err != nil || !slices.ContainsFunc(events, func(e queue.Event) bool { return e.What == queue.LateWrite }) {
		t.Fatalf("no late write is noted: %v", err)
	}
	all, _, err := b.store.List(t.Context(), queue.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range all {
		if q.Undoes == id && q.SubmittedBy == queue.LateWriter {
			return q
		}
	}
	t.Fatal("nobody takes it back")
	return queue.Request{}
}

// What a late modify brought back is taken away again, in the holder's order.
func TestALateWriteIsTakenBack(t *testing.T) {
	t.Parallel()
	var added, removed queue.Request
	b, _, other := sleeper(func(other *bench) {
		other.pass(t)
		other.wantState(t, added.ID, queue.Written, cause.NotSyncedYet)
		removed = other.submit(t, "ann", address.RemoveAlias, "a@contoso.test")
		other.pass(t)
		other.wantState(t, removed.ID, queue.Written, cause.NotSyncedYet)
	})
	added = b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	before := b.directory.values(b.find(t, "ann"))
	b.pass(t)
	back := b.notedLate(t, added.ID)
	other.pass(t)
	other.wantState(t, back.ID, queue.Written, cause.NotSyncedYet)
	if now := b.directory.values(b.find(t, "ann")); !now.Proxies.Equal(before.Proxies) {
		t.Errorf("the holder has %v", now)
	}
	b.wantState(t, added.ID, queue.Superseded, "")
	if got := b.get(t, added.ID); got.SupersededBy != removed.ID {
		t.Errorf("the add is superseded by %s, want its removal", got.SupersededBy)
	}
	for range 3 {
		b.cycle(t)
	}
	b.wantState(t, back.ID, queue.Verified, "")
}

// A request that was written since the late modify, and found there what it asked for, keeps it.
func TestALateWriteThatSomebodyRestsOn(t *testing.T) {
	t.Parallel()
	b, s, other := sleeper(func(other *bench) {
		other.pass(t)
		other.submit(t, "ann", address.RemoveAlias, "a@contoso.test")
		other.pass(t)
	})
	s.landed = sync.OnceFunc(func() {
		found := other.submit(t, "ann", address.AddAlias, "a@contoso.test")
		other.pass(t)
		if got := other.wantState(t, found.ID, queue.Written, cause.NotSyncedYet); !got.WroteNothing() {
			t.Error("it wrote")
		}
	})
	added := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	back := b.notedLate(t, added.ID)
	b.pass(t)
	b.wantState(t, back.ID, queue.Refused, cause.ChangedSince)
	if now := b.directory.values(b.find(t, "ann")); len(now.Proxies.Find("a@contoso.test")) == 0 {
		t.Error("the later request's alias is gone")
	}
}

// One that ended as cancelled has no effect in the end either.
func TestALateWriteOfWhatWasCancelled(t *testing.T) {
	t.Parallel()
	var added queue.Request
	b, _, other := sleeper(func(other *bench) {
		other.cloud.away = cause.Wait(cause.CloudUnavailable, "the tenant is away")
		other.pass(t)
		other.cloud.away = nil
		if _, err := other.service.Cancel(t.Context(), added.ID, "admin"); err != nil {
			t.Error(err)
		}
	})
	added = b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	back := b.notedLate(t, added.ID)
	b.wantState(t, added.ID, queue.Cancelled, "")
	other.pass(t)
	other.wantState(t, back.ID, queue.Written, cause.NotSyncedYet)
	if now := b.directory.values(b.find(t, "ann")); len(now.Proxies.Find("a@contoso.test")) > 0 {
		t.Error("the alias is there")
	}
}

// A lease that ran out and that nobody took over, and a new owner who saw what had landed: neither is a late write.
func TestNoLateWrite(t *testing.T) {
	t.Parallel()
	for what, takesOver := range map[string]bool{"nobody took it over": false, "its new owner saw it": true} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b, s, other := sleeper(func(*bench) {})
			if takesOver {
				s.landed = sync.OnceFunc(func() { other.pass(t) })
			}
			added := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
			b.pass(t)
			b.clock.Add(2 * time.Minute)
			b.pass(t)
			b.wantState(t, added.ID, queue.Written, cause.NotSyncedYet)
			all, _, err := b.store.List(t.Context(), queue.Filter{})
			if err != nil || len(all) != 1 {
				t.Errorf("%d requests, %v", len(all), err)
			}
		})
	}
}

// busyStore shows a request in writing once more, and what happens then.
type busyStore struct {
	*storetest.Model
	once func()
}

func (s *busyStore) Get(ctx context.Context, id queue.RequestID) (queue.Request, error) {
	r, err := s.Model.Get(ctx, id)
	if r.State == queue.Writing {
		s.once()
	}
	return r, err
}

// While a new owner is at the request, nobody knows whether he has seen it: he is waited for.
func TestALateWriteWaitsForTheNewOwner(t *testing.T) {
	t.Parallel()
	b, s, other := sleeper(func(other *bench) {
		leased, err := other.store.Claim(t.Context(), "node-2#1", other.clock.Now(), time.Minute, 1)
		if err != nil || len(leased) != 1 {
			t.Error(leased, err)
		}
	})
	added := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	store := &busyStore{Model: b.store, once: sync.OnceFunc(func() {
		refused := cause.Refuse(cause.NoRights, "he may not")
		if _, err := b.store.Advance(t.Context(), queue.Transition{ID: added.ID, From: queue.Writing, To: queue.Refused, Owner: "node-2#1", Now: b.clock.Now(),
			What: "refused", Cause: &refused.Cause}); err != nil {
			t.Error(err)
		}
	})}
	b.restart("node-1", store, func(o *queue.Options) { o.Directory = s })
	b.pass(t)
	back := b.notedLate(t, added.ID)
	other.pass(t)
	other.wantState(t, back.ID, queue.Written, cause.NotSyncedYet)
}
