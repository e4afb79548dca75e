package report_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/report"
)

func TestCounts(t *testing.T) {
	t.Parallel()
	r := built()
	if r.Total != 19 || r.Verified != 5 || r.Undone != 1 || r.Underway != 3 || r.NeedHuman != 7 || len(r.Requests) != 19 {
		t.Errorf("total %d, verified %d, under way %d, need a human %d", r.Total, r.Verified, r.Underway, r.NeedHuman)
	}
	sum, states := 0, []queue.State{}
	for _, c := range r.States {
		sum, states = sum+c.Count, append(states, c.State)
	}
	if sum != r.Total || !slices.Equal(states, queue.States()) {
		t.Errorf("states %v", r.States)
	}
	if r.Causes[0] != (report.CauseCount{Code: cause.DirectoryUnavailable, Count: 3}) || len(r.Causes) != 7 {
		t.Errorf("causes %v", r.Causes)
	}
}

// TestHumanFirst: what needs a human comes first, the most urgent at the top, alike ones together.
func TestHumanFirst(t *testing.T) {
	t.Parallel()
	r := built()
	var got []string
	for _, g := range r.Attention {
		got = append(got, fmt.Sprintf("%s %s %d", g.State, g.Code, len(g.IDs)))
	}
	want := []string{"failed not_kept 1", "mismatched quarantined 1", "held needs_approval 1",
		"queued directory_unavailable 3", "refused no_rights 1"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	for i, it := range r.Requests {
		if it.NeedsHuman != (i < r.NeedHuman) {
			t.Errorf("request %d: needs a human %v", i, it.NeedsHuman)
		}
		if i > r.NeedHuman && it.CreatedAt.After(r.Requests[i-1].CreatedAt) {
			t.Errorf("request %d is newer than the one before", i)
		}
	}
}

// TestLateUndoIsLast: an undo that came too late stands below every other refusal that needs a decision.
func TestLateUndoIsLast(t *testing.T) {
	t.Parallel()
	m := &maker{}
	m.add("a", "a", queue.Refused, because(cause.Refuse(cause.NoRights, "give it the right")))
	m.add("b", "", queue.Refused, because(cause.Refuse(cause.ChangedSince, "it is not there any more")))
	m.add("c", "c", queue.Verified, nil)
	r := report.Build(m.list, since(), until())
	if len(r.Attention) != 2 || r.Attention[1].Code != cause.ChangedSince || r.NeedHuman != 2 || r.Requests[2].State != queue.Verified {
		t.Errorf("got %+v", r.Attention)
	}
}

// TestUndoneIsNotVerified: a request that was taken back is no success, wherever the undo itself stands.
func TestUndoneIsNotVerified(t *testing.T) {
	t.Parallel()
	m := &maker{}
	m.add("a", "a", queue.Verified, func(q *queue.Request) { q.SupersededBy = "undo" })
	m.add("b", "b", queue.Verified, nil)
	m.add("c", "c", queue.Superseded, func(q *queue.Request) { q.SupersededBy = "later" })
	r := report.Build(m.list, since(), until())
	if r.Verified != 1 || r.Undone != 1 || r.NeedHuman != 0 || r.Underway != 0 {
		t.Errorf("got %+v", r)
	}
}

// TestEveryStateAndCause goes through all pairs: none is lost, and nothing that is verified or cancelled needs a human.
func TestEveryStateAndCause(t *testing.T) {
	t.Parallel()
	always := []queue.State{queue.Failed, queue.Mismatched, queue.Held}
	never := []queue.State{queue.Verified, queue.Superseded, queue.Cancelled}
	for _, state := range queue.States() {
		for code := range cause.Codes() {
			m := &maker{}
			m.add("x", "y", state, because(cause.Wait(code, "why")))
			r := report.Build(m.list, since(), until())
			if r.Total != 1 || len(r.Attention) != r.NeedHuman || r.Requests[0].NeedsHuman != (r.NeedHuman == 1) {
				t.Errorf("%s %s: %+v", state, code, r)
			}
			if slices.Contains(always, state) && r.NeedHuman != 1 || slices.Contains(never, state) && r.NeedHuman != 0 {
				t.Errorf("%s %s: %d need a human", state, code, r.NeedHuman)
			}
		}
	}
	for code, want := range map[cause.Code]bool{cause.SyncStopped: true, cause.NotSyncedYet: false, cause.Throttled: false} {
		m := &maker{}
		m.add("x", "y", queue.Written, because(cause.Wait(code, "why")))
		if got := report.Build(m.list, since(), until()).NeedHuman == 1; got != want {
			t.Errorf("written, %s: needs a human %v", code, got)
		}
	}
}

func TestPeriod(t *testing.T) {
	t.Parallel()
	long := since().Add(-100 * time.Hour)
	for _, c := range []struct {
		name             string
		state            queue.State
		created, changed time.Time
		in               bool
	}{
		{"asked in it", queue.Refused, since(), since(), true},
		{"asked at its end", queue.Accepted, until(), until(), false},
		{"asked just before its end", queue.Accepted, until().Add(-1), until(), true},
		{"asked before, verified in it", queue.Verified, long, since().Add(time.Hour), true},
		{"asked and verified before", queue.Verified, long, since().Add(-1), false},
		{"asked before, still open", queue.Written, long, long, true},
		{"asked before, mismatched still", queue.Mismatched, long, long, true},
		{"asked before, cancelled before", queue.Cancelled, long, long, false},
	} {
		q := queue.Request{ID: "1", State: c.state, CreatedAt: c.created, UpdatedAt: c.changed}
		if got := report.Build([]queue.Request{q}, since(), until()).Total == 1; got != c.in {
			t.Errorf("%s: in it %v", c.name, got)
		}
	}
}

func TestTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	twice := report.Build(append(day(), day()...), since(), until())
	if !reflect.DeepEqual(twice, built()) {
		t.Error("a request that is given twice changes the report")
	}
}

