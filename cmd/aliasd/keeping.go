package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue/eventlog"
	"github.com/aliasd/aliasd/queue/store"
)

// logKeeping is when the daemon looks after the event log: every night, before the first report.
const logKeeping = "17 3 * * *"

// keepLog verifies the event log and logs its head, so that whoever collects the daemon's log has it elsewhere; then it removes what is
// older than retention.days. Nothing is removed from a log that does not hold, nor by a clock that is ahead of the tenant's.
func (d *daemon) keepLog(ctx context.Context) error {
	if holds, err := d.verifyLog(ctx); err != nil || !holds {
		return err
	}
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

// mustHold refuses a store that is not as aliasd wrote it, as far as that shows without reading all of its log.
func (p parts) mustHold(ctx context.Context) error {
	found, err := p.store.Glance(ctx)
	if err != nil {
		return err
	}
	if found.SchemaUnknown != "" {
		p.log.Warn("the schema of the store is not compared with aliasd's", "why", found.SchemaUnknown)
	}
	return found.Err()
}

// verifyAll looks, beside the work that has begun, at all that the start left out.
func (d *daemon) verifyAll(ctx context.Context) {
	if _, err := d.verifyLog(ctx); err != nil && ctx.Err() == nil {
		d.log.Warn("the event log could not be verified after the start; it is verified at night", "error", err)
	}
}

// verifyLog verifies the event log and the rows, and logs what it found.
func (d *daemon) verifyLog(ctx context.Context) (holds bool, err error) {
	found, err := d.store.Verify(ctx, eventlog.Check{})
	if err != nil {
		return false, err
	}
	if !found.OK() {
		d.logBroken(found)
		return false, nil
	}
	d.log.Info("the event log holds", "entries", found.Entries, "removed", found.Removed, "requests", found.Requests, "head", found.Head.String())
	return true, nil
}

func (d *daemon) logBroken(found eventlog.Result) {
	if b := found.Break; b != nil {
		d.log.Error("the event log does not hold; aliasd log verify says more", "code", cause.StoreAltered, "entry", b.ID, "kind", b.Kind, "found", b.Message)
		return
	}
	d.log.Error("the store is not what the event log says of it; aliasd log verify names all that differs", "code", cause.StoreAltered,
		"findings", found.Odd, "found", found.Findings[0])
}
