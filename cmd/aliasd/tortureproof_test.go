//go:build !windows

package main

import (
	"cmp"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/torture"
)

// A torture run can fail: each fault that is made on purpose is found, and by the promise that it breaks.
func TestTortureCatchesWhatIsWrong(t *testing.T) {
	needTime(t)
	w := openWorld(t, lab.Embedded)
	unsynced := openWorld(t, lab.Embedded)
	unsynced.Hold() // so that nothing is verified in truth
	rest := 8 * time.Second
	if underRaceDetector {
		rest = 25 * time.Second
	}
	seed := uint64(7000)
	for wrong, promise := range map[torture.Sabotage]string{
		torture.SkipIntent:   "every modify has its intent stored before",
		torture.LoseAccept:   "what was acknowledged exists",
		torture.LoseValue:    "a modify changes nothing but what was asked for",
		torture.WriteUnasked: "a modify changes nothing but what was asked for",
		torture.ModifyTwice:  "no effect twice",
		torture.LoseReceipt:  "everything comes to an end",
		torture.WriteNothing: "what is written stood in the directory",
		torture.EarlyVerdict: "verified is what both sides showed",
		torture.BreakChain:   "the event log is a chain",
		torture.None:         "",
	} {
		seed++
		seed := seed
		t.Run(cmp.Or(string(wrong), "nothing"), func(t *testing.T) {
			t.Parallel()
			world := w
			if wrong == torture.EarlyVerdict {
				world = unsynced
			}
			run := tortureOnce(t, world, seed, 0, torture.Options{Sabotage: wrong, Rest: rest,
				Shape: torture.Shape{Asks: 16, Span: time.Second, Nodes: 1}})
			t.Logf("%d violations", len(run.Violations))
			caught := len(run.Violations) == 0 && wrong == torture.None
			for _, v := range run.Violations {
				caught = caught || promise != "" && strings.HasPrefix(v, promise)
			}
			if !caught {
				t.Errorf("%q is not caught by the promise %q, but: %s", wrong, promise, strings.Join(run.Violations, "\n"))
			}
			forgetFiles(t, run)
		})
	}
}
