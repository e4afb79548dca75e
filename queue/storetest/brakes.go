package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/queue"
)

func brakesCases() map[string]func(*bundle) {
	return map[string]func(*bundle){
		"a cap on writes counts any hour":                capWrites,
		"a cap on removals counts addresses":             capRemovals,
		"what is over a cap changes nothing":             capChangesNothing,
		"a retry does not spend twice":                   capRetry,
		"what wrote nothing gives its share back":        capGivenBack,
		"what may have written keeps its share":          capKept,
		"a clock that was ahead uses up no cap":          capAfterJump,
		"a clock that was ahead makes no burst":          sourceAfterJump,
		"what is not judged counts all the same":         capReleased,
		"no intent while paused, receipts all the same":  pausedIntent,
		"what was sent before is restated while paused":  restatedIntent,
		"slots are evenly spaced":                        slots,
		"a slot that is too far ahead has come":          farSlot,
		"a slower pace leaves no slot behind":            loosenedPace,
		"a source is a token and a requester":            sources,
		"a cap holds exactly against many at once":       raceCap,
		"once paused, nobody stores an intent":           racePause,
		"no slot is given twice":                         raceSlots,
		"who released a request is remembered":           releasedBy,
		"what may be on its way to the directory counts": inFlight,
	}
}

// many makes n requests for as many holders that a node has in writing.
func (b *bundle) many(n int) []queue.Request {
	b.Helper()
	for i := range n {
		b.queued(holder(byte(i+1)), address.Address(fmt.Sprintf("many%d@contoso.test", i)))
	}
	leased := b.claim(n)
	if len(leased) != n {
		b.Fatalf("claimed %d of %d", len(leased), n)
	}
	return leased
}

// restatedIntent: what is known of a modify that was sent is stored whatever the brakes say, for nothing is sent by it.
func restatedIntent(b *bundle) {
	r := b.many(1)[0]
	sent := b.intent(r, 0, queue.Caps{Writes: 1})
	r = b.advance(sent)
	b.ok(b.s.SetPaused(context.Background(), true, "root", b.now))
	again := b.intent(r, 0, queue.Caps{})
	again.Spend = nil
	_, err := b.s.Advance(context.Background(), again)
	b.is(err, queue.ErrPaused)
	earlier := *fullIntent(b.now)
	earlier.DC, earlier.Sent = "ldaps://dc7.contoso.test:636", true
	again.Intent, again.Restates = &earlier, true
	if got := b.advance(again); got.Intent.DC != earlier.DC || !got.Intent.Sent {
		b.Fatalf("stored %s", inJSON(got.Intent))
	}
	b.inDoubt(holder(1), "", earlier.DC)
}

// intent is the transition that stores what a request is about to write.
func (b *bundle) intent(r queue.Request, removals int, caps queue.Caps) queue.Transition {
	t := b.move(r, queue.Writing)
	t.What, t.Intent = "intent", fullIntent(b.now)
	t.Intent.Sent = true
	t.Spend = &queue.Spend{Removals: removals, Caps: caps}
	until := b.now.Add(lease)
	t.LeaseUntil = &until
	return t
}

// spends stores an intent, or finds it over the cap.
func (b *bundle) spends(r queue.Request, removals int, caps queue.Caps) error {
	b.Helper()
	_, err := b.s.Advance(context.Background(), b.intent(r, removals, caps))
	if err != nil && !errors.Is(err, queue.ErrOverCap) {
		b.Fatal(err)
	}
	return err
}

// used stops the test where something else was spent in the last hour.
func (b *bundle) used(writes, removals int) {
	b.Helper()
	got, err := b.s.Used(context.Background(), b.now)
	b.ok(err)
	if got.Writes != writes || got.Removals != removals {
		b.Fatalf("%d writes and %d removals were spent, want %d and %d", got.Writes, got.Removals, writes, removals)
	}
}

// overCap stops the test unless err has these numbers.
func (b *bundle) overCap(err error, want queue.OverCapError) {
	b.Helper()
	var got *queue.OverCapError
	if !errors.As(err, &got) || *got != want {
		b.Fatalf("got %v, want %+v", err, want)
	}
}

