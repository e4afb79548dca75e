// Package share parts what Microsoft Graph and the directory can bear. Writes and sweeps go first: they never wait for reads by
// people (explain, validate), and these get what is left over. It counts, and decides nothing else.
package share

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Tally counts what a read by people costs: Graph's resource units, and reads from the directory. It travels in the context, and
// work whose context has none is a write or a sweep. A nil Tally counts nothing. It may be used concurrently.
type Tally struct{ cost atomic.Int64 }

type tallyKey struct{}

// WithTally gives a context whose costs t counts.
func WithTally(ctx context.Context, t *Tally) context.Context {
	return context.WithValue(ctx, tallyKey{}, t)
}

// TallyOf gives the tally of a context, nil where it has none.
func TallyOf(ctx context.Context) *Tally {
	t, _ := ctx.Value(tallyKey{}).(*Tally)
	return t
}

// Add counts resource units of Graph, or reads from the directory: each counts as one unit.
func (t *Tally) Add(units int) {
	if t != nil {
		t.cost.Add(int64(units))
	}
}

// Cost is what was counted so far.
func (t *Tally) Cost() int {
	if t == nil {
		return 0
	}
	return int(t.cost.Load())
}

// Bucket holds so many units at most and gets some back each second. What is spent may be more than it holds: then it is in debt,
// and has nothing to give until that is paid. It may be used concurrently.
type Bucket struct {
	perSecond, most float64
	now             func() time.Time

	mu   sync.Mutex
	left float64
	at   time.Time
}

// NewBucket makes a full bucket; one that gets nothing back bounds nothing.
func NewBucket(perSecond, most float64, now func() time.Time) *Bucket {
	return &Bucket{perSecond: perSecond, most: most, now: now, left: most, at: now()}
}

// Take takes units out, or says how long it takes until the bucket holds something; then it takes none.
func (b *Bucket) Take(units float64) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if wait = b.wait(); wait == 0 {
		b.left -= units
	}
	return wait
}

// Spend takes units out, however few there are; less than zero gives back what was not used.
func (b *Bucket) Spend(units float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill()
	b.left = min(b.left-units, b.most)
}

// Wait says how long it takes until the bucket holds something: 0 where it does.
func (b *Bucket) Wait() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wait()
}

func (b *Bucket) wait() time.Duration {
	b.fill()
	if b.perSecond == 0 || b.left >= 1 {
		return 0
	}
	return max(time.Millisecond, time.Duration(math.Ceil((1-b.left)/b.perSecond*float64(time.Second))))
}

// Full says whether the bucket is as good as a new one.
func (b *Bucket) Full() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill()
	return b.left >= b.most
}

// fill puts in what came back since the last look. A clock that was set back brings nothing.
func (b *Bucket) fill() {
	now := b.now()
	if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.left = min(b.left+passed*b.perSecond, b.most)
	}
	b.at = now
}
