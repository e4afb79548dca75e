package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// Errors of the service, beside the store's.
var (
	// ErrInvalid: the submission itself is wrong (unknown action, no holder); nothing was stored.
	ErrInvalid = errors.New("invalid request")
	// ErrNothingToUndo: the request wrote nothing that could be taken back.
	ErrNothingToUndo = errors.New("nothing was written that could be taken back")
)

// Service is what people and programs ask of the queue. It stores requests and wakes the runner; it writes nothing
// itself. All methods may be called concurrently.
type Service struct {
	store  Store
	checks checks
	now    func() time.Time
	// wake is told that there is work: to resolve, to write, or to sweep.
	wake func(work)
	// again are the looks that are made once more (asks).
	again *asks
}

// NewService makes the service of a runner: both work on the same store.
func NewService(r *Runner) *Service {
	return &Service{store: r.store, checks: r.checks, now: r.now, wake: r.wake, again: r.again}
}

// Submit stores a submission and returns it as an accepted request; created is false where an earlier request answers
// it (Intake.Accept). What can be seen without the directory is refused here and nothing is stored: ErrInvalid, or a
// *cause.Error with invalid_address or reserved_suffix.
func (s *Service) Submit(ctx context.Context, sub Submission, key string) (r Request, created bool, err error) {
	if err := check(sub); err != nil {
		return Request{}, false, err
	}
	return s.accept(ctx, sub, key)
}

// Undo stores a request that takes back exactly what another one wrote. ErrNothingToUndo where that wrote nothing.
func (s *Service) Undo(ctx context.Context, id RequestID, sub Submission, key string) (r Request, created bool, err error) {
	original, err := s.store.Get(ctx, id)
	if err != nil {
		return Request{}, false, err
	}
	if original.Receipt == nil || original.Receipt.Change.Empty() && !original.wroteUnknown() {
		return Request{}, false, fmt.Errorf("undo %s: %w", id, ErrNothingToUndo)
	}
	sub.Action, sub.Undoes = address.Undo, id
	sub.Holder, sub.Address = original.Holder, ""
	return s.accept(ctx, sub, key)
}

func (s *Service) accept(ctx context.Context, sub Submission, key string) (Request, bool, error) {
	r, created, err := s.store.Accept(ctx, sub, Idempotency{Key: key, Digest: sub.Digest()}, s.now())
	if err != nil {
		return Request{}, false, fmt.Errorf("accept: %w", err)
	}
	s.wake(toResolve)
	return r, created, nil
}

// check refuses what needs neither the directory nor the cloud to be seen as wrong.
func check(sub Submission) error {
	switch sub.Action {
	case address.AddAlias, address.RemoveAlias, address.SetPrimary:
	default:
		return fmt.Errorf("%w: action %q is none of add_alias, remove_alias, set_primary", ErrInvalid, sub.Action)
	}
	if strings.TrimSpace(sub.Holder) == "" {
		return fmt.Errorf("%w: holder is missing; name the user, group or contact", ErrInvalid)
	}
	for _, a := range sub.Allow {
		switch a {
		case address.AllowDeletedHolder, address.AllowMailEnable, address.AllowSignInChange:
		default:
			return fmt.Errorf("%w: allow %q is none of deleted_holder, mail_enable, sign_in_change", ErrInvalid, a)
		}
	}
	_, err := address.Parse(string(sub.Address))
	return err
}

// Preview is what would become of a submission now.
type Preview struct {
	OK       bool
	Refusals []cause.Cause
	Holder   address.Holder
	Plan     address.Plan
	// Predicted is what the cloud would show after the write; nil where the plan was refused.
	Predicted *address.Values
}

// Validate looks at both sides and plans, stores nothing and writes nothing. A side that is away is an error.
func (s *Service) Validate(ctx context.Context, sub Submission) (Preview, error) {
	if err := check(sub); err != nil {
		return refusedPreview(Preview{}, err)
	}
	entry, err := s.checks.directory.Find(ctx, sub.Holder)
	if err != nil {
		return refusedPreview(Preview{}, err)
	}
	preview := Preview{Holder: entry.Holder}
	prior, err := s.store.Prior(ctx, entry.GUID, "", s.now())
	if err != nil {
		return preview, fmt.Errorf("earlier writes: %w", err)
	}
	ref := cloudcheck.Ref{Holder: entry.Holder, Before: replaced(prior)}
	found, err := s.checks.assess(ctx, ref, address.Ask{Action: sub.Action, Address: sub.Address, Allow: sub.Allow}, nil)
	if err != nil {
		return refusedPreview(preview, err)
	}
	predicted := cloudcheck.PredictWith(entry.Holder, found.plan.After, found.snapshot)
	if found.standing != "" {
		found.plan.Notes = append(found.plan.Notes, "nothing has to be written: "+found.standing)
	}
	preview.OK, preview.Plan, preview.Predicted = true, found.plan, &predicted
	return preview, nil
}

