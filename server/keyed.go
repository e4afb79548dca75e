package server

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// keyed is one token bucket per key, in bounded memory: a bucket that is full again is as good as none, and keys beyond the
// bound share one. It may be used concurrently.
type keyed[K comparable] struct {
	rate  rate.Limit
	burst int
	most  int
	now   func() time.Time

	mu    sync.Mutex
	each  map[K]*rate.Limiter
	rest  *rate.Limiter
	swept time.Time
}

// newKeyed makes buckets; those with a rate of 0 bound nothing.
func newKeyed[K comparable](perSecond float64, burst, most int, now func() time.Time) *keyed[K] {
	return &keyed[K]{rate: rate.Limit(perSecond), burst: burst, most: most, now: now, each: map[K]*rate.Limiter{},
		rest: rate.NewLimiter(rate.Limit(perSecond), burst)}
}

// take counts one call, and says how long to wait where it is one too many; that one is not counted.
func (k *keyed[K]) take(key K) (wait time.Duration) {
	if k.rate == 0 {
		return 0
	}
	now := k.now()
	limiter := k.limiter(key, now)
	if limiter.AllowN(now, 1) {
		return 0
	}
	return k.until(limiter, now)
}

// wait says how long it takes until one more call may be counted; it counts none.
func (k *keyed[K]) wait(key K) time.Duration {
	if k.rate == 0 {
		return 0
	}
	now := k.now()
	k.mu.Lock()
	limiter, there := k.each[key]
	if !there && len(k.each) < k.most {
		k.mu.Unlock()
		return 0
	}
	k.mu.Unlock()
	if !there {
		limiter = k.rest
	}
	return k.until(limiter, now)
}

// until is the time until a bucket holds a whole call.
func (k *keyed[K]) until(limiter *rate.Limiter, now time.Time) time.Duration {
	lacks := 1 - limiter.TokensAt(now)
	if lacks <= 0 {
		return 0
	}
	return max(time.Millisecond, time.Duration(lacks/float64(k.rate)*float64(time.Second)))
}

// limiter finds a key's bucket, or makes it where there is room.
func (k *keyed[K]) limiter(key K, now time.Time) *rate.Limiter {
	k.mu.Lock()
	defer k.mu.Unlock()
	if found, there := k.each[key]; there {
		return found
	}
	if len(k.each) >= k.most {
		k.sweep(now)
	}
	if len(k.each) >= k.most {
		return k.rest
	}
	made := rate.NewLimiter(k.rate, k.burst)
	k.each[key] = made
	return made
}

// sweep drops the buckets that are full again, once a second at most.
func (k *keyed[K]) sweep(now time.Time) {
	if now.Sub(k.swept).Abs() < time.Second {
		return
	}
	k.swept = now
	for key, limiter := range k.each {
		if limiter.TokensAt(now) >= float64(k.burst) {
			delete(k.each, key)
		}
	}
}