func capWrites(b *bundle) {
	caps := queue.Caps{Writes: 2}
	r := b.many(4)
	b.ok(b.spends(r[0], 0, caps))
	b.later(30 * time.Second)
	b.ok(b.spends(r[1], 9, caps)) // removals have no cap here
	b.overCap(b.spends(r[2], 0, caps), queue.OverCapError{Used: 2, Wanted: 1, Cap: 2})
	b.used(2, 9)
	b.advance(b.toWritten(b.get(r[0].ID), changeOf("many0@contoso.test")))
	b.later(time.Hour - 30*time.Second - time.Microsecond)
	b.used(2, 9)
	again := b.claim(9) // the leases ran out
	b.overCap(b.spends(again[1], 0, caps), queue.OverCapError{Used: 2, Wanted: 1, Cap: 2})
	b.later(time.Microsecond) // an hour after the first
	b.used(1, 9)
	b.ok(b.spends(again[1], 0, caps))
	b.overCap(b.spends(again[2], 0, caps), queue.OverCapError{Used: 2, Wanted: 1, Cap: 2})
}

func capRemovals(b *bundle) {
	caps := queue.Caps{Removals: 3}
	r := b.many(5)
	b.ok(b.spends(r[0], 2, caps))
	b.overCap(b.spends(r[1], 2, caps), queue.OverCapError{Removals: true, Used: 2, Wanted: 2, Cap: 3})
	b.ok(b.spends(r[2], 1, caps))
	b.overCap(b.spends(r[1], 1, caps), queue.OverCapError{Removals: true, Used: 3, Wanted: 1, Cap: 3})
	b.ok(b.spends(r[3], 0, caps)) // it removes nothing
	b.overCap(b.spends(r[4], 4, queue.Caps{Removals: 3, Writes: 3}), queue.OverCapError{Used: 3, Wanted: 1, Cap: 3})
	b.used(3, 3)
}

func capChangesNothing(b *bundle) {
	r := b.many(2)
	b.ok(b.spends(r[0], 0, queue.Caps{Writes: 1}))
	before, story := b.get(r[1].ID), b.events(r[1].ID)
	b.is(b.spends(r[1], 0, queue.Caps{Writes: 1}), queue.ErrOverCap)
	b.same(b.get(r[1].ID), before)
	b.same(b.events(r[1].ID), story)
	held := b.move(r[1], queue.Held)
	held.Cause = why("over_cap")
	b.advance(held)
	b.in(r[1].ID, queue.Held)
}

func capRetry(b *bundle) {
	caps := queue.Caps{Writes: 1, Removals: 3}
	r := b.many(2)
	b.ok(b.spends(r[0], 2, caps))
	b.ok(b.spends(r[0], 1, caps)) // planned again in the same attempt: what stood in the first intent may have been written
	b.used(1, 2)
	b.later(2 * lease) // and again after a crash
	again := b.claim(1)
	b.ok(b.spends(again[0], 3, caps))
	b.used(1, 3)
	b.overCap(b.spends(again[0], 4, caps), queue.OverCapError{Removals: true, Used: 3, Wanted: 1, Cap: 3})
	b.later(time.Hour - time.Microsecond) // it counts from the last time on
	b.used(1, 3)
}

func capGivenBack(b *bundle) {
	r := b.many(5)
	for i, to := range []queue.State{queue.Queued, queue.Held, queue.Refused} {
		b.ok(b.spends(r[i], 1, queue.Caps{}))
		b.used(1, 1)
		b.advance(b.move(r[i], to))
		b.used(0, 0)
	}
	b.ok(b.spends(r[3], 1, queue.Caps{}))
	nothing := b.toWritten(r[3], address.Change{})
	nothing.Intent = fullIntent(b.now)
	nothing.Intent.Sent = false // somebody was faster, and had written what was asked for
	b.advance(nothing)
	b.used(0, 0)
	b.ok(b.spends(r[4], 1, queue.Caps{Writes: 1, Removals: 1}))
}

func capKept(b *bundle) {
	r := b.many(3)
	for _, one := range r {
		b.ok(b.spends(one, 1, queue.Caps{}))
	}
	b.advance(b.toWritten(r[0], changeOf("many0@contoso.test")))
	b.advance(b.move(r[1], queue.Failed))
	landed := b.toWritten(r[2], address.Change{}) // the answer was lost, and the directory shows it
	landed.Intent = fullIntent(b.now)
	landed.Intent.Sent = true
	b.advance(landed)
	b.used(3, 3)
}

// capAfterJump: what was spent by a clock that was ahead does not count until that day. What a node spends whose clock is a little
// ahead does.
func capAfterJump(b *bundle) {
	caps, now := queue.Caps{Writes: 1, Removals: 1}, b.now
	b.later(365 * 24 * time.Hour)
	far := b.many(1)
	b.ok(b.spends(far[0], 1, caps))
	b.advance(b.toWritten(far[0], changeOf("many0@contoso.test")))
	b.now = now // set right
	b.used(0, 0)
	b.queued(holder(8), "near@contoso.test")
	b.queued(holder(9), "nearer@contoso.test")
	r := b.claim(2)
	b.ok(b.spends(r[0], 1, caps))
	b.used(1, 1)
	b.now = now.Add(-time.Minute) // by the clock of another node
	b.used(1, 1)
	b.overCap(b.spends(r[1], 0, caps), queue.OverCapError{Used: 1, Wanted: 1, Cap: 1})
}

