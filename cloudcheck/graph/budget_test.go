package graph

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/lab/tenant"
)

// within gives the test's context with a budget.
func within(t *testing.T, units int) (context.Context, *cloudcheck.Budget) {
	t.Helper()
	b := cloudcheck.NewBudget(units)
	return cloudcheck.WithBudget(t.Context(), b), b
}

// unaskedIn counts questions that were answered, that failed, and that were not asked.
func unaskedIn(questions []*question) (answered, failed, unasked int) {
	for _, q := range questions {
		switch {
		case q.err == nil:
			answered++
		case errors.Is(q.err, cloudcheck.ErrUnasked):
			unasked++
		default:
			failed++
		}
	}
	return answered, failed, unasked
}

func TestEstimate(t *testing.T) {
	t.Parallel()
	fields := []string{"id"}
	for _, test := range []struct {
		of    collection
		q     query
		units int
	}{
		{usersOf(), query{}, 2}, {usersOf(), query{fields: fields}, 1}, {usersOf(), query{top: 19}, 1}, {usersOf(), query{top: 20}, 2},
		{usersOf(), query{fields: fields, top: 1}, 1}, {groupsOf(), query{}, 1}, {groupsOf(), query{fields: fields}, 1},
		{contactsOf(), query{}, 1}, {deletedUsersOf(), query{}, 1}, {deletedGroupsOf(), query{}, 1},
	} {
		if got := estimate(test.of, test.q); got != test.units {
			t.Errorf("%s %+v: %d, want %d", test.of.path, test.q, got, test.units)
		}
	}
}

// The units that the tenant counts are those that the budget and the metrics show, for single calls and for batches.
func TestUnitsAreCountedAsTheTenantCountsThem(t *testing.T) {
	t.Parallel()
	seen := &counter{}
	l := startLab(t, tenant.Options{}, func(o *Options) { o.Observer = seen })
	holders := crowd(100)
	l.sync(t, holders...)
	ctx, budget := within(t, 1000)
	if _, err := l.client.Objects(ctx, refsOf(l, holders)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.client.Tenant(ctx); err != nil {
		t.Fatal(err)
	}
	everything := l.client.question(usersOf(), query{}) // two units without $select
	l.client.ask(ctx, []*question{everything})
	if units := l.Calls().Units; units != 7+2+2 || budget.Spent() != units || seen.spent != units {
		t.Errorf("the tenant counts %d units, the budget %d, the metrics %d; want 11", units, budget.Spent(), seen.spent)
	}
}

// The budget is spent in the order of the refs, to the last unit; what it does not reach is neither absent nor an error of
// the whole.
func TestBudgetEndsTheAsking(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{})
	holders := crowd(600) // 40 questions, two calls
	l.sync(t, holders...)
	refs := refsOf(l, holders)
	for _, test := range []struct{ units, seen, calls int }{{0, 0, 0}, {1, 15, 1}, {19, 285, 1}, {23, 345, 2}, {40, 600, 2}} {
		l.ResetCalls()
		ctx, budget := within(t, test.units)
		sightings, err := l.client.Objects(ctx, refs)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range sightings {
			if i < test.seen {
				checkSighting(t, s, holders[i])
			} else if !errors.Is(s.Err, cloudcheck.ErrUnasked) || s.Object != nil {
				t.Errorf("%d units: holder %d: %v, %+v", test.units, i, s.Err, s.Object)
			}
		}
		if calls := l.Calls(); calls.ByPath["/$batch"] != test.calls || calls.Units != test.units || budget.Spent() != test.units {
			t.Errorf("%d units: %+v, %d spent", test.units, calls, budget.Spent())
		}
	}
}

// An unknown user whose second look-up the budget does not reach is not said to be absent.
func TestHalfAskedIsNotAbsent(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{})
	ann := userHolder(1)
	l.sync(t, ann)
	lost := cloudcheck.Ref{CloudID: "00000000-0000-0000-0000-000000000000", Holder: ann}
	ctx, _ := within(t, 1)
	sightings, err := l.client.Objects(ctx, []cloudcheck.Ref{lost})
	if err != nil || !errors.Is(sightings[0].Err, cloudcheck.ErrUnasked) {
		t.Errorf("%v, %+v", err, sightings)
	}
	ctx, _ = within(t, 2)
	if sightings, err = l.client.Objects(ctx, []cloudcheck.Ref{lost}); err != nil {
		t.Fatal(err)
	}
	checkSighting(t, sightings[0], ann)
}

// What a batch cost may stand on the answer as a whole too.
func TestCostOfTheWholeAnswer(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.call = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("x-ms-resource-unit", "33")
		return false
	}
	s.items = numbered(nil)
	seen := &counter{}
	c := s.client(t, func(o *Options) { o.Observer = seen })
	ctx, budget := within(t, 5000)
	questions := asked(c, 500)
	c.ask(ctx, questions)
	_, _, unasked := unaskedIn(questions)
	posts := s.posts()
	if budget.Spent() != 33*posts || seen.spent != 33*posts || posts != 500/maxBatch || unasked != 0 {
		t.Errorf("%d spent, %d shown, %d calls, %d unasked", budget.Spent(), seen.spent, posts, unasked)
	}
}

