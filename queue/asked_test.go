package queue_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/queue"
)

// slowTenant answers as Graph does, after a while.
type slowTenant struct {
	queue.Cloud
	surveys atomic.Int64
}

func (s *slowTenant) Survey(ctx context.Context) cloudcheck.Survey {
	s.surveys.Add(1)
	time.Sleep(20 * time.Millisecond)
	return s.Cloud.Survey(ctx)
}

// One token has its own requests rechecked all the time; the sweep on schedule, of everybody, has its turn all the same.
func TestRechecksStarveNoSweep(t *testing.T) {
	t.Parallel()
	b := newBench()
	slow := &slowTenant{Cloud: b.cloud}
	b.restart("node-1", b.store, func(o *queue.Options) { o.Cloud = slow })
	var mine []queue.RequestID
	for i := range 20 {
		b.directory.add(byte(10+i), fmt.Sprintf("u%d", i), address.Values{Mail: fmt.Sprintf("u%d@contoso.test", i), Proxies: address.Set{address.Proxy(fmt.Sprintf("SMTP:u%d@contoso.test", i))}})
	}
	b.cloud.sync()
	for i := range 20 {
		mine = append(mine, b.submit(t, fmt.Sprintf("u%d", i), address.AddAlias, address.Address(fmt.Sprintf("a%d@contoso.test", i))).ID)
	}
	bobs := b.submit(t, "bob", address.AddAlias, "b@contoso.test")
	for range 21 {
		b.pass(t)
	}
	b.wantState(t, bobs.ID, queue.Written, cause.NotSyncedYet)
	b.clock.Add(30 * time.Minute)
	b.cloud.sync() // the cloud shows bob's alias from now on; the others wait for something else
	b.cloud.judge = func(one cloudcheck.Case) cloudcheck.Verdict {
		if one.Ref.Holder.Account == "bob" {
			return cloudcheck.Verdict{Outcome: cloudcheck.Verified}
		}
		return cloudcheck.Verdict{Outcome: cloudcheck.NotYet, Cause: &cause.Wait(cause.NotCalculatedYet, "not now").Cause, LastSyncSeen: one.LastSyncSeen, SyncMoves: one.SyncMoves}
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go b.runner.Run(ctx)
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			_, _ = b.service.Recheck(ctx, mine[i%len(mine)], "script")
			time.Sleep(5 * time.Millisecond)
		}
	}()
	time.Sleep(100 * time.Millisecond)
	skipped, ticks := 0, 40
	for range ticks {
		if err := b.runner.Sweep(ctx); errors.Is(err, queue.ErrSweeping) {
			skipped++
		}
		time.Sleep(30 * time.Millisecond)
	}
	if skipped > ticks/2 {
		t.Errorf("%d of %d sweeps on schedule were skipped, since a recheck was being made each time; bob's request, of another caller, is %s (%d readings of the tenant)",
			skipped, ticks, b.get(t, bobs.ID).State, slow.surveys.Load())
	}
}
