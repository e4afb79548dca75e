package queue

import (
	"context"
	"slices"
	"time"

	"github.com/aliasd/aliasd/cause"
)

const (
	// reserveUnits is what a sweep spends at most, though the tenant's limit is near, on those who have waited too long: little
	// of the 3,500 to 8,000 units that an application has in ten seconds, and enough for 4 holders at the highest price.
	reserveUnits = 100
	// crowdedTicks is how many sweeps in a row others may leave no room until those who have waited too long are told.
	crowdedTicks = 5
)

// isLate says that a holder was left alone for longer than one is, or that somebody asked for it.
func (v visit) isLate(now time.Time) bool { return v.urgent || now.Sub(v.waitsSince()) >= maxRest }

// takeLate takes those out of what is carried who have waited too long.
func (p *pass) takeLate() (late []visit) {
	all := p.carried
	p.carried = nil
	for _, v := range all {
		if v.isLate(p.now()) {
			late = append(late, v)
			p.done.Carried -= len(v.seqs)
		} else {
			p.carried = append(p.carried, v)
		}
	}
	return late
}

// tellCrowded says on the requests that have waited too long, now and then, why nobody looks at them; past its deadline that
// ends the wait of a request like any other failure.
func (p *pass) tellCrowded(ctx context.Context) error {
	now := p.now()
	late := slices.DeleteFunc(p.takeLate(), func(v visit) bool {
		recently := now.Sub(v.told) < maxRest
		if recently {
			p.carry(v)
		}
		return recently
	})
	for i := range late {
		late[i].told = now
		if late[i].failing.IsZero() {
			late[i].failing = late[i].waitsSince()
		}
	}
	p.away = cause.Wait(cause.Throttled,
		"in the last %d sweeps other applications used up what Microsoft Graph allows the tenant, so aliasd asks for little meanwhile and has not come to this one; find the application that reads so much (Entra admin center, service principal sign-ins)", p.agenda.crowded)
	for page := range slices.Chunk(late, sweepPage) {
		if err := p.visit(ctx, page); err != nil {
			return err
		}
	}
	return nil
}

// noteCrowded counts the sweeps that others left no room.
func (a *agenda) noteCrowded(crowded bool) {
	a.crowded++
	if !crowded {
		a.crowded = 0
	}
}
