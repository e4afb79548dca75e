package audit

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

func TestInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(10)
	s := w.audit(t)
	want := Summary{Began: w.now, Ended: w.now, Complete: true, BaseDN: "DC=contoso", TenantDomain: "contoso.onmicrosoft.com", LastSync: w.tenant.LastSync,
		Cloud: Reading{Full: true, Objects: 10, Calls: 3}, Holders: 10, InOrder: 10, Kinds: []KindCount{{Kind: address.User, Holders: 10}},
		Codes: []CodeCount{}, Units: []UnitCount{{"OU=Unit0,DC=contoso", 5, 0}, {"OU=Unit1,DC=contoso", 5, 0}}}
	if diff := cmp.Diff(want, s); diff != "" || len(w.items) > 0 {
		t.Error(diff, w.found())
	}
}

// TestObjectsWithoutAddresses: that one without any address is not in the cloud is no news; that one with an address is not
// meant to be there is.
func TestObjectsWithoutAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(3)
	w.objects = w.objects[:1]
	for i := range w.holders[1:] {
		w.holders[i+1].Critical = true
	}
	w.holders[1].Values = address.Values{}
	s := w.audit(t)
	if diff := cmp.Diff([]string{"User 2 notice not_in_cloud "}, w.found()); diff != "" || s.InOrder != 3 {
		t.Error(diff, s)
	}
}

// TestUnmanned: the mailboxes of Exchange and the accounts of the sync are on-premises alone, whatever their values are.
func TestUnmanned(t *testing.T) {
	t.Parallel()
	w := newWorld(4)
	w.holders[1].RecipientTypeDetails = 549755813888
	w.holders[1].Proxies = address.Set{"SMTP:HealthMailbox1@contoso.local", "SMTP:second@contoso.com"}
	w.holders[2].Account = "MSOL_0123456789ab"
	w.holders[3].DN = `CN=u3\0ACNF:5e3c,OU=Unit1,DC=contoso`
	w.objects = w.objects[:1]
	if s := w.audit(t); len(w.items) > 0 || s.InOrder != 4 {
		t.Error(w.found(), s)
	}
}

// TestScope: who is missing is wrong where others of the container are in the tenant, and worth knowing where nobody is,
// whatever else is wrong there; and a container is in the scope however late its first holder comes.
func TestScope(t *testing.T) {
	t.Parallel()
	w := newWorld(12)
	leavers := func(numbers ...int) {
		for _, i := range numbers {
			w.holders[i].DN = address.DN(fmt.Sprintf(`CN=u%d,OU=Leavers\, all,DC=contoso`, i))
		}
	}
	leavers(0, 4, 6)
	w.holders[0].Proxies = w.holders[0].Proxies.With("SMTP:two@unverified.example", "smtp:shared@contoso.com")
	w.holders[4].Changed = w.now
	w.holders[6].Proxies = w.holders[6].Proxies.With("smtp:shared@contoso.com", "smtp:both@contoso.com", "smtp:u11@contoso.com")
	w.holders[7].Proxies = w.holders[7].Proxies.With("smtp:both@contoso.com")
	w.holders[8].DN = "CN=u8,OU=Alone,DC=contoso"
	w.holders[9].Proxies = w.holders[9].Proxies.With("smtp:both@contoso.com")
	w.objects[9] = w.synced(w.holders[9])
	w.objects = slices.DeleteFunc(w.objects, func(o cloudcheck.Object) bool {
		return slices.ContainsFunc([]int{0, 1, 3, 4, 5, 6, 7, 8}, func(i int) bool { return o.ImmutableID == w.holders[i].Anchor })
	})
	s := w.audit(t)
	want := []string{"User 0 notice not_in_cloud ", "User 1 wrong not_in_cloud ", "User 3 wrong not_in_cloud ", "User 4 notice not_in_cloud ",
		"User 5 wrong not_in_cloud ", "User 6 notice not_in_cloud ", "User 7 wrong not_in_cloud ", "User 8 notice not_in_cloud ",
		"User 0 notice duplicate_on_premises shared@contoso.com",
		"User 6 notice duplicate_on_premises both@contoso.com", "User 6 notice duplicate_on_premises shared@contoso.com", "User 6 notice duplicate_on_premises u11@contoso.com",
		"User 7 wrong duplicate_on_premises both@contoso.com", "User 9 wrong duplicate_on_premises both@contoso.com",
		"User 11 notice duplicate_on_premises u11@contoso.com"}
	got := w.found()
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s.Holders != 12 || s.Wrong != 5 || s.Pending != 0 || s.InOrder != 7 {
		t.Errorf("%+v", s)
	}
	alone := w.items[slices.IndexFunc(w.items, func(it Item) bool { return it.Name == "User 8" })]
	if !strings.Contains(alone.Message, "OU=Alone,DC=contoso: that container seems to be out of the scope") || alone.OnPremises.Mail == "" {
		t.Errorf("%+v", alone)
	}
	i := slices.IndexFunc(s.Codes, func(c CodeCount) bool { return c.Code == cause.DuplicateOnPremises && c.Severity == cloudcheck.Notice })
	if i < 0 || s.Codes[i].Findings != 5 || s.Codes[i].Holders != 3 {
		t.Errorf("%+v", s.Codes)
	}
}

