package main

import (
	"sync/atomic"
	"time"
)

// testClock is the system's clock with an offset that a test moves: it jumps, and goes on.
type testClock struct{ offset atomic.Int64 }

func newTestClock() *testClock { return &testClock{} }

// Now gives a time without the reading of a steady clock, so that a jump is one for whoever compares two of them.
func (c *testClock) Now() time.Time {
	return time.Now().Add(time.Duration(c.offset.Load())).Round(0)
}

// Add makes the clock jump.
func (c *testClock) Add(d time.Duration) { c.offset.Add(int64(d)) }
