package storetest

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/queue"
)

func intakeCases() map[string]func(*bundle) {
	return map[string]func(*bundle){
		"an accepted request is as it was asked for":           acceptKeepsAll,
		"times are kept in UTC to the microsecond":             acceptKeepsInstant,
		"ids are UUIDs of version 7 that sort by acceptance":   acceptGivesIDs,
		"a key brings the earlier request back":                keyIsIdempotent,
		"a key with something else is refused":                 keyReused,
		"a key without a digest stands for the submission":     keyWithoutDigest,
		"a key holds for one token":                            keyPerToken,
		"a key holds for seven days":                           keyExpires,
		"a clock that was ahead forgets no key":                keyAfterJump,
		"a key from far ahead holds no longer":                 keyFromFarAhead,
		"a new key makes a new request of the same submission": keyIsNew,
		"without a key an open twin is returned":               twinIsReturned,
		"without a key a final twin is not returned":           finalTwinIsNot,
		"without a key a twin that was overtaken is not":       overtakenTwinIsNot,
		"without a key a mismatched twin is not":               mismatchedTwinIsNot,
		"nor one behind which a holder is not known yet":       twinBeforeTheUnknownIsNot,
		"nor one behind a request that may have written":       twinBeforeAFailedOneIsNot,
		"what differs in anything is no twin":                  nearTwins,
		"what is not there is not found":                       notFound,
		"events come in parts":                                 eventsInParts,
		"an undo of what is not there is not found":            undoOfNobody,
		"text that no store keeps is refused":                  noText,
		"text that no store keeps finds nothing":               noTextFindsNothing,
		"a context that has ended stops the write":             endedContext,
		"counts": statsCount,
		"what a caller does with an answer changes nothing": answersAreCopies,
	}
}

// fullSubmission has something in every field.
func fullSubmission(undoes queue.RequestID) queue.Submission {
	return queue.Submission{Holder: "Jürgen O'Neil \"x\" <&>", Action: address.Undo, Address: "J.Doe@Contoso.test", Undoes: undoes,
		Ticket: "INC1'; DROP TABLE requests; --", Requester: "the boss\n", Note: "日本語 \u2028 \x01 end",
		Allow: []address.Allowance{address.AllowSignInChange, address.AllowDeletedHolder}, SubmittedBy: "help desk"}
}

func acceptKeepsAll(b *bundle) {
	sub := fullSubmission(b.accepted("a@contoso.test").ID)
	got := b.submit(sub)
	want := queue.Request{ID: got.ID, Seq: 2, Submission: sub, State: queue.Accepted, CreatedAt: b.now, UpdatedAt: b.now}
	b.same(got, want)
	b.same(b.get(got.ID), want)
	story := b.events(got.ID)
	if len(story) != 1 || story[0].What != "accepted" || !story[0].At.Equal(b.now) || !strings.Contains(string(story[0].Detail), "INC1'") {
		b.Fatalf("events: %s", inJSON(story))
	}
}

func acceptKeepsInstant(b *bundle) {
	b.now = time.Date(2026, 7, 1, 23, 59, 59, 999999999, time.FixedZone("CEST", 2*60*60))
	r := b.accepted("a@contoso.test")
	want := time.Date(2026, 7, 1, 21, 59, 59, 999999000, time.UTC)
	b.same(r.CreatedAt, want)
	b.same(b.get(r.ID).CreatedAt, want)
	b.same(b.events(r.ID)[0].At, want)
}

func acceptGivesIDs(b *bundle) {
	uuid7 := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	last := queue.RequestID("")
	for i := range int64(50) {
		r := b.accepted("a@contoso.test")
		if !uuid7.MatchString(string(r.ID)) || r.ID <= last || r.Seq != i+1 {
			b.Fatalf("request %d has id %s after %s and seq %d", i, r.ID, last, r.Seq)
		}
		last = r.ID
		b.later(time.Microsecond)
	}
}

// acceptAs accepts a submission and says whether it was new.
func (b *bundle) acceptAs(s queue.Submission, key queue.Idempotency) (queue.Request, bool) {
	b.Helper()
	r, created, err := b.s.Accept(context.Background(), s, key, b.now)
	b.ok(err)
	return r, created
}

