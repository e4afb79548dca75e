package queue_test

import (
	"context"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// A process that starts again goes on at once with what the one before had only claimed, and leaves alone what that one, or
// another node, may be writing.
func TestWhatADeadProcessHadNotBegunGoesOnAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench()
	begun := b.submit(t, "bob", address.AddAlias, "b@contoso.test")
	b.directory.onWrite = func(ldapwriter.Job) fault { return fault{err: &ldapwriter.UnknownOutcomeError{DC: dc}} }
	b.restart("host/aa.1", b.store)
	b.pass(t)
	b.wantState(t, begun.ID, queue.Writing, cause.DCUnavailable)
	b.directory.onWrite = nil
	claimed := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	if err := b.runner.ResolvePass(context.Background()); err != nil {
		t.Fatal(err)
	}
	claim := func(owner string) {
		t.Helper()
		if leased, err := b.store.Claim(context.Background(), owner, b.clock.Now(), time.Minute, 9); err != nil || len(leased) != 1 {
			t.Fatalf("%s got %d: %v", owner, len(leased), err)
		}
	}
	claim("host/aa.1#7")
	b.startedAgain(t, "host/bb.")
	b.wantState(t, claimed.ID, queue.Writing, "")
	b.startedAgain(t, "host/aa.")
	b.wantState(t, claimed.ID, queue.Queued, "")
	b.wantState(t, begun.ID, queue.Writing, cause.DCUnavailable)
	claim("host/aa.2#1")
}

// startedAgain is the start of a process of a node.
func (b *bench) startedAgain(t *testing.T, home string) {
	t.Helper()
	runner := queue.NewRunner(queue.Options{Store: b.store, Directory: b.directory, Cloud: b.cloud, Now: b.clock.Now, Node: home + "2", Home: home})
	runner.Recover(context.Background())
}
