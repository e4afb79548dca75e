package queue_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// lost is a modify whose answer nobody had.
func lost(landed bool) fault {
	return fault{landed: landed, err: &ldapwriter.UnknownOutcomeError{DC: dc, Err: errors.New("time limit")}}
}

// submitLost makes a request whose modify gets no answer.
func (b *bench) submitLost(t *testing.T, landed bool, holder string, action address.Action, addr address.Address) queue.Request {
	t.Helper()
	b.directory.onWrite = func(ldapwriter.Job) fault { return lost(landed) }
	r := b.submit(t, holder, action, addr)
	b.pass(t)
	b.directory.onWrite = nil
	return r
}

// wantDoubt: the request is not taken for unwritten, and cannot be cancelled.
func (b *bench) wantDoubt(t *testing.T, id queue.RequestID) {
	t.Helper()
	got := b.get(t, id)
	if got.State != queue.Writing && got.State != queue.Failed || !got.Doubt().Exists() {
		t.Fatalf("it is %s (%+v) with the intent %+v, as if nothing had been written", got.State, got.Cause, got.Intent)
	}
	if _, err := b.service.Cancel(context.Background(), id, "admin"); !errors.Is(err, queue.ErrStale) {
		t.Errorf("cancel gave %v, want ErrStale", err)
	}
}

// What was read before a modify says nothing of it, however long its answer was waited for.
func TestAnAnswerThatIsLostLateLeavesADoubt(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.directory.onWrite = func(ldapwriter.Job) fault {
		b.clock.Add(25 * time.Second)
		return lost(true)
	}
	r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	b.wantState(t, r.ID, queue.Writing, cause.DCUnavailable)
	b.wantDoubt(t, r.ID)
	b.directory.onWrite = nil
	b.clock.Add(time.Minute)
	b.pass(t)
	if got := b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet); got.WroteNothing() {
		t.Error("the receipt says that nothing was written")
	}
}

// The doubt about a first modify outlasts a second one of unknown outcome, and a process that ends after it stored the second's intent.
func TestTheFirstDoubtOutlastsASecond(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]fault{"its answer is lost too": lost(false), "the lease is over": {err: queue.ErrStale}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench()
			b.directory.onWrite = func(ldapwriter.Job) fault { return lost(true) }
			r := b.submit(t, "ann", address.SetPrimary, "p@contoso.test")
			b.pass(t)
			ann := b.get(t, r.ID).Object
			b.directory.edit(ann, address.Values{Mail: "ann@contoso.test", Proxies: address.Set{"SMTP:ann@contoso.test", "smtp:p@contoso.test"}}) // p is ours
			b.directory.onWrite = func(ldapwriter.Job) fault { return second }
			b.clock.Add(2 * time.Minute)
			b.pass(t)
			b.directory.onWrite = func(ldapwriter.Job) fault { return fault{err: cause.Wait(cause.DirectoryUnavailable, "no answer")} }
			for range 3 {
				b.clock.Add(2 * time.Minute)
				b.pass(t)
				b.wantDoubt(t, r.ID)
			}
		})
	}
}

// A value that is equal for the directory is no race behind a lost answer either.
func TestAnEqualValueBehindADoubt(t *testing.T) {
	t.Parallel()
	b := newBench()
	first := true
	b.directory.onWrite = func(ldapwriter.Job) fault {
		if first {
			first = false
			return lost(false)
		}
		return fault{err: &ldapwriter.ExistsError{Err: ldapwriter.ErrConflict}}
	}
	r := b.submit(t, "ann", address.AddAlias, "muller@contoso.test")
	b.pass(t)
	b.clock.Add(2 * time.Minute)
	b.pass(t)
	b.wantState(t, r.ID, queue.Refused, cause.EqualValue)
}

