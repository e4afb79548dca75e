package queue_test

import (
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
)

// A calculation after the sync that brought a change is waited for as long as a sync cycle, as cloudcheck waits; then what the
// cloud shows is meant, and the primary is unclear.
func TestTheCalculationIsWaitedForAsLongAsACycle(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{0, 2 * time.Hour} {
		cycle := interval
		if cycle == 0 {
			cycle = 30 * time.Minute // the default
		}
		b := newBench()
		b.runner = queue.NewRunner(queue.Options{Store: b.store, Directory: b.directory, Cloud: b.cloud, Now: b.clock.Now, Node: "n",
			RetryBase: time.Second, RetryLimit: time.Second, SyncInterval: interval})
		b.service = queue.NewService(b.runner)
		bob := b.directory.holders[b.find(t, "bob")]
		bob.Mail, bob.Changed = "robert@contoso.test", b.clock.Now()
		b.clock.Add(5 * time.Minute)
		b.cloud.lastSync = b.clock.Now() // it synchronised, and calculated nothing yet
		r := b.submit(t, "bob", address.AddAlias, "bobby@contoso.test")
		b.clock.Add(cycle - time.Second)
		b.pass(t)
		b.wantState(t, r.ID, queue.Queued, cause.NotSyncedYet)
		b.clock.Add(2 * time.Second)
		b.pass(t)
		b.wantState(t, r.ID, queue.Refused, cause.PrimaryUnclear)
	}
}
