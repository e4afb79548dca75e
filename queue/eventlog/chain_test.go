package eventlog_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
)

// began is when the first entry of a test's log was made; each later one follows a second after.
func began() time.Time { return time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC) }

// log is an event log as a store keeps it: records and gaps in their order.
type log struct {
	t       testing.TB
	records []eventlog.Record
	gaps    map[int64]eventlog.Gap // by their first entry
}

func newLog(t testing.TB) *log { return &log{t: t, gaps: map[int64]eventlog.Gap{}} }

// add appends an event as the store does: numbered, timed and sealed.
func (l *log) add(e queue.Event) eventlog.Record {
	l.t.Helper()
	prev := ""
	if n := len(l.records); n > 0 {
		prev = l.records[n-1].Hash
	}
	e.ID = int64(len(l.records)) + 1
	e.At = began().Add(time.Duration(e.ID) * time.Second)
	sealed, canonical, err := e.Sealed(prev)
	if err != nil {
		l.t.Fatal(err)
	}
	r := eventlog.Record{ID: e.ID, RequestID: e.RequestID, Entry: canonical, PrevHash: sealed.PrevHash, Hash: sealed.Hash}
	l.records = append(l.records, r)
	return r
}

// accept appends the acceptance of a request.
func (l *log) accept(id queue.RequestID) {
	l.t.Helper()
	l.add(queue.Event{RequestID: id, To: queue.Accepted, What: "accepted"})
}

// five is a log of five requests' acceptances.
func five(t testing.TB) *log {
	l := newLog(t)
	for _, id := range []queue.RequestID{"r1", "r2", "r3", "r4", "r5"} {
		l.accept(id)
	}
	return l
}

// prune removes the entries first to last as retention does, and appends the entry that tells of it.
func (l *log) prune(first, last int64) {
	l.t.Helper()
	l.remove(first, last)
	digest := eventlog.NewDigest()
	for i := int64(1); i <= int64(len(l.records)); i++ {
		if g, removed := l.gaps[i]; removed {
			digest.Add(g)
		}
	}
	told := eventlog.Removal{By: "test", Requests: 1, Entries: int(last - first + 1)}
	told.Digest, told.Gaps = digest.Sum()
	detail, err := json.Marshal(told)
	if err != nil {
		l.t.Fatal(err)
	}
	l.add(queue.Event{What: eventlog.Pruned, Detail: detail})
}

// remove puts a gap in the place of the entries first to last, and tells nobody.
func (l *log) remove(first, last int64) {
	l.gaps[first] = eventlog.Gap{First: first, Last: last, PrevHash: l.records[first-1].PrevHash, Hash: l.records[last-1].Hash}
}

// head is the newest entry.
func (l *log) head() eventlog.Anchor {
	r := l.records[len(l.records)-1]
	return eventlog.Anchor{ID: r.ID, Hash: r.Hash}
}

// each passes what a store would read: records, and a gap where one begins.
func (l *log) each(record func(eventlog.Record) bool, gap func(eventlog.Gap) bool) {
	skipTo := int64(0)
	for i, r := range l.records {
		if g, removed := l.gaps[int64(i)+1]; removed {
			if skipTo = g.Last; !gap(g) {
				return
			}
		}
		if int64(i) < skipTo {
			continue
		}
		if !record(r) {
			return
		}
	}
}

// walk verifies the log and returns the walker behind the last entry that it passed.
func (l *log) walk(expected *eventlog.Anchor) (*eventlog.Walker, *eventlog.Break) {
	w := eventlog.NewWalker(eventlog.Anchor{}, expected)
	var broken *eventlog.Break
	l.each(func(r eventlog.Record) bool { _, broken = w.Follow(r); return broken == nil },
		func(g eventlog.Gap) bool { broken = w.Skip(g); return broken == nil })
	if broken == nil {
		broken = w.End(true)
	}
	return w, broken
}

// export writes the log as JSON Lines.
func (l *log) export() string {
	l.t.Helper()
	var out strings.Builder
	w := eventlog.NewWriter(&out)
	w.Summary.Head = l.head()
	var failed error
	l.each(func(r eventlog.Record) bool { failed = w.Record(r); return failed == nil },
		func(g eventlog.Gap) bool { failed = w.Gap(g); return failed == nil })
	if failed == nil {
		failed = w.Close()
	}
	if failed != nil {
		l.t.Fatal(failed)
	}
	return out.String()
}