// TestNobodyIsThere: a tenant that has nobody of the directory is no reason to call all of it out of scope; nor do
// objects that were restored in the cloud bring their container back.
func TestNobodyIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(3)
	w.objects = nil
	if s := w.audit(t); s.Wrong != 3 {
		t.Error(w.found())
	}
	w = newWorld(6)
	w.holders[5].DN = "CN=u5,OU=Staff,DC=contoso"
	w.objects[0].SyncEnabled = nil
	w.objects = slices.Delete(w.objects, 1, 5)
	if s := w.audit(t); s.Wrong != 0 || s.InOrder != 6 || len(w.items) != 5 {
		t.Error(w.found())
	}
}

// TestUndecided: who the tenant does not have counts as compared only once it is known whether it is missing there.
func TestUndecided(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		fault   func(*world)
		stopped string
		holders int
	}{
		"the directory fails":        {func(w *world) { w.during = func(page int) error { return failAt(page, 3, errBroken) } }, "; 2 more that the tenant does not have were not judged", 4},
		"they cannot be read again":  {func(w *world) { w.againErr = errBroken }, "holders that the tenant does not have could not be read again: it broke; 7 holders were", 7},
		"one of them goes meanwhile": {func(w *world) { w.meanwhile = func() { w.holders = slices.DeleteFunc(w.holders, isLeaver) } }, "", 7},
	} {
		w := newWorld(9)
		w.objects = slices.DeleteFunc(w.objects, func(o cloudcheck.Object) bool { return o.UPN == "u0@contoso.com" || o.UPN == "u5@contoso.com" })
		for _, i := range []int{0, 5} {
			w.holders[i].DN = "CN=x,OU=Leavers,DC=contoso"
		}
		c.fault(w)
		s, err := w.run(t.Context())
		if (err == nil) != (c.stopped == "") || !strings.Contains(s.Stopped, c.stopped) || s.Holders != c.holders || s.InOrder != c.holders || len(w.items) > 0 {
			t.Errorf("%s: %+v, %v, %q", what, s, err, w.found())
		}
	}
}

func isLeaver(h address.Holder) bool { return h.DN.Parent() == "OU=Leavers,DC=contoso" }

// TestNobodyIsSeen: an account that lost its rights sees nobody, which is not in order, unless there is nobody.
func TestNobodyIsSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(2)
	w.holders = nil
	s, err := w.run(t.Context())
	if known, ok := cause.As(err); !ok || known.Cause.Code != cause.DirectoryUnavailable || s.Complete ||
		!strings.HasPrefix(s.Stopped, "the directory shows no holder at all: the tenant has 2 users") || !strings.Contains(s.Stopped, "may read below DC=contoso") {
		t.Errorf("%+v, %v", s, err)
	}
	off := false
	w.tenant.SyncEnabled = &off
	w.audit(t)
	w = newWorld(0)
	w.audit(t)
}

// spoiled is a world with one holder of each standing.
func spoiled() *world {
	w := newWorld(12)
	w.holders[1].Proxies = w.holders[1].Proxies.With("SMTP:second@contoso.com") // two primaries
	w.objects[1] = w.synced(w.holders[1])
	w.holders[3].Mail = "other@contoso.com"
	w.holders[4].Proxies = w.holders[4].Proxies.With("smtp:x@unverified.example", "smtp:new@contoso.com")
	w.holders[4].Changed = w.now // the next sync brings the new one
	w.holders[7].Proxies = w.holders[7].Proxies.With("smtp:late@contoso.com")
	w.holders[7].Changed = w.now
	w.holders[8].Kind, w.holders[8].UPN, w.holders[8].SID = address.Group, "", "S-1-5-21-8"
	w.objects[8] = w.synced(w.holders[8])
	w.objects = slices.Delete(w.objects, 5, 6)
	return w
}

