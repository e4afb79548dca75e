//go:build !windows

package torture

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"net/url"
	"slices"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/sqlitefile"
)

// check is one promise.
type check struct {
	name string
	find func(*facts) []violation
}

// checks are all promises that a run is held against.
func checks() []check {
	return []check{
		{"what was acknowledged exists", acknowledged},
		{"a key makes one request", onePerKey},
		{"everything comes to an end", ended},
		{"the event log is a chain", chained},
		{"the event log tells the states", replayed},
		{"one request for a holder at a time, in the order of acceptance", inOrder},
		{"every modify has its intent stored before", journaled},
		{"a modify changes nothing but what was asked for", lawful},
		{"an undo takes back its own request's write", undoesOwn},
		{"nothing is begun while writing is stopped", still},
		{"a late write is taken back", lateWrites},
		{"no address on two holders", onePlace},
		{"nothing happens without a trace", traced},
		{"no effect twice", notTwice},
		{"what ended without a write has no effect", noEffect},
		{"what is written stood in the directory", stood},
		{"a receipt is of our own write", ownReceipts},
		{"verified is what both sides showed", proven},
		{"a mismatch has its reason", explained},
	}
}

// acknowledged: what the daemon said it has, it has, as it was asked for.
func acknowledged(f *facts) (found []violation) {
	for _, a := range f.answers {
		said := a.request
		if said.ID == "" {
			continue
		}
		q := f.byID[said.ID]
		switch {
		case q == nil:
			found = append(found, finding(nil, nil, "request %s (%s %s %s, ticket %s) was acknowledged and does not exist", said.ID, a.ask.verb, said.Holder, said.Address, a.ticket)...)
		case q.Holder != said.Holder || q.Action != said.Action || q.Address != said.Address:
			found = append(found, finding(q, nil, "it was acknowledged as %s of %s for %s", said.Action, said.Address, said.Holder)...)
		case a.ask.verb == cancel && q.State != queue.Cancelled:
			found = append(found, finding(q, nil, "that it is cancelled was acknowledged")...)
		case said.State.Final() && q.State != said.State:
			found = append(found, finding(q, nil, "it was acknowledged as %s, which is final", said.State)...)
		}
	}
	return found
}

// onePerKey: however often something was sent with one key, it was taken in once; and not at all where it was refused.
func onePerKey(f *facts) (found []violation) {
	for _, a := range f.answers {
		var made []*queue.Request
		for i := range f.requests {
			if f.requests[i].Ticket == a.ticket {
				made = append(made, &f.requests[i])
			}
		}
		switch {
		case a.ask.keyed && len(made) > 1:
			found = append(found, finding(made[1], nil, "ticket %s came with one key and made %d requests", a.ticket, len(made))...)
		case a.problem != nil && len(made) > 0:
			found = append(found, finding(made[0], nil, "ticket %s was answered with %s", a.ticket, a.problem.Code)...)
		}
	}
	return found
}

// ended: when everything has come to rest, no request waits for anything.
func ended(f *facts) (found []violation) {
	for i := range f.requests {
		if q := &f.requests[i]; q.State.Open() && q.State != queue.Mismatched {
			found = append(found, finding(q, nil, "it is still %s", q.State)...)
		}
	}
	return found
}

func chained(f *facts) []violation {
	if f.broken == nil {
		return nil
	}
	return finding(nil, nil, "the event log does not hold: %v", f.broken)
}

// breakChain changes an entry behind the store's back.
func breakChain(ctx context.Context, file string) error {
	db, err := sqlitefile.Connect(file, 1, url.Values{})
	if err != nil {
		return err
	}
	return errors.Join(sqlitefile.InTx(ctx, db, func(tx *sql.Tx) error {
		_, dropped := tx.ExecContext(ctx, `DROP TRIGGER events_keep`)
		_, changed := tx.ExecContext(ctx, `UPDATE events SET entry = replace(entry, '"node":', '"node": ') WHERE id = (SELECT max(id) / 2 FROM events)`)
		return errors.Join(dropped, changed)
	}), db.Close())
}

// replayed: each event starts where the one before it ended, goes a way that there is, and the last one ends where the
// request is; what was written has its intent and its receipt before it.
func replayed(f *facts) (found []violation) {
	for i := range f.requests {
		q := &f.requests[i]
		at, intent := queue.State(""), false
		for n, e := range f.events[q.ID] {
			switch {
			case n == 0 && (e.From != "" || e.To != queue.Accepted):
				found = append(found, finding(q, nil, "its first event is %s", e.What)...)
			case n > 0 && (e.From != at || e.From != e.To && !e.From.CanGo(e.To)):
				found = append(found, finding(q, nil, "event %d goes from %s to %s, and it was %s", e.ID, e.From, e.To, at)...)
			}
			intent = intent || e.What == "intent"
			if e.What == "written" && !intent {
				found = append(found, finding(q, nil, "it was written, and no intent stands before that in the event log")...)
			}
			at = e.To
		}
		if at != q.State {
			found = append(found, finding(q, nil, "by its events it is %s", at)...)
		}
	}
	return found
}

