//go:build !windows

package torture

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
)

// facts are all that is known when a run has come to rest.
type facts struct {
	requests []queue.Request // in the order of acceptance
	byID     map[queue.RequestID]*queue.Request
	events   map[queue.RequestID][]queue.Event
	log      []queue.Event // all of them, in their order
	broken   error         // what verifying the event log and the rows shows first, nil where all of it holds
	deeds    []*deed
	answers  []*answered
	ledger   *ledger
	views    map[string][]view
	still    []stillness
}

// judge gathers the facts and holds them against everything that was promised.
func (r *Run) judge(ctx context.Context) error {
	r.views = r.world.forget(r.anchors())
	if r.options.Sabotage == BreakChain {
		if err := breakChain(ctx, filepath.Join(r.nodes[0].dataDir, "aliasd.db")); err != nil {
			return err
		}
	}
	for _, h := range r.ledger.holders {
		h.enter()
		err := r.ledger.mustBeQuiet(h)
		h.leave()
		if err != nil {
			return err
		}
	}
	f, err := r.gather(ctx)
	if err != nil {
		return err
	}
	r.count(f)
	for _, check := range checks() {
		for _, v := range check.find(f) {
			r.Violations = append(r.Violations, fmt.Sprintf("%s: %s", check.name, v.text)+f.story(v))
		}
	}
	return r.keepStory(f)
}

func (r *Run) gather(ctx context.Context) (*facts, error) {
	archive, err := r.archive(ctx)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	f := &facts{byID: map[queue.RequestID]*queue.Request{}, events: map[queue.RequestID][]queue.Event{}, deeds: r.ledger.all(),
		answers: r.callers.answers, ledger: r.ledger, views: r.views, still: r.still}
	for cursor, more := "", true; more; more = cursor != "" {
		var page []queue.Request
		if page, cursor, err = archive.List(ctx, queue.Filter{Limit: 500, Cursor: cursor}); err != nil {
			return nil, err
		}
		f.requests = append(f.requests, page...)
	}
	slices.SortFunc(f.requests, func(a, b queue.Request) int { return int(a.Seq - b.Seq) })
	for i := range f.requests {
		q := &f.requests[i]
		f.byID[q.ID] = q
		if f.events[q.ID], err = archive.Events(ctx, q.ID, queue.Part{}); err != nil {
			return nil, err
		}
		f.log = append(f.log, f.events[q.ID]...)
	}
	slices.SortFunc(f.log, func(a, b queue.Event) int { return int(a.ID - b.ID) })
	verified, err := archive.Verify(ctx, eventlog.Check{})
	f.broken = verified.Err()
	return f, err
}

// count adds the facts to the tally.
func (r *Run) count(f *facts) {
	t := &r.Tally
	for _, q := range f.requests {
		t.Requests[q.State]++
		if q.Cause != nil {
			t.Causes[string(q.State)+" "+string(q.Cause.Code)]++
		}
	}
	for _, a := range f.answers {
		t.Calls += a.calls
		if a.request.ID != "" || a.problem != nil {
			t.Asked++
		}
	}
	for _, d := range f.deeds {
		switch {
		case d.by == daemon && d.took():
			t.Writes++
			if d.back {
				t.TakenBack++
			}
			if d.late {
				t.Late++
			}
		case d.by == daemon:
			t.Refused++
		}
	}
	t.Edits, t.Vain, t.Pauses = r.foreign.done, r.foreign.vain, len(r.still)
}

// violation is a promise that was not kept, with what it is about.
type violation struct {
	text    string
	request queue.RequestID
	holder  *holder
}

// finding makes a list of one violation.
func finding(q *queue.Request, h *holder, format string, args ...any) []violation {
	v := violation{text: fmt.Sprintf(format, args...), holder: h}
	if q != nil {
		v.request = q.ID
	}
	return []violation{v}
}

// story is all that is known of what a violation is about.
func (f *facts) story(v violation) string {
	var s strings.Builder
	h := v.holder
	if q := f.byID[v.request]; q != nil {
		fmt.Fprintf(&s, "\n  request %s #%d: %s %s for %s, %s", q.ID, q.Seq, q.Action, q.Address, q.Holder, q.State)
		if q.Cause != nil {
			fmt.Fprintf(&s, " (%s: %s)", q.Cause.Code, q.Cause.Message)
		}
		fmt.Fprintf(&s, "\n    intent  %s\n    receipt %s", inJSON(q.Intent), inJSON(q.Receipt))
		for _, e := range f.events[q.ID] {
			fmt.Fprintf(&s, "\n    %s event %d %s: %s -> %s %s", e.At.Local().Format(clock), e.ID, e.What, e.From, e.To, e.Node)
			if e.Cause != nil {
				fmt.Fprintf(&s, " %s", e.Cause.Code)
			}
		}
		if h == nil {
			h = f.ledger.byGUID[q.Object]
		}
	}
	if h == nil {
		return s.String()
	}
	fmt.Fprintf(&s, "\n  holder %s (%s)", h.object.Name, h.guid)
	for i, d := range f.ledger.of(h) {
		if i == 0 {
			fmt.Fprintf(&s, "\n    at first %s", inWords(d.before.Values))
		}
		fmt.Fprintf(&s, "\n    %s", d)
	}
	fmt.Fprintf(&s, "\n    at last %s", inWords(h.now.Values))
	for _, w := range f.views[h.guid.Anchor()] {
		fmt.Fprintf(&s, "\n    cloud from %s: %v %s", w.from.Format(clock), w.present, inWords(w.Values))
	}
	return s.String()
}

func inJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// keepStory writes what happened beside the log, where something was found.
func (r *Run) keepStory(f *facts) error {
	if len(r.Violations) == 0 {
		return nil
	}
	var s strings.Builder
	for _, v := range r.Violations {
		fmt.Fprintf(&s, "VIOLATION %s\n", v)
	}
	for _, q := range f.requests {
		s.WriteString(f.story(violation{request: q.ID}))
		s.WriteString("\n")
	}
	return os.WriteFile(filepath.Join(r.Dir, "story.txt"), []byte(s.String()), 0o600)
}

// satisfied says whether values have what a request wants of the directory or the cloud.
func satisfied(v address.Values, wants []address.Want) bool {
	for _, w := range wants {
		found := v.Proxies.Find(w.Address)
		isPrimary := slices.ContainsFunc(found, address.Proxy.IsPrimary)
		ok := map[address.Role]bool{
			address.RoleAbsent: len(found) == 0, address.RolePresent: len(found) > 0,
			address.RolePrimary: isPrimary, address.RoleSecondary: len(found) > 0 && !isPrimary,
		}[w.Role]
		if !ok {
			return false
		}
	}
	return true
}

// keys are the SMTP addresses of a set, in lower case.
func keys(s address.Set) map[address.Key]bool {
	k := map[address.Key]bool{}
	for _, p := range s.SMTP() {
		k[p.Address().Key()] = true
	}
	return k
}

// lacking are the keys of a that b does not have.
func lacking(a, b map[address.Key]bool) []address.Key {
	var gone []address.Key
	for _, k := range slices.Sorted(maps.Keys(a)) {
		if !b[k] {
			gone = append(gone, k)
		}
	}
	return gone
}
