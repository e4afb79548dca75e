package storetest

import (
	"context"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/queue"
)

func claimCases() map[string]func(*bundle) {
	return map[string]func(*bundle){
		"a claimed request is leased":                      claimLeases,
		"oldest first, at most n":                          claimOrder,
		"one holder's requests one at a time and in order": claimOnePerHolder,
		"a request that waits blocks its holder's later":   claimBlocked,
		"what is not resolved is passed":                   claimPassesAccepted,
		"not before its time":                              claimNotBefore,
		"an expired lease is taken over":                   claimTakesOver,
		"times from before the clock was set back":         claimSetBack,
		"expired leases come first":                        claimTakeOverFirst,
		"nothing is claimed while paused":                  claimPaused,
		"pausing twice is harmless":                        pauseTwice,
	}
}

func claimLeases(b *bundle) {
	r := b.queued(holder(1), "a@contoso.test")
	b.later(time.Second)
	leased, err := b.s.Claim(context.Background(), "node7", b.now, 90*time.Second, 5)
	b.ok(err)
	r.State, r.Owner, r.LeaseUntil, r.UpdatedAt = queue.Writing, "node7", b.now.Add(90*time.Second), b.now
	b.same(leased, []queue.Request{r})
	b.same(b.get(r.ID), r)
	last := b.events(r.ID)[2]
	if last.What != "claimed" || last.Node != "node7" || last.From != queue.Queued || last.To != queue.Writing {
		b.Fatalf("event %s", inJSON(last))
	}
	b.same(seqs(b.claim(5)), []int64{})
}

// claimSetBack: what was put off for a while by a clock that was days ahead is not put off for days.
func claimSetBack(b *bundle) {
	unresolved := b.delay(b.accepted("a@contoso.test"), b.now.Add(queue.Farthest+time.Second))
	due, err := b.s.Unresolved(context.Background(), b.now, 9)
	b.ok(err)
	b.same(seqs(due), []int64{unresolved.Seq})
	b.advance(b.move(unresolved, queue.Cancelled))

	b.delay(b.queued(holder(1), "b@contoso.test"), b.now.Add(queue.Farthest))
	set := b.delay(b.queued(holder(2), "c@contoso.test"), b.now.Add(queue.Farthest+time.Second))
	b.same(seqs(b.claim(9)), []int64{set.Seq})
	b.now = b.now.Add(-queue.Farthest)
	b.same(seqs(b.claim(9)), []int64{set.Seq, set.Seq - 1}) // its lease ends further ahead than any can

	looked := b.advance(b.move(b.written(holder(3), "d@contoso.test"), queue.Mismatched))
	looked = b.delay(looked, b.now.Add(queue.Farthest))
	b.same(b.awaiting(), []int64{})
	looked = b.delay(looked, b.now.Add(queue.Farthest+time.Second))
	b.same(b.awaiting(), []int64{looked.Seq})
	b.delay(looked, queue.Never())
	b.same(b.awaiting(), []int64{})
}

func claimOrder(b *bundle) {
	for i := range byte(5) {
		b.queued(holder(i+1), address.Address(string(rune('a'+rune(i)))+"@contoso.test"))
	}
	b.same(seqs(b.claim(0)), []int64{})
	b.same(seqs(b.claim(-1)), []int64{})
	b.same(seqs(b.claim(2)), []int64{1, 2})
	b.same(seqs(b.claim(9)), []int64{3, 4, 5})
}

func claimOnePerHolder(b *bundle) {
	first := b.queued(holder(1), "a@contoso.test")
	second := b.queued(holder(1), "b@contoso.test")
	other := b.queued(holder(2), "c@contoso.test")
	third := b.queued(holder(1), "d@contoso.test")
	b.same(seqs(b.claim(9)), []int64{first.Seq, other.Seq})
	b.advance(b.toWritten(b.get(first.ID), changeOf("a@contoso.test")))
	b.same(seqs(b.claim(9)), []int64{second.Seq})
	b.same(seqs(b.claim(9)), []int64{})
	b.advance(b.move(b.get(second.ID), queue.Failed))
	b.same(seqs(b.claim(9)), []int64{third.Seq})
}

func claimBlocked(b *bundle) {
	first := b.queued(holder(1), "a@contoso.test")
	second := b.queued(holder(1), "b@contoso.test")
	first = b.delay(first, b.now.Add(time.Hour))
	b.same(seqs(b.claim(9)), []int64{})
	first = b.advance(b.move(first, queue.Held))
	b.later(2 * time.Hour)
	b.same(seqs(b.claim(9)), []int64{})
	b.advance(b.move(first, queue.Cancelled))
	b.same(seqs(b.claim(9)), []int64{second.Seq})
}

