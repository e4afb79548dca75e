package main

import (
	"context"
	"fmt"
	"time"
)

// byMigration is who stopped all writing on a store that was migrated.
const byMigration = "aliasd migrate"

// mindTheSwitch stops all writing where the daemon shall begin so, and says who stopped it where it is stopped already. A store
// that was migrated is refused: what is open in it is written from where it went, and must not be written twice.
func (p parts) mindTheSwitch(ctx context.Context, stop bool) error {
	since, by, err := p.store.Paused(ctx)
	switch {
	case err != nil:
		return err
	case by == byMigration && !stop:
		return fmt.Errorf("this store was migrated at %s, and its requests are written from where they went; set database in the settings, "+
			"or go on with this one all the same: aliasd run --paused, then aliasd resume", since.UTC().Format(time.RFC3339))
	case !since.IsZero():
		p.log.Warn("all writing is stopped; it goes on after aliasd resume", "by", by, "since", since)
		return nil
	case stop:
		p.log.Warn("all writing is stopped from the start; it goes on after aliasd resume")
		return p.store.SetPaused(ctx, true, "run --paused", p.now())
	}
	return nil
}
