package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
)

const (
	// sweepPage is how many holders are looked at a time: ten full batches of 300.
	sweepPage = 3000
	// unitsAtMost is what one holder may cost in resource units: a contact that nothing is known of, and the search for who
	// holds a disputed address.
	unitsAtMost = 25
	// mismatchedEvery is how often a mismatched request is looked at again, mismatchedFor how long after its deadline.
	mismatchedEvery = time.Hour
	mismatchedFor   = 7 * 24 * time.Hour
)

// ErrSweeping: a sweep is still running; this one was skipped, not doubled.
var ErrSweeping = errors.New("a sweep is still running")

// never is a time that does not come: a mismatched request that is not swept any more, until somebody asks.
func never() time.Time { return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }

// sweepLoop looks at what somebody asked for (recheck), after a sweep that is running. The schedule calls Sweep itself.
func (r *Runner) sweepLoop(ctx context.Context) {
	for r.sleepUntil(ctx, toSweep, nil) {
		if err := r.sweepAsked(ctx); err != nil && ctx.Err() == nil {
			r.log.Warn("the look that was asked for failed; the next sweep tries again", "error", err)
		}
	}
}

// sweepAsked looks at once at what somebody asked for, and at nothing else. It has units of its own, as many between two
// sweeps as a sweep has.
func (r *Runner) sweepAsked(ctx context.Context) error {
	r.sweeping.Lock()
	defer r.sweeping.Unlock()
	all, err := r.store.Awaiting(ctx, r.now())
	if err != nil {
		return err
	}
	visits := r.agenda.asked(all)
	if len(visits) == 0 {
		return nil
	}
	ctx = cloudcheck.WithBudget(ctx, r.forAsked)
	p := &pass{Runner: r, budget: r.forAsked, survey: r.cloud.Survey(ctx)}
	return p.run(ctx, visits, p.firstPage())
}

// Sweep is one tick: it reads when the tenant was last synchronised, and judges the requests whose turn it is. One sweep
// runs at a time: ErrSweeping where one does. A cloud that is away is returned.
func (r *Runner) Sweep(ctx context.Context) error {
	if !r.sweeping.TryLock() {
		return ErrSweeping
	}
	defer r.sweeping.Unlock()
	began := r.now()
	r.forAsked = cloudcheck.NewBudget(r.units)
	p := &pass{Runner: r, budget: cloudcheck.NewBudget(r.units)}
	err := p.tick(cloudcheck.WithBudget(ctx, p.budget))
	p.done.Units, p.done.Took, p.done.Err = p.budget.Spent(), r.now().Sub(began), err
	r.observer.SweepDone(p.done)
	return err
}

// pass is one sweep under way.
type pass struct {
	*Runner
	budget *cloudcheck.Budget
	survey cloudcheck.Survey
	done   Swept
	// away is why the cloud cannot be asked any more; nil while it can.
	away error
}

func (p *pass) tick(ctx context.Context) error {
	p.survey = p.cloud.Survey(ctx)
	lastSync := p.survey.Tenant.LastSync
	if !lastSync.IsZero() {
		p.observer.SyncSeen(lastSync)
	}
	p.agenda.tick(lastSync, p.now())
	all, err := p.store.Awaiting(ctx, p.now())
	if err != nil {
		return err
	}
	size := p.firstPage()
	p.agenda.short = false
	return p.run(ctx, p.agenda.due(all), size)
}

// firstPage is how many holders are looked at first. After a sweep that was short of units, those who wait longest are: so few
// that all of them are reached, whatever each costs.
func (p *pass) firstPage() int {
	size := p.pageSize()
	if p.agenda.short {
		size = max(min(size, p.budget.Left()/unitsAtMost), 1)
	}
	return size
}

// run makes the visits, a page at a time, the first of which has so many. What the budget does not reach is carried to the next tick.
func (p *pass) run(ctx context.Context, visits []visit, size int) error {
	for len(visits) > 0 && ctx.Err() == nil && p.budget.Ended() == "" {
		page := visits[:min(size, len(visits))]
		visits = visits[len(page):]
		if err := p.visit(ctx, page); err != nil {
			return err
		}
		size = p.pageSize()
	}
	for _, v := range visits {
		p.miss(len(v.seqs))
	}
	if len(visits) > 0 {
		p.log.Info("the sweep did not reach everybody; the others come first in the next one", "requests", p.done.Requests,
			"carried", p.done.Carried, "units", p.budget.Spent(), "because", p.budget.Ended())
	}
	return errors.Join(p.away, ctx.Err())
}

// pageSize is how many holders may be looked at next: no more are read from the directory than the budget can show at best.
func (p *pass) pageSize() int {
	return max(min(sweepPage, p.budget.Left()*cloudcheck.HoldersPerUnit), 1)
}

// miss notes requests that the budget did not reach.
func (p *pass) miss(requests int) {
	p.agenda.short = true
	p.done.Carried += requests
}

// visit reads the directory again, asks the cloud, and stores the verdicts that say something new.
func (p *pass) visit(ctx context.Context, page []visit) error {
	requests, err := p.load(ctx, page)
	if err != nil {
		return err
	}
	verdicts := p.judge(ctx, requests)
	at := 0
	for _, v := range page {
		end := at
		for end < len(requests) && requests[end].Object == v.holder {
			end++
		}
		p.settle(ctx, v, requests[at:end], verdicts[at:end])
		at = end
	}
	return nil
}

