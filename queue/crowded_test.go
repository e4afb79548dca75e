package queue_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/queue"
)

// sharedCloud is a tenant in which other applications use a share of the limit, as Graph says with each answer.
type sharedCloud struct {
	*cloud
	share float64
}

func (c *sharedCloud) Survey(ctx context.Context) cloudcheck.Survey {
	cloudcheck.BudgetOf(ctx).Near(c.share)
	return c.cloud.Survey(ctx)
}

func (c *sharedCloud) Sweep(ctx context.Context, s cloudcheck.Survey, cases []cloudcheck.Case) ([]cloudcheck.Verdict, error) {
	defer cloudcheck.BudgetOf(ctx).Near(c.share)
	return c.cloud.Sweep(ctx, s, cases)
}

// newShared is a crowd in a tenant whose limit is near.
func newShared(n int) (*crowd, *sharedCloud) {
	c := newCrowd(n, plenty)
	c.unchanging()
	shared := &sharedCloud{cloud: c.cloud, share: 0.85}
	c.runner = queue.NewRunner(queue.Options{Store: c.waiting, Directory: c.directory, Cloud: shared, Observer: c, Now: c.clock.Now, UnitsPerTick: 2000})
	return c, shared
}

// However long others leave no room, whoever has waited for half an hour is looked at, the oldest first, for a few units.
func TestOthersDoNotShutUsOut(t *testing.T) {
	t.Parallel()
	const n = 40
	c, shared := newShared(n)
	c.cloud.price = func(address.GUID) int { return 25 }
	if looks := c.until(t, 27*time.Minute); looks != 0 {
		t.Errorf("%d looks in the first half hour, which is the others'", looks)
	}
	looked := make([]int, n)
	for range 45 {
		for _, h := range c.tick(t) {
			looked[number(h)]++
		}
		if units := c.swept[len(c.swept)-1].Units; units > 100 {
			t.Fatalf("%d units in a tick", units)
		}
	}
	for i, times := range looked {
		if times < 2 {
			t.Errorf("holder %d was looked at %d times in an hour and a half", i, times)
		}
	}
	for _, r := range c.waiting.requests {
		if r.Cause.Code != cause.NotSyncedYet {
			t.Fatalf("%s says %s although it is looked at", r.Holder, r.Cause.Code)
		}
	}
	shared.share = 0
	c.newSync()
	if looks := len(c.tick(t)); looks != n {
		t.Errorf("%d looks once there is room", looks)
	}
}

// Those who are more than the others leave room for are told why nobody comes, once, and their deadline holds.
func TestWhoWaitsForOthersIsTold(t *testing.T) {
	t.Parallel()
	const n = 50
	c, shared := newShared(n)
	c.cloud.price = func(address.GUID) int { return 101 }
	c.until(t, 20*time.Minute)
	if c.waiting.puts != 0 {
		t.Errorf("%d were told before they had waited for long", c.waiting.puts)
	}
	c.until(t, 45*time.Minute)
	if c.waiting.puts != n {
		t.Errorf("%d were told once they had waited for long", c.waiting.puts)
	}
	c.waiting.loads = 0
	c.until(t, 23*time.Hour)
	if perHour := c.waiting.loads / n / 22; perHour > 5 {
		t.Errorf("each is read %d times in an hour to be told nothing new", perHour)
	}
	for _, r := range c.waiting.requests {
		if r.State != queue.Written || r.Cause.Code != cause.Throttled || !strings.Contains(r.Cause.Message, "other applications") {
			t.Fatalf("%s: %+v", r.State, r.Cause)
		}
	}
	if done := c.swept[len(c.swept)-1]; c.waiting.puts != n || done.Carried != n || done.Requests != 0 {
		t.Errorf("%d writes, %+v", c.waiting.puts, done)
	}
	c.until(t, 25*time.Hour)
	for _, r := range c.waiting.requests {
		if r.State != queue.Mismatched || r.Cause.Code != cause.Deadline || !strings.Contains(r.Cause.Message, "other applications") {
			t.Fatalf("past the deadline: %s, %+v", r.State, r.Cause)
		}
	}
	c.until(t, 9*24*time.Hour)
	if c.waiting.unclaimed != n {
		t.Errorf("%d gave their address back after a week", c.waiting.unclaimed)
	}
	shared.share, c.waiting.puts = 0, 0
	if looks := c.until(t, 10*24*time.Hour); looks != 0 || c.waiting.puts != 0 {
		t.Errorf("%d looks, %d writes after that", looks, c.waiting.puts)
	}
}

// What cheap ones would eat, dear ones get: those who wait longest are looked at whole.
func TestTheReserveIsForEverybody(t *testing.T) {
	t.Parallel()
	const n, dear = 2000, 10
	c, _ := newShared(n)
	c.cloud.price = func(h address.GUID) int {
		if number(h) >= n-dear {
			return 25
		}
		return 1
	}
	looked := make([]int, n)
	for range 120 {
		for _, h := range c.tick(t) {
			looked[number(h)]++
		}
	}
	for i, times := range looked {
		if times == 0 {
			t.Fatalf("holder %d was not looked at in four hours", i)
		}
	}
}

// Crowded sweeps that are not in a row are told to nobody: there the units are what lacks.
func TestABusyTenantIsNoNews(t *testing.T) {
	t.Parallel()
	c, shared := newShared(3)
	c.cloud.price = func(address.GUID) int { return 3000 }
	for i := range 200 {
		shared.share = 0.9
		if i%5 == 4 {
			shared.share = 0
		}
		c.tick(t)
	}
	if c.waiting.puts != 0 {
		t.Errorf("%d were told", c.waiting.puts)
	}
}

func TestRecheckInABusyTenant(t *testing.T) {
	t.Parallel()
	c, _ := newShared(3)
	c.tick(t)
	if _, err := queue.NewService(c.runner).Recheck(context.Background(), "1", "admin"); err != nil {
		t.Fatal(err)
	}
	c.cloud.looks = nil
	if err := c.runner.SweepAsked(context.Background()); err != nil || len(c.cloud.looks) != 1 || c.waiting.requests[1].NotBefore.IsZero() {
		t.Errorf("%v, %d looks", err, len(c.cloud.looks))
	}
}
