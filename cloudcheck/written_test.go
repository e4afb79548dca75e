package cloudcheck

import (
	"testing"
	"time"

	"github.com/aliasd/aliasd/cause"
)

// aheadWorld is a world whose write was noted by a clock that was a year ahead, and that nobody has looked at yet. The cloud
// showed the alias before it already.
func aheadWorld() *world {
	w := newWorld()
	w.c.WrittenAt = written().AddDate(1, 0, 0)
	w.c.Deadline = time.Time{}
	w.c.Expectation.ShownAtWrite = true
	return w
}

// look makes a look at a time after a sync, and keeps what it found as the queue does.
func (w *world) look(t *testing.T, now, lastSync time.Time) Verdict {
	t.Helper()
	w.now, w.fake.tenant.LastSync = now, lastSync
	v := w.sweep(t)
	w.c.LastSyncSeen, w.c.SyncMoves, w.c.LookedAt = v.LastSyncSeen, v.SyncMoves, v.Seen.CheckedAt
	return v
}

// TestWrittenByAClockThatWasAheadIsVerified: by the syncs after the first look, for the one that this look found may have run before
// the write.
func TestWrittenByAClockThatWasAheadIsVerified(t *testing.T) {
	t.Parallel()
	w := aheadWorld()
	for i, moves := range []int{0, 1, 2} {
		sync := first().Add(time.Duration(i) * 30 * time.Minute)
		v := w.look(t, sync.Add(time.Minute), sync)
		if want := map[int]Outcome{0: NotYet, 1: NotYet, 2: Verified}[moves]; v.SyncMoves != moves || v.Outcome != want {
			t.Errorf("after sync %d: %s with %d moves, want %s with %d", i, v.Outcome, v.SyncMoves, want, moves)
		}
	}
}

// TestASyncRightAfterTheFirstLookCountsNothing: the clock of that look may be a little behind.
func TestASyncRightAfterTheFirstLookCountsNothing(t *testing.T) {
	t.Parallel()
	w := aheadWorld()
	w.look(t, written().Add(time.Minute), before())
	if v := w.look(t, written().Add(10*time.Minute), written().Add(4*time.Minute)); v.SyncMoves != 0 {
		t.Errorf("%d moves", v.SyncMoves)
	}
}

// TestWrittenByAClockThatWasAheadIsSynchronised: a contradiction is found as ever, and stays the same between two syncs.
func TestWrittenByAClockThatWasAheadIsSynchronised(t *testing.T) {
	t.Parallel()
	w := aheadWorld()
	w.c.Expectation.ShownAtWrite = false
	w.arriving()
	w.look(t, written().Add(time.Minute), before())
	for _, after := range []time.Duration{time.Minute, 2 * time.Minute, 8 * time.Minute} {
		if v := w.look(t, first().Add(after), first()); v.Cause == nil || v.Cause.Code != cause.NotCalculatedYet {
			t.Errorf("%s after the sync: %+v", after, v.Cause)
		}
	}
	if v := w.look(t, second().Add(time.Minute), second()); v.Cause == nil || v.Cause.Code != cause.CalculatedOtherwise {
		t.Errorf("after a whole cycle: %+v", v.Cause)
	}
}

func TestBegan(t *testing.T) {
	t.Parallel()
	now := written().Add(time.Hour)
	known := Expectation{SyncAtWrite: before()}
	for name, test := range map[string]struct {
		e             Expectation
		written, want time.Time
	}{
		"noted by a clock that was right":   {known, written(), written()},
		"another node is a little ahead":    {known, now.Add(clockTolerance), now.Add(clockTolerance)},
		"noted by a clock that was ahead":   {known, now.Add(time.Hour), before()},
		"and nobody knows the tenant's":     {Expectation{}, now.Add(time.Hour), now},
		"and the tenant's is not there yet": {Expectation{SyncAtWrite: now.Add(time.Minute)}, now.Add(time.Hour), now},
	} {
		if got := test.e.Began(test.written, now); !got.Equal(test.want) {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