func keyIsIdempotent(b *bundle) {
	sub, key := b.ask("a@contoso.test"), queue.Idempotency{Key: "k1", Digest: "d1"}
	first, created := b.acceptAs(sub, key)
	if !created {
		b.Fatal("the first was not new")
	}
	b.advance(b.move(first, queue.Cancelled))
	b.later(time.Hour)
	again, created := b.acceptAs(sub, key)
	if created || again.ID != first.ID || again.State != queue.Cancelled {
		b.Fatalf("got %s, want the first, as it is now", inJSON(again))
	}
}

func keyReused(b *bundle) {
	sub := b.ask("a@contoso.test")
	first, _ := b.acceptAs(sub, queue.Idempotency{Key: "k1", Digest: "d1"})
	_, _, err := b.s.Accept(context.Background(), sub, queue.Idempotency{Key: "k1", Digest: "d2"}, b.now)
	b.is(err, queue.ErrKeyReused)
	b.same(seqs(b.all()), []int64{first.Seq})
}

func keyWithoutDigest(b *bundle) {
	sub, key := b.ask("a@contoso.test"), queue.Idempotency{Key: "k1"}
	first, _ := b.acceptAs(sub, key)
	again, created := b.acceptAs(sub, key)
	if created || again.ID != first.ID {
		b.Fatalf("got %s, want the first", inJSON(again))
	}
	sub.Note = "another"
	_, _, err := b.s.Accept(context.Background(), sub, key, b.now)
	b.is(err, queue.ErrKeyReused)
}

func keyPerToken(b *bundle) {
	sub, key := b.ask("a@contoso.test"), queue.Idempotency{Key: "k1", Digest: "d1"}
	first, _ := b.acceptAs(sub, key)
	sub.SubmittedBy = "another"
	second, created := b.acceptAs(sub, queue.Idempotency{Key: "k1", Digest: "d2"})
	if !created || second.ID == first.ID {
		b.Fatalf("got %s, want a new one", inJSON(second))
	}
}

func keyExpires(b *bundle) {
	const week = 7 * 24 * time.Hour
	sub, key := b.ask("a@contoso.test"), queue.Idempotency{Key: "k1", Digest: "d1"}
	first, _ := b.acceptAs(sub, key)
	b.later(week - time.Microsecond)
	if again, created := b.acceptAs(sub, key); created || again.ID != first.ID {
		b.Fatalf("got %s within seven days, want the first", inJSON(again))
	}
	b.later(time.Microsecond)
	second, created := b.acceptAs(sub, queue.Idempotency{Key: "k1", Digest: "d2"})
	if !created || second.ID == first.ID {
		b.Fatalf("got %s after seven days, want a new one", inJSON(second))
	}
	b.later(week - time.Microsecond)
	if again, created := b.acceptAs(sub, queue.Idempotency{Key: "k1", Digest: "d2"}); created || again.ID != second.ID {
		b.Fatalf("got %s within seven days of the second, want the second", inJSON(again))
	}
}

func keyAfterJump(b *bundle) {
	sub, key, now := b.ask("a@contoso.test"), queue.Idempotency{Key: "k1"}, b.now
	first, _ := b.acceptAs(sub, key)
	b.later(8 * 24 * time.Hour)
	b.acceptAs(sub, queue.Idempotency{Key: "k2"})
	b.now = now.Add(time.Minute) // set right
	if again, created := b.acceptAs(sub, key); created || again.ID != first.ID {
		b.Fatalf("got %s a minute later, want the first", inJSON(again))
	}
}

func keyFromFarAhead(b *bundle) {
	sub, key, now := b.ask("a@contoso.test"), queue.Idempotency{Key: "k1"}, b.now
	b.later(365 * 24 * time.Hour)
	first, _ := b.acceptAs(sub, key)
	b.now = now // set right
	sub.Note = "another"
	second, created := b.acceptAs(sub, key)
	if !created || second.ID == first.ID {
		b.Fatalf("got %s, want a new one", inJSON(second))
	}
	b.now = now.Add(-24 * time.Hour) // of a node whose clock is behind
	if again, created := b.acceptAs(sub, key); created || again.ID != second.ID {
		b.Fatalf("got %s, want the second", inJSON(again))
	}
}

