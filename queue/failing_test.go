package queue_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/queue"
)

const twoFit = "more than one contact of the tenant has the addresses of jdoe"

// failing makes the looks at the first n holders fail, for a reason of their own; the others stand as they were.
func (c *crowd) failing(n int) {
	c.unchanging()
	well := c.cloud.judge
	c.cloud.judge = func(one cloudcheck.Case) cloudcheck.Verdict {
		if number(one.Ref.Holder.GUID) < n {
			return cloudcheck.Verdict{Outcome: cloudcheck.Unknown, Cause: &cause.Wait(cause.CloudUnavailable, twoFit).Cause}
		}
		return well(one)
	}
}

// until ticks until so long after the last write, and counts the looks.
func (c *crowd) until(t *testing.T, age time.Duration) (looks int) {
	t.Helper()
	written := c.waiting.requests[len(c.waiting.requests)-1].WrittenAt
	for c.clock.Now().Sub(written) < age {
		looks += len(c.tick(t))
	}
	return looks
}

// A look that always fails is made the less often the longer it fails; past the deadline the request is mismatched and says what
// stood in the way, is looked at hourly for a week, and then gives its address back.
func TestALookThatAlwaysFailsComesToAnEnd(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	c := newCrowd(1, plenty)
	c.failing(1)
	r := &c.waiting.requests[0]
	if looks := c.until(t, day); looks > 60 || looks < 48 || r.State != queue.Written {
		t.Errorf("%d looks in the first day, then %s", looks, r.State)
	}
	c.until(t, day+31*time.Minute)
	if r.State != queue.Mismatched || r.Cause.Code != cause.Deadline || !strings.Contains(r.Cause.Message, twoFit) {
		t.Errorf("half an hour past the deadline: %s, %+v", r.State, r.Cause)
	}
	if looks := c.until(t, 8*day-2*time.Hour); looks < 140 || looks > 180 || r.Cause.Code != cause.Deadline || c.waiting.unclaimed != 0 {
		t.Errorf("%d looks in the week after, then %+v, %d claims given up", looks, r.Cause, c.waiting.unclaimed)
	}
	if looks := c.until(t, 30*day); looks > 2 || c.waiting.unclaimed != 1 {
		t.Errorf("%d looks after that, %d claims given up", looks, c.waiting.unclaimed)
	}
}

// A deadline that passed while nobody looked ends nothing by the first look that fails.
func TestOneFailedLookIsNoDeadline(t *testing.T) {
	t.Parallel()
	c := newCrowd(1, plenty)
	c.failing(1)
	c.clock.Add(72 * time.Hour)
	for range 14 {
		c.tick(t)
	}
	r := &c.waiting.requests[0]
	if r.State != queue.Written || r.Cause.Code != cause.CloudUnavailable {
		t.Errorf("%s, %+v", r.State, r.Cause)
	}
	for range 4 {
		c.tick(t)
	}
	if r.State != queue.Mismatched {
		t.Errorf("%s after more than half an hour of failures", r.State)
	}
}

func TestASyncMakesWhatFailsDue(t *testing.T) {
	t.Parallel()
	c := newCrowd(1, plenty)
	c.failing(1)
	c.until(t, 5*time.Hour)
	for len(c.tick(t)) == 0 { // until it begins to rest
	}
	if n := len(c.tick(t)); n != 0 {
		t.Fatalf("%d looks within the rest", n)
	}
	c.newSync()
	if n := len(c.tick(t)); n != 1 {
		t.Errorf("%d looks after a sync", n)
	}
	if n := len(c.tick(t)); n != 0 {
		t.Errorf("%d looks again", n)
	}
	c.cloud.away = cause.Wait(cause.CloudUnavailable, "gone")
	c.clock.Add(2 * time.Minute)
	if err := c.runner.Sweep(context.Background()); err != nil {
		t.Error(err) // it was nobody's turn
	}
	c.cloud.away = nil
	if n := len(c.tick(t)); n != 1 {
		t.Errorf("%d looks once the tenant can be read again", n)
	}
}

