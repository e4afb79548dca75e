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

// plenty is a budget that always suffices.
const plenty = 100_000

func TestWhoWaitsLongIsAskedForLessOften(t *testing.T) {
	t.Parallel()
	c := newCrowd(1, plenty)
	c.unchanging()
	written := c.clock.Now()
	last, looks, late := written, 0, 0
	for c.clock.Now().Sub(written) < 24*time.Hour {
		looked := len(c.tick(t)) == 1
		age, gap := c.clock.Now().Sub(written), c.clock.Now().Sub(last)
		if !looked && age < 15*time.Minute {
			t.Errorf("not looked at %s after the write", age)
		}
		if gap > 2*time.Minute && gap > age/8 || gap > 30*time.Minute {
			t.Errorf("%s after the write nobody has looked for %s", age, gap)
		}
		if looked {
			last = c.clock.Now()
			looks++
		}
		if looked && age > 4*time.Hour+30*time.Minute {
			late++
		}
	}
	if looks > 90 || late != 39 {
		t.Errorf("%d looks in a day, %d of them late; 720 would be one each tick, and every half hour gives 39 late ones", looks, late)
	}
	if c.waiting.puts != 0 {
		t.Errorf("%d writes to the store by looks without news", c.waiting.puts)
	}
}

func TestEverybodyIsAskedForAfterASync(t *testing.T) {
	t.Parallel()
	c := newCrowd(3, plenty)
	c.unchanging()
	c.tick(t)
	c.clock.Add(6 * time.Hour)
	c.tick(t) // the half hour is over for all
	if n := len(c.tick(t)); n != 0 {
		t.Fatalf("%d looks at holders that were just looked at", n)
	}
	c.newSync()
	for minute := 0; minute <= 20; minute += 2 {
		looks := len(c.tick(t))
		if within := minute < 10; within && looks != 3 || !within && looks != 0 {
			t.Errorf("%d looks %d minutes after the sync was seen", looks, minute)
		}
	}
}

// A node that starts looks at everybody, but takes an old sync for no new one.
func TestFirstTickAsksForEverybody(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sync time.Duration
		then int
	}{"an old sync": {20 * time.Minute, 0}, "a sync that just ended": {time.Minute, 3}} {
		c := newCrowd(3, plenty)
		c.unchanging()
		c.clock.Add(6 * time.Hour)
		c.cloud.lastSync = c.clock.Now().Add(-test.sync)
		if n := len(c.tick(t)); n != 3 {
			t.Errorf("%s: %d looks in the first tick", name, n)
		}
		if n := len(c.tick(t)); n != test.then {
			t.Errorf("%s: %d looks in the second tick, want %d", name, n, test.then)
		}
	}
}

// A clock that was put back leaves nobody alone for longer.
func TestAClockThatIsPutBack(t *testing.T) {
	t.Parallel()
	c := newCrowd(1, plenty)
	c.unchanging()
	c.clock.Add(6 * time.Hour)
	c.tick(t)
	c.clock.Add(-time.Hour)
	if n := len(c.tick(t)); n != 1 {
		t.Errorf("%d looks", n)
	}
}

func TestOneHolderIsLookedAtOnceForAllItsRequests(t *testing.T) {
	t.Parallel()
	c := newCrowd(4, plenty)
	c.unchanging()
	c.tick(t)
	c.clock.Add(6 * time.Hour)
	c.tick(t)
	c.waiting.requests[3].Object = guid(0) // written later, for a holder that waits long
	c.waiting.requests[3].WrittenAt = c.clock.Now()
	c.directory.reads = 0
	judged := 0
	c.cloud.judge = func(one cloudcheck.Case) cloudcheck.Verdict {
		judged++
		return cloudcheck.Verdict{Outcome: cloudcheck.Unknown, Cause: &cause.Cause{Code: cause.Throttled}}
	}
	if looks := c.tick(t); !slices.Equal(looks, []address.GUID{guid(0)}) || judged != 2 || c.directory.reads != 1 {
		t.Errorf("looked at %v, judged %d requests, read %d holders; want both requests of the one holder by one look", looks, judged, c.directory.reads)
	}
}

