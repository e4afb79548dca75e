package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
)

const (
	// maxSlips is how often a write that somebody's edit slipped into is taken back and planned again.
	maxSlips = 3
	// maxConflicts is how often in a row a plan may find that somebody was faster before the request waits a while.
	maxConflicts = 5
	// leaseMargin is what must be left of a lease when a modify is sent, as a share of the lease: its time limit, the
	// read-back and a take-back have to fit.
	leaseMargin = 3
)

// writeLoop claims queued requests and writes them, a worker each, until ctx ends. Then it waits for the workers, who
// finish what they began.
func (r *Runner) writeLoop(ctx context.Context) {
	claimed := make(chan Request)
	var workers sync.WaitGroup
	for range r.workers {
		workers.Go(func() {
			for q := range claimed {
				r.write(ctx, q)
			}
		})
	}
	ticker := time.NewTicker(r.poll)
	defer ticker.Stop()
	for more := true; more; more = r.sleepUntil(ctx, toWrite, ticker.C) {
		r.writePass(ctx, claimed)
	}
	close(claimed)
	workers.Wait()
}

// writePass hands out claimed requests until there are none. It claims no more than the workers can begin soon, for the
// lease runs from the claim.
func (r *Runner) writePass(ctx context.Context, claimed chan<- Request) {
	r.notePause(ctx)
	for ctx.Err() == nil {
		batch, err := r.claim(ctx, r.atOnce())
		if err != nil && ctx.Err() == nil {
			r.log.Error("no request can be claimed; it is tried again", "error", err)
		}
		if err != nil || len(batch) == 0 {
			return
		}
		for _, q := range batch {
			claimed <- q
		}
	}
}

// claim leases what may be begun now, at most so many. What may have been written already is taken over whatever the pace says: a
// look at the directory takes no slot.
func (r *Runner) claim(ctx context.Context, most int) ([]Request, error) {
	n, err := r.room(ctx)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return r.store.TakeOver(ctx, r.claimant(), r.now(), r.lease, most)
	}
	return r.store.Claim(ctx, r.claimant(), r.now(), r.lease, min(n, most))
}

// claimant names the owner of the next claim. Each claim has its own: an attempt that outlived its lease must not pass for
// the one that took the request over, though both are of this node.
func (r *Runner) claimant() string { return fmt.Sprintf("%s#%d", r.node, r.claims.Add(1)) }

// notePause says on the requests that wait for nothing else why they wait.
func (r *Runner) notePause(ctx context.Context) {
	since, by, err := r.store.Paused(ctx)
	if err != nil || since.IsZero() {
		return
	}
	why := pausedBy(by, since)
	waiting, _, err := r.store.List(ctx, Filter{State: Queued, Limit: 500})
	if err != nil {
		r.log.Error("waiting requests cannot be read", "error", err)
		return
	}
	for _, q := range waiting {
		if q.Cause == nil {
			r.put(ctx, Transition{ID: q.ID, From: Queued, To: Queued, What: "paused", Cause: &why.Cause})
		}
	}
}

func pausedBy(by string, since time.Time) *cause.Error {
	return cause.Wait(cause.Paused, "all writing has been stopped by %s since %s; it goes on after `aliasd resume`", by, since.UTC().Format(time.RFC3339))
}

// write brings one leased request as far as it goes. A shutdown gives back what was not begun; what was begun is finished
// within the lease, whatever ctx says.
func (r *Runner) write(ctx context.Context, q Request) {
	if ctx.Err() != nil && !q.Doubt().Exists() {
		r.giveBack(q)
		return
	}
	defer r.alone(q.ID)()
	within, stop := context.WithTimeout(context.WithoutCancel(ctx), q.LeaseUntil.Sub(r.now()))
	defer stop()
	attempt := &attempt{Runner: r, request: q, stopping: ctx.Done()}
	err := attempt.run(within)
	switch {
	case err == nil:
		r.wake(toWrite) // the holder's next request may go
		return
	case errors.Is(err, errStopping) && !attempt.request.Doubt().Exists():
		r.giveBack(attempt.request)
		return
	}
	r.settle(context.WithoutCancel(ctx), attempt.request, err)
}