func keyIsNew(b *bundle) {
	sub := b.ask("a@contoso.test")
	first, _ := b.acceptAs(sub, queue.Idempotency{Key: "k1"})
	second, created := b.acceptAs(sub, queue.Idempotency{Key: "k2"})
	if !created || second.ID == first.ID {
		b.Fatalf("got %s, want a new one", inJSON(second))
	}
}

func twinIsReturned(b *bundle) {
	sub := b.ask("a@contoso.test")
	first := b.submit(sub)
	again := func(in queue.State) {
		b.Helper()
		twin, created := b.acceptAs(sub, queue.Idempotency{})
		if created || twin.ID != first.ID || twin.State != in {
			b.Fatalf("got %s, want the first in %s", inJSON(twin), in)
		}
	}
	again(queue.Accepted)
	r := b.resolve(first, holder(1), takes("a@contoso.test"))
	again(queue.Queued)
	r = b.advance(b.move(r, queue.Held))
	again(queue.Held)
	b.advance(b.move(r, queue.Queued))
	r = b.claim(1)[0]
	again(queue.Writing)
	b.advance(b.toWritten(r, address.Change{}))
	again(queue.Written)
}

// mismatchedTwinIsNot: what the cloud or the directory has otherwise by now is asked for anew.
func mismatchedTwinIsNot(b *bundle) {
	first := b.written(holder(1), "a@contoso.test")
	b.advance(b.move(first, queue.Mismatched))
	if second := b.submit(first.Submission); second.ID == first.ID {
		b.Fatalf("the mismatched request answered: %s", inJSON(second))
	}
}

// twinBeforeTheUnknownIsNot: a later request whose holder nobody has looked up may be for the same holder by another name.
func twinBeforeTheUnknownIsNot(b *bundle) {
	first := b.written(holder(1), "a@contoso.test")
	removal := b.ask("a@contoso.test")
	removal.Action, removal.Holder = address.RemoveAlias, "another name"
	second := b.submit(removal)
	third := b.submit(first.Submission)
	if third.ID == first.ID {
		b.Fatalf("the request before a removal answered for the one after it: %s", inJSON(third))
	}
	b.advance(b.move(third, queue.Cancelled))
	b.resolve(second, holder(2), releases("a@contoso.test"))
	if twin, created := b.acceptAs(first.Submission, queue.Idempotency{}); created || twin.ID != first.ID {
		b.Fatalf("got %s, want the first: the other one is for somebody else", inJSON(twin))
	}
}

// twinBeforeAFailedOneIsNot: a request that failed may have written all the same.
func twinBeforeAFailedOneIsNot(b *bundle) {
	first := b.written(holder(1), "a@contoso.test")
	removal := b.ask("a@contoso.test")
	removal.Action = address.RemoveAlias
	b.resolve(b.submit(removal), holder(1), releases("a@contoso.test"))
	b.advance(b.move(b.claim(1)[0], queue.Failed))
	if twin := b.submit(first.Submission); twin.ID == first.ID {
		b.Fatalf("the request before a removal that failed answered: %s", inJSON(twin))
	}
}

func finalTwinIsNot(b *bundle) {
	sub := b.ask("a@contoso.test")
	first := b.submit(sub)
	b.advance(b.move(first, queue.Cancelled))
	second := b.submit(sub)
	b.advance(b.move(second, queue.Refused))
	if third := b.submit(sub); third.Seq != 3 {
		b.Fatalf("got %s", inJSON(third))
	}
}

func nearTwins(b *bundle) {
	sub := fullSubmission(b.accepted("a@contoso.test").ID)
	first := b.submit(sub)
	turned := sub
	turned.Allow = []address.Allowance{sub.Allow[1], sub.Allow[0]}
	if twin, created := b.acceptAs(turned, queue.Idempotency{}); created || twin.ID != first.ID {
		b.Fatalf("the order of allow made a new request: %s", inJSON(twin))
	}
	for _, change := range []func(*queue.Submission){
		func(s *queue.Submission) { s.Holder += "x" },
		func(s *queue.Submission) { s.Action = address.SetPrimary },
		func(s *queue.Submission) { s.Address = "j.doe@contoso.test" },
		func(s *queue.Submission) { s.Undoes = "" },
		func(s *queue.Submission) { s.Ticket = "" },
		func(s *queue.Submission) { s.Requester = "" },
		func(s *queue.Submission) { s.Note = "" },
		func(s *queue.Submission) { s.Allow = nil },
		func(s *queue.Submission) { s.SubmittedBy = "" },
		func(s *queue.Submission) { s.Ticket, s.Requester = s.Requester, s.Ticket },
	} {
		other := sub
		change(&other)
		b.submit(other)
	}
}

