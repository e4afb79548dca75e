package storetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
)

func resolveCases() map[string]func(*bundle) {
	return map[string]func(*bundle){
		"oldest first, at most n":                                 unresolvedOrder,
		"one whose time has not come is passed":                   unresolvedPassed,
		"whose holder is not known before one":                    unknownBefore,
		"a resolved request is queued and begins anew":            resolveQueues,
		"only what is accepted is resolved":                       resolveGuard,
		"an address taken by another holder's request is busy":    resolveBusy,
		"the oldest request and the first address are named":      resolveBusyNames,
		"one whose holder became known late is refused":           resolveLate,
		"one before which nothing of its holder was begun is not": resolveBefore,
		"no claim, no conflict":                                   resolveFree,
		"claims end when the request is final":                    claimsEnd,
		"claims stay while the request is open":                   claimsStay,
		"a claim may be made twice":                               claimsTwice,
		"an earlier removal elsewhere is found":                   releasing,
		"what is no earlier removal of another holder is not it":  releasingNot,
		"a later removal that was written is found":               releasingWritten,
		"the oldest of several removals is found":                 releasingOldest,
	}
}

func (b *bundle) unresolved(n int) []int64 {
	b.Helper()
	due, err := b.s.Unresolved(context.Background(), b.now, n)
	b.ok(err)
	return seqs(due)
}

// delay puts a request off until a time.
func (b *bundle) delay(r queue.Request, until time.Time) queue.Request {
	b.Helper()
	t := b.move(r, r.State)
	t.NotBefore = &until
	return b.advance(t)
}

func unresolvedOrder(b *bundle) {
	b.same(b.unresolved(5), []int64{})
	b.acceptMany(4)
	b.same(b.unresolved(3), []int64{1, 2, 3})
	b.same(b.unresolved(0), []int64{})
	b.resolve(b.all()[1], holder(1), nil)
	b.same(b.unresolved(9), []int64{1, 3, 4})
}

func unresolvedPassed(b *bundle) {
	b.acceptMany(3)
	b.delay(b.all()[1], b.now.Add(time.Second))
	b.same(b.unresolved(9), []int64{1, 3})
	b.same(b.unresolved(1), []int64{1})
	b.later(time.Second)
	b.same(b.unresolved(9), []int64{1, 2, 3})
}

func unknownBefore(b *bundle) {
	unknown := func(before int64) []int64 {
		b.Helper()
		found, err := b.s.Unknown(context.Background(), before)
		b.ok(err)
		return seqs(found)
	}
	b.same(unknown(9), []int64{})
	b.acceptMany(4)
	b.delay(b.all()[1], b.now.Add(time.Hour))
	b.resolve(b.all()[2], holder(1), nil)
	b.same(unknown(4), []int64{1, 2})
	b.same(unknown(1), []int64{})
	b.same(unknown(9), []int64{1, 2, 4})
}

func resolveQueues(b *bundle) {
	r := b.accepted("a@contoso.test")
	t, tries, at := b.move(r, queue.Accepted), 3, b.now.Add(time.Hour)
	t.Cause, t.Attempts, t.NotBefore = why(cause.DirectoryUnavailable), &tries, &at
	r = b.advance(t)
	b.later(time.Minute)
	got := b.resolve(r, holder(9), takes("a@contoso.test"))
	r.State, r.Object, r.Cause, r.Attempts, r.NotBefore, r.UpdatedAt = queue.Queued, holder(9), nil, 0, time.Time{}, b.now
	b.same(got, r)
	b.same(b.get(r.ID), r)
	last := b.events(r.ID)[2]
	if last.What != "resolved" || !strings.Contains(string(last.Detail), holder(9).String()) {
		b.Fatalf("event %s", inJSON(last))
	}
}

func resolveGuard(b *bundle) {
	r := b.queued(holder(1), "a@contoso.test")
	_, err := b.s.Resolve(context.Background(), r.ID, holder(2), takes("b@contoso.test"), b.later(time.Second))
	b.is(err, queue.ErrStale)
	b.same(b.get(r.ID), r)
	b.queued(holder(3), "b@contoso.test") // the claim was not taken either
}

func resolveBusy(b *bundle) {
	first := b.queued(holder(1), "A@Contoso.test")
	second := b.resolve(b.accepted("a@contoso.test"), holder(2), takes("a@contoso.test"))
	if second.State != queue.Refused || second.Object != holder(2) || second.Cause == nil || second.Cause.Code != cause.AddressBusy {
		b.Fatalf("got %s, want address_busy", inJSON(second))
	}
	b.same(*second.Cause.Conflict, cause.Conflict{Kind: "request", ID: string(first.ID), Name: first.Holder, Address: "a@contoso.test"})
	for _, part := range []string{string(first.ID), first.Holder, "a@contoso.test"} {
		if !strings.Contains(second.Cause.Message, part) {
			b.Fatalf("%q does not name %s", second.Cause.Message, part)
		}
	}
	b.same(b.get(second.ID), second)
	story := b.events(second.ID)
	b.same(story[1].Cause, second.Cause)
}

