package eventlog

import (
	"encoding/json"
	"fmt"

	"github.com/aliasd/aliasd/queue"
)

// Kind says what is wrong with a link of the chain.
type Kind string

// The kinds of broken links.
const (
	Changed  Kind = "changed"  // the entry, its hash or its link is not what was written
	Missing  Kind = "missing"  // entries are left out
	Moved    Kind = "moved"    // an entry stands at another place than it was written at
	Inserted Kind = "inserted" // an entry stands where there can be none
	CutOff   Kind = "cut_off"  // the newest entries are gone
	Unlinked Kind = "unlinked" // the entry is whole, but was written behind another one
	BadGap   Kind = "bad_gap"  // what is told of removed entries does not fit the chain
)

// Break is the first link of the chain that does not hold.
type Break struct {
	// ID is the entry: the first one that is missing, where some are.
	ID        int64           `json:"id"`
	RequestID queue.RequestID `json:"request_id,omitempty"`
	Kind      Kind            `json:"kind"`
	Message   string          `json:"message"`
}

// Error is the sentence.
func (b *Break) Error() string { return b.Message }

// Walker follows the chain. The zero value stands before the first entry.
type Walker struct {
	head    Anchor
	entries int64
	removed int64
	gaps    *Digest
	// told is what the newest entry "pruned" says; toldAt is its id.
	told   *Removal
	toldAt int64
	// expected is an anchor that the log has to have; seen and lost tell whether it has, or cannot tell any more.
	expected   *Anchor
	seen, lost bool
}

// NewWalker makes a walker that stands behind start (the zero Anchor: before the first entry) and looks for expected, unless that is nil.
func NewWalker(start Anchor, expected *Anchor) *Walker {
	return &Walker{head: start, gaps: NewDigest(), expected: expected}
}

// Head is the last entry that was passed.
func (w *Walker) Head() Anchor { return w.head }

// Passed is how many entries were passed, and how many gaps stand for.
func (w *Walker) Passed() (entries, removed int64) { return w.entries, w.removed }

// Follow goes one link further, to an entry that has to be the next, and gives what it tells.
func (w *Walker) Follow(r Record) (queue.Event, *Break) {
	e, b := w.check(r)
	if b != nil {
		return e, b
	}
	if e.RequestID == "" && e.What == Pruned {
		w.told, w.toldAt = &Removal{}, r.ID
		if json.Unmarshal(e.Detail, w.told) != nil {
			return e, w.broken(r, BadGap, "entry %d, which tells what retention removed, cannot be read", r.ID)
		}
	}
	w.head = Anchor{r.ID, r.Hash}
	w.entries++
	return e, w.compare()
}

// Leap goes behind an entry, wherever that stands: what is between is not followed.
func (w *Walker) Leap(behind Anchor) { w.head = behind }

// Before looks whether the entry that was just passed is the one that the next one was written behind, which has that link to it.
func (w *Walker) Before(link string) *Break {
	if link == w.head.Hash {
		return nil
	}
	return &Break{ID: w.head.ID, Kind: Unlinked, Message: fmt.Sprintf("entry %d is not the one that entry %d was written behind: either of the two was replaced", w.head.ID, w.head.ID+1)}
}

// Whole looks whether the numbers of a log are without holes: so many entries are there, and so many were removed.
func Whole(head, entries, removed int64) *Break {
	if entries+removed == head {
		return nil
	}
	return &Break{ID: head, Kind: Missing,
		Message: fmt.Sprintf("the log has %d entries and tells of %d removed ones, and its last one is entry %d: entries were taken out or put in", entries, removed, head)}
}

// check looks whether an entry is the next one, unchanged.
func (w *Walker) check(r Record) (queue.Event, *Break) {
	next := w.head.ID + 1
	e, err := queue.ParseEvent(r.Entry, r.PrevHash, r.Hash)
	switch {
	case r.ID < next:
		return e, w.broken(r, Inserted, "an entry with the number %d stands before entry %d, where there can be none", r.ID, next)
	case r.ID > next:
		return e, w.missing(r)
	case err != nil:
		return e, w.broken(r, Changed, "entry %d was changed: it cannot be read any more", r.ID)
	case e.ID != r.ID:
		return e, w.broken(r, Moved, "entry %d was moved, or others were taken out before it: it was written as entry %d", r.ID, e.ID)
	case e.RequestID != r.RequestID:
		return e, w.broken(r, Changed, "entry %d was changed: it stands with request %q and tells of %q", r.ID, r.RequestID, e.RequestID)
	}
	return e, w.checkHash(r)
}

