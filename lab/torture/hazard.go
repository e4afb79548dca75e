//go:build !windows

package torture

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/aliasd/aliasd/lab/tenant"
)

// hazardKind is what goes wrong between the daemons and the two sides.
type hazardKind string

const (
	cut       hazardKind = "connections to the directory cut"
	reset     hazardKind = "connections to the directory reset"
	refuse    hazardKind = "directory refuses connections"
	throttle  hazardKind = "tenant answers 429"
	away      hazardKind = "tenant answers 503"
	dropped   hazardKind = "tenant hangs up"
	truncated hazardKind = "tenant's answer cut in half"
)

func hazardKinds() []hazardKind {
	return []hazardKind{cut, reset, refuse, throttle, away, dropped, truncated}
}

// hazard is one thing that goes wrong, for a while.
type hazard struct {
	at, lasts time.Duration
	kind      hazardKind
}

func newHazards(r *rand.Rand, shape Shape) []hazard {
	hazards := make([]hazard, shape.Faults)
	kinds := hazardKinds()
	for i := range hazards {
		hazards[i] = hazard{at: time.Duration(r.Int64N(int64(shape.Span))), lasts: time.Duration(r.Int64N(int64(300 * time.Millisecond))),
			kind: kinds[r.IntN(len(kinds))]}
	}
	slices.SortStableFunc(hazards, func(a, b hazard) int { return int(a.at - b.at) })
	return hazards
}

// endanger lets everything go wrong at its time.
func (r *Run) endanger(ctx context.Context, began time.Time) {
	for _, h := range r.script.hazards {
		select {
		case <-time.After(time.Until(began.Add(h.at))):
			r.befall(ctx, h)
		case <-ctx.Done():
			return
		}
	}
}

func (r *Run) befall(ctx context.Context, h hazard) {
	r.Tally.Faults[string(h.kind)]++
	cloud := r.world.box.Tenant
	switch h.kind {
	case cut:
		r.proxy.CutAll()
	case reset:
		r.proxy.ResetAll()
	case refuse:
		r.proxy.Refuse(true)
		defer r.proxy.Refuse(false)
		select {
		case <-time.After(h.lasts):
		case <-ctx.Done():
		}
	case throttle:
		cloud.Faults(tenant.Fault{Path: "/$batch", Status: http.StatusTooManyRequests, RetryAfter: time.Second})
	case away:
		cloud.Faults(tenant.Fault{Times: 2, Status: http.StatusServiceUnavailable})
	case dropped:
		cloud.Faults(tenant.Fault{Times: 2, Drop: true})
	case truncated:
		cloud.Faults(tenant.Fault{Times: 2, Truncate: true})
	}
}