// claimPassesAccepted: who queues a request has seen to it that none before it may be for its holder (Unknown). One that turns out to be
// comes first again.
func claimPassesAccepted(b *bundle) {
	unresolved := b.accepted("b@contoso.test")
	other := b.queued(holder(1), "a@contoso.test")
	after := b.queued(holder(2), "c@contoso.test")
	b.same(seqs(b.claim(1)), []int64{other.Seq})
	b.resolve(unresolved, holder(2), nil)
	b.same(seqs(b.claim(9)), []int64{unresolved.Seq})
	b.advance(b.move(b.get(unresolved.ID), queue.Failed))
	b.same(seqs(b.claim(9)), []int64{after.Seq})
}

func claimNotBefore(b *bundle) {
	r := b.queued(holder(1), "a@contoso.test")
	b.delay(r, b.now.Add(time.Second))
	b.later(time.Second - time.Microsecond)
	b.same(seqs(b.claim(9)), []int64{})
	b.later(time.Microsecond)
	b.same(seqs(b.claim(9)), []int64{r.Seq})
}

func claimTakesOver(b *bundle) {
	r := b.writing(holder(1), "a@contoso.test")
	ctx := context.Background()
	b.later(lease - time.Microsecond)
	none, err := b.s.Claim(ctx, "node2", b.now, lease, 9)
	b.ok(err)
	b.same(seqs(none), []int64{})
	b.later(time.Microsecond)
	taken, err := b.s.Claim(ctx, "node2", b.now, lease, 9)
	b.ok(err)
	old := r
	r.Owner, r.LeaseUntil, r.UpdatedAt = "node2", b.now.Add(lease), b.now
	b.same(taken, []queue.Request{r})
	last := b.events(r.ID)[3]
	if last.What != "taken over" || last.Node != "node2" || last.From != queue.Writing || last.To != queue.Writing {
		b.Fatalf("event %s", inJSON(last))
	}
	_, err = b.s.Advance(ctx, b.toWritten(old, changeOf("a@contoso.test")))
	b.is(err, queue.ErrStale)
	b.same(b.get(r.ID), r)
}

func claimTakeOverFirst(b *bundle) {
	b.queued(holder(1), "a@contoso.test")
	b.queued(holder(2), "b@contoso.test")
	b.queued(holder(3), "c@contoso.test")
	b.delay(b.all()[0], b.now.Add(time.Hour))
	b.delay(b.all()[1], b.now.Add(time.Hour))
	b.same(seqs(b.claim(9)), []int64{3})
	b.later(2 * time.Hour)
	b.same(seqs(b.claim(2)), []int64{3, 1})
	b.later(2 * time.Hour)
	b.same(seqs(b.claim(9)), []int64{1, 3, 2})
}

func claimPaused(b *bundle) {
	ctx := context.Background()
	expiring := b.writing(holder(1), "a@contoso.test")
	waiting := b.queued(holder(2), "b@contoso.test")
	b.ok(b.s.SetPaused(ctx, true, "root", b.now))
	b.same(seqs(b.claim(9)), []int64{})
	b.later(lease)
	b.same(seqs(b.claim(9)), []int64{expiring.Seq})
	b.ok(b.s.SetPaused(ctx, false, "root", b.now))
	b.same(seqs(b.claim(9)), []int64{waiting.Seq})
}

func pauseTwice(b *bundle) {
	ctx := context.Background()
	is := func(since time.Time, by string) {
		b.Helper()
		gotSince, gotBy, err := b.s.Paused(ctx)
		b.ok(err)
		b.same([]any{gotSince, gotBy}, []any{since, by})
	}
	is(time.Time{}, "")
	b.ok(b.s.SetPaused(ctx, false, "nobody", b.now))
	is(time.Time{}, "")
	since := b.now
	b.ok(b.s.SetPaused(ctx, true, "root", since.In(time.FixedZone("", 7200)).Add(999)))
	b.ok(b.s.SetPaused(ctx, true, "other", b.later(time.Minute)))
	is(since, "root")
	b.ok(b.s.SetPaused(ctx, false, "other", b.now))
	b.ok(b.s.SetPaused(ctx, false, "other", b.now))
	is(time.Time{}, "")
}
