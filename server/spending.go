package server

import (
	"context"
	"time"

	"github.com/aliasd/aliasd/server/token"
	"github.com/aliasd/aliasd/share"
)

const (
	// spendingBurst is how many seconds' worth of units may be spent at once.
	spendingBurst = 10
	// setAside is what a read is thought to cost before it is made.
	setAside = 10
	// readsAtOnce is how many reads by people are made at a time; turnPatience is how long others wait for their turn.
	readsAtOnce  = 4
	turnPatience = 10 * time.Second
)

// spending bounds what reads by people (explain, validate) cost the tenant and the directory: all together, those of one token, and
// those for one person. What they cost is known afterwards; who has spent more than there was waits until it is paid.
type spending struct {
	tokens  *keyed[token.Hash]
	persons *keyed[person]
	all     *share.Bucket
	// room says how long writes and sweeps need Microsoft Graph for themselves; 0: not now.
	room  func() time.Duration
	turns chan struct{}
}

// person is whom a caller asks for.
type person struct {
	token token.Hash
	name  string
}

func newSpending(o Options) *spending {
	room := o.Room
	if room == nil {
		room = func() time.Duration { return 0 }
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	u := o.Rates.Units
	return &spending{
		tokens:  newKeyed[token.Hash](u.Token, int(spendingBurst*u.Token), maxKnown, now),
		persons: newKeyed[person](u.Person, int(spendingBurst*u.Person), maxKnown, now),
		all:     share.NewBucket(u.All, spendingBurst*u.All, now),
		room:    room, turns: make(chan struct{}, readsAtOnce),
	}
}

// read makes a read for a caller, who may ask for somebody, when its turn has come. The local administrator's token is bounded with
// all others together only.
func (s *spending) read(ctx context.Context, c caller, requester string, do func(context.Context) error) error {
	who := person{c.hash, requester}
	if err := s.refuse(c, who); err != nil {
		return err
	}
	if err := s.wait(ctx); err != nil {
		return err
	}
	defer func() { <-s.turns }()
	if err := s.refuse(c, who); err != nil {
		return err
	}
	s.spend(c, who, setAside)
	tally := &share.Tally{}
	defer func() { s.spend(c, who, tally.Cost()-setAside) }()
	return do(share.WithTally(ctx, tally))
}

// wait waits for a turn.
func (s *spending) wait(ctx context.Context) error {
	over := time.NewTimer(turnPatience)
	defer over.Stop()
	select {
	case s.turns <- struct{}{}:
		return nil
	case <-over.C:
		return tooMany(TooCostly, "Too many callers have holders looked up; nothing was looked up. Try again when Retry-After has passed.", time.Second)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refuse says who has spent too much, and until when.
func (s *spending) refuse(c caller, who person) error {
	const after = " Nothing was looked up; wait as long as Retry-After says."
	if wait := s.room(); wait > 0 {
		return tooMany(TooCostly, "Writes and checks need what Microsoft Graph allows just now, and go first."+after, wait)
	}
	if wait := s.all.Wait(); wait > 0 {
		return tooMany(TooCostly, "All callers together had holders looked up for more than reads may cost Microsoft Graph and the directory."+after, wait)
	}
	if c.local {
		return nil
	}
	if wait := s.tokens.wait(c.hash); wait > 0 {
		return tooMany(TooCostly, "This token had holders looked up for more than it may cost Microsoft Graph and the directory."+after, wait)
	}
	if wait := s.persons.wait(who); wait > 0 && who.name != "" {
		return tooMany(TooCostly, "This requester had holders looked up for more than one person may cost Microsoft Graph and the directory."+after, wait)
	}
	return nil
}

func (s *spending) spend(c caller, who person, units int) {
	s.all.Spend(float64(units))
	if c.local {
		return
	}
	s.tokens.spend(c.hash, units)
	if who.name != "" {
		s.persons.spend(who, units)
	}
}
