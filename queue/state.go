package queue

import "slices"

// State is where a request stands. The states, their ways out, the CHECK of the SQL schema and the table in
// docs/design.md say the same; tests hold them together.
type State string

const (
	// Accepted: durable, the holder is not resolved yet. Left by the resolver. A crash leaves it as it is.
	Accepted State = "accepted"
	// Queued: the holder is known; waits for its turn, its retry, or for a directory or a cloud that is away. Left by a
	// claim, by an administrator's hold or by cancelling. A crash leaves it as it is.
	Queued State = "queued"
	// Held: waits for an administrator (approval, caps). Nothing was written. Left by release or cancel, never by itself. A
	// crash leaves it as it is.
	Held State = "held"
	// Writing: leased by one node; the directory may or may not have the change. A crash leaves the lease to expire; the
	// next owner plans again from the directory and the stored intent.
	Writing State = "writing"
	// Written: in the directory; waits for the cloud. Left by a sweep, or by a later request of ours.
	Written State = "written"
	// Verified: the cloud shows it. Final, never taken back.
	Verified State = "verified"
	// Mismatched: a definite contradiction, or past the deadline. Swept hourly for 7 more days, and on recheck.
	Mismatched State = "mismatched"
	// Superseded: a later request of ours changed the same address of the same holder. Final.
	Superseded State = "superseded"
	// Refused: nothing was written and nothing will be. Final.
	Refused State = "refused"
	// Failed: the directory said no for good, or what was written was taken back. Final.
	Failed State = "failed"
	// Cancelled: somebody took the request back before it was written. Final.
	Cancelled State = "cancelled"
)

// States lists every state in the order of a request's life.
func States() []State {
	return []State{Accepted, Queued, Held, Writing, Written, Verified, Mismatched, Superseded, Refused, Failed, Cancelled}
}

// Next lists where a state can go.
func (s State) Next() []State {
	switch s {
	case Accepted:
		return []State{Queued, Refused, Cancelled}
	case Queued:
		return []State{Writing, Held, Refused, Cancelled}
	case Held:
		return []State{Queued, Cancelled}
	case Writing:
		return []State{Written, Queued, Held, Refused, Failed}
	case Written:
		return []State{Verified, Mismatched, Superseded}
	case Mismatched:
		return []State{Verified, Superseded}
	}
	return nil
}

// CanGo says whether a request may go from s to next.
func (s State) CanGo(next State) bool { return slices.Contains(s.Next(), next) }

// Begun says whether a request in s has had its turn to write: it changed its holder, or may have.
func (s State) Begun() bool {
	switch s {
	case Writing, Written, Verified, Mismatched, Superseded, Failed:
		return true
	}
	return false
}

// Final says whether nothing leaves s.
func (s State) Final() bool { return len(s.Next()) == 0 }

// Open says whether a request in s still holds its claim on its addresses: everything that is not final.
func (s State) Open() bool { return !s.Final() }
