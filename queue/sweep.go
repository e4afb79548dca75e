package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
)

const (
	// sweepPage is how many requests are judged at a time: ten full batches of 300 holders.
	sweepPage = 3000
	// mismatchedEvery is how often a mismatched request is looked at again, mismatchedFor how long after its deadline.
	mismatchedEvery = time.Hour
	mismatchedFor   = 7 * 24 * time.Hour
)

// ErrSweeping: a sweep is still running; this one was skipped, not doubled.
var ErrSweeping = errors.New("a sweep is still running")

// never is a time that does not come: a mismatched request that is not swept any more, until somebody asks.
func never() time.Time { return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }

// sweepLoop sweeps when somebody asks for it (recheck), after one that is running. The schedule calls Sweep itself.
func (r *Runner) sweepLoop(ctx context.Context) {
	for r.sleepUntil(ctx, toSweep, nil) {
		r.sweeping.Lock()
		err := r.sweepOnce(ctx)
		r.sweeping.Unlock()
		if err != nil && ctx.Err() == nil {
			r.log.Warn("the sweep that was asked for failed", "error", err)
		}
	}
}

// Sweep judges every request that waits for the cloud, once. One sweep runs at a time: ErrSweeping where one does. A
// cloud that is away is noted on the requests and returned.
func (r *Runner) Sweep(ctx context.Context) error {
	if !r.sweeping.TryLock() {
		return ErrSweeping
	}
	defer r.sweeping.Unlock()
	return r.sweepOnce(ctx)
}

func (r *Runner) sweepOnce(ctx context.Context) error {
	began, swept := r.now(), 0
	err := r.eachPage(ctx, func(page []Request) error {
		swept += len(page)
		return r.sweepPage(ctx, page)
	})
	r.observer.SweepDone(swept, r.now().Sub(began), err)
	return err
}

func (r *Runner) eachPage(ctx context.Context, do func([]Request) error) error {
	var failed error
	for after := int64(0); ctx.Err() == nil; {
		page, err := r.store.Awaiting(ctx, r.now(), after, sweepPage)
		if err != nil {
			return fmt.Errorf("read waiting requests: %w", err)
		}
		if len(page) == 0 {
			return failed
		}
		after = page[len(page)-1].Seq
		failed = errors.Join(failed, do(page))
	}
	return ctx.Err()
}

// sweepPage reads the directory again, asks the cloud, and stores the verdicts that say something new.
func (r *Runner) sweepPage(ctx context.Context, page []Request) error {
	verdicts, err := r.cloud.Sweep(ctx, r.cases(ctx, page))
	if err != nil {
		r.noteAway(ctx, page, err)
		return fmt.Errorf("sweep: %w", err)
	}
	for i, v := range verdicts {
		r.apply(ctx, page[i], v)
	}
	r.observeSync(verdicts)
	return nil
}

func (r *Runner) observeSync(verdicts []cloudcheck.Verdict) {
	for _, v := range verdicts {
		if !v.LastSyncSeen.IsZero() {
			r.observer.SyncSeen(v.LastSyncSeen)
			return
		}
	}
}

// cases lays out what each request waits for, with its holder as the directory shows it now.
func (r *Runner) cases(ctx context.Context, page []Request) []cloudcheck.Case {
	ids := make([]address.GUID, len(page))
	for i, q := range page {
		ids[i] = q.Object
	}
	entries, errs := r.directory.ReadAll(ctx, ids)
	cases := make([]cloudcheck.Case, len(page))
	for i, q := range page {
		cases[i] = cloudcheck.Case{
			Ref:         cloudcheck.Ref{CloudID: q.CloudID, Holder: entries[i].Holder},
			OnPremErr:   orBehind(errs[i], entries[i], *q.Receipt, r.now()),
			Expectation: *q.Expectation,
			WrittenAt:   q.WrittenAt, Deadline: q.WrittenAt.Add(r.deadline),
			LastSyncSeen: q.LastSyncSeen, SyncMoves: q.SyncMoves,
			Action: q.Action, After: q.Receipt.After,
		}
	}
	return cases
}

// replicatedAfter is how long another DC may take to show what a receipt says.
const replicatedAfter = time.Hour

// orBehind gives err, or a waiting where the holder was read from another DC than it was written on and that one does not
// show the write yet: it has not replicated, and nothing can be said from it.
func orBehind(err error, entry ldapwriter.Entry, receipt ldapwriter.Receipt, now time.Time) error {
	if err != nil || entry.DC == receipt.DC || now.Sub(receipt.At) > replicatedAfter || receipt.Change.Stands(entry.Values) {
		return err
	}
	return cause.Wait(cause.DCUnavailable, "it was written on %s, which cannot be read now, and %s does not show it yet", receipt.DC, entry.DC)
}

// noteAway says on the requests that the cloud could not be asked.
func (r *Runner) noteAway(ctx context.Context, page []Request, err error) {
	e := asCause(err, cause.CloudUnavailable)
	for _, q := range page {
		if !sameCause(q.Cause, &e.Cause) && q.State == Written {
			r.put(ctx, Transition{ID: q.ID, From: Written, To: Written, What: "cloud away", Cause: &e.Cause})
		}
	}
}

// apply stores a verdict. One that says nothing new leaves no trace, so that a long wait does not fill the event log.
func (r *Runner) apply(ctx context.Context, q Request, v cloudcheck.Verdict) {
	t := Transition{ID: q.ID, From: q.State, To: q.State, What: "verdict", Detail: v.Seen, Cause: v.Cause, Seen: v.Seen,
		LastSyncSeen: &v.LastSyncSeen, SyncMoves: &v.SyncMoves}
	if v.Seen != nil {
		t.CloudID = v.Seen.ID
	}
	switch {
	case v.Outcome == cloudcheck.Verified:
		t.To, t.ClearCause = Verified, true
	case v.Outcome == cloudcheck.Contradicted:
		t.To, t.NotBefore = Mismatched, r.nextLook(q)
	case q.State == Mismatched:
		t.Cause, t.NotBefore = nil, r.nextLook(q) // not a better answer than the contradiction that stands
	case v.Outcome == cloudcheck.Unknown:
		t.LastSyncSeen, t.SyncMoves = nil, nil
	}
	// Nobody looks at it any more: it must not keep its address from others for ever.
	t.Unclaim = t.NotBefore != nil && t.NotBefore.Equal(never())
	if t.To == q.State && t.NotBefore == nil && !tellsNews(q, v) {
		return
	}
	moved, ok := r.put(ctx, t)
	if ok && t.To == Verified {
		r.observer.RequestVerified(moved.VerifiedAt.Sub(moved.WrittenAt))
	}
}

// nextLook is when a mismatched request is swept again.
func (r *Runner) nextLook(q Request) *time.Time {
	next := r.now().Add(mismatchedEvery)
	if next.After(q.WrittenAt.Add(r.deadline + mismatchedFor)) {
		next = never()
	}
	return &next
}

// tellsNews says whether a verdict differs from what the request shows already.
func tellsNews(q Request, v cloudcheck.Verdict) bool {
	if !sameCause(q.Cause, v.Cause) {
		return true
	}
	if v.Outcome != cloudcheck.Unknown && (q.SyncMoves != v.SyncMoves || !q.LastSyncSeen.Equal(v.LastSyncSeen)) {
		return true
	}
	return v.Seen != nil && (q.Seen == nil || q.Seen.ID != v.Seen.ID || q.Seen.Mail != v.Seen.Mail || !q.Seen.Proxies.Equal(v.Seen.Proxies))
}

func sameCause(a, b *cause.Cause) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Code == b.Code
}