// What landed after the holder was read is not taken for what did not land.
func TestALandingAfterTheReadIsNoProof(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.directory.onWrite = func(ldapwriter.Job) fault { return lost(false) }
	r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	ann := b.get(t, r.ID).Object
	b.clock.Add(25 * time.Second) // it may land for 30
	b.directory.onWrite = func(ldapwriter.Job) fault {
		b.clock.Add(10 * time.Second)
		b.directory.holders[ann].Proxies = b.directory.holders[ann].Proxies.With("smtp:a@contoso.test")
		b.directory.holders[ann].USNChanged++
		return fault{err: cause.Wait(cause.DirectoryUnavailable, "no answer")}
	}
	b.pass(t)
	b.wantDoubt(t, r.ID)
}

// What may still land is waited for, so that it cannot come behind a later request: an alias that was removed would be back.
func TestNothingIsSentBesideAModifyThatMayLand(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.directory.onWrite = func(ldapwriter.Job) fault { return lost(false) }
	first := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	sent := b.clock.Now()
	b.directory.onWrite = nil
	b.submit(t, "ann", address.RemoveAlias, "a@contoso.test")
	for b.clock.Now().Sub(sent) < 29*time.Second {
		b.clock.Add(time.Second)
		b.pass(t)
		b.wantState(t, first.ID, queue.Writing, cause.DCUnavailable)
	}
	if n := len(b.directory.writes); n != 0 {
		t.Fatalf("%d modifies were sent meanwhile", n)
	}
	b.clock.Add(time.Second)
	b.pass(t)
	b.wantState(t, first.ID, queue.Superseded, "") // and the removal came after it
	if n := len(b.directory.writes); n != 2 {
		t.Errorf("%d modifies were sent in the end, want 2", n)
	}
}

// One that shows may be somebody else's: ours may come all the same, so the next request waits.
func TestTheNextRequestWaitsForWhatMayLand(t *testing.T) {
	t.Parallel()
	b := newBench()
	first := b.submitLost(t, true, "ann", address.AddAlias, "a@contoso.test")
	b.clock.Add(3 * time.Second)
	b.pass(t)
	got := b.wantState(t, first.ID, queue.Written, cause.NotSyncedYet)
	if want := got.CreatedAt.Add(30 * time.Second); !got.Receipt.LandsUntil.Equal(want) {
		t.Errorf("it may land until %s, want %s", got.Receipt.LandsUntil, want)
	}
	next := b.submit(t, "ann", address.RemoveAlias, "a@contoso.test")
	b.pass(t)
	b.wantState(t, next.ID, queue.Queued, cause.DCUnavailable)
	b.clock.Add(30 * time.Second)
	b.pass(t)
	b.wantState(t, next.ID, queue.Written, cause.NotSyncedYet)
}

// What somebody else has brought about is no end of a modify that may land.
func TestStandingWaitsForWhatMayLand(t *testing.T) {
	t.Parallel()
	b := newBench()
	r := b.submitLost(t, false, "bob", address.SetPrimary, "p@contoso.test")
	b.directory.edit(b.get(t, r.ID).Object, address.Values{Mail: "P@contoso.test", Proxies: address.Set{"SMTP:p@contoso.test", "smtp:bob@contoso.test"}})
	b.clock.Add(5 * time.Second)
	b.pass(t)
	b.wantState(t, r.ID, queue.Writing, cause.DCUnavailable)
	b.clock.Add(30 * time.Second)
	b.pass(t)
	b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
}

// While all writing is stopped, a modify in doubt that slipped is not taken back either.
func TestNothingIsTakenBackWhilePaused(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.directory.onWrite = func(ldapwriter.Job) fault { return lost(true) }
	r := b.submit(t, "ann", address.SetPrimary, "p@contoso.test")
	b.pass(t)
	ann := b.get(t, r.ID).Object
	b.directory.edit(ann, address.Values{Mail: "p@contoso.test", Proxies: address.Set{"smtp:ann@contoso.test", "SMTP:p@contoso.test", "SMTP:theirs@contoso.test"}})
	if err := b.store.SetPaused(t.Context(), true, "admin", b.clock.Now()); err != nil {
		t.Fatal(err)
	}
	b.clock.Add(time.Minute)
	b.pass(t)
	b.wantState(t, r.ID, queue.Writing, cause.Paused)
	if err := b.store.SetPaused(t.Context(), false, "admin", b.clock.Now()); err != nil {
		t.Fatal(err)
	}
	b.clock.Add(time.Minute)
	b.pass(t)
	b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
}

