package queue

import (
	"slices"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/ldapwriter"
)

// Doubt is what is known of the modifies of one request that were sent and that no answer has settled, oldest first. Each of them may
// have landed. Only the newest may still land, for none is sent while another is on its way.
//
// What becomes of a modify:
//
//	sent ──→ answered (a receipt, or nothing of it stands)   it is no doubt any more
//	  ├────→ lost                                            it may land until its Until
//	  ├────→ built on                                        it landed, and somebody's edit stands on it: it cannot land again
//	  └────→ overdue                                         its Until is over: either it stands, or it never will
//
// One that is overdue is forgotten where its DC shows that nothing was written to the holder since it was planned. All else stays: a
// request in doubt cannot be cancelled, is never called refused or unwritten, keeps its share of the caps, is given to no other DC, and
// is planned again with what its modifies may have moved.
//
// It is kept with the request as Request.Intent, each intent with the one before it in Earlier. What is settled is only marked (Sent is
// false then) until the next one is sent, so that the intent stays the one that its entry in the event log tells of.
type Doubt []Intent

// Doubt gives what is in doubt about a request.
func (r Request) Doubt() Doubt { return DoubtOf(r.Intent) }

// DoubtOf unfolds what is kept with a request.
func DoubtOf(i *Intent) Doubt {
	if i == nil {
		return nil
	}
	return append(DoubtOf(i.Earlier), *i)
}

// Exists says whether anything is in doubt.
func (d Doubt) Exists() bool { return d.newest() != nil }

// DC is where the modify was sent that is in doubt, "" where none is. The next one may go nowhere else.
func (d Doubt) DC() string {
	if !d.Exists() {
		return ""
	}
	return d.newest().DC
}

// newest is the modify that was sent last and is not settled, nil where nothing is in doubt.
func (d Doubt) newest() *Intent {
	for i := range slices.Backward(d) {
		if d[i].Sent {
			return &d[i]
		}
	}
	return nil
}

// changes are what the modifies in doubt may have done, oldest first.
func (d Doubt) changes() (all []address.Change) {
	for _, i := range d {
		if i.Sent {
			all = append(all, i.Change)
		}
	}
	return all
}

// intent is the doubt as it is kept; nil where no modify was ever sent.
func (d Doubt) intent() *Intent {
	if len(d) == 0 {
		return nil
	}
	i := d[len(d)-1]
	i.Earlier = d[:len(d)-1].intent()
	return &i
}

// with adds a modify that is sent next, to those in doubt. The last one is over by then: where an earlier one was the same, one of the two
// is enough.
func (d Doubt) with(next Intent) Doubt {
	var open Doubt
	for _, i := range d {
		if i.Sent && !slices.ContainsFunc(open, i.repeats) {
			open = append(open, i)
		}
	}
	return append(open, next)
}

// repeats says whether two modifies are the same.
func (i *Intent) repeats(other Intent) bool { return i.DC == other.DC && i.Change.Equal(other.Change) }

// answered settles the newest: nothing of it stands.
func (d Doubt) answered() Doubt {
	noted := slices.Clone(d)
	noted.newest().Sent = false
	return noted
}

// landsBy notes when the newest can land at the latest.
func (d Doubt) landsBy(until time.Time) Doubt {
	noted := slices.Clone(d)
	noted.newest().Until = Instant(until)
	return noted
}

// takenBack notes that a modify was sent which takes back the newest, and which can land until a time.
func (d Doubt) takenBack(until time.Time) Doubt {
	noted := d.landsBy(until)
	noted.newest().TakenBack = true
	return noted
}

// asOf is the doubt at a time. One that may land later than that time and the longest that a modify can take was noted before the clock
// was set back, and when it was sent nobody knows.
func (d Doubt) asOf(now time.Time, longest time.Duration) Doubt {
	if latest := now.Add(longest); d.newest().landsUntil().After(latest) {
		return d.landsBy(latest)
	}
	return d
}

// formerLanding is how long a modify may take that was stored by a version that did not say until when: its lease and the time that
// was left to it.
const formerLanding = 3 * time.Minute

// landsUntil is when the modify can have landed at the latest.
func (i *Intent) landsUntil() time.Time {
	if i.Until.IsZero() {
		return i.At.Add(formerLanding)
	}
	return i.Until
}

// seen settles what a DC shows not to have landed: its time is over, and the holder is there as it was before. Those before it are compared
// too, but never across a modify that may have landed. Where the account may not read uSNChanged (0), nothing shows that.
func (d Doubt) seen(e ldapwriter.Entry, at time.Time) Doubt {
	for i := d.newest(); i != nil && i.DC == e.DC && i.USNChanged == e.USNChanged && e.USNChanged != 0 && !i.landsUntil().After(at); i = d.newest() {
		d = d.answered()
	}
	return d
}
