package share

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestABucketHoldsItsRate: whatever the calls cost, no more is spent than the bucket holds, what came back, and one call that was
// dearer than thought.
func TestABucketHoldsItsRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
		began, dearest, spent := now, 0, 0
		perSecond, most := rapid.IntRange(1, 50).Draw(t, "rate"), rapid.IntRange(1, 500).Draw(t, "most")
		b := NewBucket(float64(perSecond), float64(most), func() time.Time { return now })
		for range rapid.IntRange(1, 200).Draw(t, "calls") {
			cost := rapid.IntRange(0, 40).Draw(t, "cost")
			wait := b.Take(10) // set aside, and corrected
			if wait == 0 {
				b.Spend(float64(cost - 10))
				spent, dearest = spent+cost, max(dearest, cost)
			} else if rapid.Bool().Draw(t, "patient") {
				now = now.Add(wait + time.Microsecond)
				if again := b.Wait(); again > 0 {
					t.Fatalf("after the wait of %v it is %v more", wait, again)
				}
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "pause")) * time.Millisecond)
		}
		if bound := float64(most+dearest) + now.Sub(began).Seconds()*float64(perSecond); float64(spent) > bound {
			t.Fatalf("%d units in %v, want %v at most", spent, now.Sub(began), bound)
		}
	})
}

func TestABucketOfNothingBoundsNothing(t *testing.T) {
	t.Parallel()
	b := NewBucket(0, 0, time.Now)
	b.Spend(1000)
	if wait := b.Wait(); wait != 0 {
		t.Errorf("wait %v", wait)
	}
}

func TestATallyTravelsInItsContext(t *testing.T) {
	t.Parallel()
	tally := &Tally{}
	TallyOf(WithTally(t.Context(), tally)).Add(7)
	TallyOf(context.Background()).Add(7)
	if tally.Cost() != 7 || TallyOf(context.Background()).Cost() != 0 {
		t.Errorf("counted %d", tally.Cost())
	}
}