// load reads the requests of a page, in the order of its visits. Some may have moved on meanwhile.
func (p *pass) load(ctx context.Context, page []visit) ([]Request, error) {
	var seqs []int64
	turn := make(map[address.GUID]int, len(page))
	for i, v := range page {
		seqs = append(seqs, v.seqs...)
		turn[v.holder] = i
	}
	requests, err := p.store.Awaited(ctx, seqs)
	slices.SortStableFunc(requests, func(a, b Request) int { return cmp.Compare(turn[a.Object], turn[b.Object]) })
	return requests, err
}

// judge gives a verdict on each request. Once nothing can be asked, all are Unknown for the same reason.
func (p *pass) judge(ctx context.Context, requests []Request) []cloudcheck.Verdict {
	if p.away == nil {
		verdicts, err := p.cloud.Sweep(ctx, p.survey, p.cases(ctx, requests))
		if err == nil {
			return verdicts
		}
		p.away = fmt.Errorf("sweep: %w", err)
	}
	why := asCause(p.away, cause.CloudUnavailable)
	return slices.Repeat([]cloudcheck.Verdict{{Outcome: cloudcheck.Unknown, Cause: &why.Cause}}, len(requests))
}

// settle stores what a visit brought and notes when the holder's turn comes again.
func (p *pass) settle(ctx context.Context, v visit, requests []Request, verdicts []cloudcheck.Verdict) {
	found := map[cloudcheck.Outcome]int{}
	for i, verdict := range verdicts {
		found[verdict.Outcome]++
		p.apply(ctx, v, requests[i], verdict)
	}
	p.done.Requests += len(requests) - found[cloudcheck.Unasked]
	switch {
	case found[cloudcheck.Unasked] > 0:
		p.miss(found[cloudcheck.Unasked])
	case found[cloudcheck.Unknown] > 0:
		p.agenda.failed(v, p.now())
		p.done.Carried += found[cloudcheck.Unknown]
	default:
		p.agenda.seen(v, p.now())
	}
}

// cases lays out what each request waits for, with its holder as the directory shows it now.
func (p *pass) cases(ctx context.Context, requests []Request) []cloudcheck.Case {
	var ids []address.GUID // the requests of one holder stand together
	for _, q := range requests {
		if len(ids) == 0 || ids[len(ids)-1] != q.Object {
			ids = append(ids, q.Object)
		}
	}
	entries, errs := p.directory.ReadAll(ctx, ids)
	cases := make([]cloudcheck.Case, len(requests))
	at := 0
	for i, q := range requests {
		if ids[at] != q.Object {
			at++
		}
		cases[i] = cloudcheck.Case{
			Ref:         cloudcheck.Ref{CloudID: q.CloudID, Holder: entries[at].Holder},
			OnPremErr:   orBehind(errs[at], entries[at], *q.Receipt, p.now()),
			Expectation: *q.Expectation,
			WrittenAt:   q.WrittenAt, Deadline: q.WrittenAt.Add(p.deadline),
			LastSyncSeen: q.LastSyncSeen, SyncMoves: q.SyncMoves,
			Action: q.Action, After: q.Receipt.After, Unwritten: q.WroteNothing(),
		}
		if errs[at] != nil {
			cases[i].Ref.Holder.Name = q.Holder // what people called it, for the sentence
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

// apply stores a verdict. One that says nothing new leaves no trace, so that a long wait does not fill the event log; but
// who asked for a look gets an answer.
func (p *pass) apply(ctx context.Context, v visit, q Request, found cloudcheck.Verdict) {
	switch found.Outcome {
	case cloudcheck.Unasked:
		return
	case cloudcheck.Unknown:
		p.applyUnknown(ctx, v, q, found)
		return
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
	// Nobody looks at it any more: it must not keep its address from others for ever.
	t.Unclaim = t.NotBefore != nil && t.NotBefore.Equal(never())
	if t.To == q.State && t.NotBefore == nil && !tellsNews(q, found) {
		return
	}
	moved, ok := p.put(ctx, t)
	if ok && t.To == Verified {
		p.observer.RequestVerified(moved.VerifiedAt.Sub(moved.WrittenAt))
	}
}

func transition(q Request, found cloudcheck.Verdict) Transition {
	t := Transition{ID: q.ID, From: q.State, To: q.State, What: "verdict", AsOf: q.UpdatedAt, Detail: found.Seen, Cause: found.Cause, Seen: found.Seen}
	if found.Seen != nil {
		t.CloudID = found.Seen.ID
	}
	return t
}

// applyUnknown says on a written request that it could not be looked at, where that is news. One look that fails is not: it is
// made up for in the next tick. What was found before stays where it says what to mend.
func (p *pass) applyUnknown(ctx context.Context, v visit, q Request, found cloudcheck.Verdict) {
	if q.State == Mismatched {
		p.forget(ctx, q)
		return
	}
	lasts := v.failures > 0 || q.NotBefore.IsZero()
	mends := q.Cause != nil && q.Cause.Code == cause.SyncStopped
	if lasts && !mends && !sameCause(q.Cause, found.Cause) {
		p.put(ctx, transition(q, found))
	}
}

// forget ends the sweeping of a mismatched request whose time is over, though it cannot be looked at. One that somebody asked
// for is tried on.
func (p *pass) forget(ctx context.Context, q Request) {
	next := p.nextLook(q)
	if next.Equal(never()) && !q.NotBefore.IsZero() {
		p.put(ctx, Transition{ID: q.ID, From: q.State, To: q.State, What: "verdict", NotBefore: next, AsOf: q.UpdatedAt, Unclaim: true})
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