func TestStandings(t *testing.T) {
	t.Parallel()
	w := spoiled()
	w.holders[8] = address.Holder{GUID: w.holders[8].GUID, Kind: address.Contact, Name: "Eve", DN: `CN=Eve\, X,OU=Unit0,DC=contoso`,
		Values: address.Values{Mail: "eve@fabrikam.com", Proxies: address.Set{"SMTP:eve@fabrikam.com"}}}
	twin := w.synced(w.holders[8])
	w.objects = append(w.objects, twin, twin)
	w.objects[len(w.objects)-1].ID = "twin"
	s := w.audit(t)
	want := []string{"User 1 wrong two_primaries ", "User 3 wrong mail_differs other@contoso.com", "User 4 wrong domain_not_verified smtp:x@unverified.example",
		"User 4 pending not_synced_yet ", "User 5 wrong not_in_cloud ", "User 7 pending not_synced_yet ", "Eve wrong ambiguous_holder "}
	if diff := cmp.Diff(want, w.found()); diff != "" {
		t.Error(diff)
	}
	if s.Holders != 12 || s.Wrong != 5 || s.Pending != 1 || s.InOrder != 6 {
		t.Errorf("%+v", s)
	}
	if diff := cmp.Diff([]KindCount{{address.User, 11, 4, 1}, {address.Contact, 1, 1, 0}}, s.Kinds); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]UnitCount{{"OU=Unit1,DC=contoso", 6, 3}, {"OU=Unit0,DC=contoso", 6, 2}}, s.Units); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]CodeCount{{cause.AmbiguousHolder, cloudcheck.Wrong, 1, 1}, {cause.DomainNotVerified, cloudcheck.Wrong, 1, 1}, {cause.MailDiffers, cloudcheck.Wrong, 1, 1},
		{cause.NotInCloud, cloudcheck.Wrong, 1, 1}, {cause.TwoPrimaries, cloudcheck.Wrong, 1, 1}, {cause.NotSyncedYet, cloudcheck.Pending, 2, 2}}, s.Codes); diff != "" {
		t.Error(diff)
	}
	missing, one := w.items[4], w.items[0]
	if missing.Cloud != nil || missing.CloudID != "" || missing.Predicted == nil || w.items[6].Predicted != nil {
		t.Errorf("%+v", missing)
	}
	if one.ObjectGUID != w.holders[1].GUID.String() || one.UPN != "u1@contoso.com" || one.CloudID != w.objects[1].ID || one.Cloud.Mail != "u1@contoso.com" ||
		one.Predicted.Mail == "" || len(one.OnPremises.Proxies) != 2 || one.DN != w.holders[1].DN {
		t.Errorf("%+v", one)
	}
}