// refusedPreview puts a refusal into the preview; every other error stays an error.
func refusedPreview(p Preview, err error) (Preview, error) {
	if e, ok := cause.As(err); ok && e.Kind == cause.Refusal {
		p.Refusals = append(p.Refusals, e.Cause)
		return p, nil
	}
	return p, err
}

// Cancel takes back a request that is accepted, queued or held; ErrStale where it is past that.
func (s *Service) Cancel(ctx context.Context, id RequestID, by string) (Request, error) {
	return s.move(ctx, id, Cancelled, "cancelled", by)
}

// Release lets a held request go; ErrStale where it is not held. No cap holds it again, and it counts in them all the same.
func (s *Service) Release(ctx context.Context, id RequestID, by string) (Request, error) {
	r, err := s.store.Get(ctx, id)
	if err != nil {
		return r, err
	}
	if r.State != Held {
		return r, fmt.Errorf("release %s, which is %s: %w", id, r.State, ErrStale)
	}
	now := s.now()
	released, err := s.store.Advance(ctx, Transition{ID: id, From: Held, To: Queued, Now: now, What: "released",
		Detail: map[string]string{"by": by}, ClearCause: true, ReleasedBy: cmp.Or(by, "somebody"), NotBefore: &now})
	s.wake(toWrite)
	return released, err
}

func (s *Service) move(ctx context.Context, id RequestID, to State, what, by string) (Request, error) {
	r, err := s.store.Get(ctx, id)
	if err != nil {
		return r, err
	}
	if !r.State.CanGo(to) {
		return r, fmt.Errorf("%s %s, which is %s: %w", what, id, r.State, ErrStale)
	}
	return s.store.Advance(ctx, Transition{ID: id, From: r.State, To: to, Now: s.now(), What: what,
		Detail: map[string]string{"by": by}, ClearCause: true})
}

// Recheck looks again now at what a request waits for: the cloud for a written or mismatched one, else its next try.
// ErrStale, with the request, where it waits for neither: it is held, being written, or final. Of many who ask before the look
// begins, the first one is recorded, and changes something; the look answers all of them.
func (s *Service) Recheck(ctx context.Context, id RequestID, by string) (Request, error) {
	r, err := s.store.Get(ctx, id)
	if err != nil {
		return r, err
	}
	if r.State.Final() || r.State == Held || r.State == Writing {
		return r, fmt.Errorf("recheck %s, which is %s: %w", id, r.State, ErrStale)
	}
	r, woken, err := s.store.Wake(ctx, id, by, s.now())
	if err != nil {
		return r, fmt.Errorf("recheck: %w", err)
	}
	switch r.State {
	case Written, Mismatched:
		if !woken {
			s.again.add(id, by)
		}
		s.wake(toSweep)
	default:
		s.wake(toResolve)
		s.wake(toWrite)
	}
	return r, nil
}

// Pause stops all writing on every node until Resume: when it returns, no node sends a modify any more whose intent was not
// stored before. What has an intent is finished (Stats.InFlight); what is only claimed goes back to its line.
func (s *Service) Pause(ctx context.Context, by string) error {
	err := s.store.SetPaused(ctx, true, by, s.now())
	s.wake(toWrite)
	return err
}

// Resume starts writing again, and takes from the requests that wait what was said of the stop.
func (s *Service) Resume(ctx context.Context, by string) error {
	err := Resume(ctx, s.store, by, s.now)
	s.wake(toWrite)
	return err
}

// Resume is Service.Resume for who has the store alone; the runners find out by themselves.
func Resume(ctx context.Context, in Store, by string, now func() time.Time) error {
	if err := in.SetPaused(ctx, false, by, now()); err != nil {
		return err
	}
	err := Each(ctx, in, Filter{State: Queued}, func(q Request) error {
		if q.Cause == nil || q.Cause.Code != cause.Paused {
			return nil
		}
		_, err := in.Advance(ctx, Transition{ID: q.ID, From: Queued, To: Queued, Now: now(), What: "resumed", ClearCause: true})
		if errors.Is(err, ErrStale) {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("writing goes on, but some requests still say that it is stopped: %w", err)
	}
	return nil
}
