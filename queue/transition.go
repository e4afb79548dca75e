package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// ErrForbidden: the transition is none that a request can make, whatever state it is in. Nothing was asked of the store.
var ErrForbidden = errors.New("no request can go that way")

// Check says whether a store may try t at all: ErrForbidden where State.CanGo says no, where the way belongs to another
// method (Resolve queues, Claim leases, only a later request supersedes), or where the state asked for needs what t does
// not carry. A store calls it before anything else.
func (t Transition) Check() error {
	switch {
	case t.From != t.To && !t.From.CanGo(t.To):
		return t.forbidden("there is no such way")
	case t.From == Accepted && t.To == Queued:
		return t.forbidden("Resolve does that")
	case t.From == Queued && t.To == Writing:
		return t.forbidden("Claim does that")
	case t.From != t.To && t.To == Superseded:
		return t.forbidden("only a later request that is written does that")
	case t.Now.IsZero():
		return t.forbidden("it says no time")
	}
	return errors.Join(t.checkWritten(), t.checkText())
}

// checkWritten holds a transition to written and what goes with it together.
func (t Transition) checkWritten() error {
	becomesWritten := t.From != t.To && t.To == Written
	switch {
	case becomesWritten && (t.Receipt == nil || t.Expectation == nil):
		return t.forbidden("it carries no receipt or no expectation")
	case !becomesWritten && (len(t.Supersedes) > 0 || t.UndoneID != ""):
		return t.forbidden("only what becomes written supersedes")
	case t.UndoneID != "" && t.UndoneID == t.ID:
		return t.forbidden("nothing undoes itself")
	case t.LeaseUntil != nil && t.To != Writing:
		return t.forbidden("only what is in writing has a lease")
	case t.Spend != nil && !t.Sends():
		return t.forbidden("only an intent that is sent spends")
	case t.ReleasedBy != "" && (t.From != Held || t.To != Queued):
		return t.forbidden("only what is held is released")
	}
	return nil
}

// checkText refuses directory values that JSON would not keep byte for byte.
func (t Transition) checkText() error {
	if t.Intent != nil && !exact(t.Intent.Change, t.Intent.Before) ||
		t.Receipt != nil && !exact(t.Receipt.Change, t.Receipt.Before, t.Receipt.After) {
		return t.forbidden("a value is not valid UTF-8 and could not be kept byte for byte")
	}
	return nil
}

// Sends says whether t stores the intent of a modify that is sent next: the stop switch and the caps stand before it.
func (t Transition) Sends() bool {
	return t.From == Writing && t.To == Writing && t.Intent != nil && t.Intent.Sent && !t.Restates
}

// Inherits says whether a request that becomes written by t takes over a claim of one that it supersedes: the holder has the address that it
// took still, as an alias or as mail, or has not the one that it released; and the cloud has not shown yet what became of it.
func (t Transition) Inherits(c Claim) bool {
	if t.Receipt == nil {
		return false
	}
	after := t.Receipt.After
	has := len(after.Proxies.Find(address.Address(c.Address))) > 0 || address.Address(after.Mail).Key() == c.Address
	return has == (c.Kind == Take)
}

// Unspends says whether t gives a request's share of the caps back: it leaves writing and wrote nothing.
func (t Transition) Unspends() bool {
	if t.From != Writing {
		return false
	}
	switch t.To {
	case Queued, Held, Refused:
		return true
	case Written:
		return t.Receipt.Change.Empty() && !DoubtOf(t.Intent).Exists()
	}
	return false
}

func (t Transition) forbidden(why string) error {
	return fmt.Errorf("request %s from %s to %s: %s: %w", t.ID, t.From, t.To, why, ErrForbidden)
}

// exact says whether JSON keeps a change and values as they are.
func exact(c address.Change, values ...address.Values) bool {
	proxies := append(append([]address.Proxy{}, c.Delete...), c.Add...)
	if c.Mail != nil {
		proxies = append(proxies, address.Proxy(c.Mail.Old), address.Proxy(c.Mail.New))
	}
	for _, v := range values {
		proxies = append(append(proxies, v.Proxies...), address.Proxy(v.Mail))
	}
	for _, p := range proxies {
		if !utf8.ValidString(string(p)) {
			return false
		}
	}
	return true
}

// Kept is t with every time as stores keep it (Instant). What t points to is copied, never changed.
func (t Transition) Kept() Transition {
	t.Now, t.AsOf = Instant(t.Now), Instant(t.AsOf)
	t.NotBefore, t.LeaseUntil, t.LastSyncSeen = kept(t.NotBefore), kept(t.LeaseUntil), kept(t.LastSyncSeen)
	if t.Intent != nil {
		i := *t.Intent
		i.Expectation.SyncAtWrite = Instant(i.Expectation.SyncAtWrite)
		t.Intent = &i
	}
	if t.Receipt != nil {
		r := *t.Receipt
		r.At = Instant(r.At)
		t.Receipt = &r
	}
	if t.Expectation != nil {
		e := *t.Expectation
		e.SyncAtWrite = Instant(e.SyncAtWrite)
		t.Expectation = &e
	}
	if t.Seen != nil {
		s := *t.Seen
		s.CheckedAt = Instant(s.CheckedAt)
		t.Seen = &s
	}
	return t
}

func kept(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	i := Instant(*t)
	return &i
}

// Event is what t leaves in the event log, without its place there. A step without a name is called after its state.
func (t Transition) Event() (Event, error) {
	e := Event{RequestID: t.ID, At: t.Now, From: t.From, To: t.To, Cause: t.Cause, Node: t.Owner, What: t.What}
	if e.What == "" {
		e.What = string(t.To)
	}
	if t.Detail == nil {
		return e, nil
	}
	var err error
	if e.Detail, err = json.Marshal(t.Detail); err != nil {
		return e, fmt.Errorf("detail of %q: %w", e.What, err)
	}
	return e, nil
}

// Waking is what Wake records of a request: who asked for a look.
func Waking(r Request, by string, now time.Time) Transition {
	return Transition{ID: r.ID, From: r.State, To: r.State, Now: now, What: "woken", Detail: map[string]string{"by": by}}
}

// Busy is why a request for another holder cannot take an address that the request by has claimed.
func Busy(by Request, a address.Key) *cause.Error {
	taken := by.conflict()
	taken.Address = string(a)
	return cause.Refuse(cause.AddressBusy,
		"%s is claimed by request %s for %s, which is %s; ask again when that has ended, or end it: cancel it while it waits, else ask for the address to be removed from its holder", a, by.ID, by.Holder, by.State).
		WithConflict(taken)
}

// Late is why a request cannot be written any more whose holder became known after a later request of that holder had its turn.
func Late(later Request) *cause.Error {
	return cause.Refuse(cause.ChangedSince,
		"request %s (%s), which is for the same holder under the name %s, came later and is %s: that it is the same holder was not known then, and what is older is not written over what is newer; look at the holder and ask for what it shall have now",
		later.ID, later.words(), later.Holder, later.State).
		WithConflict(later.conflict())
}

// conflict names a request as what another one stands behind.
func (r Request) conflict() cause.Conflict {
	return cause.Conflict{Kind: "request", ID: string(r.ID), Name: r.Holder, Address: string(r.Address)}
}