// TestOrderOfInputDoesNotMatter, since pages of a store overlap and come newest first.
func TestOrderOfInputDoesNotMatter(t *testing.T) {
	t.Parallel()
	turned := day()
	slices.Reverse(turned)
	if !reflect.DeepEqual(report.Build(turned, since(), until()), built()) {
		t.Error("another order gives another report")
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	m := &maker{}
	for i := range 100 {
		m.add("x", "y", queue.Written, func(q *queue.Request) {
			q.CreatedAt = since()
			q.WrittenAt = since().Add(time.Duration((i*37)%100+1) * time.Second) // 1 to 100, shuffled
		})
	}
	m.add("late", "late", queue.Queued, func(q *queue.Request) { q.CreatedAt = since() })
	s := report.Build(m.list, since(), until()).ToWritten
	if s.Count != 100 || s.Median != 50 || s.P95 != 95 || s.Longest != 100 || len(s.Slowest) != 5 {
		t.Errorf("got %+v", s)
	}
	for i, slow := range s.Slowest {
		if slow.Seconds != float64(100-i) || slow.Holder != "x@contoso.test" {
			t.Errorf("slowest %d: %+v", i, slow)
		}
	}
}

// TestSlowestAreSlow: what took less than a second is named only where nothing took longer.
func TestSlowestAreSlow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		took []time.Duration
		want []float64
	}{
		"some slow":   {[]time.Duration{20 * time.Millisecond, 3 * time.Second, 999 * time.Millisecond, time.Second}, []float64{3, 1}},
		"none slow":   {[]time.Duration{20 * time.Millisecond, 30 * time.Millisecond}, []float64{0.03, 0.02}},
		"all slow":    {[]time.Duration{time.Second, 2 * time.Second}, []float64{2, 1}},
		"to the ms":   {[]time.Duration{1001*time.Millisecond + 400*time.Microsecond, 16*time.Second + 1*time.Millisecond}, []float64{16.001, 1.001}},
		"none at all": {nil, nil},
	} {
		m := &maker{}
		for _, d := range c.took {
			m.add("x", "y", queue.Written, func(q *queue.Request) { q.WrittenAt = q.CreatedAt.Add(d) })
		}
		s := report.Build(m.list, since(), until()).ToWritten
		var got []float64
		for _, slow := range s.Slowest {
			got = append(got, slow.Seconds)
		}
		if !slices.Equal(got, c.want) || s.Count != len(c.took) {
			t.Errorf("%s: got %v of %d", name, got, s.Count)
		}
	}
}

// TestClockThatWentBack: a time that ends before it began is no time at all, not a negative one.
func TestClockThatWentBack(t *testing.T) {
	t.Parallel()
	m := &maker{}
	m.add("x", "y", queue.Written, func(q *queue.Request) { q.WrittenAt = q.CreatedAt.Add(-time.Second) })
	if s := report.Build(m.list, since(), until()).ToWritten; s.Count != 1 || s.Longest != 0 {
		t.Errorf("got %+v", s)
	}
}

// TestEmpty: a report of nothing has lists, not nulls, and says so.
func TestEmpty(t *testing.T) {
	t.Parallel()
	r := report.Build(nil, since(), until())
	got := rendered(t, r.WriteJSON)
	var back map[string]any
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	for _, list := range []string{"requests", "attention", "states", "causes"} {
		if _, ok := back[list].([]any); !ok {
			t.Errorf("%s is %v", list, back[list])
		}
	}
	golden(t, "empty.html", rendered(t, r.WriteHTML))
}
