package queue

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
)

// resolveBatch is how many holders are looked up at a time.
const resolveBatch = 64

// resolveLoop makes passes at once, when woken, and every poll.
func (r *Runner) resolveLoop(ctx context.Context) {
	ticker := time.NewTicker(r.poll)
	defer ticker.Stop()
	for more := true; more; more = r.sleepUntil(ctx, toResolve, ticker.C) {
		if err := r.resolvePass(ctx); err != nil && ctx.Err() == nil {
			r.log.Error("accepted requests cannot be read; it is tried again", "error", err)
		}
	}
}

// resolvePass finds the holders of accepted requests until there is none left whose time has come. Look-ups run side by
// side; their results are stored in the order of acceptance. One that cannot be looked up now is passed by those that are for others.
func (r *Runner) resolvePass(ctx context.Context) error {
	for ctx.Err() == nil {
		batch, err := r.store.Unresolved(ctx, r.now(), resolveBatch)
		if err != nil || len(batch) == 0 {
			return err
		}
		ahead, err := r.unknown(ctx, batch[len(batch)-1].Seq)
		if err != nil {
			return err
		}
		for i, found := range r.findAll(ctx, batch) {
			moved, stored := r.resolve(ctx, batch[i], found, ahead)
			if !stored {
				r.wake(toWrite)
				return nil
			}
			ahead = ahead.after(moved)
		}
		r.wake(toWrite)
	}
	return nil
}

// found is the answer to the look-up of one request's holder.
type found struct {
	entry  ldapwriter.Entry
	claims []Claim
	err    error
}

func (r *Runner) findAll(ctx context.Context, batch []Request) []found {
	answers := make([]found, len(batch))
	slots := make(chan struct{}, r.workers)
	var running sync.WaitGroup
	for i, q := range batch {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			answers[i] = r.find(ctx, q)
		})
	}
	running.Wait()
	return answers
}

// find looks up one request's holder.
func (r *Runner) find(ctx context.Context, q Request) found {
	identity, claims, err := r.meant(ctx, q)
	if err != nil {
		return found{err: err}
	}
	entry, err := r.directory.Find(ctx, identity)
	if e, ok := cause.As(err); err == nil || ok && e.Kind == cause.Refusal {
		r.served.Store(r.now().UnixNano())
	}
	return found{entry: entry, claims: claims, err: err}
}

// meant is whom a request is for and what it claims. An undo's holder is the one that the undone request was for, whatever it is called
// now.
func (r *Runner) meant(ctx context.Context, q Request) (identity string, claims []Claim, err error) {
	if q.Action != address.Undo {
		return q.Holder, claimsOf(q), nil
	}
	original, wrote, err := r.undone(ctx, q)
	if err != nil {
		return "", nil, err
	}
	return original.Object.String(), undoClaims(wrote.Change), nil
}

// claimsOf is what a request asks for as claims.
func claimsOf(q Request) []Claim {
	kind := Take
	if q.Action == address.RemoveAlias {
		kind = Release
	}
	return []Claim{{Address: q.Address.Key(), Kind: kind}}
}

// resolve stores one look-up's result; stored is false where the store did not take it.
func (r *Runner) resolve(ctx context.Context, q Request, f found, ahead unknown) (moved Request, stored bool) {
	if f.err == nil {
		first, err := ahead.keeping(q, f)
		switch {
		case err != nil:
			f.err = err
		case first != nil:
			at := r.now().Add(r.retry.base)
			if first.NotBefore.After(at) {
				at = first.NotBefore
			}
			return r.put(ctx, Transition{ID: q.ID, From: Accepted, To: Accepted, What: "behind another", Cause: &behindUnknown(*first).Cause, NotBefore: &at})
		default:
			return r.queue(ctx, q, f)
		}
	}
	e := asCause(f.err, cause.DirectoryUnavailable)
	if e.Kind == cause.Waiting && r.inVain(q, f.err, e) {
		e = cause.Refuse(cause.UnknownHolder, "nobody was found as %q within %s, though others are: %s; ask again when that is mended",
			q.Holder, ldapwriter.Replicated, e.Cause.Message).Because(f.err)
	}
	if e.Kind == cause.Waiting {
		tries, at := r.later(q.Attempts)
		r.log.Warn("the holder cannot be looked up now", "request", q.ID, "code", e.Cause.Code, "error", e, "next", at.Format(time.RFC3339))
		return r.put(ctx, Transition{ID: q.ID, From: Accepted, To: Accepted, What: "retry", Cause: &e.Cause, Attempts: tries, NotBefore: at})
	}
	return r.put(ctx, Transition{ID: q.ID, From: Accepted, To: Refused, What: "refused", Cause: &e.Cause})
}

// queue puts a resolved request into its holder's line, or learns that its address is busy. One that was cancelled
// meanwhile is passed over.
func (r *Runner) queue(ctx context.Context, q Request, f found) (moved Request, stored bool) {
	moved, err := r.store.Resolve(ctx, q.ID, f.entry.GUID, f.claims, r.now())
	if errors.Is(err, ErrStale) {
		return q, true
	}
	if err != nil {
		r.log.Error("the store did not take a resolved request; it is tried again", "request", q.ID, "error", err)
		return q, false
	}
	if moved.State.Final() {
		r.logEnd(moved)
	}
	return moved, true
}
