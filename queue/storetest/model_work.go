package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// Unresolved is queue.Work's.
func (m *Model) Unresolved(_ context.Context, now time.Time, n int) ([]queue.Request, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var due []queue.Request
	for _, r := range m.records {
		if r.State == queue.Accepted && queue.Come(r.NotBefore, queue.Instant(now)) && len(due) < n {
			due = append(due, shown(r))
		}
	}
	return due, nil
}

// Unknown is queue.Work's.
func (m *Model) Unknown(_ context.Context, before int64) ([]queue.Request, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []queue.Request
	for _, r := range m.records {
		if r.State == queue.Accepted && r.Seq < before {
			found = append(found, shown(r))
		}
	}
	return found, nil
}

// Resolve is queue.Work's.
func (m *Model) Resolve(_ context.Context, id queue.RequestID, holder address.GUID, claims []queue.Claim, now time.Time) (queue.Request, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(id)
	if err != nil {
		return queue.Request{}, err
	}
	if r.State != queue.Accepted {
		return queue.Request{}, stale(r)
	}
	t := queue.Transition{ID: id, From: queue.Accepted, To: queue.Queued, Now: queue.Instant(now), What: "resolved",
		Detail: map[string]string{"object_guid": holder.String()}, ClearCause: true}
	if obstacle := m.obstacle(r, holder, claims); obstacle != nil {
		t.To, t.What, t.Cause, t.ClearCause = queue.Refused, "refused", &obstacle.Cause, false
	} else {
		r.claims = slices.Clone(claims)
	}
	r.Object, r.Attempts, r.NotBefore = holder, 0, time.Time{}
	m.move(r, t)
	return shown(r), nil
}

// obstacle is why a request cannot be put into its holder's line; nil where it can.
func (m *Model) obstacle(r *record, holder address.GUID, claims []queue.Claim) *cause.Error {
	for _, later := range m.records[r.Seq:] {
		if later.Object == holder && later.State.Begun() {
			return queue.Late(later.Request)
		}
	}
	if by, key := m.busy(holder, claims); by != nil {
		return queue.Busy(by.Request, key)
	}
	return nil
}

// busy finds the oldest open request for another holder that takes an address which claims want to take.
func (m *Model) busy(holder address.GUID, claims []queue.Claim) (*record, address.Key) {
	for _, other := range m.records {
		for _, c := range claims {
			if c.Kind == queue.Take && other.Object != holder && slices.Contains(other.claims, c) {
				return other, c.Address
			}
		}
	}
	return nil, ""
}

// Claim is queue.Work's.
func (m *Model) Claim(_ context.Context, owner string, now time.Time, lease time.Duration, n int) ([]queue.Request, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now = queue.Instant(now)
	leased := m.takeOver(owner, now, lease, n)
	return append(leased, m.lease("claimed", owner, now, lease, n-len(leased), func(i int, r *record) bool {
		return m.paused.IsZero() && m.mayWrite(i, r, now)
	})...), nil
}

// TakeOver is queue.Work's.
func (m *Model) TakeOver(_ context.Context, owner string, now time.Time, lease time.Duration, n int) ([]queue.Request, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.takeOver(owner, queue.Instant(now), lease, n), nil
}

func (m *Model) takeOver(owner string, now time.Time, lease time.Duration, n int) []queue.Request {
	return m.lease("taken over", owner, now, lease, n, func(_ int, r *record) bool { return r.State == queue.Writing && queue.Come(r.LeaseUntil, now) })
}

// lease leases the oldest requests that fit, at most n. All are chosen before the first changes.
func (m *Model) lease(what, owner string, now time.Time, lease time.Duration, n int, fits func(int, *record) bool) []queue.Request {
	var chosen []*record
	for i, r := range m.records {
		if len(chosen) < n && fits(i, r) {
			chosen = append(chosen, r)
		}
	}
	var leased []queue.Request
	for _, r := range chosen {
		from := r.State
		r.State, r.Owner, r.LeaseUntil, r.UpdatedAt = queue.Writing, owner, now.Add(lease), now
		m.log(queue.Transition{ID: r.ID, From: from, To: queue.Writing, Owner: owner, Now: now, What: what})
		leased = append(leased, shown(r))
	}
	return leased
}