// sourceAfterJump: requests that a clock accepted while it was ahead are no burst with those that come once it is right.
func sourceAfterJump(b *bundle) {
	now := b.now
	b.later(365 * 24 * time.Hour)
	b.submit(b.ask("a@contoso.test"))
	b.submit(b.ask("b@contoso.test"))
	b.now = now.Add(time.Minute)
	b.submit(b.ask("c@contoso.test")) // of another node, whose clock is a little ahead
	b.now = now
	r := b.submit(b.ask("d@contoso.test"))
	n, err := b.s.FromSource(context.Background(), r, r.CreatedAt.Add(-time.Minute), 9)
	b.ok(err)
	b.same(n, 2)
}

func capReleased(b *bundle) {
	r := b.many(2)
	b.ok(b.spends(r[0], 5, queue.Caps{}))
	b.used(1, 5)
	b.is(b.spends(r[1], 0, queue.Caps{Writes: 1}), queue.ErrOverCap)
	b.is(b.spends(r[1], 1, queue.Caps{Removals: 5}), queue.ErrOverCap)
}

func pausedIntent(b *bundle) {
	r := b.many(2)
	b.ok(b.spends(r[0], 1, queue.Caps{}))
	b.ok(b.s.SetPaused(context.Background(), true, "admin", b.now))
	t := b.intent(r[1], 1, queue.Caps{})
	_, err := b.s.Advance(context.Background(), t)
	b.is(err, queue.ErrPaused)
	b.same(b.get(r[1].ID), r[1])
	t.Spend = nil
	_, err = b.s.Advance(context.Background(), t)
	b.is(err, queue.ErrPaused)
	t.Intent.Sent = false // nothing is sent
	b.advance(t)
	done := b.toWritten(r[0], changeOf("many0@contoso.test"))
	done.Intent = b.get(r[0].ID).Intent
	b.advance(done)
	b.used(1, 1)
	b.ok(b.s.SetPaused(context.Background(), false, "admin", b.now))
	b.ok(b.spends(r[1], 0, queue.Caps{}))
}

func (b *bundle) slot(patience time.Duration) (time.Time, bool) {
	b.Helper()
	at, ok, err := b.s.Slot(context.Background(), b.now, time.Second, patience)
	b.ok(err)
	return at, ok
}

func slots(b *bundle) {
	start := queue.Instant(b.now)
	for i := range 4 {
		at, ok := b.slot(3 * time.Second)
		b.same([]any{at, ok}, []any{start.Add(time.Duration(i) * time.Second), true})
	}
	at, ok := b.slot(3 * time.Second)
	b.same([]any{at, ok}, []any{start.Add(4 * time.Second), false})
	used, err := b.s.Used(context.Background(), b.now)
	b.ok(err)
	b.same(used.NextSlot, start.Add(4*time.Second))
	b.later(time.Minute) // what was not used is not saved up
	at, ok = b.slot(0)
	b.same([]any{at, ok}, []any{queue.Instant(b.now), true})
	at, ok = b.slot(0)
	b.same([]any{at, ok}, []any{queue.Instant(b.now).Add(time.Second), false})
}

// farSlot: a clock that was ahead for a moment does not stop the pace.
func farSlot(b *bundle) {
	now := queue.Instant(b.now)
	b.later(365 * 24 * time.Hour)
	at, ok := b.slot(3 * time.Second)
	b.same([]any{at, ok}, []any{queue.Instant(b.now), true})
	b.now = now // set right
	for i := range 4 {
		at, ok = b.slot(3 * time.Second)
		b.same([]any{at, ok}, []any{now.Add(time.Duration(i) * time.Second), true})
	}
	at, ok = b.slot(3 * time.Second)
	b.same([]any{at, ok}, []any{now.Add(4 * time.Second), false})
	b.now = now.Add(-time.Second) // another node's clock is a little behind: the slots stay taken
	at, ok = b.slot(3 * time.Second)
	b.same([]any{at, ok}, []any{now.Add(4 * time.Second), false})
}

func loosenedPace(b *bundle) {
	slot := func(every time.Duration) (time.Time, bool) {
		at, ok, err := b.s.Slot(context.Background(), b.now, every, 20*time.Second)
		b.ok(err)
		return at, ok
	}
	_, ok := slot(time.Hour)
	b.same(ok, true)
	_, ok = slot(time.Hour)
	b.same(ok, false)
	at, ok := slot(time.Second) // an administrator changed the settings
	b.same([]any{at, ok}, []any{queue.Instant(b.now), true})
}