// inOrder walks along the log: when a request is claimed, no earlier one for the same holder may still be on its way. One whose holder was
// not known then counts as well, unless it ended without a turn of its own.
func inOrder(f *facts) (found []violation) {
	at := map[queue.RequestID]queue.State{}
	underway := []queue.State{queue.Accepted, queue.Queued, queue.Held, queue.Writing}
	for _, e := range f.log {
		if q := f.byID[e.RequestID]; e.What == "claimed" {
			for j := range f.requests {
				earlier := &f.requests[j]
				state, known := at[earlier.ID]
				cameLate := state == queue.Accepted && !earlier.State.Begun()
				if earlier.Seq < q.Seq && known && slices.Contains(underway, state) && earlier.Object == q.Object && !cameLate {
					found = append(found, finding(q, nil, "it was claimed in event %d while the earlier request %s was %s", e.ID, earlier.ID, state)...)
				}
			}
		}
		at[e.RequestID] = e.To
	}
	return found
}

// explained: what the cloud contradicts was changed by the second writer after it was written.
func explained(f *facts) (found []violation) {
	for i := range f.requests {
		q := &f.requests[i]
		if q.State != queue.Mismatched {
			continue
		}
		h := f.ledger.byGUID[q.Object]
		if q.Cause == nil || !f.explains(q.Cause.Code, h, q) {
			found = append(found, finding(q, h, "it is mismatched, and nobody changed what it wants")...)
		}
	}
	return found
}

// explains says whether the second writer's edits are a reason for what the cloud shows: he took away what was written, or his
// values, of whatever type, hide the mail that a holder without a named primary has it from.
func (f *facts) explains(code cause.Code, h *holder, q *queue.Request) bool {
	unnamed := q.Receipt != nil && len(q.Receipt.After.Proxies.Primaries()) == 0
	return slices.ContainsFunc(f.ledger.of(h), func(d *deed) bool {
		switch {
		case !d.took() || d.request == q.ID:
			return false
		case code == cause.ChangedOnPremises:
			return d.done.After(q.CreatedAt) && !satisfied(d.after.Values, wantsOf(q))
		}
		return code == cause.CalculatedOtherwise && unnamed && d.by == admin
	})
}

// wantsOf are what a request wants, nil where it was never written.
func wantsOf(q *queue.Request) []address.Want {
	if q.Expectation == nil {
		return nil
	}
	return q.Expectation.Wants
}

// still: while all writing was stopped, nothing was claimed and no intent was stored.
func still(f *facts) (found []violation) {
	for _, e := range f.log {
		begins := e.What == "claimed" || e.What == "intent"
		for _, s := range f.still {
			if begins && e.At.After(s.from) && e.At.Before(s.until) {
				found = append(found, finding(f.byID[e.RequestID], nil, "event %d (%s) came while all writing was stopped", e.ID, e.What)...)
			}
		}
	}
	return found
}

// undoesOwn: between what an undo takes back and the undo, no other request of ours brought or took one of the addresses. One that was
// itself undone by then does not count, with its undo.
func undoesOwn(f *facts) (found []violation) {
	for i := range f.requests {
		q := &f.requests[i]
		if q.Undoes == "" || q.SubmittedBy == queue.LateWriter {
			continue
		}
		forth, _ := f.effects(q)
		for _, d := range forth {
			for _, other := range f.between(q, d) {
				if moved := shared(moves(d), moves(other)); len(moved) > 0 {
					found = append(found, finding(q, d.holder, "deed %d moves %s, which request %s moved after what is undone (deed %d)", d.n, moved, other.request, other.n)...)
				}
			}
		}
	}
	return found
}

// between are the modifies of other requests that stand between what an undo takes back and a deed of the undo.
func (f *facts) between(undo *queue.Request, d *deed) (all []*deed) {
	original, _ := f.effects(f.byID[undo.Undoes])
	if len(original) == 0 {
		return nil
	}
	undone := map[queue.RequestID]bool{undo.ID: true, undo.Undoes: true}
	for i := range f.requests {
		if u := &f.requests[i]; u.Undoes != "" && u.Seq < undo.Seq {
			if done, _ := f.effects(u); len(done) > 0 {
				undone[u.ID], undone[u.Undoes] = true, true
			}
		}
	}
	since := original[len(original)-1].n
	for _, other := range f.ledger.of(d.holder) {
		if other.by == daemon && other.took() && other.n > since && other.n < d.n && !undone[other.request] && f.stays(other) {
			all = append(all, other)
		}
	}
	return all
}

// stays says whether nothing of its request took a modify back.
func (f *facts) stays(d *deed) bool {
	q := f.byID[d.request]
	if d.back || q == nil {
		return false
	}
	_, back := f.effects(q)
	return !slices.ContainsFunc(back, func(b *deed) bool { return b.n > d.n })
}

// moves are the addresses that a deed brought or took.
func moves(d *deed) map[address.Key]bool {
	moved := map[address.Key]bool{}
	before, after := keys(d.before.Proxies), keys(d.after.Proxies)
	for _, k := range append(lacking(before, after), lacking(after, before)...) {
		moved[k] = true
	}
	return moved
}

func shared(a, b map[address.Key]bool) (both []address.Key) {
	for _, k := range slices.Sorted(maps.Keys(a)) {
		if b[k] {
			both = append(both, k)
		}
	}
	return both
}
