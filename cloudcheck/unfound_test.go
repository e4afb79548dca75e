package cloudcheck

import (
	"testing"

	"github.com/aliasd/aliasd/cause"
)

// TestRemovalOfAnUnfoundHolder: a user that no id, anchor or name leads to may be in the tenant all the same, with the address that was
// removed. Who holds it there tells, by the SID; without that answer nothing is verified.
func TestRemovalOfAnUnfoundHolder(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change  func(*world)
		outcome Outcome
		code    cause.Code
	}{
		"nobody holds it":                     {change: func(w *world) { w.arriving() }, outcome: Verified},
		"the holder itself, unfound":          {change: func(*world) {}, outcome: NotYet, code: cause.NotCalculatedYet},
		"the same, and everything is settled": {change: (*world).settle, outcome: Contradicted, code: cause.CalculatedOtherwise},
		"somebody else":                       {change: func(w *world) { w.object.SID = "S-1-5-21-9-9-9-9" }, outcome: Verified},
		"one that is only in the cloud":       {change: func(w *world) { w.object.SID = "" }, outcome: Verified},
		"the holder itself, deleted":          {change: func(w *world) { w.object.Deleted = true }, outcome: Verified},
		"who holds it cannot be asked": {change: func(w *world) { w.fake.noHolder = cause.Wait(cause.Throttled, "later") },
			outcome: Unknown, code: cause.Throttled},
		"who holds it was not asked any more": {change: func(w *world) { w.fake.noHolder = ErrUnasked }, outcome: Unasked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.remove("j.doe@contoso.com")
			w.c.Ref.CloudID, w.object.ImmutableID = "", "an anchor of another kind"
			test.change(w)
			v := w.sweep(t)
			code := cause.Code("")
			if v.Cause != nil {
				code = v.Cause.Code
			}
			if v.Outcome != test.outcome || code != test.code {
				t.Errorf("%s (%+v), want %s (%s)", v.Outcome, v.Cause, test.outcome, test.code)
			}
		})
	}
}

// TestOnlyRemovalsOfTheUnfoundAskWhoHoldsThem: nobody else costs more than before.
func TestOnlyRemovalsOfTheUnfoundAskWhoHoldsThem(t *testing.T) {
	t.Parallel()
	w := newWorld()
	if v := w.sweep(t); v.Outcome != Verified || len(w.fake.holderCalls) != 0 {
		t.Errorf("%s, asked %v", v.Outcome, w.fake.holderCalls)
	}
	w.remove("j.doe@contoso.com")
	w.arriving()
	if v := w.sweep(t); v.Outcome != Verified || len(w.fake.holderCalls) != 0 {
		t.Errorf("removed, %s, asked %v", v.Outcome, w.fake.holderCalls)
	}
}