// An item that is dearer than was thought counts as what it cost.
func TestDearItems(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.items = numbered(map[int]func() reply{3: func() reply {
		r := found(user(3))
		r.headers["x-ms-resource-unit"] = "5"
		return r
	}})
	c := s.client(t)
	ctx, budget := within(t, 5000)
	questions := asked(c, 20)
	c.ask(ctx, questions)
	checkAnswers(t, questions, nil)
	if budget.Spent() != 24 {
		t.Errorf("%d spent", budget.Spent())
	}
}

// refusing answers questions with 429, to be asked again at once.
func refusing(numbers ...int) map[int]func() reply {
	refused := map[int]func() reply{}
	for _, n := range numbers {
		refused[n] = func() reply { return reply{status: 429, headers: map[string]string{"Retry-After": "0.01"}} }
	}
	return refused
}

// One item that is throttled, and stays so, ends nothing for the others, nor for what is asked later.
func TestAThrottledItemLeavesTheBudgetOpen(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.items = numbered(refusing(150))
	c := s.client(t)
	ctx, budget := within(t, 5000)
	for range 2 {
		questions := asked(c, 300)
		c.ask(ctx, questions)
		checkAnswers(t, questions, map[int]cause.Code{150: cause.Throttled})
	}
	if budget.Ended() != "" || budget.Spent() != 2*299 {
		t.Errorf("%d spent, ended: %q", budget.Spent(), budget.Ended())
	}
}

// Where everything is throttled a sweep does not insist.
func TestThrottlingOfEverythingEndsTheBudget(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	all := make([]int, 300)
	for i := range all {
		all[i] = i
	}
	s.items = numbered(refusing(all...))
	c := s.client(t)
	ctx, budget := within(t, 5000)
	questions := asked(c, 300)
	c.ask(ctx, questions)
	_, failed, unasked := unaskedIn(questions)
	if posts := s.posts(); posts > parallelCalls || failed != 20*posts || unasked != 300-failed || budget.Spent() != 0 {
		t.Errorf("%d calls, %d throttled, %d unasked, %d spent", posts, failed, unasked, budget.Spent())
	}
}

// A call that comes to nothing costs nothing.
func TestFailedCallsCostNothing(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.call = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, "{}")
		return true
	}
	c := s.client(t)
	ctx, budget := within(t, 5000)
	c.ask(ctx, asked(c, 300))
	if budget.Spent() != 0 || budget.Ended() != "" {
		t.Errorf("%d spent, ended: %q", budget.Spent(), budget.Ended())
	}
}

// One question of twenty that is throttled in the middle of 300 waiting holders: its fifteen are carried to the next sweep, the
// others are judged in this one.
func TestSweepWithAThrottledItem(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{LicenceNew: true})
	checker := cloudcheck.New(cloudcheck.Options{Reader: l.client, Now: l.clock.now})
	holders := crowd(300)
	l.sync(t, holders...)
	cases := make([]cloudcheck.Case, len(holders))
	for i, h := range holders {
		wants := []address.Want{{Address: address.Address(h.Mail), Role: address.RolePrimary}}
		cases[i] = cloudcheck.Case{Ref: cloudcheck.Ref{CloudID: l.ID(h.Anchor), Holder: h}, After: h.Values, WrittenAt: l.clock.now().Add(-time.Minute),
			Expectation: cloudcheck.Expectation{Wants: wants}}
	}
	l.Faults(tenant.Fault{Path: "/users", Status: 429, RetryAfter: time.Hour})
	l.ResetCalls()
	ctx, _ := within(t, 2000)
	outcomes := func() map[cloudcheck.Outcome]int {
		verdicts, err := checker.Sweep(ctx, checker.Survey(ctx), cases)
		if err != nil {
			t.Fatal(err)
		}
		found := map[cloudcheck.Outcome]int{}
		for _, v := range verdicts {
			found[v.Outcome]++
			if v.Outcome == cloudcheck.Unknown && v.Cause.Code != cause.Throttled {
				t.Errorf("%+v", v.Cause)
			}
		}
		return found
	}
	if got := outcomes(); got[cloudcheck.Unknown] != 15 || got[cloudcheck.Verified] != 285 {
		t.Errorf("%v", got)
	}
	if calls := l.Calls(); calls.ByPath["/$batch"] != 1 || calls.Throttled != 1 {
		t.Errorf("%+v", calls)
	}
	if got := outcomes(); got[cloudcheck.Verified] != 300 {
		t.Errorf("in the next sweep: %v", got)
	}
}
