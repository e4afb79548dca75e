//go:build !windows

package main

import (
	"cmp"
	"context"
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
	broken := map[torture.Sabotage]string{
		torture.SkipIntent:   "every modify has its intent stored before",
		torture.LoseAccept:   "what was acknowledged exists",
		torture.LoseValue:    "a modify changes nothing but what was asked for",
		torture.WriteUnasked: "a modify changes nothing but what was asked for",
		torture.ModifyTwice:  "no effect twice",
		torture.LoseReceipt:  "everything comes to an end",
		torture.WriteNothing: "what is written stood in the directory",
		torture.EarlyVerdict: "verified is what both sides showed",
		torture.BreakChain:   "the event log is a chain",
		torture.WriteOn:      "nothing is begun while writing is stopped",
		torture.None:         "",
	}
	for wrong, promise := range broken {
		seed++
		seed := seed
		t.Run(cmp.Or(string(wrong), "nothing"), func(t *testing.T) {
			t.Parallel()
			world := w
			if wrong == torture.EarlyVerdict {
				world = unsynced
			}
			run := tortureOnce(t, world, seed, 0, torture.Options{Sabotage: wrong, Rest: rest,
				Shape: torture.Shape{Asks: 16, Pauses: 2, Span: time.Second, Nodes: 1}})
			mustBeCaught(t, run, wrong, promise)
		})
	}
	for wrong, scene := range map[torture.Sabotage]struct {
		play    func(context.Context, *torture.Scene) error
		promise string
	}{
		torture.ForgetDoubt:  {lateBehindARemoval, "every modify has its intent stored before"},
		torture.UndoAnything: {undoOfWhatCameAgain, "an undo takes back its own request's write"},
	} {
		seed++
		seed := seed
		t.Run(string(wrong), func(t *testing.T) {
			t.Parallel()
			o := atTheRightSpeed(torture.Options{Launch: launch, Dir: t.TempDir(), Sabotage: wrong, Rest: rest})
			run, err := w.Scene(context.Background(), seed, o, func(ctx context.Context, s *torture.Scene) error {
				_ = scene.play(ctx, s) // what it expects is not so
				return nil
			})
			fatal(t, err)
			mustBeCaught(t, run, wrong, scene.promise)
		})
	}
}

// mustBeCaught: what the daemon did wrong on purpose was found, by the promise that it breaks.
func mustBeCaught(t *testing.T, run *torture.Run, wrong torture.Sabotage, promise string) {
	t.Helper()
	t.Logf("%d violations", len(run.Violations))
	caught := len(run.Violations) == 0 && wrong == torture.None
	for _, v := range run.Violations {
		caught = caught || promise != "" && strings.HasPrefix(v, promise)
	}
	if !caught {
		t.Errorf("%q is not caught by the promise %q, but: %s", wrong, promise, strings.Join(run.Violations, "\n"))
	}
	forgetFiles(t, run)
}
