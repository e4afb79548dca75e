package main

import (
	"testing"
	"time"
)

// patience bounds every wait of a test. A busy machine does not use it up: only what never happens does.
const patience = 5 * time.Minute

// until waits for something that happens soon.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	untilEvery(t, 5*time.Millisecond, what, happened)
}

// untilEvery is until where looking costs something.
func untilEvery(t *testing.T, pause time.Duration, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !happened(); time.Sleep(pause) {
		if time.Now().After(deadline) {
			t.Fatalf("wait until %s", what)
		}
	}
}

// within gives what a goroutine of the test sends.
func within[T any](t *testing.T, what string, from <-chan T) (sent T) {
	t.Helper()
	select {
	case sent = <-from:
	case <-time.After(patience):
		t.Fatalf("wait until %s", what)
	}
	return sent
}
