package address

import (
	"slices"
	"testing"

	"github.com/aliasd/aliasd/cause"
	"pgregory.net/rapid"
)

func TestPlansKeepTheirPromises(t *testing.T) {
	t.Parallel()
	promises := []struct {
		name string
		hold func(*rapid.T, Situation, Ask, Plan)
	}{
		{"the change leads to After, and its inverse back", leadsThereAndBack},
		{"other types are untouched", leavesOtherTypes},
		{"nothing unnamed is lost", losesNothing},
		{"nothing unnamed is touched", touchesOnlyWhatIsMeant},
		{"nothing is invented", inventsNothing},
		{"it is never worse than before", neverWorse},
		{"mail is the primary that was written", mailIsThePrimary},
		{"what was asked for is there, and waited for", doesWhatWasAsked},
		{"the same ask again writes nothing", settles},
	}
	for _, promise := range promises {
		t.Run(promise.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				s, ask := anySituation().Draw(t, "situation"), anyAsk().Draw(t, "ask")
				plan, err := MakePlan(s, ask)
				if err != nil {
					isCause(t, err)
					return
				}
				promise.hold(t, s, ask, plan)
			})
		})
	}
}

func isCause(t *rapid.T, err error) {
	e, ok := cause.As(err)
	if !ok || e.Cause.Message == "" || e.Kind == cause.Waiting && e.Cause.Code != cause.NotSyncedYet {
		t.Fatalf("error %v", err)
	}
}

func leadsThereAndBack(t *rapid.T, s Situation, _ Ask, plan Plan) {
	before := s.Holder.Values
	after, err := plan.Change.Apply(before)
	if err != nil || !after.Proxies.Equal(plan.After.Proxies) || after.Mail != plan.After.Mail {
		t.Fatalf("%s leads to %+v, %v; want %+v", show(plan.Change), after, err, plan.After)
	}
	back, err := plan.Change.Invert().Apply(after)
	if err != nil || !back.Proxies.Equal(before.Proxies) || back.Mail != before.Mail {
		t.Fatalf("%s is taken back to %+v, %v; want %+v", show(plan.Change), back, err, before)
	}
}

func leavesOtherTypes(t *rapid.T, s Situation, _ Ask, plan Plan) {
	if !slices.Equal(others(s.Holder.Proxies), others(plan.After.Proxies)) {
		t.Fatalf("%q became %q", others(s.Holder.Proxies), others(plan.After.Proxies))
	}
	if len(others(plan.Change.Delete))+len(others(plan.Change.Add)) > 0 {
		t.Fatalf("%s names values of other types", show(plan.Change))
	}
}

func losesNothing(t *rapid.T, s Situation, ask Ask, plan Plan) {
	after := keys(plan.After.Proxies)
	for _, key := range keys(s.Holder.Proxies) {
		removed := ask.Action == RemoveAlias && key == ask.Address.Key()
		if slices.Contains(after, key) == removed {
			t.Fatalf("%s loses or keeps %q wrongly", show(plan.Change), key)
		}
	}
}

// touchesOnlyWhatIsMeant: a value is deleted only for the address that was asked for, or for a primary.
func touchesOnlyWhatIsMeant(t *rapid.T, s Situation, ask Ask, plan Plan) {
	for _, p := range plan.Change.Delete {
		isPrimary := p.IsPrimary() && ask.Action == SetPrimary
		madeExplicit := ask.Action == AddAlias && len(s.Holder.Proxies.Primaries()) == 0 &&
			len(s.Cloud.Proxies.Primaries()) == 1 && s.Cloud.Proxies.Primaries()[0].Address().Equal(p.Address())
		if !isPrimary && !madeExplicit && (ask.Action == AddAlias || !p.Address().Equal(ask.Address)) {
			t.Fatalf("%s deletes %q unasked", show(plan.Change), p)
		}
	}
	if ask.Action == RemoveAlias && (len(plan.Change.Add) > 0 || plan.Change.Mail != nil) {
		t.Fatalf("a removal writes %s", show(plan.Change))
	}
}

func inventsNothing(t *rapid.T, s Situation, ask Ask, plan Plan) {
	known := append(keys(s.Holder.Proxies), Address(s.Holder.Mail).Key(), s.shownPrimary().Key())
	if ask.Action != RemoveAlias {
		known = append(known, ask.Address.Key())
	}
	for _, key := range keys(plan.After.Proxies) {
		if !slices.Contains(known, key) {
			t.Fatalf("%s invents %q", show(plan.Change), key)
		}
	}
}

