package server

import (
	"sync"
	"time"

	"github.com/aliasd/aliasd/share"
)

// keyed is one token bucket per key, in bounded memory: a bucket that is full again is as good as none, and keys beyond the
// bound share one. It may be used concurrently.
type keyed[K comparable] struct {
	make func() *share.Bucket // nil: nothing is bounded
	most int
	now  func() time.Time

	mu    sync.Mutex
	each  map[K]*share.Bucket
	rest  *share.Bucket
	swept time.Time
}

// newKeyed makes buckets; those with a rate of 0 bound nothing.
func newKeyed[K comparable](perSecond float64, burst, most int, now func() time.Time) *keyed[K] {
	if perSecond == 0 {
		return &keyed[K]{}
	}
	k := &keyed[K]{most: most, now: now, each: map[K]*share.Bucket{},
		make: func() *share.Bucket { return share.NewBucket(perSecond, float64(burst), now) }}
	k.rest = k.make()
	return k
}

// take counts one call, and says how long to wait where it is one too many; that one is not counted.
func (k *keyed[K]) take(key K) (wait time.Duration) {
	if k.make == nil {
		return 0
	}
	return k.bucket(key).Take(1)
}

// spend counts what was spent beyond what was taken, less than zero where it was less.
func (k *keyed[K]) spend(key K, units int) {
	if k.make != nil {
		k.bucket(key).Spend(float64(units))
	}
}

// wait says how long it takes until one more call may be counted; it counts none.
func (k *keyed[K]) wait(key K) time.Duration {
	if k.make == nil {
		return 0
	}
	k.mu.Lock()
	bucket, there := k.each[key]
	free := len(k.each) < k.most
	k.mu.Unlock()
	switch {
	case there:
		return bucket.Wait()
	case free:
		return 0
	}
	return k.rest.Wait()
}

// bucket finds a key's bucket, or makes it where there is room.
func (k *keyed[K]) bucket(key K) *share.Bucket {
	k.mu.Lock()
	defer k.mu.Unlock()
	if found, there := k.each[key]; there {
		return found
	}
	if len(k.each) >= k.most {
		k.sweep(k.now())
	}
	if len(k.each) >= k.most {
		return k.rest
	}
	made := k.make()
	k.each[key] = made
	return made
}

// sweep drops the buckets that are full again, once a second at most.
func (k *keyed[K]) sweep(now time.Time) {
	if now.Sub(k.swept).Abs() < time.Second {
		return
	}
	k.swept = now
	for key, bucket := range k.each {
		if bucket.Full() {
			delete(k.each, key)
		}
	}
}
