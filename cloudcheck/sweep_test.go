package cloudcheck

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// crowd makes n cases of different holders, all of which the cloud shows.
func crowd(n int) (*world, []Case) {
	w := newWorld()
	template, object := w.c, *w.object
	w.fake.objects = nil
	cases := make([]Case, n)
	for i := range n {
		a := address.Address(fmt.Sprintf("alias%d@contoso.com", i))
		id := fmt.Sprintf("id-%d", i)
		c, o := template, object
		c.Ref.CloudID, c.Ref.Holder.Anchor, c.Ref.Holder.Name = id, "anchor-"+id, "Holder "+id
		c.Expectation.Wants = []address.Want{{Address: a, Role: address.RoleSecondary}}
		c.After.Proxies = address.Set{"SMTP:jdoe@contoso.com", address.Secondary(a)}
		c.Ref.Holder.Values = c.After
		o.ID, o.ImmutableID, o.Proxies = id, c.Ref.Holder.Anchor, c.After.Proxies
		cases[i] = c
		w.fake.objects = append(w.fake.objects, o)
	}
	return w, cases
}

// sweepOf sweeps cases with a checker that knows nothing yet.
func sweepOf(t *testing.T, w *world, cases []Case) ([]Verdict, error) {
	t.Helper()
	c := w.checker()
	return c.Sweep(t.Context(), c.Survey(t.Context()), cases)
}

func TestOneBadItemSpoilsNothing(t *testing.T) {
	t.Parallel()
	w, cases := crowd(9)
	w.fake.failing["id-1"] = cause.Wait(cause.Throttled, "asked too much")
	cases[2].OnPremErr = errors.New("boom")
	w.fake.objects[3].Proxies = nil
	verdicts, err := sweepOf(t, w, cases)
	if err != nil {
		t.Fatal(err)
	}
	want := []Outcome{Verified, Unknown, Unknown, NotYet, Verified, Verified, Verified, Verified, Verified}
	for i, v := range verdicts {
		if v.Outcome != want[i] {
			t.Errorf("case %d: %s, want %s", i, v.Outcome, want[i])
		}
		if v.Seen != nil && v.Seen.ID != cases[i].Ref.CloudID {
			t.Errorf("case %d shows %s", i, v.Seen.ID)
		}
	}
	if w.fake.objectCalls != 1 || w.fake.tenantCalls != 1 {
		t.Errorf("%d look-ups and %d readings of the tenant, want one each", w.fake.objectCalls, w.fake.tenantCalls)
	}
}

func TestAllConflictsAreAskedForAtOnce(t *testing.T) {
	t.Parallel()
	w, cases := crowd(5)
	holder := Object{ID: "id-other", Kind: address.Group, Name: "Sales"}
	for i := range 4 {
		value := w.fake.objects[i].Proxies[1]
		w.fake.objects[i].Proxies = nil
		w.fake.objects[i].Errors = []ProvisioningError{{Property: "ProxyAddresses", Value: string(value)}}
		holder.Proxies = holder.Proxies.With(value)
	}
	cases[3] = cases[2] // two requests about the same address
	w.fake.objects = append(w.fake.objects, holder)
	verdicts, err := sweepOf(t, w, cases)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		c := verdicts[i].Cause
		if c == nil || c.Conflict == nil || c.Conflict.Kind != "group" || c.Conflict.Address != string(cases[i].After.Proxies[1]) {
			t.Errorf("case %d: %+v", i, c)
		}
	}
	if len(w.fake.holderCalls) != 1 || len(w.fake.holderCalls[0]) != 3 {
		t.Errorf("asked %v, want three addresses at once", w.fake.holderCalls)
	}
}

func TestSweepOfNothingAsksNothing(t *testing.T) {
	t.Parallel()
	w := newWorld()
	if v, err := w.checker().Sweep(t.Context(), Survey{}, nil); v != nil || err != nil {
		t.Errorf("%v, %v", v, err)
	}
	if w.fake.tenantCalls+w.fake.objectCalls != 0 {
		t.Error("the cloud was asked")
	}
}

func TestSweepFailsOnlyWhenNothingCouldBeAsked(t *testing.T) {
	t.Parallel()
	away := cause.Wait(cause.CloudUnavailable, "Graph is away")
	w := newWorld()
	w.fake.broken = away
	if _, err := sweepOf(t, w, []Case{w.c}); !errors.Is(err, away) {
		t.Errorf("objects: %v", err)
	}
	w = newWorld()
	w.fake.noTenant = away
	w.c.OnPremErr = errors.New("boom")
	if _, err := sweepOf(t, w, []Case{w.c}); !errors.Is(err, away) {
		t.Errorf("tenant, and the directory is away too: %v", err)
	}
}

func TestSweepReadsTheTenantAfresh(t *testing.T) {
	t.Parallel()
	w := newWorld()
	c := w.checker()
	for range 3 {
		if _, err := c.Sweep(t.Context(), c.Survey(t.Context()), []Case{w.c}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Tenant(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.fake.tenantCalls != 3 {
		t.Errorf("%d readings, want 3: each sweep its own, and the last one good for a write", w.fake.tenantCalls)
	}
}

func TestUnknownKeepsTheMemory(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.fake.failing["id-jdoe"] = cause.Wait(cause.Throttled, "asked too much")
	v := w.sweep(t)
	if !v.LastSyncSeen.Equal(first()) || v.SyncMoves != 1 || v.Seen != nil {
		t.Errorf("%+v", v)
	}
	w.fake.noTenant = cause.Wait(cause.Throttled, "asked too much")
	w.c.LastSyncSeen, w.c.SyncMoves = first(), 1
	v = w.sweep(t)
	if !v.LastSyncSeen.Equal(first()) || v.SyncMoves != 1 {
		t.Errorf("without the tenant: %+v", v)
	}
}

func TestSeenTellsWhatTheCloudShows(t *testing.T) {
	t.Parallel()
	w := newWorld()
	v := w.sweep(t)
	if v.Seen.ID != "id-jdoe" || v.Seen.Mail != "jdoe@contoso.com" || !v.Seen.Proxies.Equal(w.object.Proxies) || !v.Seen.CheckedAt.Equal(w.now) {
		t.Errorf("%+v", v.Seen)
	}
	w.vanish()
	if v = w.sweep(t); v.Seen == nil || v.Seen.ID != "" || v.Seen.CheckedAt.IsZero() {
		t.Errorf("not in the cloud: %+v", v.Seen)
	}
}

func TestDefaultTiming(t *testing.T) {
	t.Parallel()
	c := New(Options{})
	if c.timing.cycle != 30*time.Minute || c.timing.grace != 30*time.Minute {
		t.Errorf("%+v", c.timing)
	}
}
