package server_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
	"github.com/aliasd/aliasd/server/metrics"
	"github.com/aliasd/aliasd/server/token"
	"github.com/aliasd/aliasd/share"
)

// fakeTokens is a store of tokens in memory.
type fakeTokens struct {
	mu    sync.Mutex
	known map[token.Hash]token.Identity
	fail  error
}

func (k *fakeTokens) add(name string, scopes ...token.Scope) token.Secret {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := token.New()
	if k.known == nil {
		k.known = map[token.Hash]token.Identity{}
	}
	k.known[s.Hash()] = token.Identity{Name: name, Scopes: scopes}
	return s
}

func (k *fakeTokens) revoke(s token.Secret) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.known, s.Hash())
}

func (k *fakeTokens) failWith(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fail = err
}

func (k *fakeTokens) TokenByHash(_ context.Context, hash token.Hash) (token.Identity, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil {
		return token.Identity{}, k.fail
	}
	found, ok := k.known[hash]
	if !ok {
		return found, fmt.Errorf("look up: %w", token.ErrUnknown)
	}
	return found, nil
}

// fakeQueue answers as the queue does, and shows what it was asked.
type fakeQueue struct {
	mu       sync.Mutex
	requests []queue.Request
	keys     map[string]queue.Request
	asked    []queue.Submission
	filters  []queue.Filter
	by       []string
	paused   time.Time
	pausedBy string
	preview  queue.Preview
	holders  map[string]server.HolderView
	events   []queue.Event // beside the two that each request has
	// cost is what each look at a holder and each preview costs; looking lets one go on each time, where it is there.
	cost    int
	looking chan struct{}
	looks   int
	// inside are the looks under way, together how many there were at most.
	inside, together int

	// fail is returned by everything; panics makes everything panic.
	fail   error
	panics any
	// blocked, when it is there, stops Submit until it is closed; entered is told of each stop.
	blocked chan struct{}
	entered chan struct{}
}

func newFakeQueue() *fakeQueue {
	return &fakeQueue{keys: map[string]queue.Request{}, holders: map[string]server.HolderView{}}
}

func (q *fakeQueue) set(change func(*fakeQueue)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	change(q)
}

func (q *fakeQueue) block() (entered chan struct{}) {
	q.set(func(q *fakeQueue) { q.blocked, q.entered = make(chan struct{}), make(chan struct{}, 1) })
	return q.entered
}

func (q *fakeQueue) unblock() {
	q.set(func(q *fakeQueue) {
		if q.blocked != nil {
			close(q.blocked)
			q.blocked = nil
		}
	})
}

// begin is what every method does first.
func (q *fakeQueue) begin() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.panics != nil {
		panic(q.panics)
	}
	return q.fail
}

