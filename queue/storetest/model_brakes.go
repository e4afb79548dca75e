package storetest

import (
	"context"
	"fmt"
	"time"

	"github.com/aliasd/aliasd/queue"
)

// share is what a request spent of the caps, and when.
type share struct {
	at       time.Time
	removals int
}

// within says whether a share counts at the time now.
func (s *share) within(now time.Time) bool {
	since, until := queue.SpentWithin(now)
	return s != nil && s.at.After(since) && !s.at.After(until)
}

// brake says whether the stop switch and the caps let a transition of r pass, and enters its share.
func (m *Model) brake(r *record, t queue.Transition) error {
	if t.Unspends() {
		r.share = nil
	}
	if !t.Sends() {
		return nil
	}
	if !m.paused.IsZero() {
		return fmt.Errorf("intent of request %s: %w", r.ID, queue.ErrPaused)
	}
	if t.Spend == nil {
		return nil
	}
	spend := *t.Spend
	var own *queue.Spend
	if r.share.within(t.Now) {
		own = &queue.Spend{Removals: r.share.removals}
		spend.Removals = max(spend.Removals, own.Removals)
	}
	if err := spend.Room(m.spent(t.Now, r), own); err != nil {
		return err
	}
	r.share = &share{at: t.Now, removals: spend.Removals}
	return nil
}

// spent adds up the shares of the hour before now, one request left out.
func (m *Model) spent(now time.Time, except *record) queue.Used {
	var used queue.Used
	for _, r := range m.records {
		if r != except && r.share.within(now) {
			used.Writes++
			used.Removals += r.share.removals
		}
	}
	return used
}

// Used is queue.Brakes's.
func (m *Model) Used(_ context.Context, now time.Time) (queue.Used, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	used := m.spent(queue.Instant(now), nil)
	used.NextSlot = m.nextSlot
	return used, nil
}

// NextSlot is queue.Brakes's.
func (m *Model) NextSlot(context.Context) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.nextSlot, nil
}

// Slot is queue.Brakes's.
func (m *Model) Slot(_ context.Context, now time.Time, every, patience time.Duration) (time.Time, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now = queue.Instant(now)
	at := m.nextSlot
	if at.Before(now) || at.After(queue.Instant(queue.FarthestSlot(now, every, patience))) {
		at = now
	}
	if at.After(queue.Instant(now.Add(patience))) {
		return at, false, nil
	}
	m.nextSlot = queue.Instant(at.Add(every.Truncate(time.Microsecond)))
	return at, true, nil
}

// FromSource is queue.Brakes's.
func (m *Model) FromSource(_ context.Context, r queue.Request, since time.Time, most int) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, other := range m.records {
		same := other.SubmittedBy == r.SubmittedBy && other.Requester == r.Requester
		within := other.CreatedAt.After(queue.Instant(since)) && !other.CreatedAt.After(r.CreatedAt.Add(queue.Farthest))
		if same && other.Seq <= r.Seq && within {
			n++
		}
	}
	return min(n, most+1), nil
}