// What may still land is not taken back either: it would come again after that, and the request would speak of the new plan alone.
func TestNothingIsTakenBackThatMayLand(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.directory.onWrite = func(ldapwriter.Job) fault { return lost(false) }
	r := b.submit(t, "ann", address.SetPrimary, "p@contoso.test")
	b.pass(t)
	sent := b.clock.Now()
	b.directory.onWrite = nil
	b.directory.edit(b.get(t, r.ID).Object, address.Values{Mail: "p@contoso.test", // an administrator asked for the same, and for more
		Proxies: address.Set{"smtp:ann@contoso.test", "SMTP:p@contoso.test", "SMTP:theirs@contoso.test", "X500:/o=Contoso/cn=ann"}})
	for b.clock.Now().Sub(sent) < 29*time.Second {
		b.clock.Add(time.Second)
		b.pass(t)
		b.wantState(t, r.ID, queue.Writing, cause.DCUnavailable)
	}
	if n := len(b.directory.writes); n != 0 {
		t.Fatalf("%d modifies were sent meanwhile", n)
	}
	b.clock.Add(10 * time.Second)
	b.pass(t)
	b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
}

// A clock that is set back keeps no holder waiting for the jump.
func TestAClockSetBackBehindALandingThatShows(t *testing.T) {
	t.Parallel()
	b := newBench()
	first := b.submitLost(t, true, "ann", address.AddAlias, "a@contoso.test")
	b.clock.Add(3 * time.Second)
	b.pass(t)
	b.wantState(t, first.ID, queue.Written, cause.NotSyncedYet)
	b.clock.Add(-time.Hour)
	next := b.submit(t, "ann", address.AddAlias, "b@contoso.test")
	b.pass(t)
	b.wantState(t, next.ID, queue.Written, cause.NotSyncedYet)
}

// What a lost modify may have brought about counts at a fail-over, though nothing had to be written in the end.
func TestADoubtThatEndsInNothingIsKept(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.directory.onWrite = func(ldapwriter.Job) fault { return lost(true) }
	r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	ann := b.get(t, r.ID).Object
	b.directory.edit(ann, address.Values{Mail: "ann@contoso.test", Proxies: address.Set{"SMTP:ann@contoso.test", "smtp:A@contoso.test"}})
	b.clock.Add(time.Minute)
	b.pass(t)
	b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
	prior, err := b.store.Prior(t.Context(), ann, "", b.clock.Now().Add(-ldapwriter.Replicated))
	if err != nil || len(prior.Receipts) != 1 || !prior.Receipts[0].Doubted {
		t.Fatalf("%+v, %v", prior, err)
	}
	elsewhere := ldapwriter.Entry{DC: "ldaps://dc2.contoso.test:636", Holder: address.Holder{Values: b.directory.values(ann)}}
	if prior.Behind(elsewhere, b.clock.Now(), func(a, b string) bool { return a == b }) == nil {
		t.Error("another DC may be written to at once")
	}
}

// A modify that somebody built on is not called unwritten, though it cannot be planned again.
func TestWhatSomebodyBuiltOnIsNotRefused(t *testing.T) {
	t.Parallel()
	b := newBench()
	added := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	b.clock.Add(time.Minute)
	removed := b.submit(t, "ann", address.RemoveAlias, "a@contoso.test")
	b.pass(t)
	b.wantState(t, removed.ID, queue.Written, cause.NotSyncedYet)
	undo, _, err := b.service.Undo(context.Background(), removed.ID, queue.Submission{}, "")
	if err != nil {
		t.Fatal(err)
	}
	ann := b.get(t, added.ID).Object
	b.directory.onWrite = func(ldapwriter.Job) fault {
		b.directory.holders[ann].Values = address.Values{Mail: "a@contoso.test", Proxies: address.Set{"smtp:ann@contoso.test", "SMTP:a@contoso.test"}}
		b.directory.holders[ann].USNChanged += 2
		return fault{err: &ldapwriter.SlippedError{Remains: true}}
	}
	b.pass(t)
	b.wantState(t, undo.ID, queue.Failed, cause.NotKept)
}