func (q *fakeQueue) wait(ctx context.Context) error {
	q.mu.Lock()
	blocked, entered := q.blocked, q.entered
	q.mu.Unlock()
	if blocked == nil {
		return nil
	}
	entered <- struct{}{}
	select {
	case <-blocked:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *fakeQueue) Submit(ctx context.Context, s queue.Submission, key string) (queue.Request, bool, error) {
	if err := errors.Join(q.begin(), q.wait(ctx)); err != nil {
		return queue.Request{}, false, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked = append(q.asked, s)
	if earlier, ok := q.keys[s.SubmittedBy+key]; ok && key != "" {
		if earlier.Holder != s.Holder {
			return queue.Request{}, false, fmt.Errorf("accept: %w", queue.ErrKeyReused)
		}
		return earlier, false, nil
	}
	r := q.add(s)
	q.keys[s.SubmittedBy+key] = r
	return r, true, nil
}

// add stores an accepted request; the caller holds the lock.
func (q *fakeQueue) add(s queue.Submission) queue.Request {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678000, time.FixedZone("CET", 3600))
	r := queue.Request{ID: queue.RequestID(fmt.Sprintf("0190b0d2-0000-7000-8000-%012d", len(q.requests)+1)), Seq: int64(len(q.requests) + 1),
		Submission: s, State: queue.Accepted, CreatedAt: at, UpdatedAt: at}
	q.requests = append(q.requests, r)
	return r
}

func (q *fakeQueue) Undo(_ context.Context, id queue.RequestID, s queue.Submission, key string) (queue.Request, bool, error) {
	r, err := q.find(id)
	if err != nil {
		return queue.Request{}, false, err
	}
	if r.Receipt == nil {
		return queue.Request{}, false, fmt.Errorf("undo: %w", queue.ErrNothingToUndo)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	s.Undoes, s.Holder = id, r.Holder
	q.asked = append(q.asked, s)
	if earlier, ok := q.keys[s.SubmittedBy+key]; ok && key != "" {
		return earlier, false, nil
	}
	undo := q.add(s)
	q.keys[s.SubmittedBy+key] = undo
	return undo, true, nil
}

// look costs what it costs, and takes as long as the test wants.
func (q *fakeQueue) look(ctx context.Context) error {
	q.mu.Lock()
	q.looks++
	q.inside++
	q.together = max(q.together, q.inside)
	cost, looking := q.cost, q.looking
	q.mu.Unlock()
	defer q.set(func(q *fakeQueue) { q.inside-- })
	share.TallyOf(ctx).Add(cost)
	if looking == nil {
		return nil
	}
	select {
	case <-looking:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *fakeQueue) Validate(ctx context.Context, s queue.Submission) (queue.Preview, error) {
	err := errors.Join(q.begin(), q.look(ctx))
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked = append(q.asked, s)
	return q.preview, err
}

func (q *fakeQueue) find(id queue.RequestID) (queue.Request, error) {
	if err := q.begin(); err != nil {
		return queue.Request{}, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range q.requests {
		if r.ID == id {
			return r, nil
		}
	}
	return queue.Request{}, fmt.Errorf("request %s: %w", id, queue.ErrNotFound)
}

// move is what cancel, recheck and release do.
func (q *fakeQueue) move(id queue.RequestID, by string, to queue.State, from ...queue.State) (queue.Request, error) {
	r, err := q.find(id)
	if err != nil {
		return r, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, allowed := range from {
		if r.State == allowed {
			q.by = append(q.by, by)
			r.State = to
			q.requests[r.Seq-1] = r
			return r, nil
		}
	}
	return r, fmt.Errorf("move: %w", queue.ErrStale)
}

func (q *fakeQueue) Cancel(_ context.Context, id queue.RequestID, by string) (queue.Request, error) {
	return q.move(id, by, queue.Cancelled, queue.Accepted, queue.Queued, queue.Held)
}

func (q *fakeQueue) Recheck(_ context.Context, id queue.RequestID, by string) (queue.Request, error) {
	return q.move(id, by, queue.Written, queue.Written)
}

func (q *fakeQueue) Release(_ context.Context, id queue.RequestID, by string) (queue.Request, error) {
	return q.move(id, by, queue.Queued, queue.Held)
}

func (q *fakeQueue) Pause(_ context.Context, by string) error {
	err := q.begin()
	q.set(func(q *fakeQueue) { q.paused, q.pausedBy = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), by })
	return err
}

func (q *fakeQueue) Resume(context.Context, string) error {
	err := q.begin()
	q.set(func(q *fakeQueue) { q.paused, q.pausedBy = time.Time{}, "" })
	return err
}

func (q *fakeQueue) Paused(context.Context) (time.Time, string, error) {
	err := q.begin()
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.paused, q.pausedBy, err
}

func (q *fakeQueue) Get(_ context.Context, id queue.RequestID) (queue.Request, error) {
	return q.find(id)
}

func (q *fakeQueue) List(_ context.Context, f queue.Filter) ([]queue.Request, string, error) {
	err := q.begin()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.filters = append(q.filters, f)
	if f.Cursor == "broken" {
		return nil, "", queue.ErrBadCursor
	}
	if len(q.requests) > f.Limit {
		return q.requests[:f.Limit], "more", err
	}
	return q.requests, "", err
}

func (q *fakeQueue) Events(_ context.Context, id queue.RequestID, of queue.Part) ([]queue.Event, error) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("CET", 3600))
	story := []queue.Event{{ID: 1, RequestID: id, At: at, To: queue.Accepted, What: "accepted", Node: "n1", Hash: "00"},
		{ID: 2, RequestID: id, At: at, From: queue.Accepted, To: queue.Accepted, What: "retry",
			Cause: &cause.Cause{Code: cause.DirectoryUnavailable, Message: "no DC answers"}}}
	q.set(func(q *fakeQueue) { story = append(story, q.events...) })
	story = slices.DeleteFunc(story, func(e queue.Event) bool { return of.Before > 0 && e.ID >= of.Before })
	return story[max(len(story)-of.Most, 0):], q.begin()
}

func (q *fakeQueue) Stats(context.Context) (queue.Stats, error) {
	return queue.Stats{ByState: map[queue.State]int{queue.Queued: 3, queue.Written: 2}, InFlight: 2}, q.begin()
}

func (q *fakeQueue) Used(context.Context, time.Time) (queue.Used, error) {
	return queue.Used{Writes: 4, Removals: 1}, q.begin()
}

func (q *fakeQueue) Show(ctx context.Context, identity string) (server.HolderView, error) {
	if err := errors.Join(q.begin(), q.look(ctx)); err != nil {
		return server.HolderView{}, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	view, ok := q.holders[identity]
	if !ok {
		return view, cause.Refuse(cause.UnknownHolder, "no user, group or contact is called %q", identity)
	}
	return view, nil
}

var (
	_ server.Service = (*fakeQueue)(nil)
	_ server.Archive = (*fakeQueue)(nil)
	_ server.Holders = (*fakeQueue)(nil)
	_ metrics.Source = (*fakeQueue)(nil)
	_ server.Tokens  = (*fakeTokens)(nil)
)