func (w *Walker) checkHash(r Record) *Break {
	whole := r.Hash == queue.ChainHash(r.PrevHash, r.Entry)
	switch {
	case r.PrevHash == w.head.Hash && whole:
		return nil
	case r.PrevHash == w.head.Hash:
		return w.broken(r, Changed, "entry %d was changed: it, or its hash, is not what was written", r.ID)
	case whole:
		return w.broken(r, Unlinked, "entry %d was written behind another entry %d than the one that stands here: either of the two was replaced", r.ID, w.head.ID)
	}
	return w.broken(r, Changed, "entry %d was changed: the link to the entry before it is not what was written", r.ID)
}

// missing says which entries are left out before r.
func (w *Walker) missing(r Record) *Break {
	what := fmt.Sprintf("entry %d is missing", w.head.ID+1)
	if last := r.ID - 1; last > w.head.ID+1 {
		what = fmt.Sprintf("the entries %d to %d are missing", w.head.ID+1, last)
	}
	if w.head.ID == 0 {
		what += ": the beginning of the log was cut off"
	}
	return &Break{ID: w.head.ID + 1, Kind: Missing, Message: what + "; nothing tells that retention removed them"}
}

func (w *Walker) broken(r Record, kind Kind, format string, args ...any) *Break {
	return &Break{ID: w.head.ID + 1, RequestID: r.RequestID, Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Skip goes over a run of entries that retention removed.
func (w *Walker) Skip(g Gap) *Break {
	if g.First != w.head.ID+1 || g.PrevHash != w.head.Hash || g.entries() < 1 {
		return &Break{ID: w.head.ID + 1, Kind: BadGap,
			Message: fmt.Sprintf("what is told of the removed entries %d to %d does not fit behind entry %d", g.First, g.Last, w.head.ID)}
	}
	w.gaps.Add(g)
	inside := w.expected != nil && w.expected.ID >= g.First && w.expected.ID < g.Last
	w.lost = w.lost || inside
	w.head = Anchor{g.Last, g.Hash}
	w.removed += g.entries()
	return w.compare()
}

// compare looks whether the entry that was just passed is the one that is expected.
func (w *Walker) compare() *Break {
	if w.expected == nil || w.expected.ID != w.head.ID {
		return nil
	}
	if w.seen = w.expected.Hash == w.head.Hash; w.seen {
		return nil
	}
	return &Break{ID: w.head.ID, Kind: Changed,
		Message: fmt.Sprintf("entry %d is another one than at the time of the head that was given: the log was rewritten since, at this entry or before it", w.head.ID)}
}

// End says what only the end of the log shows: entries cut off, and gaps that no entry tells of. Whole says that the walk
// began at the first entry.
func (w *Walker) End(whole bool) *Break {
	if e := w.expected; e != nil && !w.seen && !w.lost && e.ID > w.head.ID {
		return &Break{ID: w.head.ID + 1, Kind: CutOff,
			Message: fmt.Sprintf("the log ends at entry %d, and had %d when the head that was given was its head: the newest entries were cut off", w.head.ID, e.ID)}
	}
	digest, n := w.gaps.Sum()
	switch {
	case !whole || n == 0 && w.told == nil:
		return nil
	case w.told == nil:
		return &Break{ID: w.head.ID + 1, Kind: BadGap, Message: fmt.Sprintf("%d entries are removed, and no entry tells that retention did it", w.removed)}
	case w.told.Digest != digest || w.told.Gaps != n:
		return &Break{ID: w.toldAt, Kind: BadGap,
			Message: fmt.Sprintf("which entries are removed is not what entry %d says that retention removed: entries were taken out since, or the record of it was changed", w.toldAt)}
	}
	return nil
}

// Lost says that the expected entry was removed by retention, so that nobody can compare it any more.
func (w *Walker) Lost() bool { return w.lost }