func resolveBusyNames(b *bundle) {
	first := b.resolve(b.accepted("x@contoso.test"), holder(1), takes("b@contoso.test", "c@contoso.test"))
	b.queued(holder(2), "a@contoso.test")
	got := b.resolve(b.accepted("y@contoso.test"), holder(3), takes("a@contoso.test", "c@contoso.test", "b@contoso.test"))
	b.same(*got.Cause.Conflict, cause.Conflict{Kind: "request", ID: string(first.ID), Name: first.Holder, Address: "c@contoso.test"})
	b.queued(holder(4), "y@contoso.test") // what was refused claims nothing
}

// resolveLate: whatever became of a later request of the holder that had its turn, an earlier one is not written after it.
func resolveLate(b *bundle) {
	begun := map[queue.State]func(address.GUID, address.Address) queue.Request{
		queue.Writing: b.writing,
		queue.Written: b.written,
		queue.Verified: func(h address.GUID, a address.Address) queue.Request {
			return b.advance(b.move(b.written(h, a), queue.Verified))
		},
		queue.Mismatched: func(h address.GUID, a address.Address) queue.Request {
			return b.advance(b.move(b.written(h, a), queue.Mismatched))
		},
		queue.Failed: func(h address.GUID, a address.Address) queue.Request {
			return b.advance(b.move(b.writing(h, a), queue.Failed))
		},
	}
	for n, state := range slices.Sorted(maps.Keys(begun)) {
		late, h := b.accepted("a@contoso.test"), holder(byte(1+n))
		later := begun[state](h, address.Address(fmt.Sprintf("b%d@contoso.test", n)))
		got := b.resolve(late, h, takes("a@contoso.test"))
		if got.State != queue.Refused || got.Object != h || got.Cause == nil || got.Cause.Code != cause.ChangedSince {
			b.Fatalf("%s: got %s, want changed_since", state, inJSON(got))
		}
		b.same(*got.Cause.Conflict, cause.Conflict{Kind: "request", ID: string(later.ID), Name: later.Holder, Address: string(later.Address)})
		b.same(b.get(got.ID), got)
		b.same(b.busyNow("a@contoso.test"), false) // what was refused claims nothing
	}
}

// resolveBefore: one that became known late goes before those of its holder that wait, and those that wrote nothing do not count.
func resolveBefore(b *bundle) {
	late := b.accepted("a@contoso.test")
	b.writing(holder(2), "e@contoso.test") // another holder's
	b.advance(b.move(b.queued(holder(1), "b@contoso.test"), queue.Refused))
	b.advance(b.move(b.queued(holder(1), "d@contoso.test"), queue.Cancelled))
	held := b.advance(b.move(b.queued(holder(1), "c@contoso.test"), queue.Held))
	b.accepted("f@contoso.test") // not known either
	b.same(b.resolve(late, holder(1), takes("a@contoso.test")).State, queue.Queued)
	b.advance(b.move(held, queue.Queued))
	b.same(seqs(b.claim(9)), []int64{late.Seq})
}

func resolveFree(b *bundle) {
	queues := func(h byte, claims []queue.Claim) {
		b.Helper()
		if r := b.resolve(b.accepted("a@contoso.test"), holder(h), claims); r.State != queue.Queued {
			b.Fatalf("got %s, want it queued", inJSON(r))
		}
	}
	queues(1, takes("a@contoso.test"))
	queues(1, takes("a@contoso.test"))    // the same holder
	queues(2, releases("a@contoso.test")) // letting go is always allowed
	queues(3, releases("b@contoso.test"))
	queues(4, takes("b@contoso.test")) // waits for the release, but is not refused
	queues(5, takes("aa@contoso.test", "a@contoso.tes"))
	queues(6, nil)
}

// busyNow says whether a request for another holder is refused the address now.
func (b *bundle) busyNow(addr address.Address) bool {
	b.Helper()
	r := b.resolve(b.accepted(addr), holder(99), takes(addr))
	if r.State == queue.Queued {
		b.advance(b.move(r, queue.Cancelled))
	}
	return r.State == queue.Refused
}

