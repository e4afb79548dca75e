package queue

import (
	"context"
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

const (
	// mismatchedEvery is how often a mismatched request is looked at again, mismatchedFor how long after its deadline.
	mismatchedEvery = time.Hour
	mismatchedFor   = 7 * 24 * time.Hour
)

// settle stores what a visit brought and notes when the holder's turn comes again.
func (p *pass) settle(ctx context.Context, v visit, requests []Request, verdicts []cloudcheck.Verdict) {
	found := map[cloudcheck.Outcome]int{}
	stored, own := true, false
	for i, verdict := range verdicts {
		found[verdict.Outcome]++
		stored = p.apply(ctx, v, requests[i], verdict) && stored
		own = own || p.isOwn(verdict)
	}
	if !p.skipped {
		p.done.Requests += len(requests) - found[cloudcheck.Unasked]
	}
	switch {
	case found[cloudcheck.Unasked] > 0:
		p.carry(v)
		return
	case found[cloudcheck.Unknown] > 0:
		p.done.Carried += found[cloudcheck.Unknown]
		p.noteFailed(v, own)
	default:
		p.agenda.seen(v, p.now())
	}
	if !stored {
		p.agenda.lost(v)
	}
}

// isOwn says that a holder could not be looked at where others could, as far as is known.
func (p *pass) isOwn(found cloudcheck.Verdict) bool {
	return found.Outcome == cloudcheck.Unknown && p.away == nil && found.Cause.Code == cause.CloudUnavailable
}

func (p *pass) noteFailed(v visit, own bool) {
	if p.skipped {
		p.agenda.unseen(v, p.now())
		return
	}
	p.agenda.failed(v, own, p.now())
}

// apply stores a verdict; false where the store did not take it. One that says nothing new leaves no trace, so that a long wait
// does not fill the event log; but who asked for a look gets an answer.
func (p *pass) apply(ctx context.Context, v visit, q Request, found cloudcheck.Verdict) bool {
	switch {
	case found.Outcome == cloudcheck.Unasked:
		return true
	case found.Outcome == cloudcheck.Unknown && q.State == Mismatched:
		return p.applyUnknownAgain(ctx, q, found)
	case found.Outcome == cloudcheck.Unknown:
		return p.applyUnknown(ctx, v, q, found)
	}
	t := transition(q, found)
	t.LastSyncSeen, t.SyncMoves = &found.LastSyncSeen, &found.SyncMoves
	now := p.now()
	switch {
	case found.Outcome == cloudcheck.Verified:
		t.To, t.ClearCause = Verified, true
	case found.Outcome == cloudcheck.Contradicted:
		t.To, t.NotBefore = Mismatched, p.nextLook(q)
	case q.State == Mismatched:
		t.Cause, t.NotBefore = nil, p.nextLook(q) // not a better answer than the contradiction that stands
	case q.NotBefore.IsZero():
		t.NotBefore = &now
	}
	if t.To == q.State && t.NotBefore == nil && !tellsNews(q, found) {
		return true
	}
	return p.putVerdict(ctx, t)
}

func transition(q Request, found cloudcheck.Verdict) Transition {
	t := Transition{ID: q.ID, From: q.State, To: q.State, What: "verdict", AsOf: q.UpdatedAt, Detail: found.Seen, Cause: found.Cause, Seen: found.Seen}
	if found.Seen != nil {
		t.CloudID = found.Seen.ID
	}
	return t
}

// putVerdict makes the transition of a verdict. What nobody looks at any more must not keep its address from others for ever.
func (p *pass) putVerdict(ctx context.Context, t Transition) (stored bool) {
	t.Unclaim = t.NotBefore != nil && t.NotBefore.Equal(Never())
	moved, stored := p.put(ctx, t)
	if moved.State == Verified {
		p.observer.RequestVerified(moved.VerifiedAt.Sub(moved.WrittenAt))
	}
	return stored
}

// applyUnknown says on a written request that it could not be looked at, where that is news. One look that fails is not: it is
// made up for in the next tick. What was found before stays where it says what to mend. Past the deadline, a request that could
// not be looked at for a while ends its wait, with what stands in the way.
func (p *pass) applyUnknown(ctx context.Context, v visit, q Request, found cloudcheck.Verdict) bool {
	t, now, deadline := transition(q, found), p.now(), p.deadlineOf(q)
	if q.Cause != nil && q.Cause.Code == cause.SyncStopped {
		t.Cause = q.Cause
	}
	asked, fails := q.NotBefore.IsZero(), !v.failing.IsZero()
	switch {
	case fails && now.Sub(v.failing) >= maxRest && p.survey.Tenant.Time(now).After(deadline):
		t.To, t.Cause, t.NotBefore = Mismatched, cloudcheck.Overdue(deadline, t.Cause), p.nextLook(q)
	case asked && p.away == nil:
		t.NotBefore = &now // that was the look
	case !asked && !fails, sameCause(q.Cause, t.Cause):
		return true
	}
	return p.putVerdict(ctx, t)
}

// applyUnknownAgain puts the next look at a mismatched request off that cannot be looked at, and ends the looks where its time is
// over. The contradiction that stands says more. What is not the holder's own failure is made up for in the next tick.
func (p *pass) applyUnknownAgain(ctx context.Context, q Request, found cloudcheck.Verdict) bool {
	t := transition(q, found)
	t.Cause, t.Detail = nil, found.Cause
	asked, next, now := q.NotBefore.IsZero(), p.nextLook(q), p.now()
	switch {
	case p.isOwn(found), next.Equal(Never()) && !asked:
		t.NotBefore = next
	case asked && p.away == nil:
		t.NotBefore = &now
	default:
		return true
	}
	return p.putVerdict(ctx, t)
}

// nextLook is when a mismatched request is swept again.
func (r *Runner) nextLook(q Request) *time.Time {
	next, began := r.now().Add(mismatchedEvery), q.WrittenAt
	if q.Expectation != nil {
		began = q.Expectation.Began(q.WrittenAt, r.now())
	}
	if next.After(began.Add(r.deadline + mismatchedFor)) {
		next = Never()
	}
	return &next
}

// tellsNews says whether a verdict differs from what the request shows already.
func tellsNews(q Request, v cloudcheck.Verdict) bool {
	if !sameCause(q.Cause, v.Cause) {
		return true
	}
	if q.SyncMoves != v.SyncMoves || !q.LastSyncSeen.Equal(v.LastSyncSeen) {
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
