package cloudcheck

import (
	"slices"
	"strings"
	"testing"
)

// Where nothing had to be written no branch says that something was, and every branch comes to the same end.
func TestUnwrittenIsNotToldAsWritten(t *testing.T) {
	t.Parallel()
	all := slices.Concat(verifiedBranches(), waitingBranches(), onPremisesBranches(), contradictedBranches(), conflictBranches())
	told := 0
	for _, b := range all {
		t.Run(b.name, func(t *testing.T) {
			w := newWorld()
			b.change(w)
			w.c.Unwritten = true
			v := w.sweep(t)
			if v.Outcome != b.outcome {
				t.Errorf("the outcome is %s, want %s", v.Outcome, b.outcome)
			}
			if v.Cause == nil {
				return
			}
			told++
			for _, claim := range []string{"the write", "is written", "was written"} {
				if strings.Contains(v.Cause.Message, claim) {
					t.Errorf("it says %q: %s", claim, v.Cause.Message)
				}
			}
		})
	}
	if told < 30 {
		t.Errorf("%d branches had a sentence", told)
	}
}
