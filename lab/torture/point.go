//go:build !windows

package torture

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Place is a step of a request at which the daemon can be killed.
type Place string

// The places: commits of the store, and what passes between daemon and directory.
const (
	Accept   Place = "accept"   // a request is taken in
	Resolve  Place = "resolve"  // its holder is known
	Claim    Place = "claim"    // it is leased
	Intent   Place = "intent"   // what is to be written is stored
	Confirm  Place = "confirm"  // the last look at the lease
	Sent     Place = "sent"     // the modify is on its way
	Answered Place = "answered" // the directory's answer is
	ReadBack Place = "readback" // the holder is read again
	Receipt  Place = "receipt"  // what was written is stored
	Verdict  Place = "verdict"  // what the cloud showed is stored
)

// Moment is on which side of a place.
type Moment string

// The moments. Before a message is passed it is lost with the daemon; after it, the directory has it, or the daemon had it.
const (
	Before Moment = "before"
	After  Moment = "after"
)

// Point is where the daemon is killed.
type Point struct {
	Place  Place
	Moment Moment
}

// Points lists every point.
func Points() []Point {
	var all []Point
	for _, place := range []Place{Accept, Resolve, Claim, Intent, Confirm, Sent, Answered, ReadBack, Receipt, Verdict} {
		all = append(all, Point{place, Before}, Point{place, After})
	}
	return all
}

// String gives the point as ParsePassage reads it.
func (p Point) String() string { return string(p.Place) + ":" + string(p.Moment) }

// onWire says whether the kill comes from outside, where the messages pass; the others come from inside of the daemon.
func (p Point) onWire() bool { return slices.Contains([]Place{Sent, Answered, ReadBack}, p.Place) }

// Passage is the n-th time, from 1, that a point is passed.
type Passage struct {
	Point
	N int64
}

// String gives intent:before:3.
func (p Passage) String() string { return p.Point.String() + ":" + strconv.FormatInt(p.N, 10) }

// ParsePassage reads what String gave.
func ParsePassage(text string) (Passage, error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return Passage{}, fmt.Errorf("passage %q: want place:moment:number", text)
	}
	p := Passage{Point: Point{Place(parts[0]), Moment(parts[1])}}
	if !slices.Contains(Points(), p.Point) {
		return p, fmt.Errorf("passage %q: no such point", text)
	}
	var err error
	p.N, err = strconv.ParseInt(parts[2], 10, 64)
	return p, err
}
