package queue_test

import (
	"context"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/queue"
)

// realTenant is the bench's tenant below a real Checker. Its own time is true; ahead is how far this machine's clock is ahead of it.
type realTenant struct {
	*cloud
	ahead time.Duration
	// stale, if set, is what a replica that lags shows of holders.
	stale map[address.GUID]address.Values
	fails error // each look-up of a holder
}

func (h *realTenant) Tenant(context.Context) (cloudcheck.Tenant, error) {
	on := true
	return cloudcheck.Tenant{InitialDomain: "contoso.onmicrosoft.com", Verified: map[string]bool{"contoso.test": true, "contoso.onmicrosoft.com": true},
		SyncEnabled: &on, LastSync: h.lastSync, ReadAt: h.clock.Now(), Ahead: h.ahead}, nil
}

func (h *realTenant) Objects(_ context.Context, refs []cloudcheck.Ref) ([]cloudcheck.Sighting, error) {
	s := make([]cloudcheck.Sighting, len(refs))
	for i, r := range refs {
		if h.fails != nil {
			s[i].Err = h.fails
			continue
		}
		if s[i].Object = h.object(r.Holder.GUID); s[i].Object != nil {
			s[i].Object.UPN, s[i].Object.ExchangeLicensed, s[i].Object.LastSync = r.Holder.UPN, true, h.lastSync
			if v, ok := h.stale[r.Holder.GUID]; ok {
				s[i].Object.Values, s[i].Object.LastSync = v, h.lastSync.Add(-time.Hour)
			}
		}
	}
	return s, nil
}

func (h *realTenant) HoldersOf(context.Context, []address.Address) ([]cloudcheck.Object, error) {
	return nil, nil
}

// newJudged is a bench whose cloud is a real Checker.
func newJudged(with ...func(*queue.Options)) (*bench, *realTenant) {
	b := newBench()
	tenant := &realTenant{cloud: b.cloud}
	checker := cloudcheck.New(cloudcheck.Options{Reader: tenant, Now: b.clock.Now})
	b.restart("node-1", b.store, append(with, func(o *queue.Options) { o.Cloud = checker })...)
	return b, tenant
}

func (b *bench) sweepAt(t tester) {
	t.Helper()
	if err := b.runner.Sweep(context.Background()); err != nil {
		t.Fatalf("sweep: %v", err)
	}
}

// Added, removed and added again, each verified: seconds later a replica shows what was there before the removal. No sync ran since.
func TestAStaleReplicaVerifiesNothing(t *testing.T) {
	t.Parallel()
	b, tenant := newJudged()
	sync := func() {
		b.clock.Add(30 * time.Minute)
		b.cloud.sync()
		b.clock.Add(time.Minute)
		b.sweepAt(t)
	}
	first := b.submit(t, "ann", address.AddAlias, "x@contoso.test")
	b.pass(t)
	sync()
	b.wantState(t, first.ID, queue.Verified, "")
	old := b.cloud.shown[address.GUID{1, 1}]
	second := b.submit(t, "ann", address.RemoveAlias, "x@contoso.test")
	b.pass(t)
	sync()
	b.wantState(t, second.ID, queue.Verified, "")
	third := b.submit(t, "ann", address.AddAlias, "x@contoso.test")
	b.pass(t)
	b.clock.Add(10 * time.Second)
	tenant.stale = map[address.GUID]address.Values{{1, 1}: old}
	b.sweepAt(t)
	if r := b.get(t, third.ID); r.State == queue.Verified {
		t.Errorf("verified %s after the write; the tenant and the object were last synchronised %s before it", r.VerifiedAt.Sub(r.WrittenAt), r.WrittenAt.Sub(b.cloud.lastSync))
	}
}

// The clock of this machine was ten days behind while the request was written. Nothing is late by that.
func TestAWriteByAClockThatWasBehind(t *testing.T) {
	t.Parallel()
	b, tenant := newJudged()
	b.cloud.lastSync = b.clock.Now().Add(10*24*time.Hour - 5*time.Minute) // the tenant's time is ten days later than ours
	tenant.ahead = -10 * 24 * time.Hour
	r := b.submit(t, "ann", address.AddAlias, "x@contoso.test")
	b.pass(t)
	b.clock.Add(time.Minute)
	b.sweepAt(t)
	if got := b.get(t, r.ID); got.State != queue.Written {
		t.Errorf("a minute after the write: %s, %s", got.State, got.Cause.Message)
	}
	// Somebody sets the clock right.
	b.clock.Add(10 * 24 * time.Hour)
	tenant.ahead = 0
	for range 3 {
		b.clock.Add(31 * time.Minute)
		b.sweepAt(t)
	}
	if got := b.get(t, r.ID); got.NotBefore.Equal(queue.Never()) {
		t.Errorf("an hour and a half after the write: %s, and it is never looked at again", got.State)
	}
	b.cloud.sync() // the cloud shows it from now on
	for range 48 {
		b.clock.Add(30 * time.Minute)
		b.cloud.lastSync = b.clock.Now()
		b.sweepAt(t)
	}
	b.wantState(t, r.ID, queue.Verified, "")
}

// A holder cannot be looked at, and the clock jumps two days ahead; the tenant tells the time.
func TestNothingIsLateByAJumpThatTheTenantTells(t *testing.T) {
	t.Parallel()
	b, tenant := newJudged()
	r := b.submit(t, "ann", address.AddAlias, "x@contoso.test")
	b.pass(t)
	tenant.fails = cause.Wait(cause.CloudUnavailable, "a permission is missing")
	for range 20 {
		b.clock.Add(2 * time.Minute)
		b.sweepAt(t)
	}
	b.wantState(t, r.ID, queue.Written, cause.CloudUnavailable)
	const jump = 48 * time.Hour
	b.clock.Add(jump)
	tenant.ahead = jump
	b.sweepAt(t)
	if got := b.get(t, r.ID); got.State == queue.Mismatched {
		t.Errorf("40 minutes after the write by the tenant's time, which was read: %s, %s", got.State, got.Cause.Message)
	}
}
