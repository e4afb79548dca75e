package queue_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
)

// notShown is the answer for a name that the only servers that are there do not show.
func notShown() error { return cause.Wait(cause.DCUnavailable, "dc2 does not show the holder") }

// One name that cannot be looked up keeps nobody else.
func TestOthersPassANameThatCannotBeLookedUp(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.directory.waits = map[string]error{"an": notShown()}
	misspelt := b.submit(t, "an", address.AddAlias, "a@contoso.test")
	right := b.submit(t, "ann", address.AddAlias, "a@contoso.test")
	other := b.submit(t, "bob", address.AddAlias, "b@contoso.test")
	b.pass(t)
	b.wantState(t, misspelt.ID, queue.Accepted, cause.DCUnavailable)
	b.wantState(t, right.ID, queue.Written, cause.NotSyncedYet)
	b.wantState(t, other.ID, queue.Written, cause.NotSyncedYet)
}

// A name that may be the same holder's keeps its order, whichever way that shows.
func TestTheSameHolderWaitsBehindAnUnknownName(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"ann@contoso.test", "ANN", "smtp:Ann@contoso.test", `CONTOSO\ann`, address.GUID{1, 1}.String()} {
		t.Run(first, func(t *testing.T) {
			t.Parallel()
			b := newBench()
			b.directory.waits = map[string]error{first: notShown()}
			adds := b.submit(t, first, address.AddAlias, "a@contoso.test")
			removes := b.submit(t, "ann", address.RemoveAlias, "a@contoso.test")
			b.pass(t)
			got := b.wantState(t, removes.ID, queue.Accepted, cause.BehindRequest)
			if got.Cause.Conflict == nil || got.Cause.Conflict.ID != string(adds.ID) {
				t.Errorf("it is behind %+v", got.Cause.Conflict)
			}
			b.directory.waits = nil
			b.clock.Add(10 * time.Second)
			b.pass(t)
			b.wantState(t, adds.ID, queue.Superseded, "")
			b.wantState(t, removes.ID, queue.Written, cause.NotSyncedYet)
		})
	}
}

// An address is taken away first where that was asked for first, though nobody knows from whom.
func TestAnAddressIsFreedFirst(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.directory.waits = map[string]error{"ghost": notShown()}
	frees := b.submit(t, "ghost", address.RemoveAlias, "x@contoso.test")
	takes := b.submit(t, "bob", address.AddAlias, "x@contoso.test")
	other := b.submit(t, "ann", address.AddAlias, "y@contoso.test")
	b.pass(t)
	b.wantState(t, takes.ID, queue.Accepted, cause.BehindRequest)
	b.wantState(t, other.ID, queue.Written, cause.NotSyncedYet)
	if _, err := b.service.Cancel(t.Context(), frees.ID, "admin"); err != nil {
		t.Fatal(err)
	}
	b.clock.Add(10 * time.Second)
	b.pass(t)
	b.wantState(t, takes.ID, queue.Written, cause.NotSyncedYet)
}

// A name that nobody shows within an hour is nobody's, as long as others are found. A directory that answers nothing is waited for.
func TestANameIsLookedUpForAnHour(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		answer error // nil: notShown, until it is shown
		others bool  // are found meanwhile
		refuse bool
	}{
		"no server shows it":           {notShown(), false, true},
		"servers stumble over it":      {cause.Wait(cause.DirectoryUnavailable, "operations error"), true, true},
		"the directory answers nobody": {cause.Wait(cause.DirectoryUnavailable, "no answer"), false, false},
		"it is shown in the end":       {nil, true, false},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b := newBench()
			b.directory.waits = map[string]error{"ghost": c.answer}
			if c.answer == nil {
				b.directory.waits["ghost"] = notShown()
			}
			r := b.submit(t, "ghost", address.AddAlias, "x@contoso.test")
			began := b.clock.Now()
			for b.clock.Now().Sub(began) < time.Hour {
				b.pass(t)
				if got := b.get(t, r.ID); got.State != queue.Accepted {
					t.Fatalf("after %s it is %s (%+v)", b.clock.Now().Sub(began), got.State, got.Cause)
				}
				b.clock.Add(time.Minute)
				if c.others {
					b.submit(t, "bob", address.AddAlias, address.Address("a"+b.clock.Now().Format("1504")+"@contoso.test"))
				}
			}
			if c.answer == nil {
				b.directory.waits = nil
				b.directory.add(3, "ghost", address.Values{Proxies: address.Set{"SMTP:ghost@contoso.test"}})
			}
			b.pass(t)
			switch {
			case c.refuse:
				b.wantState(t, r.ID, queue.Refused, cause.UnknownHolder)
			case c.answer != nil:
				b.wantState(t, r.ID, queue.Accepted, cause.DirectoryUnavailable)
			default:
				if got := b.get(t, r.ID); got.Object != (address.GUID{3, 1}) {
					t.Errorf("it is %s (%+v)", got.State, got.Cause)
				}
			}
		})
	}
}

// TestOrderOfUnknownNames submits requests by all the names of some holders, has look-ups of some names wait in between, and holds what
// comes out against the table of the design: a holder's requests are written in the order of acceptance, whatever names they gave,
// and a name that waits keeps nobody who is somebody else.
func TestOrderOfUnknownNames(t *testing.T) {
	t.Parallel()
	names := map[string]address.GUID{"ann": {1, 1}, "ann@contoso.test": {1, 1}, "bob": {2, 1}, "carl": {3, 1}, "carl@contoso.test": {3, 1}, "nobody": {}}
	all := []string{"ann", "ann@contoso.test", "bob", "carl", "carl@contoso.test", "nobody"}
	rapid.Check(t, func(t *rapid.T) {
		b := newBench()
		b.directory.add(3, "carl", address.Values{Mail: "carl@contoso.test", Proxies: address.Set{"SMTP:carl@contoso.test"}})
		b.cloud.sync()
		var asked []queue.Request
		for n := range rapid.IntRange(2, 8).Draw(t, "requests") {
			asked = append(asked, b.submit(t, rapid.SampledFrom(all).Draw(t, "name"), address.AddAlias, address.Address(string(rune('a'+n))+"1@contoso.test")))
		}
		for range rapid.IntRange(1, 6).Draw(t, "passes") {
			b.directory.waits = map[string]error{}
			for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom(all), rapid.ID[string]).Draw(t, "waiting") {
				b.directory.waits[name] = notShown()
			}
			b.clock.Add(20 * time.Second)
			b.pass(t)
			mustPass(t, b, asked, names)
		}
		last := map[address.GUID]address.Address{}
		for _, job := range b.directory.writes {
			added := job.Change.Add[0].Address()
			if added < last[job.Entry.GUID] {
				t.Fatalf("%s was written after %s", added, last[job.Entry.GUID])
			}
			last[job.Entry.GUID] = added
		}
	})
}

// mustPass: who waits in accepted has a name that waits, or stands behind one of the same holder that does.
func mustPass(t *rapid.T, b *bench, asked []queue.Request, names map[string]address.GUID) {
	var kept []address.GUID
	for _, q := range asked {
		r, holder := b.get(t, q.ID), names[q.Holder]
		_, waits := b.directory.waits[q.Holder]
		mayWait := waits || slices.Contains(kept, holder)
		if r.State == queue.Accepted && !mayWait {
			t.Fatalf("%s is kept (%+v) though nothing before it may be for the same holder", q.Holder, r.Cause)
		}
		if r.State == queue.Accepted && !holder.IsZero() {
			kept = append(kept, holder)
		}
	}
}