// Who asks for a look has it first, and an answer; where that is that the look failed, others have their turn.
func TestAskedForAndFailing(t *testing.T) {
	t.Parallel()
	const n, asked = 20, 6
	c := newCrowd(n, 50)
	c.failing(asked)
	c.cloud.price = func(address.GUID) int { return 9 }
	for i := range asked {
		c.waiting.requests[i].NotBefore = time.Time{}
	}
	looked := make([]int, n)
	for range 40 {
		c.newSync()
		for _, h := range c.tick(t) {
			looked[number(h)]++
		}
	}
	for i, times := range looked {
		if times < 5 {
			t.Errorf("holder %d was looked at %d times in 40 ticks: %v", i, times, looked)
		}
	}
	for _, r := range c.waiting.requests[:asked] {
		if r.Cause.Code != cause.CloudUnavailable || r.NotBefore.IsZero() {
			t.Errorf("who asked is told %+v", r.Cause)
		}
	}
}

// A mismatched request that somebody asks for in vain is answered, and keeps what contradicts it.
func TestAMismatchedOneThatIsAskedForAndFails(t *testing.T) {
	t.Parallel()
	c := newCrowd(1, plenty)
	c.failing(1)
	r := &c.waiting.requests[0]
	r.State, r.Cause, r.NotBefore = queue.Mismatched, &cause.Cause{Code: cause.Quarantined}, c.clock.Now().Add(time.Hour)
	if _, err := queue.NewService(c.runner).Recheck(context.Background(), "0", "admin"); err != nil {
		t.Fatal(err)
	}
	if err := c.runner.SweepAsked(context.Background()); err != nil {
		t.Fatal(err)
	}
	if want := c.clock.Now().Add(time.Hour); !r.NotBefore.Equal(want) || r.Cause.Code != cause.Quarantined || len(c.cloud.looks) != 1 {
		t.Errorf("%d looks, next at %s, want %s; %+v", len(c.cloud.looks), r.NotBefore, want, r.Cause)
	}
}

// forgetful is a store that does not take the next transition.
type forgetful struct {
	*waitingStore
	err error
}

func (s *forgetful) Advance(ctx context.Context, t queue.Transition) (queue.Request, error) {
	if err := s.err; err != nil {
		s.err = nil
		return queue.Request{}, err
	}
	return s.waitingStore.Advance(ctx, t)
}

// A verdict that the store did not take is found again in the next tick; one that came too late is not.
func TestAVerdictThatTheStoreDidNotTake(t *testing.T) {
	t.Parallel()
	for err, looks := range map[error]int{errors.New("database is locked"): 1, queue.ErrStale: 0} {
		c := newCrowd(1, plenty)
		store := &forgetful{waitingStore: c.waiting}
		c.runner = queue.NewRunner(queue.Options{Store: store, Directory: c.directory, Cloud: c.cloud, Observer: c, Now: c.clock.Now})
		c.unchanging()
		c.until(t, 6*time.Hour)
		for len(c.tick(t)) == 0 { // until it begins to rest
		}
		c.clock.Add(time.Hour)
		c.cloud.judge = func(one cloudcheck.Case) cloudcheck.Verdict {
			return cloudcheck.Verdict{Outcome: cloudcheck.Verified, LastSyncSeen: one.LastSyncSeen}
		}
		store.err = err
		if n := len(c.tick(t)); n != 1 || c.waiting.requests[0].State != queue.Written {
			t.Fatalf("%v: %d looks, %s", err, n, c.waiting.requests[0].State)
		}
		if n := len(c.tick(t)); n != looks || c.waiting.requests[0].State == queue.Verified != (looks == 1) {
			t.Errorf("%v: %d looks in the next tick, want %d; %s", err, n, looks, c.waiting.requests[0].State)
		}
	}
}

// A look that fails is no lack of units: the next sweep looks at all in one page, as before.
func TestAFailedLookIsNoLackOfUnits(t *testing.T) {
	t.Parallel()
	const n = 100
	c := newCrowd(n, 2000)
	c.unchanging()
	well := c.cloud.judge
	c.cloud.judge = func(one cloudcheck.Case) cloudcheck.Verdict {
		if number(one.Ref.Holder.GUID) == 0 {
			return cloudcheck.Verdict{Outcome: cloudcheck.Unknown, Cause: &cause.Wait(cause.CloudUnavailable, "two contacts fit").Cause}
		}
		return well(one)
	}
	c.tick(t)
	c.newSync()
	c.waiting.pages = 0
	if looks := c.tick(t); len(looks) != n || c.waiting.pages != 1 {
		t.Errorf("%d looks in %d pages", len(looks), c.waiting.pages)
	}
}
