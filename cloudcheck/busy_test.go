package cloudcheck

import (
	"slices"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// TestBusyHolderIsJudged: a group changes every ten minutes, and every half hour the sync exports that. Its alias has stood for as long
// as it is looked at and never arrives, which is wrong once two syncs and the calculation after them had their time.
func TestBusyHolderIsJudged(t *testing.T) {
	t.Parallel()
	w := settledWorld()
	w.holder().Kind, w.object.Kind = address.Group, address.Group
	w.arriving()
	stood := written()
	w.holder().AddressesChanged = stood
	found := map[string]int{}
	looks, lastPending := 0, time.Duration(0)
	for age := time.Duration(0); age < 48*time.Hour; age += 7 * time.Minute {
		w.now = stood.Add(age)
		w.holder().Changed = stood.Add(age.Truncate(10 * time.Minute))
		w.fake.tenant.LastSync = stood.Add(5*time.Minute + age.Truncate(30*time.Minute))
		if w.fake.tenant.LastSync.After(w.now) {
			w.fake.tenant.LastSync = w.fake.tenant.LastSync.Add(-30 * time.Minute)
		}
		w.object.LastSync = w.fake.tenant.LastSync
		d := w.diagnose()
		for _, f := range d.Findings {
			found[brief(f)]++
			if f.Severity == Pending {
				lastPending = age
			}
		}
		looks++
	}
	wrong := found["wrong calculated_otherwise smtp:j.doe@contoso.com"]
	if lastPending > 90*time.Minute || wrong < looks-14 {
		t.Errorf("in %d looks, the last pending one after %s: %v", looks, lastPending, found)
	}
}

// TestBusyHolderIsGivenTime: what stands for less than two syncs and the calculation is pending, also where the object changes all the time.
func TestBusyHolderIsGivenTime(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		stood, changed, exported, synced, now time.Duration // since the write
		want                                  []string
	}{
		"changed after the last sync":          {stood: 0, changed: 5, synced: -10, exported: -10, now: 6, want: []string{"pending not_synced_yet"}},
		"one sync since":                       {stood: 0, changed: 25, synced: 20, exported: 20, now: 26, want: []string{"pending not_calculated_yet"}},
		"two syncs since, the last just now":   {stood: 0, changed: 45, synced: 50, exported: 50, now: 51, want: []string{"pending not_calculated_yet"}},
		"two syncs and the calculation":        {stood: 0, changed: 85, synced: 80, exported: 80, now: 91, want: []string{"wrong calculated_otherwise smtp:j.doe@contoso.com"}},
		"no sync since, though it is long ago": {stood: 0, changed: 85, synced: -10, exported: -10, now: 75, want: []string{"pending not_synced_yet"}},
	} {
		w := settledWorld()
		w.arriving()
		at := func(minutes time.Duration) time.Time { return written().Add(minutes * time.Minute) }
		w.holder().AddressesChanged, w.holder().Changed = at(test.stood), at(test.changed)
		w.object.LastSync, w.fake.tenant.LastSync, w.now = at(test.exported), at(test.synced), at(test.now)
		if got := briefs(w.diagnose().Findings); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestUnsynced: only what surely is not there, and is not about to come, is in nobody's way.
func TestUnsynced(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*world)
		want   bool
	}{
		"in the tenant":                 {change: func(*world) {}},
		"not in the tenant":             {change: (*world).vanish, want: true},
		"not in the tenant, but new":    {change: func(w *world) { w.vanish(); w.holder().Changed = w.now }},
		"new, and never synchronised":   {change: func(w *world) { w.vanish(); w.holder().Changed, w.holder().Critical = w.now, true }, want: true},
		"it cannot be asked":            {change: func(w *world) { w.fake.broken = cause.Wait(cause.CloudUnavailable, "away") }},
		"this one cannot be looked at":  {change: func(w *world) { w.fake.failing[""] = cause.Wait(cause.Throttled, "later") }},
		"when it was synced is unknown": {change: func(w *world) { w.vanish(); w.fake.tenant.LastSync = time.Time{} }, want: false},
	} {
		w := settledWorld()
		test.change(w)
		if got := w.checker().Unsynced(t.Context(), w.fake.tenant, []address.Holder{*w.holder()}); len(got) != 1 || got[0] != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestBusyHolderThatIsAbsent: a busy holder that the tenant lacks is missing, not late.
func TestBusyHolderThatIsAbsent(t *testing.T) {
	t.Parallel()
	w := settledWorld()
	w.vanish()
	w.object = nil
	w.holder().AddressesChanged, w.holder().Changed = written(), second().Add(time.Minute)
	w.now = second().Add(2 * time.Minute)
	d := w.diagnose()
	if len(d.Findings) != 1 || d.Findings[0].Code != cause.NotInCloud || d.Findings[0].Severity != Wrong {
		t.Errorf("%+v", d.Findings)
	}
}