// Somebody adds a value that is no UTF-8 around our modify: the receipt is stored all the same.
func TestAValueThatIsNoTextBesideOurs(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.directory.onWrite = func(j ldapwriter.Job) fault {
		e := b.directory.holders[j.Entry.GUID]
		e.Proxies = e.Proxies.With("x500:/o=Contoso/cn=\xff")
		return fault{}
	}
	r := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	b.pass(t)
	b.directory.onWrite = nil
	next := b.submit(t, "ann", address.AddAlias, "b@contoso.test")
	for range 500 {
		b.clock.Add(10 * time.Minute)
		b.pass(t)
	}
	got := b.get(t, r.ID)
	if got.State == queue.Writing {
		_, err := b.service.Cancel(t.Context(), r.ID, "admin")
		t.Errorf("after three days it is %s, with the cause %+v; cancel: %v; the next one is %s", got.State, got.Cause, err, b.get(t, next.ID).State)
	}
}

// What shows may be taken back yet, where the answer to that was lost.
func TestATakeBackThatMayLand(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.directory.onWrite = func(ldapwriter.Job) fault {
		return fault{landed: true, err: &ldapwriter.UnknownOutcomeError{DC: dc, TakingBack: true, Err: errors.New("time limit")}}
	}
	r := b.submit(t, "ann", address.SetPrimary, "p@contoso.test")
	b.pass(t)
	b.directory.onWrite = nil
	for range 5 {
		b.clock.Add(5 * time.Second)
		b.pass(t)
		b.wantState(t, r.ID, queue.Writing, cause.DCUnavailable)
	}
	b.clock.Add(10 * time.Second)
	b.pass(t)
	b.wantState(t, r.ID, queue.Written, cause.NotSyncedYet)
}