func neverWorse(t *rapid.T, s Situation, _ Ask, plan Plan) {
	if len(plan.After.Proxies.Primaries()) > max(1, len(s.Holder.Proxies.Primaries())) {
		t.Fatalf("%s makes primaries %q", show(plan.Change), plan.After.Proxies.Primaries())
	}
	had := twins(s.Holder.Proxies)
	for twin := range twins(plan.After.Proxies) {
		if !had[twin] {
			t.Fatalf("%s makes twins of %q", show(plan.Change), twin)
		}
	}
	if len(s.Holder.Proxies.Primaries()) > 0 && len(plan.After.Proxies.Primaries()) == 0 {
		t.Fatalf("%s leaves no primary", show(plan.Change))
	}
}

func mailIsThePrimary(t *rapid.T, _ Situation, _ Ask, plan Plan) {
	var written []Proxy
	for _, p := range plan.Change.Add {
		if p.IsPrimary() {
			written = append(written, p)
		}
	}
	if len(written) == 1 && !written[0].Address().Equal(Address(plan.After.Mail)) {
		t.Fatalf("%s leaves mail %q", show(plan.Change), plan.After.Mail)
	}
	if m := plan.Change.Mail; m != nil && len(plan.After.Proxies.Find(Address(m.New))) == 0 {
		t.Fatalf("%s writes a mail that no value has", show(plan.Change))
	}
}

func doesWhatWasAsked(t *rapid.T, s Situation, ask Ask, plan Plan) {
	role, there := wanted(plan.Wants, ask.Address), len(plan.After.Proxies.Find(ask.Address)) > 0
	switch ask.Action {
	case RemoveAlias:
		if there || role != RoleAbsent {
			t.Fatalf("%q is there: %v, wanted: %q", ask.Address, there, role)
		}
	case SetPrimary:
		primaries := plan.After.Proxies.Primaries()
		if role != RolePrimary || len(primaries) != 1 || !primaries[0].Address().Equal(ask.Address) {
			t.Fatalf("primaries are %q, wanted: %q", primaries, role)
		}
	case AddAlias:
		restsOnMailOrUPN := plan.Change.Empty() && role == RolePrimary &&
			(ask.Address.Equal(Address(s.Holder.Mail)) || ask.Address.Equal(s.shownPrimary()))
		if role == "" || role == RoleAbsent || !there && !restsOnMailOrUPN {
			t.Fatalf("%q is there: %v, wanted: %q", ask.Address, there, role)
		}
	}
}

func settles(t *rapid.T, s Situation, ask Ask, plan Plan) {
	s.Holder.Values = plan.After
	again, err := MakePlan(s, ask)
	if err == nil && !again.Change.Empty() {
		t.Fatalf("after %s the same ask writes %s", show(plan.Change), show(again.Change))
	}
	if err == nil && wanted(again.Wants, ask.Address) == "" {
		t.Fatalf("the second plan waits for nothing: %+v", again.Wants)
	}
}

// TestUndoIsTheWayBack plays a request, edits of others after it, and its undo.
func TestUndoIsTheWayBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := anySituation().Draw(t, "situation")
		done, err := MakePlan(s, anyAsk().Draw(t, "ask"))
		if err != nil {
			return
		}
		before := s.Holder.Values
		s.Holder.Values = edited(t, done.After)
		now := s.Holder.Values
		ask := Ask{Action: Undo, Undo: &done.Change, UndoBefore: &before, Allow: []Allowance{AllowSignInChange}}
		plan, err := MakePlan(s, ask)
		if err != nil {
			refusedUndo(t, now, done, err)
			return
		}
		if now.Proxies.Equal(done.After.Proxies) && !plan.After.Proxies.Equal(before.Proxies) {
			t.Fatalf("undone: %q; want %q", plan.After.Proxies, before.Proxies)
		}
		leadsThereAndBack(t, s, ask, plan)
		leavesOtherTypes(t, s, ask, plan)
		undoIsNoWorse(t, before, now, plan)
		undoTouchesOnlyOurs(t, done, now, plan)
	})
}

// edited is what others made of the values: a value less, one more, mail anew, or nothing of it.
func edited(t *rapid.T, v Values) Values {
	if len(v.Proxies) > 0 && rapid.IntRange(0, 3).Draw(t, "edit: less") == 0 {
		v.Proxies = v.Proxies.Without(rapid.SampledFrom(v.Proxies).Draw(t, "gone"))
	}
	if rapid.IntRange(0, 3).Draw(t, "edit: more") == 0 {
		v.Proxies = v.Proxies.With(anyProxy().Draw(t, "new"))
	}
	if rapid.IntRange(0, 3).Draw(t, "edit: mail") == 0 {
		v.Mail = anyAddressOrNone().Draw(t, "new mail")
	}
	return v
}

