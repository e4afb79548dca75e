package storetest

import (
	"strings"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
)

func supersedeCases() map[string]func(*bundle) {
	return map[string]func(*bundle){
		"what asked for the address is superseded":         supersedesAsked,
		"what wrote the address is superseded":             supersedesTouched,
		"a mismatched one is superseded too":               supersedesMismatched,
		"others are left alone":                            supersedesNoOther,
		"a superseded request keeps no claim and no cause": supersededIsFinal,
		"what still stands is claimed by the superseder":   supersederInherits,
		"as mail too":                               supersederInheritsMail,
		"several at once, told in order":            supersedesSeveral,
		"what was undone is superseded":             undoneIsSuperseded,
		"what was undone and verified is marked":    undoneIsMarked,
		"a superseded one can be undone by another": undoneTwice,
		"a change that failed supersedes nothing":   staleSupersedesNothing,
	}
}

func supersedesAsked(b *bundle) {
	first := b.advance(b.toWritten(b.writing(holder(1), "A@Contoso.test"), address.Change{}))
	b.later(time.Second)
	second := b.written(holder(1), "a@contoso.test")
	first.State, first.SupersededBy, first.UpdatedAt = queue.Superseded, second.ID, b.now
	b.same(b.get(first.ID), first)
	b.in(second.ID, queue.Written)
	story := b.events(first.ID)
	last := story[len(story)-1]
	if last.What != "superseded" || last.Node != node || !strings.Contains(string(last.Detail), string(second.ID)) {
		b.Fatalf("event %s", inJSON(last))
	}
}

func supersedesTouched(b *bundle) {
	change := changeOf("new@contoso.test", "Old@contoso.test")
	first := b.advance(b.toWritten(b.writing(holder(1), "new@contoso.test"), change))
	deleted := address.Change{Delete: address.Set{"SMTP:Gone@contoso.test"}}
	second := b.advance(b.toWritten(b.writing(holder(1), "other@contoso.test"), deleted))
	third := b.written(holder(1), "old@contoso.test")
	b.same(b.in(first.ID, queue.Superseded).SupersededBy, third.ID)
	b.in(second.ID, queue.Written)
	fourth := b.written(holder(1), "gone@contoso.test")
	b.same(b.in(second.ID, queue.Superseded).SupersededBy, fourth.ID)
}

func supersedesMismatched(b *bundle) {
	first := b.advance(b.move(b.written(holder(1), "a@contoso.test"), queue.Mismatched))
	b.written(holder(1), "a@contoso.test")
	b.in(first.ID, queue.Superseded)
}

func supersedesNoOther(b *bundle) {
	otherAddress := b.written(holder(1), "b@contoso.test")
	verified := b.advance(b.move(b.written(holder(1), "a@contoso.test"), queue.Verified))
	failed := b.advance(b.move(b.writing(holder(1), "a@contoso.test"), queue.Failed))
	undo := b.ask("")
	undo.Action = address.Undo
	b.resolve(b.submit(undo), holder(1), nil)
	noAddress := b.advance(b.toWritten(b.claim(1)[0], address.Change{}))
	b.resolve(b.accepted("a@contoso.test"), holder(2), releases("a@contoso.test"))
	otherHolder := b.advance(b.toWritten(b.claim(1)[0], changeOf("a@contoso.test")))
	before := b.all()
	b.written(holder(1), "a@contoso.test")
	b.same(b.all()[:len(before)], before)
	for _, r := range []queue.Request{otherAddress, verified, failed, noAddress, otherHolder} {
		if r = b.get(r.ID); r.SupersededBy != "" {
			b.Fatalf("request %d was superseded", r.Seq)
		}
	}
}

func supersededIsFinal(b *bundle) {
	first := b.written(holder(1), "a@contoso.test")
	t := b.move(first, queue.Mismatched)
	t.Cause = why(cause.Quarantined)
	b.advance(t)
	removal := b.resolve(b.accepted("a@contoso.test"), holder(1), releases("a@contoso.test"))
	if !b.busyNow("a@contoso.test") {
		b.Fatal("a mismatched request keeps its claim")
	}
	b.claim(1)
	b.advance(b.toWritten(b.get(removal.ID), address.Change{Delete: address.Set{"smtp:a@contoso.test"}}))
	if b.busyNow("a@contoso.test") {
		b.Fatal("a superseded request kept its claim")
	}
	b.same(b.in(first.ID, queue.Superseded).Cause, (*cause.Cause)(nil))
}

