package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
)

// expect is what the cloud must show, with what is needed to believe it later.
func expect(a assessment) cloudcheck.Expectation {
	return cloudcheck.Expectation{
		Wants:        a.plan.Wants,
		ShownAtWrite: a.snapshot.Object.Shows(a.plan.Wants),
		SyncAtWrite:  a.snapshot.Tenant.LastSync,
	}
}

// leftOf is an expectation without the addresses that stood there as we wrote them and that somebody has removed by the read-back: an alias
// that we made of the old primary (ldapwriter.Slipped). The cloud will not have them.
func leftOf(e cloudcheck.Expectation, wrote, now address.Values) cloudcheck.Expectation {
	e.Wants = slices.DeleteFunc(slices.Clone(e.Wants), func(w address.Want) bool {
		return w.Role != address.RoleAbsent && len(wrote.Proxies.Find(w.Address)) > 0 && len(now.Proxies.Find(w.Address)) == 0
	})
	return e
}

// settleLanded deals with a modify whose answer was never had and that the directory shows, all of it. What somebody did
// meanwhile counts as behind any other modify: a second primary makes it taken back and planned again, once it can land no more: what
// shows may be somebody else's, and ours would come after it was taken back. A dry run takes nothing back: the doubt stays.
func (a *attempt) settleLanded(ctx context.Context, entry ldapwriter.Entry) error {
	i := a.request.Doubt().newest()
	if i.TakenBack { // what shows may be taken back yet
		if err := a.mustHaveLanded(); err != nil {
			return err
		}
	}
	slip := ldapwriter.Slipped(i.Before, i.Change, entry.Values)
	receipt := ldapwriter.Receipt{DC: entry.DC, USNChanged: entry.USNChanged, Before: i.Before, After: entry.Values, Change: i.Change, At: a.now(),
		Stamps: entry.Stamps}
	if until := i.landsUntil(); until.After(a.readAt) {
		receipt.LandsUntil = Instant(until)
	}
	switch {
	case slip != "" && a.dryRun:
		return cause.Wait(cause.DryRun, "this is a dry run, which writes nothing; an earlier write on %s would be taken back, for %s", entry.DC, slip)
	case slip != "":
		err := errors.Join(a.mustHaveLanded(), a.mustNotBePaused(ctx))
		if err != nil {
			return err
		}
		entry.Values = i.Before
		if receipt, err = a.directory.Write(ctx, ldapwriter.Job{Entry: entry, Change: i.Change, Landed: true, Confirm: a.confirm}); err != nil {
			a.learn(err)
			return err
		}
	}
	return a.noteWritten(ctx, receipt, leftOf(i.Expectation, i.Change.Onto(i.Before), receipt.After), nil)
}

// mustNotBePaused keeps what is no new modify from being taken back while all writing is stopped.
func (a *attempt) mustNotBePaused(ctx context.Context) error {
	since, by, err := a.store.Paused(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("%w: the stop switch: %w", errStore, err)
	case !since.IsZero():
		return pausedBy(by, since)
	}
	return nil
}

// noteStanding stores that the directory shows already what was asked for. Where an earlier modify of it may have brought that
// about, it counts as written. Where an earlier request's may have, the next DC has to show this one.
func (a *attempt) noteStanding(ctx context.Context, entry ldapwriter.Entry, found assessment) error {
	if err := a.mustHaveLanded(); err != nil {
		return err
	}
	isOwn := a.request.Doubt().Exists()
	receipt := ldapwriter.Receipt{DC: entry.DC, USNChanged: entry.USNChanged, Before: entry.Values, After: entry.Values, At: a.now(),
		Doubted: isOwn || a.isInDoubt}
	if receipt.Doubted {
		receipt.Stamps = entry.Stamps
	}
	if isOwn {
		return a.noteWritten(ctx, receipt, expect(found), found.plan.Notes)
	}
	why := "nothing had to be written: " + found.standing
	waits := cause.Wait(cause.NotSyncedYet, "%s; the cloud is looked at next, and nothing is to be done", why)
	return a.advance(ctx, Transition{What: "nothing to write", Receipt: &receipt, Notes: append(found.plan.Notes, why), Cause: &waits.Cause}, expect(found))
}

// noteWritten stores the receipt; from now on the cloud is waited for.
func (a *attempt) noteWritten(ctx context.Context, receipt ldapwriter.Receipt, e cloudcheck.Expectation, notes []string) error {
	waits := cause.Wait(cause.NotSyncedYet, "%s is written on-premises on %s, and the cloud shows it after the next sync at the earliest; nothing is to be done",
		a.request.words(), receipt.DC)
	return a.advance(ctx, Transition{What: "written", Receipt: &receipt, Notes: notes, Cause: &waits.Cause}, e)
}

// advance stores what t says of a request that stands in the directory now.
func (a *attempt) advance(ctx context.Context, t Transition, e cloudcheck.Expectation) error {
	none, soon, receipt := 0, a.now(), *t.Receipt
	receipt.Before, receipt.After = readable(receipt.Before), readable(receipt.After)
	t.Receipt = &receipt
	t.ID, t.From, t.To, t.Owner, t.Now = a.request.ID, Writing, Written, a.request.Owner, soon
	t.Detail, t.Expectation, t.Intent = receipt, &e, a.request.Intent
	t.Supersedes, t.UndoneID, t.CloudID = a.touches(receipt), a.request.takesBack(), a.request.CloudID
	t.Attempts, t.NotBefore, t.LastSyncSeen = &none, &soon, &e.SyncAtWrite
	// The write is done: its receipt is stored even when the time for the attempt is over. The guard decides.
	written, err := a.store.Advance(context.WithoutCancel(ctx), t)
	if errors.Is(err, ErrStale) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: receipt: %w", errStore, err)
	}
	a.observer.RequestWritten(written.WrittenAt.Sub(written.CreatedAt))
	a.log.Info("the request stands on-premises", "request", written.ID, "holder", written.Holder, "action", written.Action,
		"address", written.Address, "dc", receipt.DC, "usn_changed", receipt.USNChanged, "wrote", !written.WroteNothing())
	return nil
}

// readable is values in which bytes that are no text are replaced (U+FFFD): somebody put such a value beside ours, and no store keeps it as it is.
func readable(v address.Values) address.Values {
	kept := address.Values{Mail: strings.ToValidUTF8(v.Mail, "\uFFFD")}
	for _, p := range v.Proxies {
		kept.Proxies = append(kept.Proxies, address.Proxy(strings.ToValidUTF8(string(p), "\uFFFD")))
	}
	return kept
}

// touches are the addresses on which this request is the last word: what its change touched, and what it asked for, though
// nothing had to be written.
func (a *attempt) touches(receipt ldapwriter.Receipt) []address.Key {
	var keys []address.Key
	for _, addr := range receipt.Change.Addresses() {
		keys = append(keys, addr.Key())
	}
	if asked := a.request.Address.Key(); asked != "" && !slices.Contains(keys, asked) {
		keys = append(keys, asked)
	}
	return keys
}
