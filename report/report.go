package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
)

// Report is what became of the requests of a period. Its JSON is a contract (docs/report.md).
type Report struct {
	// Since and Until are the period; times are shown in the zone of Until.
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	Total int       `json:"total"`
	// Verified, Undone, Underway and NeedHuman count requests; one that needs a human is not counted as under way, nor one
	// that was undone as verified.
	Verified  int          `json:"verified"`
	Undone    int          `json:"undone"`
	Underway  int          `json:"under_way"`
	NeedHuman int          `json:"need_human"`
	States    []StateCount `json:"states"` // in the order of a request's life, zeros left out
	Causes    []CauseCount `json:"causes"` // most frequent first
	Attention []Group      `json:"attention"`
	// ToWritten is from accepted to written, ToVerified from written to verified.
	ToWritten  Spread `json:"to_written"`
	ToVerified Spread `json:"to_verified"`
	// Requests are all of them: what needs a human first, then the newest.
	Requests []Item `json:"requests"`
}

// StateCount is how many requests are in a state.
type StateCount struct {
	State queue.State `json:"state"`
	Count int         `json:"count"`
}

// CauseCount is how many requests have a cause.
type CauseCount struct {
	Code  cause.Code `json:"code"`
	Count int        `json:"count"`
}

// Group is requests that need a human for the same reason.
type Group struct {
	State queue.State `json:"state"`
	Code  cause.Code  `json:"code"` // empty where the request has no cause
	// IDs are the requests, in the order of Report.Requests.
	IDs   []queue.RequestID `json:"ids"`
	items []Item
}

// Item is one request as it is reported. Times that have not come are left out.
type Item struct {
	ID           queue.RequestID `json:"id"`
	State        queue.State     `json:"state"`
	NeedsHuman   bool            `json:"needs_human"`
	Cause        *cause.Cause    `json:"cause,omitempty"`
	Holder       string          `json:"holder"`
	ObjectGUID   string          `json:"object_guid,omitempty"`
	Action       string          `json:"action"`
	Address      string          `json:"address,omitempty"`
	Undoes       queue.RequestID `json:"undoes,omitempty"`
	SupersededBy queue.RequestID `json:"superseded_by,omitempty"`
	Ticket       string          `json:"ticket,omitempty"`
	Requester    string          `json:"requester,omitempty"`
	SubmittedBy  string          `json:"submitted_by,omitempty"`
	Note         string          `json:"note,omitempty"`
	// Notes are what was noticed while planning; NothingWritten says that the directory had it already.
	Notes          []string  `json:"notes,omitempty"`
	NothingWritten bool      `json:"nothing_written,omitempty"`
	DC             string    `json:"dc,omitempty"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at,omitzero"`
	WrittenAt      time.Time `json:"written_at,omitzero"`
	VerifiedAt     time.Time `json:"verified_at,omitzero"`
}

// Build makes the report of the period from since to until (excluded). Requests that were accepted later are left out, and
// so are those that were final before it began; one that is given twice counts once.
func Build(requests []queue.Request, since, until time.Time) Report {
	r := Report{Since: since, Until: until, Requests: []Item{}}
	seen := map[queue.RequestID]bool{}
	for _, q := range requests {
		if !seen[q.ID] && within(q, since, until) {
			seen[q.ID] = true
			r.Requests = append(r.Requests, item(q))
		}
	}
	slices.SortStableFunc(r.Requests, before)
	r.count()
	r.Attention = groups(r.Requests)
	r.ToWritten = spread(r.Requests, Item.toWritten)
	r.ToVerified = spread(r.Requests, Item.toVerified)
	return r
}

func within(q queue.Request, since, until time.Time) bool {
	return q.CreatedAt.Before(until) && (q.State.Open() || !q.UpdatedAt.Before(since) || !q.CreatedAt.Before(since))
}

func item(q queue.Request) Item {
	it := Item{
		ID: q.ID, State: q.State, Cause: q.Cause, Holder: q.Holder, Action: string(q.Action), Address: string(q.Address),
		Undoes: q.Undoes, SupersededBy: q.SupersededBy, Ticket: q.Ticket, Requester: q.Requester, SubmittedBy: q.SubmittedBy,
		Note: q.Note, Notes: q.Notes, NothingWritten: q.WroteNothing(), CreatedAt: q.CreatedAt, UpdatedAt: q.UpdatedAt, WrittenAt: q.WrittenAt, VerifiedAt: q.VerifiedAt,
	}
	if !q.Object.IsZero() {
		it.ObjectGUID = q.Object.String()
	}
	if q.Receipt != nil {
		it.DC = q.Receipt.DC
	}
	it.NeedsHuman = urgency(it) > 0
	return it
}

// before orders by urgency, then the newest first.
func before(a, b Item) int {
	return cmp.Or(cmp.Compare(rank(a), rank(b)), b.CreatedAt.Compare(a.CreatedAt), strings.Compare(string(b.ID), string(a.ID)))
}

func (r *Report) count() {
	states, causes := map[queue.State]int{}, map[cause.Code]int{}
	r.Total = len(r.Requests)
	for _, it := range r.Requests {
		states[it.State]++
		if it.Cause != nil {
			causes[it.Cause.Code]++
		}
		switch {
		case it.NeedsHuman:
			r.NeedHuman++
		case it.undone():
			r.Undone++
		case it.State == queue.Verified:
			r.Verified++
		case it.State.Open():
			r.Underway++
		}
	}
	r.States = stateCounts(states)
	r.Causes = causeCounts(causes)
}

func stateCounts(counts map[queue.State]int) []StateCount {
	list := []StateCount{}
	for _, s := range queue.States() {
		if counts[s] > 0 {
			list = append(list, StateCount{s, counts[s]})
		}
	}
	return list
}

func causeCounts(counts map[cause.Code]int) []CauseCount {
	list := make([]CauseCount, 0, len(counts))
	for code, n := range counts {
		list = append(list, CauseCount{code, n})
	}
	slices.SortFunc(list, func(a, b CauseCount) int {
		return cmp.Or(b.Count-a.Count, strings.Compare(string(a.Code), string(b.Code)))
	})
	return list
}

// groups gathers what needs a human, in the order of urgency.
func groups(items []Item) []Group {
	list := []Group{}
	for _, it := range items {
		if !it.NeedsHuman {
			break // they come first
		}
		i := slices.IndexFunc(list, func(g Group) bool { return g.State == it.State && g.Code == it.code() })
		if i < 0 {
			i = len(list)
			list = append(list, Group{State: it.State, Code: it.code()})
		}
		list[i].IDs = append(list[i].IDs, it.ID)
		list[i].items = append(list[i].items, it)
	}
	return list
}

// undone says whether a request was verified and then taken back: only an undo overtakes what is verified.
func (it Item) undone() bool { return it.State == queue.Verified && it.SupersededBy != "" }

func (it Item) code() cause.Code {
	if it.Cause == nil {
		return ""
	}
	return it.Cause.Code
}
