package queue_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/queue"
)

// choosyCloud answers nothing of a call in which all holders are bad, as the graph client does.
type choosyCloud struct {
	*cloud
	bad  int
	asks int
	// first lists the first holder of each call.
	first []int
}

func (c *choosyCloud) Sweep(ctx context.Context, s cloudcheck.Survey, cases []cloudcheck.Case) ([]cloudcheck.Verdict, error) {
	c.asks++
	c.first = append(c.first, number(cases[0].Ref.Holder.GUID))
	for _, one := range cases {
		if number(one.Ref.Holder.GUID) >= c.bad {
			return c.cloud.Sweep(ctx, s, cases)
		}
	}
	cloudcheck.BudgetOf(ctx).Take(9 * len(cases))
	return nil, cause.Wait(cause.CloudUnavailable, "Microsoft Graph answered /contacts with 500")
}

func newChoosy(c *crowd, bad, units int) *choosyCloud {
	choosy := &choosyCloud{cloud: c.cloud, bad: bad}
	c.failing(bad)
	c.cloud.price = func(address.GUID) int { return 9 }
	c.runner = queue.NewRunner(queue.Options{Store: c.waiting, Directory: c.directory, Cloud: choosy, Observer: c, Now: c.clock.Now, UnitsPerTick: units})
	return choosy
}

// A page on which nobody can be looked at does not end the tick for the others, be it the first or the only one.
func TestAPageOfBadHoldersEndsNoTick(t *testing.T) {
	t.Parallel()
	const n, bad = 30, 2
	c := newCrowd(n, 50)
	newChoosy(c, bad, 50)
	looked := make([]int, n)
	for range 60 {
		c.newSync()
		for _, h := range c.tick(t) { // a tick that fails ends the test
			looked[number(h)]++
		}
	}
	for i, times := range looked[bad:] {
		if times < 6 {
			t.Errorf("holder %d was looked at %d times in 60 ticks", bad+i, times)
		}
	}
	for _, r := range c.waiting.requests[bad:] {
		if r.Cause.Code != cause.NotSyncedYet {
			t.Errorf("%s for what somebody else fails at", r.Cause.Code)
		}
	}
}

// One that waits alone and cannot be looked at is told of, and is no reason to think that the cloud is away.
func TestABadHolderAlone(t *testing.T) {
	t.Parallel()
	c := newCrowd(1, plenty)
	choosy := newChoosy(c, 1, plenty)
	errs := 0
	for range 24 * 30 {
		c.clock.Add(2 * time.Minute)
		if err := c.runner.Sweep(context.Background()); err != nil {
			errs++
		}
	}
	if choosy.asks != errs || errs > 60 || errs < 48 {
		t.Errorf("asked %d times in a day, %d ticks say that they failed", choosy.asks, errs)
	}
}

// Two pages of which nothing could be asked are a cloud that is away: the others are not tried.
func TestTwoFailedPagesAreACloudThatIsAway(t *testing.T) {
	t.Parallel()
	const n = 10_000
	c := newCrowd(n, plenty)
	choosy := newChoosy(c, n, plenty)
	for _, asks := range []int{2, 4} {
		c.clock.Add(2 * time.Minute)
		var away *cause.Error
		if err := c.runner.Sweep(context.Background()); !errors.As(err, &away) || choosy.asks != asks {
			t.Errorf("%v after %d calls, want %d", err, choosy.asks, asks)
		}
	}
	if want := []int{0, 3000, 6000, 9000}; !slices.Equal(choosy.first, want) {
		t.Errorf("pages begin with the holders %v, want %v: who was not tried comes first", choosy.first, want)
	}
	choosy.bad = 0
	c.unchanging()
	c.cloud.price = nil
	if looks := len(c.tick(t)); looks != n {
		t.Errorf("%d looks once it is back", looks)
	}
}
