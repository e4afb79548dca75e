package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
)

// keyLife is how long an idempotency key holds.
const keyLife = 7 * 24 * time.Hour

// Model is a queue.Store in memory: one lock, plain loops, nothing clever. It is what the databases are compared with,
// and a store for tests that need none on disk. It is as durable as the process: a test plays a crash by going on with
// the same Model.
type Model struct {
	mu       sync.Mutex
	records  []*record // in the order of acceptance
	keys     map[callersKey]usedKey
	events   []queue.Event
	paused   time.Time
	pausedBy string
	nextSlot time.Time // of the pace
}

// record is a request and what goes with it while it is open.
type record struct {
	queue.Request
	digest  string
	claims  []queue.Claim
	touched []address.Key
	inDoubt string
	share   *share // of the caps
}

type callersKey struct{ submittedBy, key string }

type usedKey struct {
	digest string
	id     queue.RequestID
	at     time.Time
}

var _ queue.Store = (*Model)(nil)

// NewModel makes an empty store.
func NewModel() *Model { return &Model{keys: map[callersKey]usedKey{}} }

// Accept is queue.Intake's.
func (m *Model) Accept(ctx context.Context, s queue.Submission, key queue.Idempotency, now time.Time) (queue.Request, bool, error) {
	if err := errors.Join(ctx.Err(), s.Check(key)); err != nil {
		return queue.Request{}, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now = queue.Instant(now)
	earlier, err := m.earlier(s, key, now)
	if err != nil || earlier != nil {
		return shown(earlier), false, err
	}
	if s.Undoes != "" {
		if _, err := m.find(s.Undoes); err != nil {
			return queue.Request{}, false, err
		}
	}
	s.Allow = slices.Clone(s.Allow)
	r := &record{digest: s.Digest()}
	r.ID, r.Seq, r.Submission, r.State = queue.NewRequestID(now), int64(len(m.records)+1), s, queue.Accepted
	r.CreatedAt, r.UpdatedAt = now, now
	if key.Key != "" {
		m.keys[callersKey{s.SubmittedBy, key.Key}] = usedKey{digestOf(s, key), r.ID, now}
	}
	m.records = append(m.records, r)
	m.log(queue.Transition{ID: r.ID, To: queue.Accepted, Now: now, Detail: s})
	return shown(r), true, nil
}

// digestOf is the digest that came with a key, else the submission's own.
func digestOf(s queue.Submission, key queue.Idempotency) string {
	if key.Digest != "" {
		return key.Digest
	}
	return s.Digest()
}

// earlier finds the request that answers a submission already; nil where there is none.
func (m *Model) earlier(s queue.Submission, key queue.Idempotency, now time.Time) (*record, error) {
	if key.Key == "" {
		return m.identical(s), nil
	}
	used, ok := m.keys[callersKey{s.SubmittedBy, key.Key}]
	switch {
	case !ok || used.at.Sub(now).Abs() >= keyLife:
		return nil, nil
	case used.digest != digestOf(s, key):
		return nil, queue.ErrKeyReused
	}
	return m.find(used.id)
}

// identical finds an open request that asks for the same, is not contradicted, and is the last word on its holder: behind a later
// one, the same words ask for something new.
func (m *Model) identical(s queue.Submission) *record {
	for i, r := range slices.Backward(m.records) {
		if r.State.Open() && r.State != queue.Mismatched && r.digest == s.Digest() && r.SubmittedBy == s.SubmittedBy && !slices.ContainsFunc(m.records[i+1:], r.overtakenBy) {
			return r
		}
	}
	return nil
}

// overtakenBy says whether a later request may have changed what r asked for, or may be about to: whose it is, nobody knows before its
// holder is looked up.
func (r *record) overtakenBy(later *record) bool {
	switch later.State {
	case queue.Refused, queue.Cancelled:
		return false
	case queue.Accepted:
		return true
	}
	return strings.EqualFold(later.Holder, r.Holder) || !r.Object.IsZero() && later.Object == r.Object
}

func (m *Model) find(id queue.RequestID) (*record, error) {
	for _, r := range m.records {
		if r.ID == id {
			return r, nil
		}
	}
	return nil, fmt.Errorf("request %s: %w", id, queue.ErrNotFound)
}

// log appends the event of a transition to the chain.
func (m *Model) log(t queue.Transition) {
	e, err := t.Event()
	if err != nil {
		panic(fmt.Sprint("an event that Advance should have refused: ", err))
	}
	m.append(e)
}

// append puts an event at the end of the chain.
func (m *Model) append(e queue.Event) {
	prev := ""
	if len(m.events) > 0 {
		prev = m.events[len(m.events)-1].Hash
	}
	e.ID = int64(len(m.events) + 1)
	sealed, canonical, sealErr := e.Sealed(prev)
	parsed, parseErr := queue.ParseEvent(canonical, sealed.PrevHash, sealed.Hash)
	if sealErr != nil || parseErr != nil {
		panic(fmt.Sprint("an event that Advance should have refused: ", sealErr, parseErr))
	}
	m.events = append(m.events, parsed)
}

// shown is a copy of what a caller may see, and change, of a record.
func shown(r *record) queue.Request {
	if r == nil {
		return queue.Request{}
	}
	q := r.Request
	q.Cause, q.Intent, q.Receipt = copied(q.Cause), copied(q.Intent), copied(q.Receipt)
	q.Expectation, q.Seen = copied(q.Expectation), copied(q.Seen)
	q.Allow, q.Notes = append([]address.Allowance(nil), q.Allow...), append([]string(nil), q.Notes...)
	return q
}

// copied is a deep copy by way of JSON, which is how databases keep it.
func copied[T any](v *T) *T {
	if v == nil {
		return nil
	}
	text, err := json.Marshal(v)
	c := new(T)
	if err == nil {
		err = json.Unmarshal(text, c)
	}
	if err != nil {
		panic(fmt.Sprintf("a %T does not survive JSON: %v", v, err))
	}
	return c
}

// Get is queue.Intake's.
func (m *Model) Get(_ context.Context, id queue.RequestID) (queue.Request, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(id)
	return shown(r), err
}

// List is queue.Intake's.
func (m *Model) List(_ context.Context, f queue.Filter) ([]queue.Request, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := int64(len(m.records) + 1)
	if f.Cursor != "" {
		var err error
		if before, err = strconv.ParseInt(f.Cursor, 10, 64); err != nil {
			return nil, "", queue.ErrBadCursor
		}
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	limit = min(limit, 500)
	var page []queue.Request
	for _, r := range slices.Backward(m.records) {
		if r.Seq >= before || !selects(f, r) {
			continue
		}
		if len(page) == limit {
			return page, strconv.FormatInt(page[limit-1].Seq, 10), nil
		}
		page = append(page, shown(r))
	}
	return page, "", nil
}

func selects(f queue.Filter, r *record) bool {
	if f.Holder != "" && !strings.EqualFold(f.Holder, r.Holder) {
		guid, err := address.ParseGUID(f.Holder)
		if err != nil || guid.IsZero() || guid != r.Object {
			return false
		}
	}
	return (f.State == "" || f.State == r.State) && (f.Ticket == "" || f.Ticket == r.Ticket) &&
		!r.UpdatedAt.Before(queue.Instant(f.Since))
}

// Events is queue.Intake's.
func (m *Model) Events(_ context.Context, id queue.RequestID, of queue.Part) ([]queue.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.find(id); err != nil {
		return nil, err
	}
	var story []queue.Event
	for _, e := range m.events {
		if e.RequestID == id && (of.Before == 0 || e.ID < of.Before) {
			e.Cause, e.Detail = copied(e.Cause), slices.Clone(e.Detail)
			story = append(story, e)
		}
	}
	if over := len(story) - of.Most; of.Most > 0 && over > 0 {
		story = story[over:]
	}
	return story, nil
}

// Stats is queue.Intake's.
func (m *Model) Stats(context.Context) (queue.Stats, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	stats := queue.Stats{ByState: map[queue.State]int{}}
	for _, s := range queue.States() {
		stats.ByState[s] = 0
	}
	for _, r := range m.records {
		stats.ByState[r.State]++
		if r.State == queue.Writing && r.inDoubt != "" {
			stats.InFlight++
		}
		waits := r.State.Open() && r.State != queue.Mismatched
		if waits && stats.OldestWaiting.IsZero() {
			stats.OldestWaiting = r.CreatedAt
		}
	}
	return stats, nil
}

// Paused is queue.Control's.
func (m *Model) Paused(context.Context) (time.Time, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.paused, m.pausedBy, nil
}

// SetPaused is queue.Control's.
func (m *Model) SetPaused(_ context.Context, paused bool, by string, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case !paused && !m.paused.IsZero():
		m.paused, m.pausedBy = time.Time{}, ""
		m.append(queue.Event{At: queue.Instant(now), What: eventlog.GoesOn})
	case paused && m.paused.IsZero():
		m.paused, m.pausedBy = queue.Instant(now), by
		m.append(queue.Event{At: queue.Instant(now), What: eventlog.Stopped})
	}
	return nil
}