// alone waits until no other attempt of this process is at a request, and gives the function that ends this one. A clock that
// jumps forward makes a lease look expired whose owner is at work: its modify may be on its way, and is waited for.
func (r *Runner) alone(id RequestID) (done func()) {
	mine := make(chan struct{})
	for {
		other, busy := r.atWork.LoadOrStore(id, mine)
		if !busy {
			return func() {
				r.atWork.Delete(id)
				close(mine)
			}
		}
		<-other.(chan struct{})
	}
}

// giveBack puts a request back into its line, with what is known of its modify by now: none was sent, or it has its answer.
func (r *Runner) giveBack(q Request) {
	r.put(context.Background(), Transition{ID: q.ID, From: Writing, To: Queued, Owner: q.Owner, What: "given back", Intent: q.Intent})
}

// settle decides what becomes of a request whose attempt did not get through.
func (r *Runner) settle(ctx context.Context, q Request, err error) {
	if errors.Is(err, ErrStale) || errors.Is(err, errStore) || errors.Is(err, errStopping) {
		r.log.Warn("an attempt was given up; the lease runs out and the request is planned again", "request", q.ID, "error", err)
		return
	}
	e := asCause(err, cause.DirectoryUnavailable)
	if q.Doubt().Exists() {
		r.settleInDoubt(ctx, q, e)
		return
	}
	t := Transition{ID: q.ID, From: Writing, Owner: q.Owner, Cause: &e.Cause, Intent: q.Intent}
	var until *deferral
	switch {
	case e.Kind == cause.Refusal:
		t.To, t.What = Refused, "refused"
	case e.Kind == cause.Failure:
		t.To, t.What = Failed, "failed"
	case errors.As(err, &until):
		t.To, t.What, t.Detail, t.NotBefore = Queued, until.what, until.detail, &until.until
	case e.Cause.Code == cause.OverCap:
		t.To, t.What = Held, "held"
		r.log.Warn("the request is held until an administrator releases it", "request", q.ID, "submitted_by", q.SubmittedBy, "why", e.Cause.Message)
	default:
		t.To, t.What = Queued, "retry"
		t.Attempts, t.NotBefore = r.later(q.Attempts)
		r.log.Warn("the request cannot be written now", "request", q.ID, "code", e.Cause.Code, "error", e, "next", t.NotBefore.Format(time.RFC3339))
	}
	r.put(ctx, t)
	r.wake(toWrite)
}

// settleInDoubt keeps a request whose modify may have reached the DC in writing, so that nobody takes it for unwritten:
// its lease runs until the next try, which reads that DC again. A refusal of the new plan would claim that nothing was
// written, which nobody knows: it ends as failed, once nothing can land any more.
func (r *Runner) settleInDoubt(ctx context.Context, q Request, e *cause.Error) {
	t := Transition{ID: q.ID, From: Writing, To: Writing, Owner: q.Owner, What: "in doubt", Cause: &e.Cause}
	doubt := q.Doubt().asOf(r.now(), r.lease+r.landing)
	if until := doubt.newest().landsUntil(); e.Kind == cause.Waiting || until.After(r.now()) {
		t.Attempts, t.LeaseUntil = r.later(q.Attempts)
		if until.After(r.now()) && until.Before(*t.LeaseUntil) {
			t.LeaseUntil = &until
		}
		t.Intent, t.Restates = doubt.intent(), true
	} else {
		unknown := cause.Fail(cause.NotKept, "the outcome of an earlier write on %s is not known, and it cannot be planned again: %s", doubt.DC(), e.Cause.Message)
		t.To, t.What, t.Cause, t.Intent = Failed, "failed", &unknown.Cause, q.Intent
	}
	r.log.Warn("the outcome of a write is unknown", "request", q.ID, "dc", doubt.DC(), "error", e)
	r.put(ctx, t)
}

// errStore marks errors of the store during an attempt: without it nothing may be written.
var errStore = errors.New("the store did not answer")