// What an earlier request may have sent is waited for too, before anything is called in place.
func TestNothingIsStandingBesideAModifyThatMayLand(t *testing.T) {
	t.Parallel()
	w := newTwoDCs([]fate{late})
	first, _, err := w.ask(asking{holder: "ann", action: address.AddAlias, addr: "a@contoso.test"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.pass(t)
	w.edit(w.get(t, first.ID), added) // an administrator gives it by hand
	w.wait(5 * time.Second)
	w.pass(t)
	w.wantState(t, first.ID, queue.Written, cause.NotSyncedYet) // it may land still: LandsUntil
	w.edit(w.get(t, first.ID), dropped)
	second, _, err := w.ask(asking{holder: "ann", action: address.RemoveAlias, addr: "a@contoso.test"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.pass(t)
	at := w.get(t, second.ID)
	w.wait(20 * time.Second)
	w.pass(t)
	if v := w.first.values(at.Object); at.State == queue.Written && v.Proxies.Has("smtp:a@contoso.test") {
		t.Errorf("the removal was %s (wrote nothing: %v) before the earlier modify landed, and ann has %q: %s", at.State, at.WroteNothing(), v.Proxies, w.overtaken(history{}, nil))
	}
}

// A request that finds its wish in place behind a modify in doubt does not end what a fail-over has to wait for.
func TestStandingBehindADoubtHasToReplicate(t *testing.T) {
	t.Parallel()
	w := newTwoDCs([]fate{answered, answered, landed})
	w.tells = true
	ask := func(a asking, before ...queue.Request) queue.Request {
		t.Helper()
		r, _, err := w.ask(a, before)
		if err != nil {
			t.Fatal(err)
		}
		w.pass(t)
		return r
	}
	ask(asking{holder: "ann", action: address.AddAlias, addr: "a@contoso.test"})
	w.wait(time.Minute)
	removed := ask(asking{holder: "ann", action: address.RemoveAlias, addr: "a@contoso.test"})
	w.wantState(t, removed.ID, queue.Written, cause.NotSyncedYet)
	w.wait(time.Minute)
	w.replicate() // up to here both DCs show the same
	undo := ask(asking{action: address.Undo, undoes: 1}, removed)
	w.wantState(t, undo.ID, queue.Writing, cause.DCUnavailable) // landed, the answer lost
	ann := w.get(t, undo.ID).Object
	v := w.first.values(ann)
	v.Proxies = v.Proxies.Without("smtp:a@contoso.test").With("smtp:A@contoso.test")
	w.write(w.first, ann, address.Between(w.first.values(ann), v), landing{holder: ann})
	w.wait(2 * time.Minute)
	w.pass(t)
	w.wantState(t, undo.ID, queue.Failed, cause.NotKept)
	found := ask(asking{holder: "ann", action: address.AddAlias, addr: "a@contoso.test"})
	if got := w.wantState(t, found.ID, queue.Written, cause.NotSyncedYet); !got.WroteNothing() {
		t.Fatal("it wrote")
	}
	w.wait(time.Minute)
	w.firstAway = true
	next := ask(asking{holder: "ann", action: address.AddAlias, addr: "b@contoso.test"})
	state := w.get(t, next.ID).State
	w.firstAway = false
	w.replicate()
	if v := w.first.values(ann).Proxies; state == queue.Written && (!v.Has("smtp:b@contoso.test") || len(v.Find("a@contoso.test")) == 0) {
		t.Errorf("b was written on the second DC at once, and after replication ann has %q\n%s", v, strings.Join(w.log, "\n"))
	}
}

// TestDoubt goes through what becomes of modifies that were sent.
func TestDoubt(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	one := queue.Intent{DC: dc, Change: address.Change{Add: []address.Proxy{"smtp:a@x"}}, USNChanged: 1, Sent: true, Until: at.Add(30 * time.Second)}
	two := one
	two.Change, two.USNChanged, two.Until = address.Change{Add: []address.Proxy{"smtp:b@x"}}, 2, at.Add(time.Minute)
	again := two
	again.Until = at.Add(2 * time.Minute)
	entry := func(usn int64) ldapwriter.Entry { return ldapwriter.Entry{DC: dc, USNChanged: usn} }
	chain := func(intents ...queue.Intent) queue.Doubt {
		var d queue.Doubt
		for _, i := range intents {
			d = d.With(i)
		}
		return d
	}
	for what, c := range map[string]struct {
		got  queue.Doubt
		want []int64 // of the USNs
	}{
		"none":                                  {queue.Request{}.Doubt(), nil},
		"kept and read again":                   {queue.Request{Intent: chain(one, two).Intent()}.Doubt(), []int64{1, 2}},
		"an answer":                             {chain(one, two).Answered(), []int64{1}},
		"nothing changed, in time":              {chain(one).Seen(entry(1), at), []int64{1}},
		"nothing changed, overdue":              {chain(one).Seen(entry(1), one.Until), nil},
		"changed":                               {chain(one).Seen(entry(2), one.Until), []int64{1}},
		"another DC":                            {chain(one).Seen(ldapwriter.Entry{DC: "ldaps://dc2", USNChanged: 1}, one.Until), []int64{1}},
		"the second did not land":               {chain(one, two).Seen(entry(2), two.Until), []int64{1}},
		"what may have landed covers the first": {chain(one, two).Seen(entry(3), two.Until), []int64{1, 2}},
		"the same, sent a third time":           {chain(one, two, again, one), []int64{1, 2, 1}},
		"lost":                                  {chain(one).LandsBy(at).Seen(entry(1), at), nil},
	} {
		var usns []int64
		for _, i := range c.got {
			if i.Sent {
				usns = append(usns, i.USNChanged)
			}
		}
		if !slices.Equal(usns, c.want) {
			t.Errorf("%s: %v is in doubt, want %v", what, usns, c.want)
		}
	}
}
