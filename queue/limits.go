package queue

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// capWindow is how far back the caps on writes and removals count.
const capWindow = time.Hour

// Errors of the brakes.
var (
	// ErrOverCap: a cap leaves no room for what an intent would write; nothing was stored. It is always an *OverCapError.
	ErrOverCap = errors.New("over the cap")
	// ErrPaused: all writing is stopped, so no intent is stored.
	ErrPaused = errors.New("all writing is stopped")
)

// Limits are the brakes. What stands at zero does not brake.
type Limits struct {
	Caps  Caps
	Burst Burst
	Pace  Pace
}

// Caps are what all nodes together may write in any hour, however it is laid; 0 is no cap.
type Caps struct {
	Writes   int // requests whose modify was sent
	Removals int // addresses that holders lost by that
}

// Burst is how many requests one source may send within a time before the further ones are held. A source is a token,
// and the requester where the request names one.
type Burst struct {
	Requests int
	Within   time.Duration
}

// Pace is how many modifies all nodes together send within a time at most, evenly spread.
type Pace struct {
	Writes int
	Within time.Duration
}

// every is the time from one modify to the next; 0 where there is no pace.
func (p Pace) every() time.Duration {
	if p.Writes <= 0 {
		return 0
	}
	return p.Within / time.Duration(p.Writes)
}

// Spend is what an intent takes from the caps, in the transaction that stores it. The share of a request that has one
// within the hour already is replaced and not added to, so that a retry does not spend twice.
type Spend struct {
	// Removals are the addresses that the holder loses. The write itself counts as one.
	Removals int
	// Caps that have to leave room for it. A zero one only counts: a request that an administrator released, or
	// whose modify may stand already.
	Caps Caps
}

// Used is what the caps and the pace count now.
type Used struct {
	Writes, Removals int
	// NextSlot is when the pace lets the next modify go; in the past where one may go now, zero where none was ever paced.
	NextSlot time.Time
}

// OverCapError is the cap that leaves no room, and its numbers. It is an ErrOverCap.
type OverCapError struct {
	// Removals says that it is the cap on removals; else it is the one on writes.
	Removals bool
	// Used was spent in the hour before, Wanted is what the request would add, Cap is what the settings allow.
	Used, Wanted, Cap int
}

// Error gives the numbers.
func (e *OverCapError) Error() string {
	what := "writes"
	if e.Removals {
		what = "removals"
	}
	return fmt.Sprintf("%d %s in the last hour and %d more, the cap is %d: %v", e.Used, what, e.Wanted, e.Cap, ErrOverCap)
}

// Is makes it an ErrOverCap.
func (e *OverCapError) Is(target error) bool { return target == ErrOverCap }

// Room says whether used, what the other requests spent within the hour, leaves room for s; own is this request's share of that hour
// so far, nil where it has none. A store calls it in the transaction that stores the intent. What adds nothing always fits.
func (s Spend) Room(used Used, own *Spend) error {
	have := Spend{}
	if own != nil {
		have = *own
	}
	if own == nil && s.Caps.Writes > 0 && used.Writes >= s.Caps.Writes {
		return &OverCapError{Used: used.Writes, Wanted: 1, Cap: s.Caps.Writes}
	}
	if s.Caps.Removals > 0 && s.Removals > have.Removals && used.Removals+s.Removals > s.Caps.Removals {
		return &OverCapError{Removals: true, Used: used.Removals + have.Removals, Wanted: s.Removals - have.Removals, Cap: s.Caps.Removals}
	}
	return nil
}

// Brakes count what all nodes together write.
type Brakes interface {
	// Used tells what was spent in the hour before now, and the pace's next slot.
	Used(ctx context.Context, now time.Time) (Used, error)
	// NextSlot is the pace's next slot; zero where none was taken yet.
	NextSlot(ctx context.Context) (time.Time, error)
	// Slot takes the pace's next slot, every after the one before and now at the earliest, for whoever asks first. Where
	// that is later than now and patience, nothing is taken: ok is false, and at is when it would have been. A next slot that
	// lies ahead of FarthestSlot was noted by a clock that is right no more, or under a slower pace: it has come.
	Slot(ctx context.Context, now time.Time, every, patience time.Duration) (at time.Time, ok bool, err error)
	// FromSource counts the requests of r's source (SubmittedBy and Requester), accepted no later than r and after since,
	// r among them; where there are more than most, it says most+1. One whose time lies further than Farthest behind r's, though
	// it came before, does not count: a wrong clock noted it.
	FromSource(ctx context.Context, r Request, since time.Time, most int) (int, error)
}

// SpentWithin is the time that the caps count at the time now: what was spent after since, and not after until. What lies later than
// that was noted by a clock that is right no more.
func SpentWithin(now time.Time) (since, until time.Time) {
	return now.Add(-capWindow), now.Add(Farthest)
}

// FarthestSlot is how far ahead the pace's next slot can lie: whoever takes one leaves the next no further ahead than patience and
// every. Twice that is let pass, for the clocks of two nodes are never quite the same.
func FarthestSlot(now time.Time, every, patience time.Duration) time.Time {
	return now.Add(every + 2*max(patience, every))
}
