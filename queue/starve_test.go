package queue_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// With a budget that is too small for all, everybody is looked at within a bounded number of ticks: as many of those who
// wait longest as the budget suffices for at the highest price, whatever each of them costs and however the others are
// asked for. Looks that fail change nothing of that.
func TestNobodyStarves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(rt, "holders")
		units := rapid.IntRange(50, 200).Draw(rt, "units")
		prices := rapid.SliceOfN(rapid.IntRange(1, 25), n, n).Draw(rt, "prices")
		ill := rapid.SliceOfN(rapid.IntRange(0, 3), n, n).Draw(rt, "ill")
		c := newCrowd(n, units)
		c.unchanging()
		well := c.cloud.judge
		c.cloud.judge = func(one cloudcheck.Case) cloudcheck.Verdict {
			if ill[number(one.Ref.Holder.GUID)] == 0 {
				return cloudcheck.Verdict{Outcome: cloudcheck.Unknown, Cause: &cause.Wait(cause.Throttled, "not now").Cause}
			}
			return well(one)
		}
		c.cloud.price = func(h address.GUID) int { return prices[number(h)] }
		inEach := units / 25
		bound := (n+inEach-1)/inEach + 1
		waits := make([]int, n)
		for range 3 * bound {
			c.newSync()
			looks := c.tick(rt)
			for i := range waits {
				waits[i]++
			}
			for _, h := range looks {
				waits[number(h)] = 0
			}
			if spent := c.swept[len(c.swept)-1].Units; spent > units {
				rt.Fatalf("%d units of %d", spent, units)
			}
			if longest := slices.Max(waits); longest > bound {
				rt.Fatalf("holder %d was not looked at in %d ticks, want %d at most", slices.Index(waits, longest), longest, bound)
			}
		}
	})
}

// Contradicted holders are many and dear, and each is swept hourly: those who were written later than all of them have their
// turn all the same, and none of the contradicted ones takes another's.
func TestContradictedOnesTakeNobodysTurn(t *testing.T) {
	t.Parallel()
	const contradicted, written = 160, 10
	c := newCrowd(contradicted+written, 50)
	c.unchanging()
	well := c.cloud.judge
	c.cloud.judge = func(one cloudcheck.Case) cloudcheck.Verdict {
		if number(one.Ref.Holder.GUID) < contradicted {
			return cloudcheck.Verdict{Outcome: cloudcheck.Contradicted, Cause: &cause.Wait(cause.NotInCloud, "no").Cause}
		}
		return well(one)
	}
	c.cloud.price = func(h address.GUID) int {
		if number(h) < contradicted {
			return 9
		}
		return 1
	}
	last := make([]int, contradicted+written)
	for tick := range 24 * 30 {
		for _, h := range c.tick(t) {
			last[number(h)] = tick
		}
		for i, at := range last {
			if bound := 80; tick-at > bound {
				t.Fatalf("holder %d was not looked at for %d ticks", i, bound)
			}
		}
	}
}
