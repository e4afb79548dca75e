//go:build !windows

package torture

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/aliasd/aliasd/queue"
)

// Tally counts what happened in one run or in many.
type Tally struct {
	Runs, Restarts int
	// Kills are by point, atRandom for those at no point.
	Kills map[string]int
	// Requests are by the state that they ended in, Causes by why, where they did not end well.
	Requests map[queue.State]int
	Causes   map[string]int
	// Faults are those of the network and the tenant.
	Faults map[string]int
	// Asked counts calls that were made to the end, Calls how often they were sent in all.
	Asked, Calls int
	// Edits took effect; Vain ones were refused because aliasd was faster. Writes are aliasd's modifies that took effect,
	// Refused those that did not, TakenBack those that took another one back, Late those that arrived late. Pauses are how often writing was
	// stopped.
	Edits, Vain, Writes, Refused, TakenBack, Late, Pauses int
	Took                                                  []time.Duration
}

func newTally() Tally {
	return Tally{Runs: 1, Kills: map[string]int{}, Requests: map[queue.State]int{}, Causes: map[string]int{}, Faults: map[string]int{}}
}

// Add adds another tally.
func (t *Tally) Add(o Tally) {
	if t.Kills == nil {
		*t = newTally()
		t.Runs = 0
	}
	addAll(t.Kills, o.Kills)
	addAll(t.Requests, o.Requests)
	addAll(t.Causes, o.Causes)
	addAll(t.Faults, o.Faults)
	for to, n := range map[*int]int{&t.Runs: o.Runs, &t.Restarts: o.Restarts, &t.Asked: o.Asked, &t.Calls: o.Calls, &t.Edits: o.Edits,
		&t.Vain: o.Vain, &t.Writes: o.Writes, &t.Refused: o.Refused, &t.TakenBack: o.TakenBack, &t.Late: o.Late, &t.Pauses: o.Pauses} {
		*to += n
	}
	t.Took = append(t.Took, o.Took...)
}

func addAll[K comparable](to, from map[K]int) {
	for k, n := range from {
		to[k] += n
	}
}

// Print writes the tally as tables.
func (t *Tally) Print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name string, n any) { fmt.Fprintf(table, "  %s\t%v\n", name, n) }
	fmt.Fprintf(table, "runs %d, kills %d\n", t.Runs, sum(t.Kills))
	for _, p := range Points() {
		row(p.String(), t.Kills[p.String()])
	}
	row("at a random moment", t.Kills[atRandom])
	fmt.Fprintf(table, "requests %d\n", sum(t.Requests))
	for _, s := range queue.States() {
		if n := t.Requests[s]; n > 0 {
			row(string(s), n)
		}
	}
	fmt.Fprintln(table, "causes")
	for _, c := range slices.Sorted(maps.Keys(t.Causes)) {
		row(c, t.Causes[c])
	}
	fmt.Fprintf(table, "faults %d\n", sum(t.Faults))
	for _, kind := range slices.Sorted(maps.Keys(t.Faults)) {
		row(kind, t.Faults[kind])
	}
	row("writing was stopped", t.Pauses)
	fmt.Fprintln(table, "calls")
	row("answered", t.Asked)
	row("sent", t.Calls)
	fmt.Fprintln(table, "directory")
	row("modifies of aliasd", t.Writes)
	row("of these taking back", t.TakenBack)
	row("of these that arrived late", t.Late)
	row("modifies of aliasd without effect", t.Refused)
	row("foreign edits", t.Edits)
	row("foreign edits that came too late", t.Vain)
	if len(t.Took) > 0 {
		slices.Sort(t.Took)
		row("a run takes (median)", t.Took[len(t.Took)/2].Round(time.Millisecond*10))
		row("the longest", t.Took[len(t.Took)-1].Round(time.Millisecond*10))
	}
	return table.Flush()
}

func sum[K comparable](counts map[K]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}
