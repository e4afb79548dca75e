package address

import (
	"reflect"
	"slices"
	"testing"
)

// retried is what a node intended before it crashed, and what another finds.
type retried struct {
	name   string
	ask    Ask
	before Values // what the intent was made from
	now    Values // what the directory shows at the next try
	add    []Proxy
	after  Set
	wants  []Want
	notes  []string
}

func TestRestore(t *testing.T) {
	t.Parallel()
	setPrimary := asked(SetPrimary, alias)
	addAlias := asked(AddAlias, alias)
	foreign := Proxy("smtp:foreign@contoso.test")
	onMail := values(ada)
	others := Address("new@contoso.test")
	tests := []retried{
		{name: "nothing was written", ask: setPrimary, before: values(ada, Primary(ada)), now: values(ada, Primary(ada)),
			add: []Proxy{Primary(alias), Secondary(ada)}, after: Set{Primary(alias), Secondary(ada)},
			wants: want(alias, RolePrimary, ada, RoleSecondary)},
		{name: "everything was written", ask: setPrimary, before: values(ada, Primary(ada)), now: values(alias, Secondary(ada), Primary(alias)),
			after: Set{Secondary(ada), Primary(alias)}, wants: want(alias, RolePrimary, ada, RoleSecondary)},
		{name: "the old primary was taken away since", ask: setPrimary, before: values(ada, Primary(ada)), now: values(alias, Primary(alias)),
			after: Set{Primary(alias)}, wants: want(alias, RolePrimary)},
		{name: "it stood in mail, which we overwrote, and others overwrote the rest", ask: setPrimary, before: onMail, now: values(alias, foreign),
			add: []Proxy{Primary(alias), Secondary(ada)}, after: Set{foreign, Primary(alias), Secondary(ada)},
			wants: want(alias, RolePrimary, ada, RoleSecondary), notes: []string{"no primary", `"ada@contoso.test"`}},
		{name: "nothing was written, and somebody took the old primary away", ask: setPrimary, before: values(ada, Primary(ada)),
			now: values("", foreign), add: []Proxy{Primary(alias)}, after: Set{foreign, Primary(alias)}, wants: want(alias, RolePrimary),
			notes: []string{"no primary"}},
		{name: "nothing was written, and somebody else chose another primary", ask: setPrimary, before: values(ada, Primary(ada)),
			now: values(others, Primary(others), Secondary(ada)), add: []Proxy{Primary(alias), Secondary(others)},
			after: Set{Secondary(ada), Primary(alias), Secondary(others)}, wants: want(alias, RolePrimary, others, RoleSecondary)},
		{name: "the primary was made explicit", ask: addAlias, before: onMail, now: values(ada, Primary(ada), Secondary(alias)),
			after: Set{Primary(ada), Secondary(alias)}, wants: want(alias, RoleSecondary, ada, RolePrimary)},
		{name: "the primary was made explicit, and others named another", ask: addAlias, before: onMail,
			now:   values(ada, "SMTP:new@contoso.test", Secondary(alias)),
			after: Set{"SMTP:new@contoso.test", Secondary(alias)}, wants: want(alias, RoleSecondary), notes: []string{"not the primary"}},
		{name: "a removal stays one", ask: asked(RemoveAlias, alias), before: values(ada, Primary(ada), Secondary(alias)),
			now: values(ada, Primary(ada)), after: Set{Primary(ada)}, wants: want(alias, RoleAbsent)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t)
		})
	}
}

func (test retried) run(t *testing.T) {
	intended, err := MakePlan(stands(test.before), test.ask)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := MakePlan(stands(test.now), test.ask)
	if err != nil {
		t.Fatal(err)
	}
	made := Plan{plan.Change, plan.After, slices.Clone(plan.Wants), slices.Clone(plan.Notes)}
	got := plan.Restore(test.now, intended.Change)
	if !reflect.DeepEqual(plan, made) {
		t.Errorf("Restore changed the plan it was called on: %+v", plan)
	}
	if !Set(got.Change.Add).Equal(test.add) || !got.After.Proxies.Equal(test.after) || !slices.Equal(got.Wants, test.wants) {
		t.Errorf("change %s, after %q, wants %+v", show(got.Change), got.After.Proxies, got.Wants)
	}
	planCase{}.with(test.notes).checkNotes(t, got.Notes)
	if after, err := got.Change.Apply(test.now); err != nil || !after.Proxies.Equal(got.After.Proxies) {
		t.Errorf("the change gives %+v, %v", after, err)
	}
}

func (test planCase) with(notes []string) planCase {
	test.notes = notes
	return test
}

func TestRestoreNeverBringsBackWhatIsToGo(t *testing.T) {
	t.Parallel()
	plan := Plan{After: values(ada, Primary(ada)), Wants: want(alias, RoleAbsent)}
	got := plan.Restore(plan.After, Change{Delete: []Proxy{"smtp:x@contoso.test"}, Add: []Proxy{Secondary(alias), Primary(ada)}})
	if !got.Change.Empty() || !slices.Equal(got.Wants, want(alias, RoleAbsent, ada, RolePrimary)) {
		t.Errorf("got %s and %+v", show(got.Change), got.Wants)
	}
}
