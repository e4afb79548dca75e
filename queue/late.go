package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
)

// A process may be stopped between its last look at the lease and its modify: by the machine that it runs on, for longer than a lease.
// When it goes on, the modify takes effect, though another owner has brought the request to its end, and a later request may have taken the
// address away. The directory cannot refuse it. So the one who woke up notes what it did (LateWrite), and asks for it to be taken back by a
// request of its own, which has its place in the holder's order like any other.

// LateWrite names the event that notes a modify which took effect after its request had ended; the event's detail is the modify's receipt.
const LateWrite = "late_write"

// LateWriter is who submits the request that takes a late write back. No token has such a name.
const LateWriter = "aliasd (late write)"

// takesBackLate says whether a request takes back a late write of the one that it undoes, and not what that one is known to have written.
func (s Submission) takesBackLate() bool {
	return s.Action == address.Undo && s.SubmittedBy == LateWriter
}

// takesBack is the request that this one takes back as a whole, "" where none.
func (s Submission) takesBack() RequestID {
	if s.takesBackLate() {
		return ""
	}
	return s.Undoes
}

// late deals with a modify that took effect though the request was another owner's by then. That takes as long as that owner is at it, so no
// worker waits for it.
func (a *attempt) late(receipt ldapwriter.Receipt) {
	a.lates.Go(func() { a.takeBackLate(context.Background(), receipt) })
}

func (a *attempt) takeBackLate(ctx context.Context, receipt ldapwriter.Receipt) {
	q, err := a.noteLate(ctx, receipt)
	if err != nil {
		a.log.Error("a modify took effect after its request had been taken over, and that could not be noted: the audit shows what it left", "request", a.request.ID,
			"holder", a.request.Holder, "dc", receipt.DC, "change", receipt.Change, "error", err)
		return
	}
	if q == nil {
		return // its new owner has seen it
	}
	a.log.Error("a modify took effect after its request had ended: this process was stopped meanwhile; it is taken back", "request", q.ID, "holder", q.Holder, "dc", receipt.DC)
	back := Submission{Holder: q.Holder, Action: address.Undo, Undoes: q.ID, SubmittedBy: LateWriter,
		Note: "takes back a modify that took effect after its request had ended"}
	key := Idempotency{Key: a.request.Owner, Digest: back.Digest()}
	if _, _, err := a.store.Accept(ctx, back, key, a.now()); err != nil {
		a.log.Error("what a late modify did cannot be taken back by itself: look at the holder", "request", q.ID, "error", err)
		return
	}
	a.wake(toResolve)
}

// noteLate notes the modify on its request once that has left writing; nil where it had effect before the request's own receipt, which speaks of
// it then. While another owner is at the request nobody knows yet.
func (a *attempt) noteLate(ctx context.Context, receipt ldapwriter.Receipt) (*Request, error) {
	again := time.NewTicker(a.poll)
	defer again.Stop()
	for {
		q, err := a.store.Get(ctx, a.request.ID)
		switch {
		case err == nil && q.State != Writing && q.tellsOf(receipt):
			return nil, nil
		case err == nil && q.State != Writing:
			q, err = a.store.Advance(ctx, Transition{ID: q.ID, From: q.State, To: q.State, Now: a.now(), What: LateWrite, Detail: receipt})
			if err == nil || !errors.Is(err, ErrStale) {
				return &q, err
			}
		case err == nil && q.Owner == a.request.Owner:
			return nil, nil // the lease ran out, and nobody has taken it over: who does will see what stands
		}
		select {
		case <-again.C:
		case <-a.stopping:
			return nil, errors.Join(errStopping, err)
		}
	}
}

// tellsOf says whether a request's own receipt was made when an earlier modify had its effect already.
func (r Request) tellsOf(earlier ldapwriter.Receipt) bool {
	return r.Receipt != nil && r.Receipt.DC == earlier.DC && r.Receipt.USNChanged >= earlier.USNChanged
}

// lateWrite is the newest late write of a request.
func (r *Runner) lateWrite(ctx context.Context, q Request) (receipt ldapwriter.Receipt, err error) {
	events, err := r.store.Events(ctx, q.ID, Part{})
	if err != nil {
		return receipt, fmt.Errorf("%w: the late write: %w", errStore, err)
	}
	for _, e := range slices.Backward(events) {
		if e.What == LateWrite {
			return receipt, json.Unmarshal(e.Detail, &receipt)
		}
	}
	return receipt, cause.Refuse(cause.ChangedSince, "no late write of request %s is known any more; look at %s and ask for what is meant", q.ID, q.Holder)
}

// nobodyRestsOn refuses to take back a late write on which a request rests that was written after it: what stands there is what that one found
// or wrote.
func (r *Runner) nobodyRestsOn(ctx context.Context, late ldapwriter.Receipt, original, undo Request) error {
	others, err := r.between(ctx, Request{Object: original.Object}, undo)
	if err != nil {
		return fmt.Errorf("%w: later requests: %w", errStore, err)
	}
	for _, q := range others {
		before := q.Receipt != nil && q.Receipt.DC == late.DC && q.Receipt.USNChanged < late.USNChanged
		if !before && q.hasASayIn(late.Change) && q.ID != original.ID {
			return cause.Refuse(cause.ChangedSince, "request %s (%s) was written after the late modify of request %s and is about the same addresses of %s: it may rest on it, so nothing is taken back; "+
				"look at the holder", q.ID, q.words(), original.ID, original.Holder)
		}
	}
	return nil
}
