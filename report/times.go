package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/aliasd/aliasd/queue"
)

// slowest is how many of the slowest requests are named.
const slowest = 5

// Spread is how long a step took. Times are in seconds.
type Spread struct {
	Count  int     `json:"count"` // requests that have taken the step
	Median float64 `json:"median_seconds"`
	// P95 is the time within which 95 of 100 were through.
	P95     float64 `json:"p95_seconds"`
	Longest float64 `json:"longest_seconds"`
	// Slowest are the slowest few, the slowest first.
	Slowest []Slow `json:"slowest"`
}

// Slow is one request and how long its step took.
type Slow struct {
	ID      queue.RequestID `json:"id"`
	Holder  string          `json:"holder"`
	Action  string          `json:"action"`
	Address string          `json:"address,omitempty"`
	Seconds float64         `json:"seconds"`
}

// spread measures the requests that have taken a step; step gives false for the others.
func spread(items []Item, step func(Item) (time.Duration, bool)) Spread {
	all := []Slow{}
	for _, it := range items {
		if d, ok := step(it); ok {
			all = append(all, Slow{it.ID, it.Holder, it.Action, it.Address, inSeconds(d)})
		}
	}
	slices.SortStableFunc(all, func(a, b Slow) int {
		if a.Seconds > b.Seconds {
			return -1
		}
		if a.Seconds < b.Seconds {
			return 1
		}
		return 0
	})
	s := Spread{Count: len(all), Slowest: worthNaming(all)}
	if len(all) > 0 {
		s.Median, s.P95, s.Longest = quantile(all, 50), quantile(all, 95), all[0].Seconds
	}
	return s
}

// worthNaming are the slowest few of all, which is sorted. Where some took a second or longer, those that took less are
// left out.
func worthNaming(all []Slow) []Slow {
	named := all[:min(slowest, len(all))]
	if i := slices.IndexFunc(named, func(s Slow) bool { return s.Seconds < 1 }); i > 0 {
		return named[:i]
	}
	return named
}

// inSeconds rounds to the millisecond. A number of milliseconds that is divided once is the float nearest to the decimal,
// which 1 + 0.001 is not.
func inSeconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond).Milliseconds()) / 1000
}

// quantile is the time within which percent of 100 were through (the nearest-rank method); all is sorted, slowest first.
func quantile(all []Slow, percent int) float64 {
	rank := (len(all)*percent + 99) / 100
	return all[len(all)-rank].Seconds
}

// toWritten is the time from accepted to written.
func (it Item) toWritten() (time.Duration, bool) { return between(it.CreatedAt, it.WrittenAt) }

// toVerified is the time from written to verified.
func (it Item) toVerified() (time.Duration, bool) { return between(it.WrittenAt, it.VerifiedAt) }

func between(from, to time.Time) (time.Duration, bool) {
	if from.IsZero() || to.IsZero() {
		return 0, false
	}
	return max(0, to.Sub(from)), true
}

// InWords gives a number of seconds as a person says it: 0.4 s, 12 s, 31 min, 2 h 5 min, 3 d 4 h.
func InWords(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()+0.5))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()+0.5))
	case d < 48*time.Hour:
		return pair(int(d.Minutes()+0.5), 60, "h", "min")
	}
	return pair(int(d.Hours()+0.5), 24, "d", "h")
}

func pair(n, per int, big, small string) string {
	if n%per == 0 {
		return fmt.Sprintf("%d %s", n/per, big)
	}
	return fmt.Sprintf("%d %s %d %s", n/per, big, n%per, small)
}
