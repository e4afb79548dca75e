package storetest

import (
	"context"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

func advanceCases() map[string]func(*bundle) {
	return map[string]func(*bundle){
		"every field makes the round trip":                     advanceKeepsAll,
		"what a transition does not name stays":                advanceLeaves,
		"a cause is replaced, or removed":                      advanceCause,
		"ways that do not exist are refused":                   advanceForbidden,
		"ways of other methods are refused":                    advanceOthersWays,
		"what does not go with a transition is refused":        advanceOddCargo,
		"only from the state that is named":                    advanceGuard,
		"in writing only the owner, within the lease":          advanceLease,
		"a lease is extended":                                  advanceExtends,
		"leaving writing gives up the lease":                   advanceGivesUp,
		"the times of writing and verifying":                   advanceTimes,
		"a final state stays":                                  finalStays,
		"waking clears the time":                               wakeClears,
		"only what waits is woken":                             wakeGuard,
		"a verdict does not swallow a waking":                  wakeStays,
		"what is woken already stays as it is":                 wakeOnce,
		"what cannot be JSON is refused":                       advanceDetail,
		"values that are not text would be spoilt":             advanceNotText,
		"empty and missing values are told apart in a receipt": receiptKeepsAbsence,
	}
}

func fullIntent(at time.Time) *queue.Intent {
	return &queue.Intent{DC: "ldaps://dc1.contoso.test:636", Sent: true,
		Before: address.Values{Mail: "old@contoso.test", Proxies: address.Set{"SMTP:old@contoso.test", "X500:/o=<Ö>&\"\\", "sip:x"}},
		Change: address.Change{Delete: address.Set{"SMTP:old@contoso.test"}, Add: address.Set{"SMTP:new@contoso.test", "smtp:old@contoso.test"},
			Mail: &address.MailChange{Old: "old@contoso.test", New: "new@contoso.test"}},
		Expectation: *fullExpectation(at)}
}

func fullExpectation(at time.Time) *cloudcheck.Expectation {
	return &cloudcheck.Expectation{ShownAtWrite: true, SyncAtWrite: at,
		Wants: []address.Want{{Address: "new@contoso.test", Role: address.RolePrimary}, {Address: "old@contoso.test", Role: address.RoleSecondary}}}
}

func fullReceipt(at time.Time) *ldapwriter.Receipt {
	intent := fullIntent(at)
	return &ldapwriter.Receipt{DC: intent.DC, USNChanged: 1<<53 + 1, Before: intent.Before, Change: intent.Change, At: at,
		After: address.Values{Mail: "new@contoso.test", Proxies: address.Set{"X500:/o=<Ö>&\"\\", "sip:x", "SMTP:new@contoso.test", "smtp:old@contoso.test"}}}
}

func fullCause() *cause.Cause {
	return &cause.Cause{Code: cause.AmbiguousHolder, Message: "several <objects> \"fit\" ü",
		Conflict:   &cause.Conflict{Kind: "user", ID: "1", Name: "Ö", Address: "smtp:a@contoso.test"},
		Candidates: []cause.Candidate{{ObjectGUID: "g", Kind: "group", Name: "n", DN: "CN=a\\,b", UPN: "u", Mail: "m"}, {Name: "second"}}}
}

// advanceKeepsAll gives everything that a transition can carry, in a time zone and with nanoseconds, and takes it back in
// UTC to the microsecond.
func advanceKeepsAll(b *bundle) {
	r := b.writing(holder(1), "new@contoso.test")
	odd := b.later(time.Minute / 2).Add(789).In(time.FixedZone("CET", 3600))
	until, tries, moves := odd.Add(time.Minute), 4, 2
	t := queue.Transition{ID: r.ID, From: queue.Writing, To: queue.Writing, Owner: node, Now: odd, What: "intent", Cause: fullCause(),
		NotBefore: &until, Attempts: &tries, LeaseUntil: &until, CloudID: "c1", Intent: fullIntent(odd), Receipt: fullReceipt(odd),
		Expectation: fullExpectation(odd), Seen: &cloudcheck.Seen{ID: "c1", Values: fullIntent(odd).Before, CheckedAt: odd},
		LastSyncSeen: &odd, SyncMoves: &moves, Notes: []string{"first", "second ü"}}
	got := b.advance(t)
	r.Cause, r.NotBefore, r.Attempts, r.LeaseUntil, r.CloudID = fullCause(), b.now.Add(time.Minute), 4, b.now.Add(time.Minute), "c1"
	r.Intent, r.Receipt, r.Expectation = fullIntent(b.now), fullReceipt(b.now), fullExpectation(b.now)
	r.Seen = &cloudcheck.Seen{ID: "c1", Values: fullIntent(b.now).Before, CheckedAt: b.now}
	r.LastSyncSeen, r.SyncMoves, r.Notes, r.UpdatedAt = b.now, 2, []string{"first", "second ü"}, b.now
	b.same(got, r)
	b.same(b.get(r.ID), r)
	b.same(b.events(r.ID)[3].Cause, fullCause())
	if t.Receipt.At != odd {
		b.Fatal("the caller's receipt was changed")
	}
}

func advanceLeaves(b *bundle) {
	advanceKeepsAll(b)
	r := b.all()[0]
	got := b.advance(b.move(r, queue.Writing))
	b.same(got, r)
	zero, none := time.Time{}, 0
	t := b.move(r, queue.Writing)
	t.NotBefore, t.Attempts, t.LastSyncSeen, t.SyncMoves = &zero, &none, &zero, &none
	r.NotBefore, r.Attempts, r.LastSyncSeen, r.SyncMoves = zero, 0, zero, 0
	b.same(b.advance(t), r)
	b.same(b.get(r.ID), r)
}

func advanceCause(b *bundle) {
	r := b.queued(holder(1), "a@contoso.test")
	t := b.move(r, queue.Queued)
	t.Cause = why(cause.Paused)
	b.same(b.advance(t).Cause, why(cause.Paused))
	t.Cause, t.ClearCause = why(cause.OverCap), true
	b.same(b.advance(t).Cause, why(cause.OverCap))
	t.Cause = nil
	b.same(b.advance(t).Cause, (*cause.Cause)(nil))
}

// cargo gives a transition what its state needs.
func (b *bundle) cargo(t queue.Transition) queue.Transition {
	t.Now = b.now
	if t.To == queue.Written && t.From != queue.Written {
		t.Receipt, t.Expectation = fullReceipt(b.now), fullExpectation(b.now)
	}
	return t
}

func advanceForbidden(b *bundle) {
	r := b.queued(holder(1), "a@contoso.test")
	states := append(queue.States(), "", "nonsense")
	for _, from := range states {
		for _, to := range states {
			if from == to || from.CanGo(to) {
				continue
			}
			_, err := b.s.Advance(context.Background(), b.cargo(queue.Transition{ID: r.ID, From: from, To: to, Owner: node}))
			b.is(err, queue.ErrForbidden)
		}
	}
	b.same(b.get(r.ID), r)
}

func advanceOthersWays(b *bundle) {
	for from, to := range map[queue.State]queue.State{queue.Accepted: queue.Queued, queue.Queued: queue.Writing, queue.Written: queue.Superseded, queue.Mismatched: queue.Superseded} {
		r := b.accepted("a@contoso.test")
		_, err := b.s.Advance(context.Background(), queue.Transition{ID: r.ID, From: from, To: to, Now: b.now})
		b.is(err, queue.ErrForbidden)
	}
}

func advanceOddCargo(b *bundle) {
	r := b.writing(holder(1), "a@contoso.test")
	for name, spoil := range map[string]func(*queue.Transition){
		"no time":        func(t *queue.Transition) { t.Now = time.Time{} },
		"no receipt":     func(t *queue.Transition) { t.Receipt = nil },
		"no expectation": func(t *queue.Transition) { t.Expectation = nil },
		"a lease":        func(t *queue.Transition) { t.LeaseUntil = &b.now },
		"supersedes":     func(t *queue.Transition) { t.To = queue.Queued },
		"itself undone":  func(t *queue.Transition) { t.UndoneID = t.ID },
		"undoes":         func(t *queue.Transition) { t.To, t.Supersedes, t.UndoneID = queue.Writing, nil, "x" },
	} {
		t := b.toWritten(r, changeOf("a@contoso.test"))
		spoil(&t)
		if _, err := b.s.Advance(context.Background(), t); err == nil {
			b.Fatalf("a transition with %s was taken", name)
		} else {
			b.is(err, queue.ErrForbidden)
		}
	}
	b.same(b.get(r.ID), r)
}

func advanceGuard(b *bundle) {
	r := b.queued(holder(1), "a@contoso.test")
	before := b.events(r.ID)
	for _, t := range []queue.Transition{
		{From: queue.Accepted, To: queue.Cancelled}, {From: queue.Held, To: queue.Queued}, {From: queue.Writing, To: queue.Queued},
		{From: queue.Written, To: queue.Verified}, {From: queue.Accepted, To: queue.Accepted},
	} {
		t.ID, t.Now, t.Cause = r.ID, b.later(time.Second), why(cause.OverCap)
		_, err := b.s.Advance(context.Background(), t)
		b.is(err, queue.ErrStale)
	}
	b.same(b.get(r.ID), r)
	b.same(b.events(r.ID), before)
}

func advanceLease(b *bundle) {
	r := b.writing(holder(1), "a@contoso.test")
	t := b.toWritten(r, changeOf("a@contoso.test"))
	refused := func(t queue.Transition) {
		b.Helper()
		_, err := b.s.Advance(context.Background(), t)
		b.is(err, queue.ErrStale)
		b.same(b.get(r.ID), r)
	}
	t.Owner = "node2"
	refused(t)
	t.Owner = ""
	refused(t)
	t.Owner, t.Now = node, r.LeaseUntil
	refused(t)
	t.Now = r.LeaseUntil.Add(-time.Microsecond)
	b.same(b.advance(t).State, queue.Written)
	verify := queue.Transition{ID: r.ID, From: queue.Written, To: queue.Verified, Owner: "anybody", Now: b.later(time.Hour)}
	b.same(b.advance(verify).State, queue.Verified)
}

func advanceExtends(b *bundle) {
	r := b.writing(holder(1), "a@contoso.test")
	until := b.now.Add(10 * lease)
	t := b.move(r, queue.Writing)
	t.LeaseUntil = &until
	b.same(b.advance(t).LeaseUntil, until)
	b.later(9 * lease)
	b.same(seqs(b.claim(9)), []int64{})
	b.later(lease)
	b.same(seqs(b.claim(9)), []int64{r.Seq})
}

func advanceGivesUp(b *bundle) {
	r := b.writing(holder(1), "a@contoso.test")
	r = b.advance(b.move(r, queue.Queued))
	b.same([]any{r.Owner, r.LeaseUntil}, []any{"", time.Time{}})
	r = b.claim(1)[0]
	r = b.advance(b.toWritten(r, changeOf("a@contoso.test")))
	b.same([]any{r.Owner, r.LeaseUntil}, []any{"", time.Time{}})
	b.same(b.get(r.ID), r)
}

func advanceTimes(b *bundle) {
	r := b.writing(holder(1), "a@contoso.test")
	b.later(time.Second)
	writtenAt := b.now
	r = b.advance(b.toWritten(r, changeOf("a@contoso.test")))
	b.same([]time.Time{r.WrittenAt, r.VerifiedAt, r.UpdatedAt}, []time.Time{writtenAt, {}, writtenAt})
	b.later(time.Second)
	r = b.advance(b.move(r, queue.Written))
	b.same([]time.Time{r.WrittenAt, r.UpdatedAt}, []time.Time{writtenAt, b.now})
	r = b.advance(b.move(r, queue.Mismatched))
	b.later(time.Second)
	r = b.advance(b.move(r, queue.Verified))
	b.same([]time.Time{r.WrittenAt, r.VerifiedAt}, []time.Time{writtenAt, b.now})
}

func finalStays(b *bundle) {
	r := b.written(holder(1), "a@contoso.test")
	r = b.advance(b.move(r, queue.Verified))
	for _, to := range queue.States() {
		if to == queue.Verified {
			continue
		}
		for _, from := range queue.States() {
			if _, err := b.s.Advance(context.Background(), b.cargo(queue.Transition{ID: r.ID, From: from, To: to, Owner: node})); err == nil {
				b.Fatalf("a verified request went from %s to %s", from, to)
			}
		}
	}
	b.same(b.get(r.ID), r)
}

func wakeClears(b *bundle) {
	r := b.delay(b.accepted("a@contoso.test"), b.now.Add(time.Hour))
	woken := b.wake(r.ID, b.later(time.Second))
	r.NotBefore, r.UpdatedAt = time.Time{}, b.now
	b.same(woken, r)
	b.same(b.unresolved(9), []int64{1})
	r = b.delay(b.resolve(r, holder(1), takes("a@contoso.test")), b.now.Add(time.Hour))
	b.wake(r.ID, b.now)
	r = b.advance(b.move(b.advance(b.toWritten(b.claim(1)[0], address.Change{})), queue.Mismatched))
	b.delay(r, b.now.Add(time.Hour))
	b.same(b.awaiting(), []int64{})
	b.wake(r.ID, b.now)
	b.same(b.awaiting(), []int64{1})
	story := b.events(r.ID)
	if last := story[len(story)-1]; last.What != "woken" || last.From != queue.Mismatched || last.To != queue.Mismatched || string(last.Detail) != `{"by":"somebody"}` {
		b.Fatalf("event %s", inJSON(last))
	}
}

// wakeOnce: who asks for what was asked for already changes nothing and leaves no entry, or one caller could fill the log.
func wakeOnce(b *bundle) {
	for i, r := range []queue.Request{b.written(holder(1), "a@contoso.test"), b.queued(holder(2), "b@contoso.test"), b.accepted("c@contoso.test")} {
		woken := b.delay(r, b.now.Add(time.Hour))
		for range 3 {
			woken = b.wake(woken.ID, b.later(time.Second))
		}
		told := 0
		for _, e := range b.events(r.ID) {
			if e.What == "woken" {
				told++
			}
		}
		again, changed, err := b.s.Wake(context.Background(), r.ID, "another", b.later(time.Second))
		b.ok(err)
		b.same(again, woken)
		if told != 1 || changed {
			b.Errorf("request %d, which was woken already, was woken %d times more (%v)", i, told-1, changed)
		}
	}
}

func wakeGuard(b *bundle) {
	refused := func(r queue.Request) {
		b.Helper()
		_, _, err := b.s.Wake(context.Background(), r.ID, "somebody", b.later(time.Second))
		b.is(err, queue.ErrStale)
		b.same(b.get(r.ID), r)
	}
	r := b.writing(holder(1), "a@contoso.test")
	refused(r)
	r = b.advance(b.move(r, queue.Queued))
	refused(b.advance(b.move(r, queue.Held)))
	refused(b.advance(b.move(b.accepted("b@contoso.test"), queue.Cancelled)))
	refused(b.advance(b.move(b.accepted("b@contoso.test"), queue.Refused)))
}

// wakeStays: who asks for a look while another is under way is not answered by that one. (Of those who ask when somebody has asked
// before, the runner takes care.)
func wakeStays(b *bundle) {
	looked := b.delay(b.written(holder(1), "a@contoso.test"), b.now.Add(time.Minute))
	next := b.now.Add(time.Hour)
	for _, to := range []queue.State{queue.Written, queue.Mismatched, queue.Mismatched} {
		looked = b.delay(looked, b.now.Add(time.Minute))
		woken := b.wake(looked.ID, b.later(time.Second))
		b.later(time.Second)
		t := b.move(looked, to)
		t.Cause, t.NotBefore, t.AsOf = why(cause.Quarantined), &next, looked.UpdatedAt
		stored := b.advance(t)
		b.same([]any{stored.State, stored.Cause, stored.NotBefore}, []any{to, why(cause.Quarantined), time.Time{}})
		b.same(b.awaiting(), []int64{looked.Seq})
		looked = stored
		if woken.UpdatedAt.Equal(stored.UpdatedAt) {
			b.Fatal("the two cannot be told apart")
		}
	}
	t := b.move(looked, queue.Mismatched)
	t.NotBefore, t.AsOf = &next, looked.UpdatedAt
	b.same(b.advance(t).NotBefore, next)
	b.same(b.awaiting(), []int64{})
}

func advanceDetail(b *bundle) {
	r := b.queued(holder(1), "a@contoso.test")
	t := b.move(r, queue.Held)
	t.Detail = func() {}
	if _, err := b.s.Advance(context.Background(), t); err == nil {
		b.Fatal("a detail that is no JSON was taken")
	}
	b.same(b.get(r.ID), r)
}

func advanceNotText(b *bundle) {
	r := b.writing(holder(1), "a@contoso.test")
	for _, spoil := range []func(*queue.Transition){
		func(t *queue.Transition) { t.Receipt.Before.Proxies = address.Set{"X500:\xff"} },
		func(t *queue.Transition) { t.Receipt.After.Mail = "\xff" },
		func(t *queue.Transition) { t.Receipt.Change.Delete = address.Set{"SMTP:\xff"} },
		func(t *queue.Transition) { t.Intent.Change.Mail = &address.MailChange{Old: "\xff"} },
		func(t *queue.Transition) { t.Intent.Before.Proxies = address.Set{"\xc3"} },
	} {
		t := b.toWritten(r, changeOf("a@contoso.test"))
		t.Intent = fullIntent(b.now)
		spoil(&t)
		_, err := b.s.Advance(context.Background(), t)
		b.is(err, queue.ErrForbidden)
	}
	b.same(b.get(r.ID), r)
}

func receiptKeepsAbsence(b *bundle) {
	r := b.writing(holder(1), "a@contoso.test")
	t := b.toWritten(r, address.Change{})
	t.Receipt.Before = address.Values{Mail: "", Proxies: nil}
	t.Receipt.Change.Mail = &address.MailChange{Old: "", New: "a@contoso.test"}
	got := b.advance(t).Receipt
	if len(got.Before.Proxies) != 0 || got.Before.Mail != "" || got.Change.Mail == nil || *got.Change.Mail != *t.Receipt.Change.Mail {
		b.Fatalf("got %s", inJSON(got))
	}
	b.same(b.get(r.ID).Receipt, got)
}