// overtakenTwinIsNot: behind another request for the same holder, by name or by objectGUID, the same words are new; behind
// one that came to nothing they are not.
func overtakenTwinIsNot(b *bundle) {
	sub := b.ask("a@contoso.test")
	first := b.submit(sub)
	removal := sub
	removal.Action, removal.Holder = address.RemoveAlias, strings.ToUpper(sub.Holder)
	second := b.submit(removal)
	third := b.submit(sub)
	if third.ID == first.ID {
		b.Fatalf("the request before a removal answered for the one after it: %s", inJSON(third))
	}
	b.resolve(first, holder(1), takes("a@contoso.test"))
	b.advance(b.move(second, queue.Cancelled))
	if twin, created := b.acceptAs(sub, queue.Idempotency{}); created || twin.ID != third.ID {
		b.Fatalf("got %s, want the newest twin", inJSON(twin))
	}
}

func noText(b *bundle) {
	for _, bad := range []string{"a\x00b", "a\xffb"} {
		for name, spoil := range map[string]func(*queue.Submission, *queue.Idempotency){
			"holder":    func(s *queue.Submission, _ *queue.Idempotency) { s.Holder = bad },
			"address":   func(s *queue.Submission, _ *queue.Idempotency) { s.Address = address.Address(bad) },
			"ticket":    func(s *queue.Submission, _ *queue.Idempotency) { s.Ticket = bad },
			"requester": func(s *queue.Submission, _ *queue.Idempotency) { s.Requester = bad },
			"note":      func(s *queue.Submission, _ *queue.Idempotency) { s.Note = bad },
			"key":       func(_ *queue.Submission, k *queue.Idempotency) { k.Key = bad },
		} {
			sub, key := fullSubmission("0190-undone"), queue.Idempotency{}
			spoil(&sub, &key)
			if _, _, err := b.s.Accept(context.Background(), sub, key, b.now); !errors.Is(err, queue.ErrInvalid) {
				b.Errorf("%s %q gives %v", name, bad, err)
			}
		}
	}
	b.same(len(b.all()), 0)
}

func noTextFindsNothing(b *bundle) {
	b.accepted("a@contoso.test")
	for _, bad := range []string{"a\x00b", "a\xffb"} {
		_, err := b.s.Get(context.Background(), queue.RequestID(bad))
		b.is(err, queue.ErrNotFound)
		_, err = b.s.Events(context.Background(), queue.RequestID(bad), queue.Part{})
		b.is(err, queue.ErrNotFound)
		for _, f := range []queue.Filter{{Ticket: bad}, {Holder: bad}, {State: queue.State(bad)}} {
			page, next, err := b.s.List(context.Background(), f)
			if err != nil || len(page) > 0 || next != "" {
				b.Errorf("%+v gives %v, %q: %v", f, page, next, err)
			}
		}
	}
}

// eventsInParts: parts of a story, put together from the newest back to the first, are the whole.
func eventsInParts(b *bundle) {
	other := b.accepted("b@contoso.test")
	r := b.accepted("a@contoso.test")
	for range 6 {
		r = b.delay(r, b.now.Add(time.Hour))
		other = b.delay(other, b.now.Add(time.Hour))
	}
	whole := b.events(r.ID)
	b.same(len(whole), 7)
	for most := range 9 {
		var story []queue.Event
		of := queue.Part{Most: most}
		for parts := 0; parts < 9; parts++ {
			part, err := b.s.Events(context.Background(), r.ID, of)
			b.ok(err)
			if len(part) == 0 {
				break
			}
			if most > 0 && len(part) > most {
				b.Fatalf("%d events, want %d at most", len(part), most)
			}
			story, of.Before = append(part, story...), part[0].ID
		}
		b.same(story, whole)
	}
}

