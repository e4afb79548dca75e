package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aliasd/aliasd/queue/eventlog"
	"github.com/aliasd/aliasd/queue/store"
)

// logKeeping is when the daemon looks after the event log: every night, before the first report.
const logKeeping = "17 3 * * *"

// keepLog verifies the event log and logs its head, so that whoever collects the daemon's log has it elsewhere; then it removes what is
// older than retention.days. Nothing is removed from a log that does not hold, nor by a clock that is ahead of the tenant's.
func (d *daemon) keepLog(ctx context.Context) error {
	found, err := d.store.Verify(ctx, eventlog.Check{})
	if err != nil {
		return err
	}
	if !found.OK() {
		d.logBroken(found)
		return nil
	}
	d.log.Info("the event log holds", "entries", found.Entries, "removed", found.Removed, "requests", found.Requests, "head", found.Head.String())
	days := d.settings.Retention.Days
	if days == 0 {
		return nil
	}
	survey := d.checker.Survey(ctx)
	if survey.Err != nil {
		return fmt.Errorf("old requests are removed by the tenant's clock, which cannot be asked: %w", survey.Err)
	}
	now := survey.Tenant.Time(d.now())
	done, err := d.store.Prune(ctx, store.Pruning{Before: now.Add(-time.Duration(days) * 24 * time.Hour), By: "retention.days", Now: now})
	if err != nil || done.Requests == 0 {
		return err
	}
	d.log.Info("old requests are removed", "requests", done.Requests, "entries", done.Entries, "days", days)
	return nil
}

func (d *daemon) logBroken(found eventlog.Result) {
	if b := found.Break; b != nil {
		d.log.Error("the event log does not hold; aliasd log verify says more", "entry", b.ID, "kind", b.Kind, "found", b.Message)
		return
	}
	d.log.Error("requests are not what the event log says of them; aliasd log verify names them", "requests", found.Odd, "found", found.Err())
}
