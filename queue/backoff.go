package queue

import (
	"math/rand/v2"
	"time"
)

// backoff spaces the tries of one step: doubling from base to limit, with a fifth of jitter to either side so that
// requests that failed together do not come back together.
type backoff struct {
	base, limit time.Duration
}

// after gives the pause after the given number of tries, which is 1 or more.
func (b backoff) after(tries int) time.Duration {
	pause := b.base
	for ; tries > 1 && pause < b.limit; tries-- {
		pause *= 2
	}
	pause = min(pause, b.limit)
	jitter := 0.8 + 0.4*rand.Float64()
	return time.Duration(float64(pause) * jitter)
}
