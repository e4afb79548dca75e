package queue

import (
	"slices"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
)

const (
	// freshFor is how long after its write a request is looked at in every tick.
	freshFor = 15 * time.Minute
	// restShare and maxRest say how long one that waits longer is left alone: an eighth of its age, and never more than half
	// an hour.
	restShare = 8
	maxRest   = 30 * time.Minute
	// eagerAfterSync is for how long after a sync everybody is looked at in every tick, at most: the calculation takes minutes
	// as a rule, and who is not done then is looked at in turn.
	eagerAfterSync = 10 * time.Minute
)

// agenda is what a node remembers between two ticks of the sweep: when each holder was looked at, and when the tenant was
// last synchronised. From it and the time of the write it knows whose turn it is. It is kept in memory alone, so that a look
// that finds nothing new writes nothing. A node that knows nothing yet looks at everybody once.
type agenda struct {
	looks map[address.GUID]look
	// ticked is when the last tick began; spacing is how long that was after the one before.
	ticked  time.Time
	spacing time.Duration
	// lastSync is the organization's stamp; syncSeen is when a tick first saw it, and calculated when the calculation that
	// follows it has had its time.
	lastSync, syncSeen, calculated time.Time
	grace                          time.Duration
	// blind says that the tenant could not be read in the last tick, sighted when it could be again.
	blind   bool
	sighted time.Time
	// short says that the last sweep, or a look that was asked for since, had no units for some whose turn it was.
	short bool
}

// look is what became of the last look at a holder.
type look struct {
	// at is zero where nobody has looked yet.
	at time.Time
	// failing is since when every look has failed; zero where the last one went well.
	failing time.Time
	// own says that the last one failed where others did not, so that the next will likely fail too.
	own bool
	// lost says that the store did not take what was found.
	lost bool
}

// visit is a holder whose turn it is, with all its requests that wait: they cost one look-up.
type visit struct {
	holder address.GUID
	seqs   []int64
	// urgent says that somebody asked for it, owed that a mismatched request's time has come.
	urgent, owed bool
	// began is when it began to wait for its first look: written, or its time come where it is mismatched. newest is when the
	// last of its requests was written.
	began, newest time.Time
	look
}

// newAgenda knows nothing yet; grace is how long the cloud's calculation may take after a sync.
func newAgenda(grace time.Duration) *agenda {
	return &agenda{looks: map[address.GUID]look{}, grace: grace}
}

// tick notes that a tick begins, and the tenant as it shows now. The first sync that a node sees may have ended long ago.
func (a *agenda) tick(s cloudcheck.Survey, now time.Time) {
	if a.blind && s.Err == nil {
		a.sighted = now
	}
	a.blind = s.Err != nil
	first := a.ticked.IsZero()
	if !first {
		a.spacing = max(now.Sub(a.ticked), 0)
	}
	a.ticked = now
	lastSync := s.Tenant.LastSync
	if !lastSync.After(a.lastSync) {
		return
	}
	a.lastSync, a.syncSeen, a.calculated = lastSync, now, now.Add(a.grace)
	if first {
		a.calculated = lastSync.Add(a.grace)
	}
}

// due gives the visits of a tick, in the order in which they are made: what somebody asked for, then the oldest look first,
// so that nobody starves where not all can be made. Holders that wait no longer are forgotten.
func (a *agenda) due(all []Waiting) []visit {
	visits := a.visits(all)
	kept := make(map[address.GUID]look, len(visits))
	for _, v := range visits {
		if known, ok := a.looks[v.holder]; ok {
			kept[v.holder] = known
		}
	}
	a.looks = kept
	return slices.DeleteFunc(visits, func(v visit) bool { return !a.isDue(v) })
}

// asked gives the visits that somebody asked for, in their order.
func (a *agenda) asked(all []Waiting) []visit {
	return slices.DeleteFunc(a.visits(all), func(v visit) bool { return !v.urgent })
}

// visits groups what waits by holder, in the order of visits.
func (a *agenda) visits(all []Waiting) []visit {
	at := map[address.GUID]int{}
	var visits []visit
	for _, w := range all {
		i, known := at[w.Object]
		if !known {
			i = len(visits)
			at[w.Object] = i
			visits = append(visits, visit{holder: w.Object, began: w.began(), newest: w.WrittenAt, look: a.looks[w.Object]})
		}
		visits[i].add(w)
	}
	slices.SortStableFunc(visits, inOrder)
	return visits
}

func (v *visit) add(w Waiting) {
	v.seqs = append(v.seqs, w.Seq)
	v.urgent = v.urgent || w.NotBefore.IsZero()
	v.owed = v.owed || w.State == Mismatched
	if w.began().Before(v.began) {
		v.began = w.began()
	}
	if w.WrittenAt.After(v.newest) {
		v.newest = w.WrittenAt
	}
}

// began is when a request began to wait for a look: a mismatched one that was looked at does so when its hour is over. A node
// keeps no look at it meanwhile, and may not have made it.
func (w Waiting) began() time.Time {
	if w.State == Mismatched && !w.NotBefore.IsZero() {
		return w.NotBefore
	}
	return w.WrittenAt
}

func inOrder(a, b visit) int {
	if a.urgent != b.urgent {
		if a.urgent {
			return -1
		}
		return 1
	}
	return a.waitsSince().Compare(b.waitsSince())
}

// waitsSince is when a holder was looked at, or began to wait where it never was.
func (v visit) waitsSince() time.Time {
	if v.at.IsZero() {
		return v.began
	}
	return v.at
}

// isDue says whether a holder's turn comes in this tick, rather than in the next one: once after each sync, and more often
// while the calculation that follows may still run. A turn that came stays until the holder is looked at; a look that failed
// is made up for, at once where it is not the holder's own failure, else the later the longer it fails.
func (a *agenda) isDue(v visit) bool {
	switch {
	case v.urgent, v.lost, v.at.IsZero(), v.at.After(a.ticked), v.at.Before(a.syncSeen):
		return true
	case v.own && !v.at.Before(a.sighted):
		return a.rested(v, min(v.at.Sub(v.failing), maxRest))
	case v.owed, !v.failing.IsZero(), a.ticked.Before(a.calculated):
		return true
	}
	return a.rested(v, rest(a.ticked.Sub(v.newest)))
}

// rested says whether a holder will have been left alone for so long before the next tick.
func (a *agenda) rested(v visit, rest time.Duration) bool {
	return a.ticked.Add(a.spacing).Sub(v.at) > rest
}

// rest is how long a holder is left alone between two looks. How old it is whose write was noted by a clock that was ahead nobody
// knows.
func rest(age time.Duration) time.Duration {
	if age < -Farthest {
		return maxRest
	}
	if age < freshFor {
		return 0
	}
	return min(age/restShare, maxRest)
}

// seen notes a look that went well.
func (a *agenda) seen(v visit, now time.Time) { a.looks[v.holder] = look{at: now} }

// failed notes a look that failed; own says that it failed where others did not.
func (a *agenda) failed(v visit, own bool, now time.Time) {
	a.unseen(v, now)
	l := a.looks[v.holder]
	l.at, l.own = now, own
	a.looks[v.holder] = l
}

// unseen notes that a look could not be made: its turn is where it was.
func (a *agenda) unseen(v visit, now time.Time) {
	l := look{at: v.at, failing: v.failing}
	if l.failing.IsZero() {
		l.failing = now
	}
	a.looks[v.holder] = l
}

// lost notes that the store did not take what the last look found.
func (a *agenda) lost(v visit) {
	l := a.looks[v.holder]
	l.lost = true
	a.looks[v.holder] = l
}
