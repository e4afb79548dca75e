//go:build !windows

package torture

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/server"
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

// lateness is a modify that travels for long: the n-th of a run. It arrives when so many time limits of the directory are over, and its
// answer is lost.
type lateness struct {
	n      int64
	limits float64
}

// latest is how many time limits a modify may travel at the longest that is not lost: aliasd waits for one, and counts on its arriving for
// three more (queue.Options.Landing). The rest is for the directory itself.
const latest = 3.6

func newLateness(r *rand.Rand, shape Shape) []lateness {
	late := make([]lateness, shape.Late)
	for i := range late {
		late[i] = lateness{n: 1 + r.Int64N(15), limits: 0.3 + r.Float64()*(latest-0.5)}
	}
	return late
}

// pause is how long somebody keeps all writing stopped.
type pause struct{ at, lasts time.Duration }

func newPauses(r *rand.Rand, shape Shape) []pause {
	pauses := make([]pause, shape.Pauses)
	for i := range pauses {
		pauses[i] = pause{at: time.Duration(r.Int64N(int64(shape.Span))), lasts: time.Duration(r.Int64N(int64(time.Second)))}
	}
	slices.SortStableFunc(pauses, func(a, b pause) int { return int(a.at - b.at) })
	return pauses
}

// stillness is a time in which all writing was stopped: from the answer that said so until somebody asked for it to go on.
type stillness struct{ from, until time.Time }

// operate turns the stop switch at its times. Who turns it keeps at it until there is an answer.
func (r *Run) operate(ctx context.Context, began time.Time) {
	for n, p := range r.script.pauses {
		select {
		case <-time.After(time.Until(began.Add(p.at))):
		case <-ctx.Done():
			return
		}
		r.turn(ctx, n, (*client.Client).Pause)
		still := stillness{from: time.Now()}
		select {
		case <-time.After(p.lasts):
		case <-ctx.Done():
		}
		still.until = time.Now()
		r.still = append(r.still, still)
		r.turn(ctx, n, (*client.Client).Resume)
	}
}

func (r *Run) turn(ctx context.Context, n int, to func(*client.Client, context.Context) (server.PauseJSON, error)) {
	for ; ctx.Err() == nil; n++ {
		remote, err := r.client(ctx, n)
		if err == nil {
			_, err = to(remote, ctx)
			remote.Close()
		}
		if err == nil {
			return
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
		}
	}
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