func notFound(b *bundle) {
	const nobody = queue.RequestID("01900000-0000-7000-8000-000000000000")
	ctx := context.Background()
	b.accepted("a@contoso.test")
	_, err := b.s.Get(ctx, nobody)
	b.is(err, queue.ErrNotFound)
	_, err = b.s.Events(ctx, nobody, queue.Part{})
	b.is(err, queue.ErrNotFound)
	_, err = b.s.Resolve(ctx, nobody, holder(1), nil, b.now)
	b.is(err, queue.ErrNotFound)
	_, err = b.s.Releasing(ctx, nobody)
	b.is(err, queue.ErrNotFound)
	_, _, err = b.s.Wake(ctx, nobody, "somebody", b.now)
	b.is(err, queue.ErrNotFound)
	_, err = b.s.Advance(ctx, queue.Transition{ID: nobody, From: queue.Queued, To: queue.Held, Now: b.now})
	b.is(err, queue.ErrNotFound)
}

// undoOfNobody: an undo stands on the request that it undoes. A key that was used before brings its request back all the same.
func undoOfNobody(b *bundle) {
	undo := b.ask("")
	undo.Action, undo.Undoes = address.Undo, "01900000-0000-7000-8000-000000000000"
	for _, key := range []queue.Idempotency{{}, {Key: "k1", Digest: "d1"}} {
		_, _, err := b.s.Accept(context.Background(), undo, key, b.now)
		b.is(err, queue.ErrNotFound)
	}
	b.same(len(b.all()), 0)
	undo.Undoes = b.accepted("a@contoso.test").ID
	first, created := b.acceptAs(undo, queue.Idempotency{Key: "k1", Digest: "d1"})
	if !created {
		b.Fatal("a key that came with a refused submission was kept")
	}
	undo.Undoes = "01900000-0000-7000-8000-000000000000"
	if again, created := b.acceptAs(undo, queue.Idempotency{Key: "k1", Digest: "d1"}); created || again.ID != first.ID {
		b.Fatalf("got %s, want the first", inJSON(again))
	}
}

func endedContext(b *bundle) {
	ctx, end := context.WithCancel(context.Background())
	end()
	_, _, err := b.s.Accept(ctx, b.ask("a@contoso.test"), queue.Idempotency{}, b.now)
	b.is(err, context.Canceled)
	b.same(seqs(b.all()), []int64{})
}

func statsCount(b *bundle) {
	ctx := context.Background()
	stats, err := b.s.Stats(ctx)
	b.ok(err)
	if len(stats.ByState) != len(queue.States()) || !stats.OldestWaiting.IsZero() {
		b.Fatalf("an empty store counts %+v", stats)
	}
	done := b.written(holder(1), "a@contoso.test")
	b.advance(b.move(done, queue.Mismatched))
	b.later(time.Second)
	oldest := b.queued(holder(2), "b@contoso.test")
	b.later(time.Second)
	b.accepted("c@contoso.test")
	b.advance(b.move(b.accepted("d@contoso.test"), queue.Cancelled))
	stats, err = b.s.Stats(ctx)
	b.ok(err)
	want := map[queue.State]int{}
	for _, s := range queue.States() {
		want[s] = 0
	}
	want[queue.Mismatched], want[queue.Queued], want[queue.Accepted], want[queue.Cancelled] = 1, 1, 1, 1
	b.same(stats, queue.Stats{ByState: want, OldestWaiting: oldest.CreatedAt})
}

func answersAreCopies(b *bundle) {
	sub := fullSubmission(b.advance(b.move(b.accepted("a@contoso.test"), queue.Cancelled)).ID)
	r := b.submit(sub)
	r.Allow[0], sub.Allow[1] = "spoilt", "spoilt"
	got := b.get(r.ID)
	b.same(got.Allow, fullSubmission(sub.Undoes).Allow)
	b.advance(b.move(got, queue.Cancelled))
	w := b.written(holder(1), "a@contoso.test")
	w.Receipt.Change.Add[0] = "spoilt"
	b.same(b.get(w.ID).Receipt.Change.Add[0], address.Secondary("a@contoso.test"))
}