func claimsEnd(b *bundle) {
	ends := map[string]func(queue.Request) queue.Transition{
		"cancelled": func(r queue.Request) queue.Transition { return b.move(r, queue.Cancelled) },
		"refused":   func(r queue.Request) queue.Transition { return b.move(r, queue.Refused) },
		"failed":    func(queue.Request) queue.Transition { return b.move(b.claim(1)[0], queue.Failed) },
		"verified": func(queue.Request) queue.Transition {
			return b.move(b.advance(b.toWritten(b.claim(1)[0], address.Change{})), queue.Verified)
		},
	}
	for name, end := range ends {
		r := b.queued(holder(1), "a@contoso.test")
		if !b.busyNow("a@contoso.test") {
			b.Fatal("an open request did not keep its claim")
		}
		b.advance(end(r))
		if b.busyNow("a@contoso.test") {
			b.Fatalf("a request that was %s kept its claim", name)
		}
	}
}

func claimsStay(b *bundle) {
	r := b.queued(holder(1), "a@contoso.test")
	step := func(name string) {
		b.Helper()
		if !b.busyNow("a@contoso.test") {
			b.Fatalf("a request that was %s lost its claim", name)
		}
	}
	r = b.advance(b.move(r, queue.Held))
	step("held")
	b.advance(b.move(r, queue.Queued))
	r = b.claim(1)[0]
	step("claimed")
	r = b.advance(b.toWritten(r, address.Change{}))
	step("written")
	b.advance(b.move(r, queue.Mismatched))
	step("mismatched")
}

func claimsTwice(b *bundle) {
	r := b.resolve(b.accepted("a@contoso.test"), holder(1), takes("a@contoso.test", "a@contoso.test"))
	b.same(r.State, queue.Queued)
	both := append(takes("b@contoso.test"), releases("b@contoso.test")...)
	b.same(b.resolve(b.accepted("b@contoso.test"), holder(1), both).State, queue.Queued)
}

func (b *bundle) releasing(id queue.RequestID) *queue.Request {
	b.Helper()
	r, err := b.s.Releasing(context.Background(), id)
	b.ok(err)
	return r
}

func releasing(b *bundle) {
	removal := b.resolve(b.accepted("a@contoso.test"), holder(1), releases("b@contoso.test", "a@contoso.test"))
	add := b.resolve(b.accepted("a@contoso.test"), holder(2), takes("c@contoso.test", "a@contoso.test"))
	b.same(b.releasing(add.ID), &removal)
	removal = b.claim(1)[0]
	b.same(b.releasing(add.ID), &removal)
	removal = b.advance(b.toWritten(removal, address.Change{}))
	b.same(b.releasing(add.ID), &removal)
	b.advance(b.move(removal, queue.Verified))
	b.same(b.releasing(add.ID), (*queue.Request)(nil))
}

func releasingNot(b *bundle) {
	mine := b.resolve(b.accepted("a@contoso.test"), holder(1), releases("a@contoso.test"))
	add := b.resolve(b.accepted("a@contoso.test"), holder(1), takes("a@contoso.test"))
	later := b.resolve(b.accepted("a@contoso.test"), holder(2), releases("a@contoso.test"))
	other := b.resolve(b.accepted("b@contoso.test"), holder(3), takes("b@contoso.test"))
	for _, r := range []queue.Request{mine, add, later, other} {
		if got := b.releasing(r.ID); got != nil {
			b.Fatalf("request %d is said to wait for %s", r.Seq, inJSON(got))
		}
	}
}

// releasingWritten: one that waits in its line, while a later removal elsewhere is written, must not move the address in one sync cycle.
func releasingWritten(b *bundle) {
	waits := b.delay(b.resolve(b.accepted("a@contoso.test"), holder(1), takes("a@contoso.test")), b.now.Add(time.Hour))
	removal := b.resolve(b.accepted("a@contoso.test"), holder(2), releases("a@contoso.test"))
	b.same(b.releasing(waits.ID), (*queue.Request)(nil))
	leased := b.claim(1)
	b.same(seqs(leased), []int64{removal.Seq})
	b.same(b.releasing(waits.ID), (*queue.Request)(nil))
	written := b.advance(b.toWritten(leased[0], address.Change{}))
	b.same(b.releasing(waits.ID), &written)
	written = b.advance(b.move(written, queue.Mismatched))
	b.same(b.releasing(waits.ID), &written)
	b.advance(b.move(written, queue.Verified))
	b.same(b.releasing(waits.ID), (*queue.Request)(nil))
}

func releasingOldest(b *bundle) {
	first := b.resolve(b.accepted("a@contoso.test"), holder(1), releases("a@contoso.test"))
	b.resolve(b.accepted("b@contoso.test"), holder(2), releases("b@contoso.test"))
	add := b.resolve(b.accepted("c@contoso.test"), holder(3), takes("b@contoso.test", "a@contoso.test"))
	b.same(b.releasing(add.ID), &first)
}
