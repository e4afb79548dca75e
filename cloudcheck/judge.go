package cloudcheck

import (
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// stoppedAfter is how many cycles the last sync may be old before the sync counts as stopped; movesNeeded how often the
// organization's last sync has to move since a write until a whole cycle surely began after it.
const (
	stoppedAfter = 3
	movesNeeded  = 2
)

// timing is how long things take in a tenant.
type timing struct {
	cycle time.Duration // of the sync engine
	grace time.Duration // for the calculation, which is asynchronous
}

// evidence is what a verdict rests on: one case, and both sides as they stand now.
type evidence struct {
	Case
	tenant Tenant
	object *Object // nil: not in the cloud
	now    time.Time
	timing timing
	// lastSync and moves are the sweeps' memory with this sweep counted in.
	lastSync time.Time
	moves    int
	// missing are the wants that the cloud does not show.
	missing []address.Want
	// gone says that the holder is not in the directory any more; lost is a want that the directory had after the write
	// and has no longer, nil where it has them all.
	gone bool
	lost *address.Want
}

// ruling is a verdict, and the address whose other holder would explain it better ("" where none would).
type ruling struct {
	Verdict
	evidence evidence
	disputed address.Address
}

// judge says what one case has come to. It is pure.
func judge(c Case, t Tenant, o *Object, now time.Time, timing timing) ruling {
	e := gather(c, t, o, now, timing)
	r := ruling{evidence: e}
	r.LastSyncSeen, r.SyncMoves = e.lastSync, e.moves
	r.Seen = seen(o, now)
	if e.proven() {
		r.Outcome = Verified
		return r
	}
	r.Outcome, r.Cause, r.disputed = e.unproven()
	return r
}

func gather(c Case, t Tenant, o *Object, now time.Time, timing timing) evidence {
	e := evidence{Case: c, tenant: t, object: o, now: now, timing: timing}
	e.lastSync, e.moves = countMoves(c, t.LastSync, now)
	e.missing = o.missing(c.Expectation.Wants)
	e.gone = goneFromDirectory(c.OnPremErr)
	e.lost = lostOnPremises(c)
	return e
}

func seen(o *Object, now time.Time) *Seen {
	if o == nil {
		return &Seen{CheckedAt: now}
	}
	return &Seen{ID: o.ID, Values: o.Values, CheckedAt: now}
}

// countMoves notes whether the organization's last sync moved since the last sweep. A move counts only when it lies
// after the write; several between two sweeps count as one.
func countMoves(c Case, lastSync, now time.Time) (time.Time, int) {
	before := c.LastSyncSeen
	if before.IsZero() {
		before = c.Expectation.SyncAtWrite
	}
	if !lastSync.After(before) {
		return before, c.SyncMoves
	}
	if lastSync.After(c.writtenBy(now)) {
		return lastSync, c.SyncMoves + 1
	}
	return lastSync, c.SyncMoves
}

func goneFromDirectory(err error) bool {
	e, ok := cause.As(err)
	return ok && e.Cause.Code == cause.UnknownHolder
}

// lostOnPremises finds a want that stood on-premises right after the write and does not any more. What stood there only
// by implication (an address out of the UPN, say) is not asked of the directory.
func lostOnPremises(c Case) *address.Want {
	if c.OnPremErr != nil {
		return nil
	}
	for _, w := range c.Expectation.Wants {
		if stands(c.After, w) && !stands(c.Ref.Holder.Values, w) {
			return &w
		}
	}
	return nil
}

// proven: the cloud shows it since a sync after the write, the directory still has it, and where the cloud showed it before the
// write already, a whole sync cycle ran since and it stayed. That a sync ran is told by the tenant's own times alone, whatever this
// machine's clock said at the write; where the tenant tells none, the sighting has to do. Before any sync, a sighting may be of a
// replica that lags, and show what had been there once. A holder that was in the cloud and is not found there any more proves nothing,
// not even that an address is gone; nor does a contact that is not found: it is known by its addresses alone, and may be there under
// older ones.
func (e evidence) proven() bool {
	unfound := e.object == nil && (e.Ref.CloudID != "" || e.Ref.Holder.Kind == address.Contact)
	if unfound || len(e.missing) > 0 || e.lost != nil || e.Case.OnPremErr != nil {
		return false
	}
	if e.Expectation.ShownAtWrite {
		return e.moves >= movesNeeded
	}
	return e.tenant.LastSync.IsZero() || e.tenant.LastSync.After(e.Expectation.SyncAtWrite) || e.moves > 0 || e.synced()
}

// unproven finds out why not: a contradiction, but only once a sync ran since the write, else what is waited for.
func (e evidence) unproven() (Outcome, *cause.Cause, address.Address) {
	if e.synced() {
		for _, contradiction := range contradictions() {
			if found, disputed := contradiction(e); found != nil {
				return Contradicted, found, disputed
			}
		}
	}
	waiting := e.waiting()
	if e.pastDeadline() {
		return Contradicted, Overdue(e.Deadline, waiting), ""
	}
	return NotYet, waiting, ""
}

// synced says that a sync ran since the write, by the organization's stamp or by the holder's own.
func (e evidence) synced() bool {
	return syncedAfter(e.writtenAt(), e.tenant, e.object)
}

// writtenAt is when the write was made, by this machine's clock; but not before the sync that was seen then. A clock that was
// behind must not take an earlier sync for a later one. Where a clock that was ahead noted it, a move that was counted tells that a
// sync ran since.
func (e evidence) writtenAt() time.Time {
	at := e.writtenBy(e.now)
	if e.Expectation.SyncAtWrite.After(at) || notedAhead(e.WrittenAt, e.now) && e.moves > 0 {
		return e.Expectation.SyncAtWrite
	}
	return at
}

// settled says that a whole cycle and the calculation after it had their time: what the cloud shows now is meant.
func (e evidence) settled() bool {
	return e.moves >= movesNeeded && e.now.Sub(e.Expectation.Began(e.WrittenAt, e.now)) >= e.timing.grace
}

func (e evidence) pastDeadline() bool {
	return !e.Deadline.IsZero() && e.now.After(e.Deadline)
}