// attempt is one try to write a request, with what it has learnt so far.
type attempt struct {
	*Runner
	request Request
	// readAt is when the holder was last asked for: what it shows says nothing of what came after that.
	readAt time.Time
	// hasSlot says that a slot of the pace was waited for and is not used yet.
	hasSlot bool
	// stopping is closed when the program stops: who only waits goes then.
	stopping <-chan struct{}
	// earlierLands is when a modify of an earlier request for the holder can land at the latest; zero where none can.
	earlierLands time.Time
	// isInDoubt says that a modify of an earlier request for the holder is in doubt.
	isInDoubt bool
	// before are the values that the holder's last write replaced: the cloud may show them still.
	before []address.Values
	// exists is the last answer that a value is there already, and on is the entry that the modify was made for.
	exists *ldapwriter.ExistsError
	on     ldapwriter.Entry
}

// run plans and writes until it is written, refused or has to wait.
func (a *attempt) run(ctx context.Context) error {
	if err := a.mustNotBurst(ctx); err != nil {
		return err
	}
	slips, conflicts := 0, 0
	for {
		err := a.once(ctx)
		a.exists = nil
		errors.As(err, &a.exists)
		var slipped *ldapwriter.SlippedError
		var unknown *ldapwriter.UnknownOutcomeError
		switch {
		case errors.Is(err, errWaited):
			continue
		case errors.As(err, &unknown):
			return cause.Wait(cause.DCUnavailable,
				"the connection to %s was lost while it wrote; it is read again as soon as it answers", unknown.DC).Because(err)
		case errors.As(err, &slipped):
			if slips++; slips >= maxSlips {
				return notKept(slipped)
			}
		case errors.Is(err, ldapwriter.ErrConflict):
			if conflicts++; conflicts >= maxConflicts {
				return cause.Wait(cause.DirectoryUnavailable,
					"somebody else is changing this holder just now; it is tried again by itself").Because(err)
			}
		default:
			return err
		}
		a.log.Info("the holder is planned again", "request", a.request.ID, "why", err)
	}
}

func notKept(slipped *ldapwriter.SlippedError) error {
	state := "what was written was taken back"
	if !slipped.TakenBack {
		state = "the holder keeps what the others wrote"
	}
	return cause.Fail(cause.NotKept, "edits of others slipped in between three times; %s. Asked for: %s; found: %s. Ask again when nobody else edits the holder",
		state, inWords(slipped.Want), inWords(slipped.Got))
}

func inWords(v address.Values) string {
	return fmt.Sprintf("mail %q, proxyAddresses %q", v.Mail, v.Proxies)
}

// once reads, plans, stores the intent, writes and stores the receipt.
func (a *attempt) once(ctx context.Context) error {
	entry, err := a.read(ctx)
	if err != nil {
		return err
	}
	doubt := a.request.Doubt()
	if doubt.Exists() && doubt.newest().Change.Stands(entry.Values) {
		return a.settleLanded(ctx, entry)
	}
	found, err := a.plan(ctx, entry)
	if err != nil {
		return a.undoubted(entry, err)
	}
	if a.dryRun && !(found.plan.Change.Empty() && doubt.Exists()) {
		return a.undoubted(entry, a.wouldWrite(entry, found))
	}
	if found.plan.Change.Empty() {
		return a.noteStanding(ctx, entry, found)
	}
	if err := a.refuseEqual(entry, found.plan.Change); err != nil {
		return a.undoubted(entry, err)
	}
	if err := a.mustHaveLanded(); err != nil {
		return a.undoubted(entry, err)
	}
	expectation := expect(found)
	if err := a.journal(ctx, entry, found, expectation); err != nil {
		return a.undoubted(entry, err)
	}
	receipt, err := a.directory.Write(ctx, ldapwriter.Job{Entry: entry, Change: found.plan.Change, Confirm: a.confirm})
	if err != nil {
		a.learn(err)
		a.on = entry
		if isNews(err) {
			return err
		}
		return a.undoubted(entry, err)
	}
	err = a.noteWritten(ctx, receipt, leftOf(expectation, found.plan.After, receipt.After), found.plan.Notes)
	if errors.Is(err, ErrStale) {
		a.late(receipt)
	}
	return err
}

// isNews says whether an error of Write tells that the holder has changed since it was read, or may have: what was read tells nothing of
// what landed then.
func isNews(err error) bool {
	var unknown *ldapwriter.UnknownOutcomeError
	var slipped *ldapwriter.SlippedError
	return errors.As(err, &unknown) || errors.As(err, &slipped) || errors.Is(err, ldapwriter.ErrConflict)
}

// refuseEqual refuses a change whose value the directory has said is there already, on a holder that nobody has changed since: that is
// no race, and would be answered so for ever.
func (a *attempt) refuseEqual(entry ldapwriter.Entry, c address.Change) error {
	if a.exists == nil || entry.DC != a.on.DC || entry.USNChanged != a.on.USNChanged || entry.USNChanged == 0 {
		return nil
	}
	value, stands := a.request.Address, "a value that the holder has"
	if a.exists.Equal != "" {
		value, stands = a.exists.Value.Address(), fmt.Sprintf("%q", a.exists.Equal)
	} else if len(c.Add) > 0 && value == "" {
		value = c.Add[0].Address()
	}
	return cause.Refuse(cause.EqualValue, "%s takes %s for the same value as %q, though they are two addresses; remove that one first, then ask again",
		entry.DC, stands, value)
}

// read reads the holder from the DC that this request may write to.
func (a *attempt) read(ctx context.Context) (ldapwriter.Entry, error) {
	prior, err := a.store.Prior(ctx, a.request.Object, a.request.ID, a.now().Add(-ldapwriter.Replicated))
	if err != nil {
		return ldapwriter.Entry{}, fmt.Errorf("%w: earlier writes: %w", errStore, err)
	}
	a.before, a.readAt = replaced(prior), a.now()
	a.earlierLands, a.isInDoubt = a.landsUntil(prior), prior.InDoubt != ""
	if doubt := a.request.Doubt(); doubt.Exists() {
		prior.InDoubt = doubt.DC()
	}
	return a.directory.Read(ctx, a.request.Object, prior)
}

// plan checks both sides and plans. After a crash, what the stored intent moved is looked after (address.Plan.Restore).
func (a *attempt) plan(ctx context.Context, entry ldapwriter.Entry) (assessment, error) {
	ask, err := a.ask(ctx)
	if err != nil {
		return assessment{}, err
	}
	if err := a.mustBeReleased(ctx); err != nil {
		return assessment{}, err
	}
	ref := cloudcheck.Ref{CloudID: a.request.CloudID, Holder: entry.Holder, Before: a.before}
	found, err := a.checks.assess(ctx, ref, ask, a.request.Doubt().changes())
	if err != nil {
		return found, err
	}
	a.request.CloudID = found.cloudID()
	return found, nil
}

// ask is what the request asks for, an undo with what the undone request wrote.
func (a *attempt) ask(ctx context.Context) (address.Ask, error) {
	ask := address.Ask{Action: a.request.Action, Address: a.request.Address, Allow: a.request.Allow}
	if ask.Action != address.Undo {
		return ask, nil
	}
	original, wrote, err := a.undone(ctx, a.request)
	switch {
	case err != nil:
	case a.request.takesBackLate():
		err = a.nobodyRestsOn(ctx, wrote, original, a.request)
	default:
		err = a.mustStillBeIts(ctx, a.request, original)
	}
	if err != nil {
		return ask, err
	}
	ask.Undo, ask.UndoBefore = &wrote.Change, &wrote.Before
	return ask, nil
}

// mustBeReleased makes a request wait for our own removal of its address elsewhere: moved in one sync cycle, an address
// gets stuck.
func (a *attempt) mustBeReleased(ctx context.Context) error {
	other, err := a.store.Releasing(ctx, a.request.ID)
	if err != nil {
		return fmt.Errorf("%w: claims: %w", errStore, err)
	}
	if other == nil {
		return nil
	}
	return cause.Wait(cause.AddressReleasing, "request %s takes the address away from %s first, and the cloud has not shown that yet; this one goes on by itself then", other.ID, other.Holder).
		WithConflict(other.conflict())
}

