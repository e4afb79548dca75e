package queue

import (
	"context"
	"strings"
)

// recover gives back what an earlier process of this node had claimed and not begun to write, so that it need not wait for the
// lease to run out. Nothing of it can have been sent: a modify goes out only after its intent is stored, by the owner of the
// lease, which that process is not any more. What may have been sent keeps its lease.
func (r *Runner) recover(ctx context.Context) {
	left, err := r.leftBehind(ctx)
	if err != nil {
		r.log.Warn("what an earlier process left cannot be read; its leases run out by themselves", "error", err)
		return
	}
	for _, q := range left {
		r.giveBack(q)
	}
	if len(left) > 0 {
		r.log.Info("an earlier process of this node had begun nothing of these requests; they are in the queue again", "requests", len(left))
	}
}

func (r *Runner) leftBehind(ctx context.Context) (left []Request, err error) {
	if r.home == "" {
		return nil, nil
	}
	err = Each(ctx, r.store, Filter{State: Writing}, func(q Request) error {
		if strings.HasPrefix(q.Owner, r.home) && !q.Doubt().Exists() {
			left = append(left, q)
		}
		return nil
	})
	return left, err
}
