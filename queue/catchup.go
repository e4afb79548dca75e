package queue

import (
	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// syncDue says whether the cloud has still to catch up with the last change of a holder's addresses: no sync ran since, or one did but
// the calculation after it may not be through.
func (c checks) syncDue(h address.Holder, t cloudcheck.Tenant) bool {
	lastSync, changed := t.LastSync, h.AddressesSince()
	if lastSync.IsZero() {
		return false
	}
	if changed.After(lastSync) {
		return true
	}
	arrivedWithLastSync := lastSync.Sub(changed) < c.syncInterval
	return arrivedWithLastSync && t.Time(c.now()).Sub(lastSync) < c.grace
}

// sayWhoEndsIt adds to a wait for the cloud to catch up what it rests on and who can end it; where no sync runs, that is the reason. Other
// errors are given as they are.
func (c checks) sayWhoEndsIt(err error, h address.Holder, t cloudcheck.Tenant) error {
	wait, ok := cause.As(err)
	if !ok || wait.Cause.Code != cause.NotSyncedYet {
		return err
	}
	if stopped := cloudcheck.SyncStopped(h.Called(), t, t.Time(c.now()), c.syncInterval); stopped != nil {
		return cause.Wait(stopped.Code, "%s", stopped.Message).Because(err)
	}
	what, unless := "its addresses were", ""
	if h.AddressesChanged.IsZero() {
		what, unless = "something of it was", "; if that was no address, let the account read replPropertyMetaData, which tells"
	}
	return cause.Wait(cause.NotSyncedYet, "%s; %s last changed at %s, and who runs the sync can bring the next one forward (Start-ADSyncSyncCycle)%s",
		wait.Cause.Message, what, h.AddressesSince().UTC().Format(stampForm), unless).Because(err)
}

// stampForm is how a time stands in a sentence.
const stampForm = "2006-01-02 15:04:05 MST"