func TestAFailedLookIsMadeUpForAndTellsNothing(t *testing.T) {
	t.Parallel()
	c := newCrowd(1, plenty)
	c.unchanging()
	c.clock.Add(6 * time.Hour)
	c.tick(t)
	well := c.cloud.judge
	c.waiting.requests[0].SyncMoves = 1
	code := cause.Throttled
	ill := func(cloudcheck.Case) cloudcheck.Verdict {
		return cloudcheck.Verdict{Outcome: cloudcheck.Unknown, Cause: &cause.Wait(code, "not now").Cause, SyncMoves: 7, LastSyncSeen: c.clock.Now()}
	}
	steps := []struct {
		name  string
		judge func(cloudcheck.Case) cloudcheck.Verdict
		code  cause.Code
		want  cause.Code
		puts  int
	}{
		{"once is no news", ill, cause.Throttled, cause.NotSyncedYet, 0},
		{"twice is", ill, cause.Throttled, cause.Throttled, 1},
		{"and then no more", ill, cause.Throttled, cause.Throttled, 1},
		{"another reason is", ill, cause.CloudUnavailable, cause.CloudUnavailable, 2},
		{"well again", well, "", cause.NotSyncedYet, 3},
	}
	c.clock.Add(40 * time.Minute)
	for _, step := range steps {
		c.cloud.judge, code = step.judge, step.code
		if step.name == "well again" {
			c.clock.Add(10 * time.Minute) // what failed for 6 minutes rests as long
		}
		if n := len(c.tick(t)); n != 1 {
			t.Errorf("%s: %d looks", step.name, n)
		}
		if r := c.waiting.requests[0]; r.Cause.Code != step.want || r.SyncMoves != 1 || c.waiting.puts != step.puts {
			t.Errorf("%s: %s, %d moves, %d writes; want %s, 1, %d", step.name, r.Cause.Code, r.SyncMoves, c.waiting.puts, step.want, step.puts)
		}
	}
	if n := len(c.tick(t)); n != 0 {
		t.Errorf("%d looks once it is well", n)
	}
}

func TestAStoppedSyncIsNotHiddenByAFailedLook(t *testing.T) {
	t.Parallel()
	c := newCrowd(1, plenty)
	c.waiting.requests[0].Cause = &cause.Wait(cause.SyncStopped, "look at the sync server").Cause
	c.cloud.judge = func(cloudcheck.Case) cloudcheck.Verdict {
		return cloudcheck.Verdict{Outcome: cloudcheck.Unknown, Cause: &cause.Wait(cause.Throttled, "not now").Cause}
	}
	for range 3 {
		c.tick(t)
	}
	if got := c.waiting.requests[0].Cause.Code; got != cause.SyncStopped || c.waiting.puts != 0 {
		t.Errorf("%s, %d writes", got, c.waiting.puts)
	}
}

func TestAMismatchedOneThatCannotBeSeenIsTriedInTheNextTick(t *testing.T) {
	t.Parallel()
	c := newCrowd(1, plenty)
	r := &c.waiting.requests[0]
	r.State, r.Cause = queue.Mismatched, &cause.Cause{Code: cause.Quarantined}
	c.cloud.judge = func(cloudcheck.Case) cloudcheck.Verdict {
		return cloudcheck.Verdict{Outcome: cloudcheck.Unknown, Cause: &cause.Wait(cause.Throttled, "not now").Cause}
	}
	for range 3 {
		if n := len(c.tick(t)); n != 1 {
			t.Errorf("%d looks", n)
		}
	}
	if r.Cause.Code != cause.Quarantined || c.waiting.puts != 0 {
		t.Errorf("%+v, %d writes", r.Cause, c.waiting.puts)
	}
	c.unchanging()
	c.tick(t)
	if n := len(c.tick(t)); n != 0 {
		t.Errorf("%d looks within the hour", n)
	}
	c.newSync()
	if n := len(c.tick(t)); n != 0 {
		t.Errorf("%d looks after a sync: it is swept hourly", n)
	}
	c.cloud.judge = func(cloudcheck.Case) cloudcheck.Verdict {
		return cloudcheck.Verdict{Outcome: cloudcheck.Unknown, Cause: &cause.Wait(cause.Throttled, "not now").Cause}
	}
	c.clock.Add(9 * 24 * time.Hour)
	c.tick(t)
	if n := len(c.tick(t)); n != 0 {
		t.Errorf("%d looks long after its time is over", n)
	}
}

// A cloud that is away is asked once in a tick, told on everybody once, and everybody is due when it is back.
func TestThrottlingOfEverything(t *testing.T) {
	t.Parallel()
	const n = 10_000
	c := newCrowd(n, plenty)
	c.unchanging()
	c.clock.Add(6 * time.Hour)
	c.tick(t)
	c.clock.Add(40 * time.Minute)
	c.cloud.away = cause.Wait(cause.Throttled, "asked too much")
	for i, puts := range []int{0, n, n} {
		c.clock.Add(2 * time.Minute)
		if err := c.runner.Sweep(context.Background()); !errors.Is(err, c.cloud.away) {
			t.Fatalf("sweep: %v", err)
		}
		if done := c.swept[len(c.swept)-1]; c.waiting.puts != puts || done.Carried != n || done.Err == nil {
			t.Errorf("tick %d: %d writes, want %d; %+v", i, c.waiting.puts, puts, done)
		}
	}
	c.cloud.away = nil
	if looks := len(c.tick(t)); looks != n || c.waiting.puts != 2*n {
		t.Errorf("%d looks, %d writes once it is back", looks, c.waiting.puts)
	}
}

