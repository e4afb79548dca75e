package queue_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/queue"
)

// Who mends something and asks for a look while the sweep judges what was there before gets a look of his own, whatever that
// sweep finds, and whether somebody had asked before him or not.
func TestARecheckDuringALookIsMadeRightAfter(t *testing.T) {
	t.Parallel()
	verdicts := map[string]cloudcheck.Verdict{
		"contradicted": {Outcome: cloudcheck.Contradicted, Cause: &cause.Wait(cause.CalculatedOtherwise, "no").Cause},
		"not yet":      {Outcome: cloudcheck.NotYet, Cause: &cause.Wait(cause.NotCalculatedYet, "not now").Cause},
	}
	for name, verdict := range verdicts {
		c := newCrowd(1, plenty)
		service := queue.NewService(c.runner)
		recheck := func() {
			c.clock.Add(time.Second)
			if _, err := service.Recheck(context.Background(), "0", "admin"); err != nil {
				t.Fatal(err)
			}
		}
		looks, meanwhile := 0, 2
		c.cloud.judge = func(cloudcheck.Case) cloudcheck.Verdict {
			if looks++; looks <= meanwhile {
				recheck()
			}
			c.clock.Add(time.Second)
			return verdict
		}
		c.tick(t)
		for want := 2; want <= 4; want++ {
			if err := c.runner.SweepAsked(context.Background()); err != nil {
				t.Fatal(err)
			}
			if last := min(want, 1+meanwhile); looks != last {
				t.Errorf("%s: %d looks, want %d", name, looks, last)
			}
		}
		if r := c.waiting.requests[0]; r.NotBefore.IsZero() {
			t.Errorf("%s: the last one was not answered: %+v", name, r)
		}
	}
}

// What somebody asks for between two sweeps takes nothing from those who need more units than are left over by the others.
func TestARecheckTakesNobodysTurn(t *testing.T) {
	t.Parallel()
	const n, units = 60, 50
	c := newCrowd(n, units)
	c.unchanging()
	c.cloud.price = func(h address.GUID) int {
		if number(h) == 0 {
			return 25
		}
		return 1
	}
	service, looked := queue.NewService(c.runner), 0
	for range 40 {
		c.newSync()
		if slices.Contains(c.tick(t), guid(0)) {
			looked++
		}
		if _, err := service.Recheck(context.Background(), "5", "admin"); err != nil {
			t.Fatal(err)
		}
		if err := c.runner.SweepAsked(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if looked < 15 {
		t.Errorf("the dear holder was looked at %d times in 40 ticks", looked)
	}
}

// Who asks again and again for a look that has not begun does not fill the log: one entry says who asked first.
func TestManyWhoAskForOneLookLeaveOneEntry(t *testing.T) {
	t.Parallel()
	b := newBench()
	r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	b.cloud.judge = func(cloudcheck.Case) cloudcheck.Verdict {
		return cloudcheck.Verdict{Outcome: cloudcheck.Contradicted, Cause: &cause.Wait(cause.Quarantined, "held by Sales").Cause}
	}
	b.cycle(t)
	b.wantState(t, r.ID, queue.Mismatched, cause.Quarantined)
	story := func() []queue.Event {
		events, err := b.store.Events(context.Background(), r.ID, queue.Part{})
		if err != nil {
			t.Fatal(err)
		}
		return events
	}
	before := len(story())
	for _, by := range []string{"mary", "script", "script", "script"} {
		b.clock.Add(time.Millisecond)
		if _, err := b.service.Recheck(context.Background(), r.ID, by); err != nil {
			t.Fatal(err)
		}
	}
	asked := story()[before:]
	if len(asked) != 1 || asked[0].What != "woken" || string(asked[0].Detail) != `{"by":"mary"}` {
		t.Errorf("four who ask leave %d entries; want one that names the first: %+v", len(asked), asked)
	}
	if err := b.runner.SweepAsked(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := len(story()) - before; n != 2 {
		t.Errorf("asking and looking leave %d entries, want 2", n)
	}
}