// mayWrite says whether a request's turn has come.
func (m *Model) mayWrite(i int, r *record, now time.Time) bool {
	if r.State != queue.Queued || !queue.Come(r.NotBefore, now) {
		return false
	}
	for _, earlier := range m.records[:i] {
		switch earlier.State {
		case queue.Queued, queue.Held, queue.Writing:
			if earlier.Object == r.Object {
				return false
			}
		}
	}
	return true
}

// Releasing is queue.Work's.
func (m *Model) Releasing(_ context.Context, id queue.RequestID) (*queue.Request, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(id)
	if err != nil {
		return nil, err
	}
	for _, earlier := range m.records {
		isWritten := earlier.State == queue.Written || earlier.State == queue.Mismatched
		if earlier.Object == r.Object || earlier.Seq > r.Seq && !isWritten {
			continue
		}
		for _, c := range r.claims {
			if c.Kind == queue.Take && slices.Contains(earlier.claims, queue.Claim{Address: c.Address, Kind: queue.Release}) {
				found := shown(earlier)
				return &found, nil
			}
		}
	}
	return nil, nil
}

// Advance is queue.Work's.
func (m *Model) Advance(ctx context.Context, t queue.Transition) (queue.Request, error) {
	if err := t.Check(); err != nil {
		return queue.Request{}, err
	}
	t = t.Kept()
	if _, err := t.Event(); err != nil {
		return queue.Request{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(t.ID)
	if err != nil {
		return queue.Request{}, err
	}
	leased := r.Owner == t.Owner && r.LeaseUntil.After(t.Now)
	if r.State != t.From || t.From == queue.Writing && !leased {
		return queue.Request{}, stale(r)
	}
	if err := m.brake(r, t); err != nil {
		return queue.Request{}, err
	}
	r.note(t)
	m.move(r, t)
	m.supersede(r, t)
	return shown(r), nil
}

func stale(r *record) error {
	return fmt.Errorf("request %s is %s: %w", r.ID, r.State, queue.ErrStale)
}

// note takes over what a transition carries beside the state.
func (r *record) note(t queue.Transition) {
	if t.AsOf.IsZero() || t.AsOf.Equal(r.UpdatedAt) {
		set(&r.NotBefore, t.NotBefore)
	}
	set(&r.Attempts, t.Attempts)
	set(&r.LeaseUntil, t.LeaseUntil)
	set(&r.LastSyncSeen, t.LastSyncSeen)
	set(&r.SyncMoves, t.SyncMoves)
	if t.CloudID != "" {
		r.CloudID = t.CloudID
	}
	if t.ReleasedBy != "" {
		r.ReleasedBy = t.ReleasedBy
	}
	if t.Notes != nil {
		r.Notes = slices.Clone(t.Notes)
	}
	if t.Intent != nil {
		r.Intent, r.inDoubt = copied(t.Intent), queue.DoubtOf(t.Intent).DC()
	}
	if t.Receipt != nil {
		r.Receipt, r.inDoubt, r.touched = copied(t.Receipt), "", nil
		for _, a := range t.Receipt.Change.Addresses() {
			r.touched = append(r.touched, a.Key())
		}
	}
	if t.Expectation != nil {
		r.Expectation = copied(t.Expectation)
	}
	if t.Seen != nil {
		r.Seen = copied(t.Seen)
	}
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// move changes the state and the cause, with what always goes with that, and logs it.
func (m *Model) move(r *record, t queue.Transition) {
	if t.ClearCause {
		r.Cause = nil
	}
	if t.Cause != nil {
		r.Cause = copied(t.Cause)
	}
	switch {
	case t.From == t.To:
	case t.To == queue.Written:
		r.WrittenAt = t.Now
	case t.To == queue.Verified:
		r.VerifiedAt = t.Now
	}
	if t.To != queue.Writing {
		r.Owner, r.LeaseUntil = "", time.Time{}
	}
	if t.To.Final() || t.Unclaim {
		r.claims = nil
	}
	r.State, r.UpdatedAt = t.To, t.Now
	m.log(t)
}

// supersede ends the earlier requests whose addresses a request that becomes written has changed.
func (m *Model) supersede(by *record, t queue.Transition) {
	for _, r := range m.records {
		undone := r.ID == t.UndoneID
		if !undone && (r.Seq >= by.Seq || r.Object != by.Object || !r.touchedBy(t.Supersedes)) {
			continue
		}
		event := queue.Transition{ID: r.ID, From: r.State, To: queue.Superseded, Owner: t.Owner, Now: t.Now, What: "superseded",
			Detail: map[string]string{"by": string(by.ID)}, ClearCause: true}
		if !r.State.CanGo(queue.Superseded) {
			if !undone {
				continue
			}
			event.To, event.What, event.ClearCause = r.State, "undone", false
		}
		if event.To == queue.Superseded {
			by.inherit(r.claims, t)
		}
		r.SupersededBy = by.ID
		m.move(r, event)
	}
}

// inherit takes over the claims of a superseded request on what the holder still has.
func (r *record) inherit(claims []queue.Claim, t queue.Transition) {
	for _, c := range claims {
		if t.Inherits(c) && !slices.Contains(r.claims, c) {
			r.claims = append(r.claims, c)
		}
	}
}

func (r *record) touchedBy(keys []address.Key) bool {
	for _, key := range keys {
		if r.Address != "" && r.Address.Key() == key || slices.Contains(r.touched, key) {
			return true
		}
	}
	return false
}

// Prior is queue.Work's.
func (m *Model) Prior(_ context.Context, holder address.GUID, except queue.RequestID, since time.Time) (ldapwriter.Prior, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var prior ldapwriter.Prior
	settled, newest := map[string]bool{}, true
	for _, r := range slices.Backward(m.records) {
		if r.Object != holder {
			continue
		}
		if r.ID != except {
			if prior.InDoubt == "" && !settled[r.inDoubt] {
				prior.InDoubt = r.inDoubt
			}
			isNewest := newest && len(r.touched) > 0
			newest = newest && !isNewest
			if r.Receipt != nil && (!r.Receipt.Change.Empty() || r.Receipt.Doubted) && (isNewest || !r.WrittenAt.Before(queue.Instant(since))) {
				prior.Receipts = append(prior.Receipts, *copied(r.Receipt))
			}
		}
		if r.Receipt != nil {
			settled[r.Receipt.DC] = true
		}
	}
	slices.Reverse(prior.Receipts)
	return prior, nil
}

// Awaiting is queue.Work's.
func (m *Model) Awaiting(_ context.Context, now time.Time) ([]queue.Waiting, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []queue.Waiting
	for _, r := range m.records {
		if r.State == queue.Written || r.State == queue.Mismatched && queue.Come(r.NotBefore, queue.Instant(now)) {
			all = append(all, queue.Waiting{Seq: r.Seq, Object: r.Object, State: r.State, NotBefore: r.NotBefore, WrittenAt: r.WrittenAt})
		}
	}
	return all, nil
}

// Awaited is queue.Work's.
func (m *Model) Awaited(_ context.Context, seqs []int64) ([]queue.Request, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []queue.Request
	for _, r := range m.records {
		if slices.Contains(seqs, r.Seq) && (r.State == queue.Written || r.State == queue.Mismatched) {
			found = append(found, shown(r))
		}
	}
	return found, nil
}

// Wake is queue.Work's.
func (m *Model) Wake(_ context.Context, id queue.RequestID, by string, now time.Time) (queue.Request, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(id)
	if err != nil {
		return queue.Request{}, false, err
	}
	switch r.State {
	case queue.Accepted, queue.Queued, queue.Written, queue.Mismatched:
	default:
		return queue.Request{}, false, stale(r)
	}
	if r.NotBefore.IsZero() {
		return shown(r), false, nil
	}
	r.NotBefore = time.Time{}
	m.move(r, queue.Waking(r.Request, by, queue.Instant(now)))
	return shown(r), true, nil
}