// With a budget for 1,500 holders in a tick, 10,000 take seven ticks after a sync: each once, the oldest look first, and
// the directory is asked for no more of them than the cloud.
func TestASyncSpreadsOverTicks(t *testing.T) {
	t.Parallel()
	const n, units = 10_000, 100
	c := newCrowd(n, units)
	c.unchanging()
	c.cloud.lastSync = c.clock.Now().Add(-time.Hour) // long calculated
	order := spread(t, c, units)
	for i, h := range order[:n] {
		if h != guid(i) {
			t.Fatalf("look %d is at %v", i, h)
		}
	}
	c.clock.Add(6 * time.Hour) // the half hour is over for all
	spread(t, c, units)
	c.newSync() // and again, although nobody's half hour is
	spread(t, c, units)
	if c.waiting.puts != 0 {
		t.Errorf("%d writes to the store", c.waiting.puts)
	}
}

// spread ticks until nobody's turn is left, which takes as many ticks as the budget is too small, and gives the holders in the
// order of the looks. The looks while the calculation may still run are beside the others.
func spread(t *testing.T, c *crowd, units int) (order []address.GUID) {
	t.Helper()
	seen := map[address.GUID]bool{}
	for range 7 {
		c.directory.reads = 0
		looks := c.tick(t)
		done := c.swept[len(c.swept)-1]
		if done.Units > units || len(looks) > 15*units || done.Requests != len(looks) || c.directory.reads > len(looks)+15 {
			t.Errorf("%+v for %d looks and %d reads", done, len(looks), c.directory.reads)
		}
		for _, h := range looks {
			seen[h] = true
		}
		order = append(order, looks...)
	}
	last := c.swept[len(c.swept)-1]
	if all := len(c.waiting.requests); len(order) < all || len(seen) != all || len(order) > all+15*units || last.Carried != 0 {
		t.Errorf("%d looks at %d of %d in seven ticks, then %+v", len(order), len(seen), all, last)
	}
	return order
}

func TestRecheckIsAtOnceWhateverTheBudget(t *testing.T) {
	t.Parallel()
	const n = 3000
	c := newCrowd(n, 50)
	c.unchanging()
	c.tick(t)
	c.tick(t)
	last := c.waiting.requests[n-1]
	service := queue.NewService(c.runner)
	recheck := func(id queue.RequestID) []address.GUID {
		t.Helper()
		if _, err := service.Recheck(context.Background(), id, "admin"); err != nil {
			t.Fatal(err)
		}
		c.cloud.looks, c.waiting.puts = nil, 0
		if err := c.runner.SweepAsked(context.Background()); err != nil {
			t.Fatal(err)
		}
		return c.cloud.looks
	}
	if looks := recheck(last.ID); !slices.Equal(looks, []address.GUID{last.Object}) || c.waiting.puts != 1 {
		t.Errorf("looked at %d holders and wrote %d answers", len(looks), c.waiting.puts)
	}
	c.cloud.looks = nil
	if err := c.runner.SweepAsked(context.Background()); err != nil || len(c.cloud.looks) != 0 {
		t.Errorf("%v, %d looks that nobody asked for any more", err, len(c.cloud.looks))
	}
	c.cloud.away = cause.Wait(cause.Throttled, "not now")
	if _, err := service.Recheck(context.Background(), last.ID, "admin"); err != nil {
		t.Fatal(err)
	}
	if err := c.runner.SweepAsked(context.Background()); err == nil {
		t.Error("nothing is said of a cloud that is away")
	}
	if got := c.waiting.requests[n-1].Cause.Code; got != cause.Throttled {
		t.Errorf("who asked is told %s", got)
	}
	c.cloud.away = nil
	if looks := c.tick(t); len(looks) == 0 || looks[0] != last.Object {
		t.Errorf("what somebody asked for in vain is not first in the next tick")
	}
}

// A store that cannot be read ends the tick with its error.
func TestSweepWithoutAStore(t *testing.T) {
	t.Parallel()
	c := newCrowd(1, plenty)
	broken := errors.New("disk I/O error")
	runner := queue.NewRunner(queue.Options{Store: brokenStore{c.waiting, broken}, Directory: c.directory, Cloud: c.cloud, Observer: c, Now: c.clock.Now})
	if err := runner.Sweep(context.Background()); !errors.Is(err, broken) || !errors.Is(c.swept[0].Err, broken) {
		t.Errorf("%v", err)
	}
}

type brokenStore struct {
	queue.Store
	err error
}

func (s brokenStore) Awaiting(context.Context, time.Time) ([]queue.Waiting, error) { return nil, s.err }
