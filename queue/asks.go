package queue

import (
	"context"
	"errors"
	"sync"
)

// asks are the looks that somebody asked for at this node when somebody had asked before. A look that was under way then does not
// answer them, and the store does not tell whether one was. So each request is woken once more before the next look: that changes
// nothing where the first asking still stands.
type asks struct {
	mu sync.Mutex
	by map[RequestID]string
}

func newAsks() *asks { return &asks{by: map[RequestID]string{}} }

func (a *asks) add(id RequestID, by string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.by[id] = by
}

func (a *asks) take() map[RequestID]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.by
	a.by = map[RequestID]string{}
	return taken
}

// wakeAgain wakes what was asked for again. What cannot be stored now stays for the next look.
func (r *Runner) wakeAgain(ctx context.Context) {
	for id, by := range r.again.take() {
		_, _, err := r.store.Wake(ctx, id, by, r.now())
		if err == nil || errors.Is(err, ErrStale) || errors.Is(err, ErrNotFound) {
			continue
		}
		r.log.Warn("a look that was asked for again cannot be stored; the next one tries again", "request", id, "error", err)
		r.again.add(id, by)
	}
}
