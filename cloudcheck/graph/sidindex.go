package graph

import (
	"context"
	"strings"
	"time"

	"github.com/aliasd/aliasd/address"
)

// sidsFresh is how long the list of synchronised groups is good. What it leads to is read anew each time.
const sidsFresh = 2 * time.Minute

// bigPage is the largest page of groups and users (Graph reference).
const bigPage = 999

// sidIndex finds a group's cloud id by its on-premises SID, for which Graph's filters are not dependable. One reader reads
// for all.
type sidIndex struct {
	turn chan sidReading
}

type sidReading struct {
	ids map[string]string // SID in upper case → id
	at  time.Time
}

func newSIDIndex() *sidIndex {
	index := &sidIndex{turn: make(chan sidReading, 1)}
	index.turn <- sidReading{}
	return index
}

// ids gives the index, read anew when it is old. The question tells how the reading went.
func (x *sidIndex) ids(ctx context.Context, c *Client) (map[string]string, *question) {
	var last sidReading
	select {
	case last = <-x.turn:
	case <-ctx.Done():
		gaveUp := &question{of: groupsOf()}
		gaveUp.fail(c.explain(groupsArea(), context.Cause(ctx), note{}))
		return nil, gaveUp
	}
	defer func() { x.turn <- last }()
	if age := c.now().Sub(last.at); last.ids != nil && age >= 0 && age < sidsFresh {
		return last.ids, &question{of: groupsOf(), done: true}
	}
	reading := c.question(groupsOf(), query{
		filter: "onPremisesSyncEnabled eq true",
		fields: []string{"id", "onPremisesSecurityIdentifier"},
		top:    bigPage,
	})
	c.ask(ctx, []*question{reading})
	if reading.err != nil {
		return nil, reading
	}
	last = sidReading{ids: map[string]string{}, at: c.now()}
	for _, o := range reading.found {
		if o.Kind == address.Group && o.SID != "" {
			last.ids[strings.ToUpper(o.SID)] = o.ID
		}
	}
	return last.ids, reading
}
