package ldapwriter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aliasd/aliasd/address"
)

// Entry is a holder as one DC showed it.
type Entry struct {
	address.Holder
	// DC is the URL of the server that was read, as it stands in the settings. The modify goes to the same one.
	DC string
	// USNChanged is the entry's uSNChanged on that DC; it means nothing on another one.
	USNChanged int64
	// Stamps say which writes of the addresses the DC shows; nil where it does not tell.
	Stamps *Stamps
}

// Receipt is what was written, as the DC showed it right after.
type Receipt struct {
	DC         string         `json:"dc"`
	USNChanged int64          `json:"usn_changed"`
	Before     address.Values `json:"before"`
	After      address.Values `json:"after"`
	// Change is what we wrote: exactly these values are ours to take back. Empty when there was nothing to write.
	Change address.Change `json:"change"`
	At     time.Time      `json:"at"`
	// Stamps are those of the entry after the write: another DC that has them has replicated it. Nil where the DC did not tell.
	Stamps *Stamps `json:"stamps,omitempty"`
	// Doubted says that nothing had to be written in the end, and an earlier modify may have brought that about: another DC need not show it.
	Doubted bool `json:"doubted,omitempty"`
	// LandsUntil is when a modify of this change whose answer was lost can land at the latest, should it not be the one that the holder
	// showed; zero where none can.
	LandsUntil time.Time `json:"lands_until,omitzero"`
}

// Prior is what is known of earlier writes to a holder; it decides which DC may be used for the next one.
type Prior struct {
	// Receipts are those of the holder that changed something, or may have (Doubted), oldest first: all of the last hour (Replicated), and the newest whatever
	// its age. A DC that does not show them has not replicated.
	Receipts []Receipt
	// InDoubt is the DC that a modify of unknown outcome was sent to; only that DC may be used then. Empty: none.
	InDoubt string
}

// Last is the holder's last receipt, nil when there is none.
func (p Prior) Last() *Receipt {
	if len(p.Receipts) == 0 {
		return nil
	}
	return &p.Receipts[len(p.Receipts)-1]
}

// Behind gives the newest receipt of another DC that has to show before the entry's DC may be written to; nil where all that may not have
// replicated shows. Where this DC was written to itself, it showed then what had been written before on others; so it did where a modify
// is in doubt there. Two URLs may be of one server.
func (p Prior) Behind(e Entry, now time.Time, sameServer func(a, b string) bool) *Receipt {
	if p.InDoubt != "" && sameServer(p.InDoubt, e.DC) {
		return nil
	}
	var theirs []Receipt
	for _, r := range p.Receipts {
		switch {
		case now.Sub(r.At) >= Replicated, r.At.Sub(now) >= setBack:
		case sameServer(r.DC, e.DC):
			theirs = nil
		default:
			theirs = append(theirs, r)
		}
	}
	if len(theirs) == 0 || replicated(e, theirs) {
		return nil
	}
	return &theirs[len(theirs)-1]
}

// setBack is how far ahead a receipt can be at the most: one that lies further ahead was noted before the clock was set back, and nobody waits
// for that jump.
const setBack = 2 * time.Hour

// replicated says whether a DC shows what was written on others, by its stamps. Where there are none, the values tell: what all the
// receipts left behind is there, and was not there before any of them; else a DC that has none of them would show it too.
func replicated(e Entry, receipts []Receipt) bool {
	var left address.Change
	stamped, doubted := e.Stamps != nil, false
	for _, r := range receipts {
		left = address.Net(left, r.Change)
		stamped, doubted = stamped && r.Stamps != nil, doubted || r.Doubted
	}
	switch {
	case stamped:
		return !slices.ContainsFunc(receipts, func(r Receipt) bool { return !e.Stamps.show(*r.Stamps, r) })
	case doubted:
		return false
	}
	return left.Stands(e.Values) && !slices.ContainsFunc(receipts, func(r Receipt) bool { return left.Stands(r.Before) })
}

// Job is one change to write.
type Job struct {
	// Entry is what the plan was made from; the modify goes to Entry.DC.
	Entry  Entry
	Change address.Change
	// Landed says that an earlier modify of Change reached the DC and that all of it shows, though its answer was never had. Nothing
	// is sent then: the holder is read back and judged as after any modify. Entry has the values from before that modify.
	Landed bool
	// Confirm is called right before the modify is sent, after a connection was had; an error stops the write and is
	// returned as it is. The queue checks its lease there. It is called again before each modify that takes back: an error leaves what
	// was written, as an *UnknownOutcomeError.
	Confirm func(context.Context) error
}

// ErrConflict: somebody was faster (LDAP result 16 or 20, nothing was written). Read again and plan again.
var ErrConflict = errors.New("the holder was changed by somebody else meanwhile")

// ExistsError is an ErrConflict in which the DC says that a value to add is there already (LDAP result 20). Where the holder has not
// changed since it was read, nobody was faster: the directory takes a value that stands there for the same (case, accents, width).
type ExistsError struct {
	// Value is the one that was to be added, and Equal what stood there and is the same to the directory. Both are empty where no such
	// value was read.
	Value, Equal address.Proxy
	Err          error
}

// Error gives both values, and the DC's answer.
func (e *ExistsError) Error() string {
	if e.Equal == "" {
		return e.Err.Error()
	}
	return fmt.Sprintf("%q is the same to the directory as %q: %v", e.Value, e.Equal, e.Err)
}

// Unwrap gives ErrConflict with the DC's answer.
func (e *ExistsError) Unwrap() error { return e.Err }

// UnknownOutcomeError: the connection was lost after the modify was sent. Read again on the same DC and plan again.
type UnknownOutcomeError struct {
	DC string
	// TakingBack says that it is a modify that takes back, behind one that had its answer.
	TakingBack bool
	Err        error
}

// Error names the DC and what happened to the connection.
func (e *UnknownOutcomeError) Error() string {
	return fmt.Sprintf("outcome of the modify on %s is unknown: %v", e.DC, e.Err)
}

// Unwrap gives what happened to the connection.
func (e *UnknownOutcomeError) Unwrap() error { return e.Err }

// SlippedError: the read-back did not show what was written, because somebody's edit slipped in between; what we did was
// taken back (TakenBack), or was gone already. Plan again, three times at most.
type SlippedError struct {
	Want, Got address.Values
	TakenBack bool
	// Remains says that some of it is there after all, because somebody built on it: an alias that came with it and is the primary by
	// now. It must not be called unwritten.
	Remains bool
}

// Error gives what was found and what was wanted.
func (e *SlippedError) Error() string {
	return fmt.Sprintf("read back %+v where %+v was written", e.Got, e.Want)
}

// Rights says what the bound account may write on one holder (allowedAttributesEffective).
type Rights struct {
	ProxyAddresses, Mail bool
}