func sources(b *bundle) {
	from := func(by, requester string) queue.Request {
		b.later(time.Second)
		sub := b.ask("a@contoso.test")
		sub.SubmittedBy, sub.Requester = by, requester
		return b.submit(sub)
	}
	count := func(r queue.Request, since time.Duration, most int) int {
		n, err := b.s.FromSource(context.Background(), r, r.CreatedAt.Add(-since), most)
		b.ok(err)
		return n
	}
	first := from("helpdesk", "")
	from("helpdesk", "ann")
	from("script", "")
	third, last := from("helpdesk", ""), from("helpdesk", "")
	b.same([]int{count(first, time.Hour, 9), count(third, time.Hour, 9), count(last, time.Hour, 9)}, []int{1, 2, 3})
	b.same([]int{count(last, 4*time.Second, 9), count(last, time.Microsecond, 9), count(last, time.Hour, 1)}, []int{2, 1, 2})
}

// raceCap: however many ask at once, exactly as many pass as the cap allows.
func raceCap(b *bundle) {
	const limit = 7
	all := b.many(40)
	var lock sync.Mutex
	passed := 0
	together(8, func(worker int) {
		for i := worker; i < len(all); i += 8 {
			_, err := b.s.Advance(context.Background(), b.intent(all[i], 1, queue.Caps{Writes: limit, Removals: 99}))
			lock.Lock()
			switch {
			case err == nil:
				passed++
			case !errors.Is(err, queue.ErrOverCap):
				b.Error(err)
			}
			lock.Unlock()
		}
	})
	if passed != limit {
		b.Errorf("%d passed a cap of %d", passed, limit)
	}
	b.used(limit, limit)
}

// racePause: whatever intent is stored was stored before SetPaused returned.
func racePause(b *bundle) {
	all := b.many(60)
	var lock sync.Mutex
	paused := false
	together(7, func(worker int) {
		if worker == 0 {
			if err := b.s.SetPaused(context.Background(), true, "admin", b.now); err != nil {
				b.Error(err)
			}
			lock.Lock()
			defer lock.Unlock()
			paused = true
			return
		}
		for i := worker - 1; i < len(all); i += 6 {
			lock.Lock()
			late := paused // it begins after the pause has returned
			lock.Unlock()
			_, err := b.s.Advance(context.Background(), b.intent(all[i], 0, queue.Caps{}))
			if err == nil && late {
				b.Errorf("request %d stored an intent after the pause", all[i].Seq)
			}
			if err != nil && !errors.Is(err, queue.ErrPaused) {
				b.Error(err)
			}
		}
	})
	stored := 0
	for _, r := range b.all() {
		if r.Intent != nil {
			stored++
		}
	}
	b.used(stored, 0)
}

func raceSlots(b *bundle) {
	var lock sync.Mutex
	var got []time.Time
	together(crowd, func(int) {
		at, ok, err := b.s.Slot(context.Background(), b.now, time.Second, time.Hour)
		if err != nil || !ok {
			b.Errorf("no slot: %v, %v", ok, err)
		}
		lock.Lock()
		defer lock.Unlock()
		got = append(got, at)
	})
	slices.SortFunc(got, time.Time.Compare)
	for i, at := range got {
		b.same(at, queue.Instant(b.now).Add(time.Duration(i)*time.Second))
	}
}

func releasedBy(b *bundle) {
	r := b.writing(holder(1), "a@contoso.test")
	held := b.advance(b.move(r, queue.Held))
	b.same([]any{held.Owner, held.LeaseUntil, held.ReleasedBy}, []any{"", time.Time{}, ""})
	free := b.move(held, queue.Queued)
	free.ReleasedBy = "admin"
	b.same(b.advance(free).ReleasedBy, "admin")
	again := b.claim(1)[0]
	b.same(again.ReleasedBy, "admin")
	b.advance(b.toWritten(again, changeOf("a@contoso.test")))
	b.same(b.get(r.ID).ReleasedBy, "admin")
}

func inFlight(b *bundle) {
	count := func() int {
		stats, err := b.s.Stats(context.Background())
		b.ok(err)
		return stats.InFlight
	}
	r := b.many(3)
	b.same(count(), 0)
	for _, one := range r {
		b.ok(b.spends(one, 0, queue.Caps{}))
	}
	b.same(count(), 3)
	b.advance(b.toWritten(r[0], changeOf("many0@contoso.test")))
	unsent := b.move(r[1], queue.Queued)
	unsent.Intent = fullIntent(b.now)
	unsent.Intent.Sent = false
	b.advance(unsent)
	b.same(count(), 1)
}
