package cloudcheck

import (
	"time"

	"github.com/aliasd/aliasd/cause"
)

// waiting says what a case that nothing contradicts still waits for.
func (e evidence) waiting() *cause.Cause {
	switch {
	case e.syncIsOff():
		return e.syncOff()
	case e.tenant.LastSync.IsZero() && !e.synced():
		return e.syncUnknown()
	case e.syncIsStale():
		return e.syncStale()
	case !e.synced():
		return e.notSynced()
	case len(e.missing) == 0:
		return e.notSure()
	}
	return e.notCalculated()
}

func (e evidence) syncIsOff() bool {
	return e.tenant.SyncEnabled != nil && !*e.tenant.SyncEnabled
}

// syncIsStale: the last sync is older than three cycles. An unknown stamp is unknown, not old.
func (e evidence) syncIsStale() bool {
	return !e.tenant.LastSync.IsZero() && e.now.Sub(e.tenant.LastSync) > stoppedAfter*e.timing.cycle
}

func (e evidence) syncOff() *cause.Cause {
	return say(cause.SyncStopped,
		"%s is written on-premises, but directory synchronisation is switched off in the tenant (onPremisesSyncEnabled is false), so %s does not arrive; switch it on again",
		e.name(), e.wanted())
}

func (e evidence) syncStale() *cause.Cause {
	return say(cause.SyncStopped,
		"%s is written on-premises, but the tenant was last synchronised at %s, more than %d cycles of %s ago, so %s does not arrive; look at the sync server (Get-ADSyncScheduler: is it enabled, suspended, or in staging mode?)",
		e.name(), stamp(e.tenant.LastSync), stoppedAfter, e.timing.cycle, e.wanted())
}

func (e evidence) syncUnknown() *cause.Cause {
	return say(cause.NotSyncedYet,
		"%s is written on-premises, but the tenant does not tell when it was last synchronised (onPremisesLastSyncDateTime is empty), so nobody can say whether %s should have arrived; grant the application Organization.Read.All, or start the first sync",
		e.name(), e.wanted())
}

func (e evidence) notSynced() *cause.Cause {
	return say(cause.NotSyncedYet,
		"%s was written on-premises at %s and the tenant was last synchronised at %s, before that; nothing is to be done, %s arrives with the next sync",
		e.name(), stamp(e.WrittenAt), stamp(e.tenant.LastSync), e.wanted())
}

func (e evidence) notSure() *cause.Cause {
	return say(cause.NotCalculatedYet,
		"the cloud shows %s for %s, but showed it before the write too, so it counts once the sync has run %d times since (so far: %d); nothing is to be done",
		e.wanted(), e.name(), movesNeeded, e.moves)
}

func (e evidence) notCalculated() *cause.Cause {
	return say(cause.NotCalculatedYet,
		"a sync ran since the write, and the cloud shows %s for %s where %s is asked for; its calculation runs on its own time, nothing is to be done yet",
		e.shown(), e.name(), e.wanted())
}

// overdue ends a wait that took too long. What it waited for stays in the sentence.
func (e evidence) overdue(waiting *cause.Cause) *cause.Cause {
	return say(cause.Deadline, "not there in time (the deadline was %s): %s; it is looked at every hour for a week, or at once on recheck",
		stamp(e.Deadline), waiting.Message)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }
