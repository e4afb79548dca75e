package main

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/graph"
	"github.com/aliasd/aliasd/server"
	"github.com/aliasd/aliasd/share"
)

const (
	// roomUnits are the resource units that all of a node's work may have cost Microsoft Graph within ten seconds before reads by
	// people have to wait: the smallest tenants have 3,500 for all nodes and apps with this registration.
	roomUnits = 2500
	// explainFresh is how long what the cloud said of a holder is shown again; maxExplains of how many it is kept.
	explainFresh = 5 * time.Second
	maxExplains  = 256
)

// readUnits are what explain and validate may cost on this node, in units per second.
func readUnits() server.Units { return server.Units{All: 60, Token: 30, Person: 15} }

// roomObserver counts what Microsoft Graph was asked for, whoever asked.
type roomObserver struct {
	graph.Observer
	room *share.Bucket
}

// Spent implements graph.Observer.
func (o roomObserver) Spent(units int) {
	o.Observer.Spent(units)
	o.room.Spend(float64(units))
}

// explainCache keeps for a few seconds what the cloud said of holders, for people who look again and again: those who ask for the same
// holder at the same time are answered by one look. No request is decided by it, and no refusal: validate and the write path look
// for themselves.
type explainCache struct {
	ask func(context.Context, cloudcheck.Ref) (cloudcheck.Explanation, error)
	now func() time.Time
	// fresh is how long a look is shown again after it ended.
	fresh time.Duration

	mu   sync.Mutex
	last map[address.GUID]*explaining
}

// explaining is one look at a holder, by the first who asked. done is closed when it has ended.
type explaining struct {
	ref  cloudcheck.Ref
	done chan struct{}
	x    cloudcheck.Explanation
	err  error
	at   time.Time
}

func newExplainCache(ask func(context.Context, cloudcheck.Ref) (cloudcheck.Explanation, error), fresh time.Duration, now func() time.Time) *explainCache {
	return &explainCache{ask: ask, now: now, fresh: cmp.Or(fresh, explainFresh), last: map[address.GUID]*explaining{}}
}

// of explains a holder as the directory shows it now. A look that failed answers nobody else.
func (e *explainCache) of(ctx context.Context, ref cloudcheck.Ref) (cloudcheck.Explanation, error) {
	for {
		look, first := e.join(ref)
		if first {
			e.make(ctx, look)
			return look.shown(), look.err
		}
		select {
		case <-look.done:
		case <-ctx.Done():
			return cloudcheck.Explanation{}, ctx.Err()
		}
		if look.err == nil {
			return look.shown(), nil
		}
	}
}

// make makes a look. One that breaks off counts as one that failed.
func (e *explainCache) make(ctx context.Context, look *explaining) {
	look.err = context.Canceled
	defer e.end(look)
	look.x, look.err = e.ask(ctx, look.ref)
}

// join gives the look that answers already, or makes one that the caller has to make.
func (e *explainCache) join(ref cloudcheck.Ref) (look *explaining, first bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	last := e.last[ref.Holder.GUID]
	if last != nil && reflect.DeepEqual(last.ref, ref) && !e.old(last) {
		return last, false
	}
	if len(e.last) >= maxExplains {
		for id, other := range e.last {
			if e.old(other) {
				delete(e.last, id)
			}
		}
	}
	made := &explaining{ref: ref, done: make(chan struct{})}
	if len(e.last) < maxExplains || last != nil {
		e.last[ref.Holder.GUID] = made
	}
	return made, true
}

// old says whether a look has ended too long ago, by a clock that may have been set.
func (e *explainCache) old(look *explaining) bool {
	return !look.at.IsZero() && e.now().Sub(look.at).Abs() >= e.fresh
}

// end lets the others have a look that went well, and forgets one that did not.
func (e *explainCache) end(look *explaining) {
	e.mu.Lock()
	defer e.mu.Unlock()
	look.at = e.now()
	if id := look.ref.Holder.GUID; look.err != nil && e.last[id] == look {
		delete(e.last, id)
	}
	close(look.done)
}

// shown is the explanation for one caller, who may add findings.
func (l *explaining) shown() cloudcheck.Explanation {
	x := l.x
	x.Diagnosis.Findings = slices.Clone(x.Diagnosis.Findings)
	return x
}