// refusedUndo: an undo right after the request is refused only where it would bring back what was wrong.
func refusedUndo(t *rapid.T, now Values, done Plan, err error) {
	isCause(t, err)
	untouched := now.Proxies.Equal(done.After.Proxies) && now.Mail == done.After.Mail
	undone, applyErr := done.Change.Invert().Apply(now)
	if untouched && applyErr == nil && len(undone.Proxies.Primaries()) < 2 {
		t.Fatalf("nobody changed anything, and still: %v", err)
	}
}

func undoIsNoWorse(t *rapid.T, before, now Values, plan Plan) {
	if n := len(plan.After.Proxies.Primaries()); n > max(1, len(now.Proxies.Primaries())) {
		t.Fatalf("%s makes %d primaries", show(plan.Change), n)
	}
	if lacksPrimary(plan.After) && !lacksPrimary(before) {
		t.Fatalf("%s leaves no primary", show(plan.Change))
	}
	hadThen, hasNow := twins(before.Proxies), twins(now.Proxies)
	for twin := range twins(plan.After.Proxies) {
		if !hadThen[twin] && !hasNow[twin] {
			t.Fatalf("%s makes twins of %q", show(plan.Change), twin)
		}
	}
}

func undoTouchesOnlyOurs(t *rapid.T, done Plan, now Values, plan Plan) {
	if !Set(plan.Change.Delete).Equal(done.Change.Add) || !Set(plan.Change.Add).Equal(done.Change.Delete) {
		t.Fatalf("%s takes back %s", show(plan.Change), show(done.Change))
	}
	for _, w := range plan.Wants {
		if w.Role == RoleAbsent && len(plan.After.Proxies.Find(w.Address)) > 0 {
			t.Fatalf("waits for %q to go while it stands there", w.Address)
		}
	}
	if rest := now.Proxies.Without(done.Change.Add...); len(rest.Without(plan.After.Proxies...)) > 0 {
		t.Fatalf("%s loses something of %q", show(plan.Change), rest)
	}
}

// TestRestoreLosesNothing: whatever others did meanwhile, the joined plan keeps the promises of a plan.
func TestRestoreLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, ask := anySituation().Draw(t, "situation"), anyAsk().Draw(t, "ask")
		intended, err := MakePlan(s, ask)
		if err != nil {
			return
		}
		written := rapid.Bool().Draw(t, "written")
		if written {
			s.Holder.Values = intended.After
		}
		s.Holder.Values = edited(t, s.Holder.Values)
		plan, err := MakePlan(s, ask)
		if err != nil {
			return
		}
		plan = plan.Restore(s.Holder.Values, intended.Change)
		leadsThereAndBack(t, s, ask, plan)
		leavesOtherTypes(t, s, ask, plan)
		losesNothing(t, s, ask, plan)
		neverWorse(t, s, ask, plan)
		doesWhatWasAsked(t, s, ask, plan)
		keepsWhatWasMoved(t, s, ask, intended, plan)
	})
}

// keepsWhatWasMoved: what stood in mail alone stays. Else nothing comes back that somebody took away.
func keepsWhatWasMoved(t *rapid.T, s Situation, ask Ask, intended, plan Plan) {
	if !slices.ContainsFunc(intended.Change.Add, s.Holder.Proxies.Has) || ask.Action == RemoveAlias {
		return
	}
	for _, a := range intended.Change.Addresses() {
		moved, kept := len(Set(intended.Change.Add).Find(a)) > 0, len(plan.After.Proxies.Find(a)) > 0
		if moved && !kept && intended.Change.tookFromMail(a) {
			t.Fatalf("%q, which %s took out of mail, is lost in %q", a, show(intended.Change), plan.After.Proxies)
		}
	}
	again, err := MakePlan(s, ask)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range plan.After.Proxies.Without(again.After.Proxies...) {
		if !intended.Change.tookFromMail(v.Address()) {
			t.Fatalf("%q comes back, which somebody took away after %s", v, show(intended.Change))
		}
	}
}

func TestChangesLeadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before, after := anyValues().Draw(t, "before"), anyValues().Draw(t, "after")
		c := Between(before, after)
		got, err := c.Apply(before)
		if err != nil || !got.Proxies.Equal(after.Proxies) || got.Mail != after.Mail {
			t.Fatalf("Between leads to %+v, %v", got, err)
		}
		back, err := c.Invert().Apply(got)
		if err != nil || !back.Proxies.Equal(before.Proxies) || back.Mail != before.Mail {
			t.Fatalf("and back to %+v, %v", back, err)
		}
		if twice := c.Invert().Invert(); !Set(twice.Delete).Equal(c.Delete) || !Set(twice.Add).Equal(c.Add) {
			t.Fatalf("inverted twice: %s; want %s", show(twice), show(c))
		}
	})
}
