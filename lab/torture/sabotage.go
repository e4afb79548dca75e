//go:build !windows

package torture

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// Sabotage is a fault of the daemon that is made on purpose, so that the run can be seen to fail.
type Sabotage string

// The faults. None is not one.
const (
	None         Sabotage = ""
	SkipIntent   Sabotage = "skip_intent"   // the intent is said to be stored and is not
	LoseAccept   Sabotage = "lose_accept"   // a request is acknowledged and not stored
	LoseValue    Sabotage = "lose_value"    // a write takes a value away that nobody named
	ModifyTwice  Sabotage = "modify_twice"  // a write is taken back and done again
	LoseReceipt  Sabotage = "lose_receipt"  // the receipt is said to be stored and is not
	EarlyVerdict Sabotage = "early_verdict" // what is written counts as verified at once
	BreakChain   Sabotage = "break_chain"   // an entry of the event log is changed; the run does it, when the daemon has ended
	WriteUnasked Sabotage = "write_unasked" // a write adds an address that nobody asked for
	WriteNothing Sabotage = "write_nothing" // a write says that it is done and is not sent
	ForgetDoubt  Sabotage = "forget_doubt"  // a modify whose answer was lost counts as not sent
	UndoAnything Sabotage = "undo_anything" // an undo does not see the requests that came since
	WriteOn      Sabotage = "write_on"      // the stop switch is said to be turned and is not
)

func (s Sabotage) store(inner queue.Store) queue.Store {
	switch s {
	case SkipIntent, LoseAccept, LoseReceipt, EarlyVerdict, UndoAnything, WriteOn:
		return &wrongStore{Store: inner, wrong: s}
	}
	return inner
}

func (s Sabotage) directory(inner queue.Directory) queue.Directory {
	switch s {
	case LoseValue, ModifyTwice, WriteUnasked, WriteNothing, ForgetDoubt:
		return &wrongDirectory{Directory: inner, wrong: s}
	}
	return inner
}

// wrongStore does one thing wrong.
type wrongStore struct {
	queue.Store
	wrong    Sabotage
	accepted atomic.Int64
}

func (s *wrongStore) Accept(ctx context.Context, sub queue.Submission, key queue.Idempotency, now time.Time) (queue.Request, bool, error) {
	if s.wrong == LoseAccept && s.accepted.Add(1)%3 == 0 {
		return queue.Request{ID: queue.NewRequestID(now), Submission: sub, State: queue.Accepted, CreatedAt: now, UpdatedAt: now}, true, nil
	}
	return s.Store.Accept(ctx, sub, key, now)
}

func (s *wrongStore) Advance(ctx context.Context, t queue.Transition) (queue.Request, error) {
	receipt := t.From == queue.Writing && t.To == queue.Written
	switch {
	case s.wrong == SkipIntent && t.What == "intent":
		r, err := s.Get(ctx, t.ID)
		r.Intent, r.LeaseUntil = t.Intent, *t.LeaseUntil
		return r, err
	case s.wrong == LoseReceipt && receipt:
		return s.Get(ctx, t.ID)
	case s.wrong == EarlyVerdict && receipt:
		if _, err := s.Store.Advance(ctx, t); err != nil {
			return queue.Request{}, err
		}
		return s.Store.Advance(ctx, queue.Transition{ID: t.ID, From: queue.Written, To: queue.Verified, Now: t.Now, What: "verdict", ClearCause: true})
	}
	return s.Store.Advance(ctx, t)
}

func (s *wrongStore) List(ctx context.Context, f queue.Filter) ([]queue.Request, string, error) {
	if s.wrong == UndoAnything && f.Holder != "" {
		return nil, "", nil
	}
	return s.Store.List(ctx, f)
}

func (s *wrongStore) SetPaused(ctx context.Context, paused bool, by string, now time.Time) error {
	if s.wrong == WriteOn {
		return nil
	}
	return s.Store.SetPaused(ctx, paused, by, now)
}

// wrongDirectory writes one thing wrong.
type wrongDirectory struct {
	queue.Directory
	wrong Sabotage
}

func (d *wrongDirectory) Write(ctx context.Context, job ldapwriter.Job) (ldapwriter.Receipt, error) {
	switch d.wrong {
	case LoseValue:
		for _, p := range job.Entry.Proxies {
			if !p.IsSMTP() {
				job.Change.Delete = append(job.Change.Delete, p)
				break
			}
		}
	case WriteUnasked:
		job.Change.Add = append(job.Change.Add, address.Secondary("unasked-"+address.Address(job.Entry.GUID.String())+"@contoso.test"))
	case WriteNothing:
		return ldapwriter.Receipt{DC: job.Entry.DC, USNChanged: job.Entry.USNChanged, Before: job.Entry.Values, After: job.Entry.Values,
			Change: job.Change, At: time.Now()}, nil
	}
	receipt, err := d.Directory.Write(ctx, job)
	var unknown *ldapwriter.UnknownOutcomeError
	switch {
	case d.wrong == ForgetDoubt && errors.As(err, &unknown):
		return receipt, cause.Wait(cause.DirectoryUnavailable, "no answer")
	case err != nil || d.wrong != ModifyTwice:
		return receipt, err
	}
	return d.again(ctx, job, receipt)
}

// again takes a write back and does it once more.
func (d *wrongDirectory) again(ctx context.Context, job ldapwriter.Job, done ldapwriter.Receipt) (ldapwriter.Receipt, error) {
	entry := job.Entry
	entry.Values = done.After
	back, err := d.Directory.Write(ctx, ldapwriter.Job{Entry: entry, Change: job.Change.Invert()})
	if err != nil {
		return back, err
	}
	entry.Values = back.After
	return d.Directory.Write(ctx, ldapwriter.Job{Entry: entry, Change: job.Change})
}
