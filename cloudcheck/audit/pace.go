package audit

import "time"

// tellEvery is how long one progress stands at least.
const tellEvery = 250 * time.Millisecond

// pace tells how an audit gets on, not too often.
type pace struct {
	now  func() time.Time
	tell func(Progress)
	last Progress
	told time.Time
}

// begin begins a phase; expected is how much it has to do, about, 0 where nobody knows.
func (p *pace) begin(phase Phase, expected int) {
	p.last = Progress{Phase: phase, Expected: expected, Wrong: p.last.Wrong}
	p.send()
}

// at notes how far the phase is, and tells it when the last word is old enough.
func (p *pace) at(done, wrong int) {
	p.last.Done, p.last.Wrong = done, max(wrong, p.last.Wrong)
	if p.now().Sub(p.told) >= tellEvery {
		p.send()
	}
}

func (p *pace) send() {
	p.told = p.now()
	p.tell(p.last)
}
