package storetest

import (
	"context"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

func writtenCases() map[string]func(*bundle) {
	return map[string]func(*bundle){
		"written ones, and mismatched ones that are due, await": awaitingDue,
		"what a sweep has to know of those who wait":            awaitingTells,
		"those asked for that still wait":                       awaitedOnes,
		"the receipts of the holder":                            priorReceipt,
		"the receipts of the holder since a time":               priorSince,
		"the DC of a sent intent is in doubt":                   priorInDoubt,
		"an answer ends the doubt":                              priorAnswered,
		"the request's own receipt ends the doubt":              priorOwnReceipt,
		"a later receipt from the same DC ends the doubt":       priorLaterReceipt,
		"a request that ends without an answer leaves a doubt":  priorLeftDoubt,
	}
}

func (b *bundle) awaiting() []int64 {
	b.Helper()
	waiting, err := b.s.Awaiting(context.Background(), b.now)
	b.ok(err)
	n := []int64{}
	for _, w := range waiting {
		n = append(n, w.Seq)
	}
	return n
}

func awaitingDue(b *bundle) {
	written := b.delay(b.written(holder(1), "a@contoso.test"), b.now.Add(time.Hour))
	due := b.advance(b.move(b.written(holder(2), "b@contoso.test"), queue.Mismatched))
	notDue := b.advance(b.move(b.written(holder(3), "c@contoso.test"), queue.Mismatched))
	b.delay(notDue, b.now.Add(time.Second))
	b.advance(b.move(b.written(holder(4), "d@contoso.test"), queue.Verified))
	b.queued(holder(5), "e@contoso.test")
	b.same(b.awaiting(), []int64{written.Seq, due.Seq})
	b.later(time.Second)
	b.same(b.awaiting(), []int64{written.Seq, due.Seq, notDue.Seq})
}

func awaitingTells(b *bundle) {
	r := b.delay(b.written(holder(1), "a@contoso.test"), b.now.Add(time.Hour))
	tells := func(want queue.Waiting) {
		b.Helper()
		got, err := b.s.Awaiting(context.Background(), b.now)
		b.ok(err)
		b.same(got, []queue.Waiting{want})
	}
	want := queue.Waiting{Seq: r.Seq, Object: holder(1), State: queue.Written, NotBefore: b.now.Add(time.Hour), WrittenAt: r.WrittenAt}
	tells(want)
	b.later(time.Minute)
	b.wake(r.ID, b.now)
	want.NotBefore = time.Time{}
	tells(want)
	b.advance(b.move(r, queue.Mismatched))
	want.State = queue.Mismatched
	tells(want)
}

func awaitedOnes(b *bundle) {
	var all []queue.Request
	for i := range byte(5) {
		all = append(all, b.written(holder(i+1), address.Address(string(rune('a'+rune(i)))+"@contoso.test")))
	}
	awaited := func(asked ...int64) []int64 {
		b.Helper()
		found, err := b.s.Awaited(context.Background(), asked)
		b.ok(err)
		return seqs(found)
	}
	b.same(awaited(4, 2), []int64{2, 4})
	b.same(awaited(), []int64{})
	b.same(awaited(2, 99), []int64{2})
	b.delay(b.advance(b.move(all[1], queue.Mismatched)), b.now.Add(time.Hour))
	b.advance(b.move(all[2], queue.Verified))
	b.same(awaited(1, 2, 3), []int64{1, 2})
	found, err := b.s.Awaited(context.Background(), []int64{5})
	b.ok(err)
	b.same(found, []queue.Request{all[4]})
}

// prior is what was written before, of all times.
func (b *bundle) prior(h address.GUID, except queue.RequestID) ldapwriter.Prior {
	b.Helper()
	return b.priorSince(h, except, time.Time{})
}

func (b *bundle) priorSince(h address.GUID, except queue.RequestID, since time.Time) ldapwriter.Prior {
	b.Helper()
	p, err := b.s.Prior(context.Background(), h, except, since)
	b.ok(err)
	return p
}

func priorReceipt(b *bundle) {
	b.same(b.prior(holder(1), ""), ldapwriter.Prior{})
	first := b.written(holder(1), "a@contoso.test")
	second := b.written(holder(1), "b@contoso.test")
	b.written(holder(2), "c@contoso.test")
	b.queued(holder(1), "d@contoso.test")
	both := ldapwriter.Prior{Receipts: []ldapwriter.Receipt{*first.Receipt, *second.Receipt}}
	b.same(b.prior(holder(1), ""), both)
	b.same(b.prior(holder(1), second.ID), ldapwriter.Prior{Receipts: both.Receipts[:1]})
	b.advance(b.move(second, queue.Verified))
	b.same(b.prior(holder(1), "another"), both)
	b.same(b.prior(holder(3), ""), ldapwriter.Prior{})
}

// priorSince: what is older than asked for is left out, but not the newest that touched an address; a change of mail alone counts while it is new.
func priorSince(b *bundle) {
	first := b.written(holder(1), "a@contoso.test")
	b.later(30 * time.Second)
	second := b.written(holder(1), "b@contoso.test")
	mailOnly := b.advance(b.toWritten(b.writing(holder(1), "c@contoso.test"), address.Change{Mail: &address.MailChange{Old: "x@contoso.test", New: "c@contoso.test"}}))
	b.advance(b.toWritten(b.writing(holder(1), "d@contoso.test"), address.Change{}))
	at := b.now
	receipts := func(of ...queue.Request) ldapwriter.Prior {
		var p ldapwriter.Prior
		for _, r := range of {
			p.Receipts = append(p.Receipts, *r.Receipt)
		}
		return p
	}
	b.same(b.priorSince(holder(1), "", first.WrittenAt), receipts(first, second, mailOnly))
	b.same(b.priorSince(holder(1), "", at), receipts(second, mailOnly))
	b.same(b.priorSince(holder(1), "", at.Add(time.Second)), receipts(second))
	b.same(b.priorSince(holder(1), second.ID, at.Add(time.Second)), receipts(first))
}

// sent makes a request that has sent its modify.
func (b *bundle) sent(h address.GUID, addr address.Address) queue.Request {
	b.Helper()
	t := b.move(b.writing(h, addr), queue.Writing)
	t.What, t.Intent = "intent", fullIntent(b.now)
	return b.advance(t)
}

func (b *bundle) inDoubt(h address.GUID, except queue.RequestID, want string) {
	b.Helper()
	if got := b.prior(h, except).InDoubt; got != want {
		b.Fatalf("in doubt is %q, want %q", got, want)
	}
}

func priorInDoubt(b *bundle) {
	b.written(holder(1), "earlier@contoso.test") // what was had from that DC before says nothing of it
	r := b.sent(holder(1), "a@contoso.test")
	b.inDoubt(holder(1), "", r.Intent.DC)
	b.inDoubt(holder(1), r.ID, "")
	b.inDoubt(holder(2), "", "")
}

func priorAnswered(b *bundle) {
	r := b.sent(holder(1), "a@contoso.test")
	t := b.move(r, queue.Queued)
	t.Intent = fullIntent(b.now)
	t.Intent.Sent = false
	b.advance(t)
	b.inDoubt(holder(1), "", "")
}

func priorOwnReceipt(b *bundle) {
	r := b.sent(holder(1), "a@contoso.test")
	t := b.toWritten(r, changeOf("a@contoso.test"))
	t.Intent = r.Intent
	b.advance(t)
	b.inDoubt(holder(1), "", "")
}

func priorLaterReceipt(b *bundle) {
	r := b.sent(holder(1), "a@contoso.test")
	b.advance(b.move(r, queue.Failed))
	other := b.toWritten(b.writing(holder(1), "b@contoso.test"), address.Change{})
	other.Receipt.DC = "ldaps://dc2.contoso.test:636"
	b.advance(other)
	b.inDoubt(holder(1), "", r.Intent.DC)
	same := b.written(holder(2), "c@contoso.test")
	b.inDoubt(holder(1), "", same.Receipt.DC)
	b.written(holder(1), "d@contoso.test")
	b.inDoubt(holder(1), "", "")
}

func priorLeftDoubt(b *bundle) {
	r := b.sent(holder(1), "a@contoso.test")
	r = b.advance(b.move(r, queue.Queued))
	b.inDoubt(holder(1), "", r.Intent.DC)
	b.advance(b.move(r, queue.Cancelled))
	next := b.writing(holder(1), "b@contoso.test")
	b.inDoubt(holder(1), next.ID, r.Intent.DC)
}
