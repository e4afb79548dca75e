package cloudcheck

import "time"

// notedAhead says that a time was noted by a clock that was ahead, and is right by now: it tells nothing of when that was.
func notedAhead(at, now time.Time) bool { return at.After(now.Add(clockTolerance)) }

// writtenBy is a time at which the write was surely made: when it was noted, or where a clock that was ahead noted that, a look
// since then. The tolerance is for the clock of that look. A sync before it may have been one before the write.
func (c Case) writtenBy(now time.Time) time.Time {
	switch {
	case !notedAhead(c.WrittenAt, now):
		return c.WrittenAt
	case c.LookedAt.IsZero(), notedAhead(c.LookedAt, now):
		return now
	}
	return c.LookedAt.Add(clockTolerance)
}

// Began is from when on the cloud has time to show what was written: since the write, or where a clock that was ahead or behind noted that,
// since the sync before it, whose time is the tenant's. It is now where neither is known.
func (e Expectation) Began(written, now time.Time) time.Time {
	isKnown := !e.SyncAtWrite.IsZero() && !e.SyncAtWrite.After(now)
	switch {
	case !notedAhead(written, now) && !(isKnown && e.SyncAtWrite.After(written)):
		return written
	case !isKnown:
		return now
	}
	return e.SyncAtWrite
}
