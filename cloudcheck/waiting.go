package cloudcheck

import (
	"fmt"
	"time"

	"github.com/aliasd/aliasd/cause"
)

// delay is a change on-premises that the cloud does not show, though nothing contradicts it.
type delay struct {
	name string // of the holder
	// stands and stood say what happened on-premises, as it is and as it was at a time; since begins when it happened.
	stands, stood, since string
	at                   time.Time
	// wanted says in words what is to arrive, shown what the cloud has instead.
	wanted, shown string
	tenant        Tenant
	object        *Object
	now           time.Time
	timing        timing
}

// waiting says what a case that nothing contradicts still waits for.
func (e evidence) waiting() *cause.Cause {
	d := delay{name: e.name(), at: e.writtenAt(), wanted: e.wanted(), shown: e.shown(), since: e.since(),
		stands: e.name() + " is written on-premises", stood: e.name() + " was written on-premises at " + stamp(e.WrittenAt),
		tenant: e.tenant, object: e.object, now: e.now, timing: e.timing}
	if e.Unwritten {
		d.stands = "nothing had to be written on-premises for " + e.name()
		d.stood = d.stands + " at " + stamp(e.WrittenAt)
	}
	if len(e.missing) == 0 && d.synced() && !d.syncIsOff() && !d.syncIsStale() {
		return e.notSure()
	}
	return d.waiting()
}

// since names the moment from which the cloud is watched.
func (e evidence) since() string { return e.had("the write", "the look at the directory") }

// waiting says what a delayed change waits for.
func (d delay) waiting() *cause.Cause {
	switch {
	case d.syncIsOff():
		return d.syncOff()
	case d.tenant.LastSync.IsZero() && !d.synced():
		return d.syncUnknown()
	case d.syncIsStale():
		return d.syncStale()
	case !d.synced():
		return d.notSynced()
	}
	return d.notCalculated()
}

// synced says that a sync ran since the change, by the organization's stamp or by the holder's own.
func (d delay) synced() bool { return syncedAfter(d.at, d.tenant, d.object) }

func syncedAfter(at time.Time, t Tenant, o *Object) bool {
	return t.LastSync.After(at) || o != nil && o.LastSync.After(at)
}

func (d delay) syncIsOff() bool {
	return d.tenant.SyncEnabled != nil && !*d.tenant.SyncEnabled
}

// syncIsStale: the last sync is older than three cycles. An unknown stamp is unknown, not old.
func (d delay) syncIsStale() bool {
	return !d.tenant.LastSync.IsZero() && d.now.Sub(d.tenant.LastSync) > stoppedAfter*d.timing.cycle
}

// SyncStopped is why an earlier change of a holder does not arrive before a write, where no sync runs that would bring it; nil where one
// does, as far as the tenant tells. cycle is the sync engine's.
func SyncStopped(holder string, t Tenant, now time.Time, cycle time.Duration) *cause.Cause {
	d := delay{name: holder, stands: "an earlier change of " + holder + " has to arrive in the cloud first", wanted: "it", tenant: t, now: now, timing: timing{cycle: cycle}}
	switch {
	case d.syncIsOff():
		return d.syncOff()
	case d.syncIsStale():
		return d.syncStale()
	}
	return nil
}

func (d delay) syncOff() *cause.Cause {
	return say(cause.SyncStopped,
		"%s, but directory synchronisation is switched off in the tenant (onPremisesSyncEnabled is false), so %s does not arrive; switch it on again",
		d.stands, d.wanted)
}

func (d delay) syncStale() *cause.Cause {
	return say(cause.SyncStopped,
		"%s, but the tenant was last synchronised at %s, more than %d cycles of %s ago, so %s does not arrive; look at the sync server (Get-ADSyncScheduler: is it enabled, suspended, or in staging mode?)",
		d.stands, stamp(d.tenant.LastSync), stoppedAfter, lasting(d.timing.cycle), d.wanted)
}

func (d delay) syncUnknown() *cause.Cause {
	return say(cause.NotSyncedYet,
		"%s, but the tenant does not tell when it was last synchronised (onPremisesLastSyncDateTime is empty), so nobody can say whether %s should have arrived; grant the application Organization.Read.All, or start the first sync",
		d.stands, d.wanted)
}

func (d delay) notSynced() *cause.Cause {
	order := "before that"
	if stamp(d.at) == stamp(d.tenant.LastSync) { // the stamp has whole seconds
		order = "in the same second, which does not count yet"
	}
	return say(cause.NotSyncedYet,
		"%s, and the tenant was last synchronised at %s, %s; nothing is to be done, %s arrives with the next sync",
		d.stood, stamp(d.tenant.LastSync), order, d.wanted)
}

func (d delay) notCalculated() *cause.Cause {
	return say(cause.NotCalculatedYet,
		"a sync ran since %s, and the cloud shows %s for %s where %s is asked for; its calculation runs on its own time, nothing is to be done yet",
		d.since, d.shown, d.name, d.wanted)
}

func (e evidence) notSure() *cause.Cause {
	if e.Unwritten {
		return say(cause.NotCalculatedYet,
			"nothing had to be written for %s, and the cloud shows %s already; that counts once the sync has run %d times since the look at the directory (so far: %d); nothing is to be done",
			e.name(), e.wanted(), movesNeeded, e.moves)
	}
	return say(cause.NotCalculatedYet,
		"the cloud shows %s for %s, but showed it before the write too, so it counts once the sync has run %d times since (so far: %d); nothing is to be done",
		e.wanted(), e.name(), movesNeeded, e.moves)
}

// Overdue ends a wait that took longer than until its deadline. What was waited for stays in the sentence.
func Overdue(deadline time.Time, waiting *cause.Cause) *cause.Cause {
	return say(cause.Deadline, "not there in time (the deadline was %s): %s; it is looked at every hour for a week, or at once on recheck",
		stamp(deadline), waiting.Message)
}

// lasting gives whole minutes as people write them, "30 min".
func lasting(d time.Duration) string {
	if d > 0 && d%time.Minute == 0 {
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return d.String()
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }
