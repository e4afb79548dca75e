package queue_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
)

// changes has somebody change bob's mail to what the cloud will not show, and then something else of him until now.
func (b *bench) changes(t *testing.T, addresses, changed time.Time) {
	t.Helper()
	bob := b.find(t, "bob")
	b.directory.edit(bob, address.Values{Mail: "robert@contoso.test"})
	b.directory.mu.Lock()
	defer b.directory.mu.Unlock()
	e := b.directory.holders[bob]
	e.Changed, e.AddressesChanged = changed, addresses
}

// syncs has a sync run that brings nothing.
func (b *bench) syncs(at time.Time) {
	b.cloud.mu.Lock()
	defer b.cloud.mu.Unlock()
	b.cloud.lastSync = at
}

// A holder whose mail the cloud does not take over, and of whom something else is changed all the time, is not about to be caught up with:
// the request is refused, and the next one of its line has its turn.
func TestABusyHolderIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	b := newBench()
	now := b.clock.Now()
	b.changes(t, now.Add(-48*time.Hour), now.Add(-time.Minute))
	b.syncs(now.Add(-5 * time.Minute))
	r := b.submit(t, "bob", address.AddAlias, "bobby@contoso.test")
	next := b.submit(t, "bob", address.RemoveAlias, "nothere@contoso.test")
	b.pass(t)
	b.wantState(t, r.ID, queue.Refused, cause.PrimaryUnclear)
	b.wantState(t, next.ID, queue.Written, cause.NotSyncedYet)
}

// Where the account may not read when a holder was changed, the cloud may show a primary that was taken away a moment ago: it is not
// written back, and the request is refused, since nothing tells when the wait would end.
func TestAnUnknownChangeIsNoCatchingUp(t *testing.T) {
	t.Parallel()
	for name, changed := range map[string]bool{"known": true, "unknown": false} {
		b := newBench()
		bob := b.find(t, "bob")
		b.directory.edit(bob, address.Values{})
		b.directory.mu.Lock()
		e := b.directory.holders[bob]
		e.UPN, e.Changed = "other@contoso.test", time.Time{}
		if changed {
			e.Changed = b.clock.Now().Add(-48 * time.Hour)
		}
		b.directory.mu.Unlock()
		r := b.submit(t, bob.String(), address.AddAlias, "bobby@contoso.test")
		b.pass(t)
		if changed {
			b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet) // what the cloud shows when it has caught up is the primary
			continue
		}
		b.wantState(t, r.ID, queue.Refused, cause.PrimaryUnclear)
		if got := b.directory.values(bob); len(got.Proxies) > 0 {
			t.Errorf("%s: it wrote %v", name, got)
		}
	}
}

// A change of an address that is to arrive yet is waited for, and the cause says since when, and who can bring that forward or end it.
func TestTheCloudIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		addresses, synced time.Duration // before now
		off               bool
		code              cause.Code
		says              string
	}{
		"changed after the last sync":       {addresses: time.Minute, synced: 5 * time.Minute, code: cause.NotSyncedYet, says: "08:59:00 UTC"},
		"the same, and how to speed it up":  {addresses: time.Minute, synced: 5 * time.Minute, code: cause.NotSyncedYet, says: "Start-ADSyncSyncCycle"},
		"the sync ran a minute ago":         {addresses: 5 * time.Minute, synced: time.Minute, code: cause.NotSyncedYet, says: "caught up"},
		"the sync has stopped":              {addresses: time.Hour, synced: 2 * time.Hour, code: cause.SyncStopped, says: "Get-ADSyncScheduler"},
		"the sync is switched off":          {addresses: time.Minute, synced: 5 * time.Minute, off: true, code: cause.SyncStopped, says: "switch it on again"},
		"who cannot tell when it was asked": {addresses: -1, synced: 5 * time.Minute, code: cause.NotSyncedYet, says: "replPropertyMetaData"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench()
			now := b.clock.Now()
			addresses := now.Add(-test.addresses)
			if test.addresses < 0 {
				addresses = time.Time{}
			}
			b.changes(t, addresses, now.Add(-time.Minute))
			b.syncs(now.Add(-test.synced))
			b.cloud.syncOff = test.off
			r := b.submit(t, "bob", address.AddAlias, "bobby@contoso.test")
			b.pass(t)
			waits := b.wantState(t, r.ID, queue.Queued, test.code)
			if !strings.Contains(waits.Cause.Message, test.says) {
				t.Errorf("%q does not say %q", waits.Cause.Message, test.says)
			}
		})
	}
}
