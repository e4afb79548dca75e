package queue_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/storetest"
)

// losing is a store that has lost one request, or cannot read it just now.
type losing struct {
	*storetest.Model
	id  queue.RequestID
	err error
}

func (f *losing) Get(ctx context.Context, id queue.RequestID) (queue.Request, error) {
	if id == f.id {
		return queue.Request{}, fmt.Errorf("request %s: %w", id, f.err)
	}
	return f.Model.Get(ctx, id)
}

// undoOf makes a request, writes it, and asks for its undo; what the store says of it from then on is in the losing one.
func undoOf(t *testing.T, b *bench) (undo queue.Request, f *losing) {
	t.Helper()
	r := b.submit(t, "bob", address.AddAlias, "b1@contoso.test")
	b.pass(t)
	undo, _, err := b.service.Undo(context.Background(), r.ID, queue.Submission{}, "")
	if err != nil {
		t.Fatal(err)
	}
	f = &losing{Model: b.store, id: r.ID}
	b.restart("node-1", f)
	return undo, f
}

// An undo whose original is gone is refused; nobody waits behind it.
func TestUndoOfWhatIsGoneIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench()
	undo, f := undoOf(t, b)
	other := b.submit(t, "ann", address.AddAlias, "a1@contoso.test")
	f.err = errors.New("read error")
	b.pass(t)
	b.wantState(t, undo.ID, queue.Accepted, cause.DirectoryUnavailable) // it may be there
	f.err = queue.ErrNotFound
	b.clock.Add(queue.Farthest)
	b.pass(t)
	b.wantState(t, undo.ID, queue.Refused, cause.ChangedSince)
	b.wantState(t, other.ID, queue.Written, cause.NotSyncedYet)
}

// The same where it goes between the look-up and the write.
func TestUndoOfWhatGoesIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench()
	undo, f := undoOf(t, b)
	f.id = ""
	if err := b.runner.ResolvePass(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.wantState(t, undo.ID, queue.Queued, "")
	f.id, f.err = undo.Undoes, queue.ErrNotFound
	b.pass(t)
	b.wantState(t, undo.ID, queue.Refused, cause.ChangedSince)
}

// Where the outcome of its own modify is not known and somebody changed the holder since, nobody may say that nothing was written.
func TestUndoInDoubtOfWhatGoesFails(t *testing.T) {
	t.Parallel()
	b := newBench()
	undo, f := undoOf(t, b)
	f.id = ""
	b.directory.onWrite = func(ldapwriter.Job) fault {
		return fault{err: &ldapwriter.UnknownOutcomeError{DC: "dc1"}}
	}
	b.pass(t)
	b.wantState(t, undo.ID, queue.Writing, cause.DCUnavailable)
	b.directory.edit(b.get(t, undo.ID).Object, address.Values{Mail: "bob@contoso.test", Proxies: address.Set{"smtp:b2@contoso.test", "smtp:b1@contoso.test"}})
	f.id, f.err = undo.Undoes, queue.ErrNotFound
	b.clock.Add(queue.Farthest)
	b.pass(t)
	b.wantState(t, undo.ID, queue.Failed, cause.NotKept)
}