// supersederInherits: the former primary stays as an alias, and until the cloud has shown that, nobody else may ask for it.
func supersederInherits(b *bundle) {
	b.written(holder(1), "old@contoso.test")
	set := b.toWritten(b.writing(holder(1), "new@contoso.test"), changeOf("new@contoso.test", "old@contoso.test"))
	set.Receipt.After = address.Values{Proxies: address.Set{"SMTP:new@contoso.test", "smtp:Old@contoso.test"}}
	second := b.advance(set)
	if !b.busyNow("old@contoso.test") || !b.busyNow("new@contoso.test") {
		b.Fatal("an address that the holder has is free for others")
	}
	third := b.toWritten(b.writing(holder(1), "third@contoso.test"), changeOf("third@contoso.test", "new@contoso.test"))
	third.Receipt.After = address.Values{Proxies: address.Set{"SMTP:third@contoso.test", "smtp:new@contoso.test"}}
	last := b.advance(third)
	b.in(second.ID, queue.Superseded)
	if b.busyNow("old@contoso.test") || !b.busyNow("new@contoso.test") {
		b.Fatal("old is gone from the holder and new is not")
	}
	b.advance(b.move(last, queue.Verified))
	if b.busyNow("new@contoso.test") {
		b.Fatal("a claim outlived the request that inherited it")
	}
}

func supersederInheritsMail(b *bundle) {
	b.written(holder(1), "old@contoso.test")
	set := b.toWritten(b.writing(holder(1), "new@contoso.test"), changeOf("old@contoso.test"))
	set.Receipt.After = address.Values{Mail: "OLD@contoso.test", Proxies: address.Set{"SMTP:new@contoso.test"}}
	b.advance(set)
	if !b.busyNow("old@contoso.test") {
		b.Fatal("an address that the holder has as mail is free for others")
	}
}

func supersedesSeveral(b *bundle) {
	first := b.advance(b.move(b.advance(b.toWritten(b.writing(holder(1), "a@contoso.test"), address.Change{})), queue.Mismatched))
	second := b.advance(b.toWritten(b.writing(holder(1), "b@contoso.test"), address.Change{}))
	third := b.advance(b.toWritten(b.writing(holder(1), "c@contoso.test"), address.Change{}))
	by := b.advance(b.toWritten(b.writing(holder(1), "d@contoso.test"), changeOf("c@contoso.test", "a@contoso.test", "b@contoso.test")))
	var last int64
	for _, r := range []queue.Request{first, second, third} {
		b.same(b.in(r.ID, queue.Superseded).SupersededBy, by.ID)
		story := b.events(r.ID)
		id := story[len(story)-1].ID
		if id <= last {
			b.Fatalf("request %d is told before an older one", r.Seq)
		}
		last = id
	}
}

// undo writes a request that takes another one back.
func (b *bundle) undo(r queue.Request) queue.Request {
	b.Helper()
	sub := b.ask("")
	sub.Action, sub.Undoes = address.Undo, r.ID
	b.resolve(b.submit(sub), r.Object, nil)
	t := b.toWritten(b.claim(1)[0], address.Change{})
	t.UndoneID = r.ID
	return b.advance(t)
}

func undoneIsSuperseded(b *bundle) {
	r := b.written(holder(1), "a@contoso.test")
	other := b.written(holder(1), "b@contoso.test")
	undo := b.undo(r)
	b.same(b.in(r.ID, queue.Superseded).SupersededBy, undo.ID)
	b.in(other.ID, queue.Written)
}

func undoneIsMarked(b *bundle) {
	r := b.advance(b.move(b.written(holder(1), "a@contoso.test"), queue.Verified))
	b.later(time.Second)
	undo := b.undo(r)
	r.SupersededBy, r.UpdatedAt = undo.ID, b.now
	b.same(b.get(r.ID), r)
	story := b.events(r.ID)
	if last := story[len(story)-1]; last.What != "undone" || last.From != queue.Verified || last.To != queue.Verified {
		b.Fatalf("event %s", inJSON(last))
	}
}

func undoneTwice(b *bundle) {
	r := b.written(holder(1), "a@contoso.test")
	b.undo(r)
	second := b.undo(r)
	b.same(b.in(r.ID, queue.Superseded).SupersededBy, second.ID)
}

func staleSupersedesNothing(b *bundle) {
	first := b.written(holder(1), "a@contoso.test")
	r := b.writing(holder(1), "a@contoso.test")
	t := b.toWritten(r, changeOf("a@contoso.test"))
	t.Owner = "node2"
	_, err := b.s.Advance(b.Context(), t)
	b.is(err, queue.ErrStale)
	b.same(b.get(first.ID), first)
}
