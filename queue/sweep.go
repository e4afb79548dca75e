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
)

// ErrSweeping: a sweep is still running; this one was skipped, not doubled.
var ErrSweeping = errors.New("a sweep is still running")

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
	r.wakeAgain(ctx)
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
	if !r.ticking.TryLock() {
		return ErrSweeping
	}
	defer r.ticking.Unlock()
	r.sweeping.Lock() // the looks that somebody asked for are waited for: they are few at a time, and may never end
	defer r.sweeping.Unlock()
	began := r.now()
	r.forAsked = cloudcheck.NewBudget(r.units)
	p := &pass{Runner: r, budget: cloudcheck.NewBudget(r.units)}
	err := p.tick(cloudcheck.WithBudget(ctx, p.budget))
	p.done.Units, p.done.Took, p.done.Err = p.budget.Spent(), r.now().Sub(began), err
	r.observer.SweepDone(p.done)
	return err
}

// SkipSweep stands where another node makes the sweep of this tick: the looks that somebody asks for here get as many units
// again.
func (r *Runner) SkipSweep() {
	r.sweeping.Lock()
	defer r.sweeping.Unlock()
	r.forAsked = cloudcheck.NewBudget(r.units)
}

// pass is one sweep under way.
type pass struct {
	*Runner
	budget *cloudcheck.Budget
	survey cloudcheck.Survey
	done   Swept
	// unreached are the holders that the budget did not reach.
	unreached int
	// away is why the cloud cannot be asked any more; nil while it can. suspect is why nothing of the last page could be asked,
	// and answered says that something of another one could.
	away, suspect error
	answered      bool
	// skipped says that nothing of the page under way was asked, because the cloud is away.
	skipped bool
}

func (p *pass) tick(ctx context.Context) error {
	p.survey = p.cloud.Survey(ctx)
	lastSync := p.survey.Tenant.LastSync
	if !lastSync.IsZero() {
		p.observer.SyncSeen(lastSync)
	}
	p.agenda.tick(p.survey, p.now())
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
	if err := p.pages(ctx, visits, size); err != nil {
		return err
	}
	if p.unreached > 0 {
		p.agenda.short = true
		p.log.Info("the sweep did not reach everybody; the others come first in the next one", "requests", p.done.Requests,
			"carried", p.done.Carried, "units", p.budget.Spent(), "because", p.budget.Ended())
	}
	return errors.Join(p.failure(), ctx.Err())
}

func (p *pass) pages(ctx context.Context, visits []visit, size int) error {
	for len(visits) > 0 && ctx.Err() == nil && p.budget.Ended() == "" {
		page := visits[:min(size, len(visits))]
		visits = visits[len(page):]
		if err := p.visit(ctx, page); err != nil {
			return err
		}
		size = p.pageSize()
	}
	p.carry(visits...)
	return nil
}

// pageSize is how many holders may be looked at next: no more are read from the directory than the budget can show at best.
func (p *pass) pageSize() int {
	return max(min(sweepPage, p.budget.Left()*cloudcheck.HoldersPerUnit), 1)
}

// carry notes visits that the budget did not reach.
func (p *pass) carry(visits ...visit) {
	p.unreached += len(visits)
	for _, v := range visits {
		p.done.Carried += len(v.seqs)
	}
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
	why := p.away
	if p.skipped = why != nil; !p.skipped {
		verdicts, err := p.cloud.Sweep(ctx, p.survey, p.cases(ctx, requests))
		if err == nil {
			p.suspect, p.answered = nil, true
			return verdicts
		}
		why = fmt.Errorf("sweep: %w", err)
		p.doubt(why)
	}
	e := asCause(why, cause.CloudUnavailable)
	return slices.Repeat([]cloudcheck.Verdict{{Outcome: cloudcheck.Unknown, Cause: &e.Cause}}, len(requests))
}

// doubt notes that nothing of a page could be asked. That may be its holders' own fault, where they are few: the cloud counts as
// away only where the tenant could not be read either, or the next page fails too.
func (p *pass) doubt(why error) {
	if p.survey.Err != nil || p.suspect != nil {
		p.away = why
	}
	p.suspect = why
}

// failure is why the cloud could not be asked; nil where it could.
func (p *pass) failure() error {
	if p.away == nil && !p.answered {
		return p.suspect
	}
	return p.away
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
			Ref:         cloudcheck.Ref{CloudID: q.CloudID, Holder: entries[at].Holder, Before: []address.Values{q.Receipt.Before}},
			OnPremErr:   orBehind(errs[at], entries[at], *q.Receipt, p.now()),
			Expectation: *q.Expectation,
			WrittenAt:   q.WrittenAt, Deadline: p.deadlineOf(q), LookedAt: lookedAt(q),
			LastSyncSeen: q.LastSyncSeen, SyncMoves: q.SyncMoves,
			After: q.Receipt.After, Unwritten: q.WroteNothing(),
		}
		if errs[at] != nil {
			cases[i].Ref.Holder.Name = q.Holder // what people called it, for the sentence
		}
	}
	return cases
}

// deadlineOf is until when the cloud has to show what a request wrote.
func (p *pass) deadlineOf(q Request) time.Time {
	return q.Expectation.Began(q.WrittenAt, p.survey.Tenant.Time(p.now())).Add(p.deadline)
}

// lookedAt is when the last verdict that was stored looked at the cloud.
func lookedAt(q Request) time.Time {
	if q.Seen == nil {
		return time.Time{}
	}
	return q.Seen.CheckedAt
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