// mustHaveLanded makes the holder's next modify wait for one whose answer was lost, until that one can land no more: an address that it
// gives would come back after a later request took it away.
func (a *attempt) mustHaveLanded() error {
	until, dc := a.earlierLands, "a server"
	if doubt := a.request.Doubt(); doubt.Exists() && doubt.newest().landsUntil().After(until) {
		until, dc = doubt.newest().landsUntil(), doubt.newest().DC
	}
	if !until.After(a.readAt) {
		return nil
	}
	return cause.Wait(cause.DCUnavailable, "the answer to a modify on %s was lost, and it may still arrive there until %s; what is to be written is written after that",
		dc, until.UTC().Format(time.RFC3339))
}

// landsUntil is when what earlier requests sent can land at the latest. What stands there already, and could land later than anything
// can, was noted before the clock was set back: nobody waits for that jump.
func (a *attempt) landsUntil(prior ldapwriter.Prior) (latest time.Time) {
	farthest := a.readAt.Add(a.lease + a.landing)
	for _, r := range prior.Receipts {
		if r.LandsUntil.After(latest) && !r.LandsUntil.After(farthest) {
			latest = r.LandsUntil
		}
	}
	return latest
}

// undoubted forgets the modifies that the DC shows not to have landed.
func (a *attempt) undoubted(entry ldapwriter.Entry, err error) error {
	a.request.Intent = a.request.Doubt().seen(entry, a.readAt).intent()
	return err
}

// journal stores the intent: without it no modify is sent. The store does not take it while all writing is stopped, nor
// over a cap.
func (a *attempt) journal(ctx context.Context, entry ldapwriter.Entry, found assessment, e cloudcheck.Expectation) error {
	if err := a.keepPace(ctx); err != nil {
		return err
	}
	now := a.now()
	until := now.Add(a.lease)
	intent := *a.request.Doubt().with(Intent{DC: entry.DC, Before: entry.Values, Change: found.plan.Change, USNChanged: entry.USNChanged, Sent: true, At: now,
		Until: Instant(until.Add(-a.lease / leaseMargin).Add(a.landing)), Expectation: e}).intent()
	stored, err := a.store.Advance(ctx, Transition{ID: a.request.ID, From: Writing, To: Writing, Owner: a.request.Owner, Now: now,
		What: "intent", Detail: intent, Intent: &intent, LeaseUntil: &until, CloudID: a.request.CloudID, Spend: a.spend(entry, intent.Change)})
	if err != nil {
		return a.stopped(ctx, err)
	}
	a.request = stored
	return nil
}

// confirm stops a modify whose lease is nearly over: somebody else may take the request over.
func (a *attempt) confirm(context.Context) error {
	if a.request.LeaseUntil.Sub(a.now()) < a.lease/leaseMargin {
		return fmt.Errorf("the lease is nearly over: %w", ErrStale)
	}
	return nil
}

// learn notes what an error of Write says of the modify. An unknown outcome leaves a doubt, and so does a modify that somebody built on.
// All else means that nothing of it stands: then what is known is what was known before, also the doubt about an earlier modify, which
// may be the one that was faster.
func (a *attempt) learn(err error) {
	var unknown *ldapwriter.UnknownOutcomeError
	var slipped *ldapwriter.SlippedError
	switch doubt := a.request.Doubt(); {
	case errors.As(err, &unknown) && unknown.TakingBack:
		a.request.Intent = doubt.takenBack(a.now().Add(a.landing)).intent()
	case errors.As(err, &unknown):
		a.request.Intent = doubt.landsBy(a.now().Add(a.landing)).intent()
	case errors.As(err, &slipped) && slipped.Remains:
		a.request.Intent = doubt.landsBy(a.now()).intent()
	default:
		a.request.Intent = doubt.answered().intent()
	}
}