// TestDisputes names who holds what is disputed, live ones and deleted ones.
func TestDisputes(t *testing.T) {
	t.Parallel()
	w := newWorld(8)
	w.quarantine(0, "u1@contoso.com") // a live user has it
	w.quarantine(2, "gone@contoso.com")
	w.quarantine(3, "nobody@contoso.com")
	w.quarantine(6, "gone@contoso.com")
	w.quarantine(6, "u7@contoso.com")
	w.deleted = []cloudcheck.Object{{ID: "d", Kind: address.User, Name: "Gone", Deleted: true, Values: address.Values{Proxies: address.Set{"SMTP:gone@contoso.com", "smtp:u7@contoso.com"}}}}
	w.audit(t)
	var got []string
	for _, it := range w.items {
		if it.Code == cause.DuplicateOnPremises {
			continue
		}
		by := "nobody"
		if it.Conflict != nil {
			by = it.Conflict.Kind + " " + it.Conflict.Name
		}
		got = append(got, fmt.Sprintf("%s %s %s %s: %s", it.Name, it.Severity, it.Code, it.Value, by))
	}
	if diff := cmp.Diff([]string{"User 0 wrong quarantined smtp:u1@contoso.com: user User 1", "User 2 pending held_by_deleted smtp:gone@contoso.com: deleted_user Gone",
		"User 3 pending quarantined smtp:nobody@contoso.com: nobody", "User 6 wrong quarantined smtp:u7@contoso.com: user User 7",
		"User 6 pending held_by_deleted smtp:gone@contoso.com: deleted_user Gone"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestDeletedUnread: where the deleted objects cannot be read, the findings that they might explain say so.
func TestDeletedUnread(t *testing.T) {
	t.Parallel()
	w := newWorld(4)
	w.quarantine(0, "a@contoso.com")
	w.quarantine(1, "u2@contoso.com")
	w.objects = slices.Delete(w.objects, 3, 4)
	w.deletedErr = cause.Wait(cause.Throttled, "later")
	w.audit(t)
	var said []string
	for _, it := range w.items {
		if it.Severity == cloudcheck.Wrong && strings.Contains(it.Message, "could not be looked up") {
			said = append(said, it.Name)
		}
	}
	if !slices.Equal(said, []string{"User 0", "User 3"}) {
		t.Errorf("%q say so", said)
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	w := newWorld(9)
	give := func(i int, values ...address.Proxy) {
		w.holders[i].Proxies = w.holders[i].Proxies.With(values...)
		w.objects[i] = w.synced(w.holders[i])
	}
	give(0, "smtp:A@contoso.com", "smtp:b@contoso.com", "x500:/o=x")
	give(4, "smtp:a@contoso.com", "smtp:B@contoso.com", "smtp:u8@contoso.com", "x500:/o=x")
	give(6, "smtp:a@CONTOSO.com", "smtp:six@contoso.com", "smtp:SIX@contoso.com")
	s := w.audit(t)
	var got []string
	for _, it := range w.items {
		if it.Code == cause.DuplicateOnPremises {
			got = append(got, fmt.Sprintf("%s %s: %s %s", it.Name, it.Value, it.Conflict.Name, it.Conflict.Address))
		}
		if it.Cloud == nil || it.CloudID == "" || it.Predicted == nil {
			t.Errorf("%+v", it)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{
		"User 0 A@contoso.com: User 4 smtp:a@contoso.com", "User 0 b@contoso.com: User 4 smtp:B@contoso.com",
		"User 4 B@contoso.com: User 0 smtp:b@contoso.com", "User 4 a@contoso.com: User 6 smtp:a@CONTOSO.com", "User 4 u8@contoso.com: User 8 SMTP:u8@contoso.com",
		"User 6 a@CONTOSO.com: User 0 smtp:A@contoso.com", "User 8 u8@contoso.com: User 4 smtp:u8@contoso.com"}, got); diff != "" {
		t.Error(diff)
	}
	i := slices.IndexFunc(s.Codes, func(c CodeCount) bool { return c.Code == cause.DuplicateOnPremises })
	if i < 0 || s.Codes[i].Findings != 7 || s.Codes[i].Holders != 4 || s.Wrong != 4 {
		t.Errorf("%+v", s)
	}
}

// TestDuplicatesAreVerified: what changed or went meanwhile is no duplicate any more, nor is what only shares a hash.
func TestDuplicatesAreVerified(t *testing.T) {
	t.Parallel()
	for what, meanwhile := range map[string]func(*world){
		"changed": func(w *world) { w.holders[2].Proxies, w.holders[2].Mail = nil, "" },
		"gone":    func(w *world) { w.holders = slices.Delete(w.holders, 2, 3) },
	} {
		w := newWorld(4)
		w.holders[2].Proxies = w.holders[2].Proxies.With("smtp:u0@contoso.com")
		w.objects[2] = w.synced(w.holders[2])
		once := false
		w.meanwhile = func() {
			if !once {
				once = true
				meanwhile(w)
			}
		}
		if s := w.audit(t); len(w.items) > 0 || s.InOrder != 4 || !once {
			t.Errorf("%s: %q, %+v", what, w.found(), s)
		}
	}
	w := newWorld(2)
	r := &run{Options: Options{Directory: w, Cloud: w, Sink: w}, counts: newTally(), index: newIndex(), scope: newScope()}
	for _, h := range w.holders {
		r.counts.holder(r.index.add(&h), &h)
	}
	r.index.addresses.Add(1, 0) // a collision
	r.index.addresses.Add(1, 1)
	if err := r.nameDuplicates(t.Context(), r.index.suspects()); err != nil || len(w.items) > 0 || len(r.index.suspects()) != 1 {
		t.Errorf("%q, %v", w.found(), err)
	}
}

// TestManyDuplicates are read again in lots, and no holder is told twice.
func TestManyDuplicates(t *testing.T) {
	t.Parallel()
	w := newWorld(1300)
	for i := range w.holders {
		one, two := address.Address(fmt.Sprintf("shared%d@contoso.com", i/2)), address.Address(fmt.Sprintf("across%d@contoso.com", i%650))
		w.holders[i].Proxies = w.holders[i].Proxies.With(address.Secondary(one), address.Secondary(two))
		w.objects[i] = w.synced(w.holders[i])
	}
	w.page = 1000
	s := w.audit(t)
	if s.Wrong != 1300 || len(w.items) != 2600 || s.Codes[0].Holders != 1300 || s.Codes[0].Findings != 2600 {
		t.Errorf("%d items, %+v", len(w.items), s.Codes)
	}
	again := *w
	again.items = nil
	if again.audit(t); !reflect.DeepEqual(again.items, w.items) {
		t.Error("the second run has another order")
	}
}

// TestSidesFail: whichever side fails, the summary says which and why, and what was found before is kept.
func TestSidesFail(t *testing.T) {
	t.Parallel()
	away := cause.Wait(cause.DirectoryUnavailable, "no domain controller can be used").Because(errBroken)
	for what, c := range map[string]struct {
		fault   func(*world)
		stopped string
		holders int
		items   int
	}{
		"tenant":    {func(w *world) { w.tenantErr = away }, "the tenant could not be read: no domain controller can be used", 0, 0},
		"reading":   {func(w *world) { w.readErr = away }, "the tenant could not be read: no domain controller can be used", 0, 0},
		"match":     {func(w *world) { w.matchErr = away }, "what was read of the tenant could not be looked at: no domain", 0, 0},
		"conflicts": {func(w *world) { w.quarantine(0, "x@contoso.com"); w.holdersErr = away }, "what was read of the tenant could not be looked at: no domain", 0, 0},
		"directory": {func(w *world) { w.during = func(page int) error { return failAt(page, 3, away) } }, "the directory could not be read to its end: no domain", 6, 5},
		"again": {func(w *world) {
			w.againErr = away
			w.holders[2].Proxies = w.holders[2].Proxies.With("smtp:u0@contoso.com")
			w.objects[2] = w.synced(w.holders[2])
		}, "holders that may share an address could not be read again: no domain", 12, 6},
		"sink": {func(w *world) { w.sinkErr = away }, "what was found could not be written: no domain", 2, 1},
	} {
		w := spoiled()
		c.fault(w)
		s, err := w.run(t.Context())
		if !errors.Is(err, errBroken) || s.Complete || !strings.HasPrefix(s.Stopped, c.stopped) || s.Holders != c.holders || len(w.items) != c.items {
			t.Errorf("%s: %+v\n%v\n%q", what, s, err, w.found())
		}
		if c.holders > 0 && !strings.Contains(s.Stopped, fmt.Sprintf("%d holders were compared", c.holders)) {
			t.Errorf("%s: %s", what, s.Stopped)
		}
	}
}

func failAt(page, at int, err error) error {
	if page == at {
		return err
	}
	return nil
}

// TestInterrupted: the end of the context keeps what was found, and that which waits for a name goes without it.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	w := spoiled()
	ctx, cancel := context.WithCancel(t.Context())
	w.during = func(page int) error {
		if page == 4 {
			cancel()
		}
		return nil
	}
	s, err := w.run(ctx)
	if !errors.Is(err, context.Canceled) || s.Complete || !strings.HasPrefix(s.Stopped, "stopped while holders were compared; ") || s.Holders < 6 || s.Holders > 9 {
		t.Errorf("%+v, %v", s, err)
	}
	if len(w.items) < 4 {
		t.Errorf("%q", w.found())
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	w := spoiled()
	var pages atomic.Int64
	w.during = func(int) error { pages.Add(1); return nil }
	w.clock = func() time.Time { return w.now.Add(time.Duration(pages.Load()) * tellEvery / 2) }
	s := w.audit(t)
	var phases []Phase
	for _, p := range w.progress {
		phases = append(phases, p.Phase)
		if p.Phase == ReadingDirectory && (p.Expected != 11 || p.Done > s.Holders || p.Wrong > s.Wrong) {
			t.Errorf("%+v", p)
		}
	}
	if compact := slices.Compact(slices.Clone(phases)); !slices.Equal(compact, []Phase{ReadingCloud, ReadingDirectory, NamingConflicts}) || len(phases) > 7 {
		t.Errorf("%v", w.progress)
	}
}
