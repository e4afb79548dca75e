package graph

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/lab/tenant"
)

// crowd makes n users.
func crowd(n int) []address.Holder {
	holders := make([]address.Holder, n)
	for i := range holders {
		holders[i] = userHolder(i)
	}
	return holders
}

// refsOf names holders by the ids that the tenant gave them.
func refsOf(l *lab, holders []address.Holder) []cloudcheck.Ref {
	refs := make([]cloudcheck.Ref, len(holders))
	for i, h := range holders {
		refs[i] = cloudcheck.Ref{CloudID: l.ID(h.Anchor), Holder: h}
	}
	return refs
}

func checkSighting(t *testing.T, s cloudcheck.Sighting, h address.Holder) {
	t.Helper()
	if s.Err != nil || s.Object == nil || s.Object.Name != h.Name || s.Object.Kind != h.Kind {
		t.Errorf("%s: %v, %+v", h.Name, s.Err, s.Object)
	}
}

func TestThousandUsersTakeFourCalls(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{})
	holders := crowd(1000)
	l.sync(t, holders...)
	byID := refsOf(l, holders)
	for name, refs := range map[string][]cloudcheck.Ref{"by id": byID, "by anchor": withoutIDs(byID)} {
		l.ResetCalls()
		for i, s := range l.objects(t, refs...) {
			checkSighting(t, s, holders[i])
		}
		if calls := l.Calls(); calls.HTTP != 4 || calls.Items != 67 {
			t.Errorf("%s: %d HTTP calls with %d items, want 4 with 67", name, calls.HTTP, calls.Items)
		}
	}
	l.ResetCalls()
	if _, err := l.client.Tenant(t.Context()); err != nil || l.Calls().HTTP != 2 {
		t.Errorf("the tenant took %d calls (%v), want 2", l.Calls().HTTP, err)
	}
}

func withoutIDs(refs []cloudcheck.Ref) []cloudcheck.Ref {
	stripped := slices.Clone(refs)
	for i := range stripped {
		stripped[i].CloudID = ""
	}
	return stripped
}

func TestObjectShowsEverything(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{LicenceNew: true})
	h := userHolder(1, "SMTP:user1@contoso.com", "smtp:alias@contoso.com", "SIP:user1@contoso.com")
	rival := userHolder(2, "SMTP:user2@contoso.com", "smtp:ALIAS@contoso.com")
	at := l.clock.now()
	l.sync(t, h)
	l.sync(t, h, rival)
	got := l.objects(t, ref(h), ref(rival))
	o := got[0].Object
	if o == nil || o.ID != l.ID(h.Anchor) || o.Kind != address.User || o.Name != h.Name || o.UPN != h.UPN || o.OnPremUPN != h.UPN ||
		o.Nickname != h.Nickname || o.Mail != h.Mail || o.ImmutableID != h.Anchor || o.SID != h.SID || o.SyncEnabled == nil || !*o.SyncEnabled ||
		o.LastSync.Before(at.Add(-time.Minute)) || !o.ExchangeLicensed || o.Deleted || len(o.Errors) != 0 || o.CloudManaged() {
		t.Errorf("%+v", o)
	}
	if want, _ := l.Values(h.Anchor); !o.Proxies.Equal(want.Proxies) {
		t.Errorf("%v, want %v", o.Proxies, want.Proxies)
	}
	if o = got[1].Object; o == nil || len(o.Errors) != 1 || !strings.HasPrefix(o.Errors[0].Property, "ProxyAddress") ||
		!strings.Contains(strings.ToLower(o.Errors[0].Value), "alias@contoso.com") || o.Errors[0].Category != "PropertyConflict" {
		t.Errorf("the rival is not quarantined: %+v", o)
	}
	l.SetLicence(h.Anchor, false)
	if err := l.MoveToCloud(h.Anchor); err != nil {
		t.Fatal(err)
	}
	if o = l.objects(t, ref(h))[0].Object; o == nil || o.ExchangeLicensed || !o.CloudManaged() {
		t.Errorf("moved to the cloud, without a licence: %+v", o)
	}
}

func TestObjectsOfEveryKind(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{})
	holders := []address.Holder{
		userHolder(1), groupHolder(2, "SMTP:sales@contoso.com", "smtp:verkauf@contoso.com"), contactHolder(3, "SMTP:ann@fabrikam.com"),
		groupHolder(4), // no address at all: found by its SID
		userHolder(5), groupHolder(6, "SMTP:o'neil@contoso.com"),
	}
	l.sync(t, holders...)
	absent := []address.Holder{userHolder(90), groupHolder(91, "SMTP:none@contoso.com"), contactHolder(92, "SMTP:none@fabrikam.com"), groupHolder(93)}
	for _, known := range []bool{false, true} {
		var refs []cloudcheck.Ref
		for _, h := range holders {
			r := ref(h)
			if known {
				r.CloudID = l.ID(h.Anchor)
			}
			refs = append(refs, r)
		}
		for _, h := range absent {
			refs = append(refs, ref(h))
		}
		got := l.objects(t, refs...)
		for i, h := range holders {
			checkSighting(t, got[i], h)
		}
		for _, s := range got[len(holders):] {
			if s.Object != nil || s.Err != nil {
				t.Errorf("not in the cloud: %+v, %v", s.Object, s.Err)
			}
		}
	}
}

// TestUsersOfAnotherAnchor: where the tenant has another source anchor than the one that was read, a user is found by
// objectGUID, by UPN or by its address; the SID tells whose they are, so nobody else's object is taken.
func TestUsersOfAnotherAnchor(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{})
	holders := crowd(6)
	guid := address.GUID{4, 2}
	holders[0].Anchor = guid.Anchor()
	l.sync(t, holders...)
	for i := range holders {
		holders[i].Anchor = "another"
	}
	holders[0].GUID, holders[0].SID, holders[0].UPN, holders[0].Values = guid, "", "", address.Values{}
	holders[2].UPN = "user2@contoso.local"                      // found by its address
	holders[3].Values, holders[3].Anchor = address.Values{}, "" // by its UPN
	holders[4].SID = "S-1-5-21-9-9-9-9"                         // another one of the same names
	holders[5].SID = ""
	refs := []cloudcheck.Ref{{CloudID: "11111111-2222-3333-4444-555555555555", Holder: holders[1]}}
	for _, h := range holders {
		refs = append(refs, ref(h))
	}
	found := l.objects(t, refs...)
	for i, h := range append([]address.Holder{holders[1]}, holders[:4]...) {
		checkSighting(t, found[i], h)
	}
	for _, s := range found[5:] {
		if s.Object != nil || s.Err != nil {
			t.Errorf("%+v, %v", s.Object, s.Err)
		}
	}
}

// TestManyOfAnotherAnchorAreNeverAbsent: whom a look-up could not ask for by name may be there under another anchor. Nothing is said of
// him, so that the removal of an address is not verified by somebody who was not looked for; the next look-up asks for others.
func TestManyOfAnotherAnchorAreNeverAbsent(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{})
	holders := crowd(50)
	l.sync(t, holders...)
	var refs []cloudcheck.Ref
	for i := range holders {
		holders[i].Anchor = "another"
		refs = append(refs, ref(holders[i]))
	}
	for looks := 0; len(refs) > 0; looks++ {
		var left []cloudcheck.Ref
		for i, s := range l.objects(t, refs...) {
			if errors.Is(s.Err, cloudcheck.ErrUnasked) {
				left = append(left, refs[i])
				continue
			}
			checkSighting(t, s, refs[i].Holder)
		}
		if looks == 5 {
			t.Fatalf("%d were never looked at", len(left))
		}
		refs = left
	}
}

// TestBudgetBoundsWhoIsAskedForByName: a sweep with units to spare asks for more.
func TestBudgetBoundsWhoIsAskedForByName(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{})
	var refs []cloudcheck.Ref
	for _, h := range crowd(300) {
		refs = append(refs, ref(h))
	}
	for units, most := range map[int]int{2000: 250, 100: maxByName} {
		found, err := l.client.Objects(cloudcheck.WithBudget(t.Context(), cloudcheck.NewBudget(units)), refs)
		if err != nil {
			t.Fatal(err)
		}
		absent := 0
		for _, s := range found {
			if notSeen(s) {
				absent++
			}
		}
		if absent > most || absent < most-10 {
			t.Errorf("with %d units %d are known to be absent, want about %d", units, absent, most)
		}
	}
}

// TestFewAreAskedForByName: those that are not there cost no more than a few questions by name.
func TestFewAreAskedForByName(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{})
	var refs []cloudcheck.Ref
	for _, h := range crowd(300) {
		refs = append(refs, ref(h))
	}
	l.ResetCalls()
	for i, s := range l.objects(t, refs...) {
		if s.Object != nil || (s.Err != nil) != (i >= maxByName) {
			t.Errorf("%d: %+v", i, s)
		}
	}
	if calls := l.Calls(); calls.HTTP != 3 || calls.Items != 20+2*maxByName {
		t.Errorf("%+v", calls)
	}
}

func TestStaleIDsAreLookedUpAnew(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{})
	holders := []address.Holder{userHolder(1), groupHolder(2, "SMTP:sales@contoso.com"), contactHolder(3, "SMTP:ann@fabrikam.com"), groupHolder(4)}
	l.sync(t, holders...)
	for _, id := range []string{"11111111-2222-3333-4444-555555555555", "no' id"} {
		var refs []cloudcheck.Ref
		for _, h := range holders {
			refs = append(refs, cloudcheck.Ref{CloudID: id, Holder: h})
		}
		for i, s := range l.objects(t, refs...) {
			checkSighting(t, s, holders[i])
		}
	}
	gone := cloudcheck.Ref{CloudID: "11111111-2222-3333-4444-555555555555", Holder: userHolder(90)}
	if s := l.objects(t, gone)[0]; s.Object != nil || s.Err != nil {
		t.Errorf("%+v", s)
	}
}

func TestSameHolderTwice(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{})
	h := userHolder(1)
	l.sync(t, h)
	r := refsOf(l, []address.Holder{h})[0]
	for _, s := range l.objects(t, r, ref(h), r, ref(h)) {
		checkSighting(t, s, h)
	}
}

func TestDeletedUsersAreNotInTheCloud(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{})
	h := userHolder(1)
	l.sync(t, h)
	r := refsOf(l, []address.Holder{h})[0]
	if err := l.Delete(h.Anchor); err != nil {
		t.Fatal(err)
	}
	if s := l.objects(t, r)[0]; s.Object != nil || s.Err != nil {
		t.Errorf("%+v", s)
	}
}

func TestManyGroupsAreFoundBySID(t *testing.T) {
	t.Parallel()
	const n = 1500
	l := startLab(t, tenant.Options{})
	holders := make([]address.Holder, n)
	for i := range holders {
		holders[i] = groupHolder(i, address.Proxy(fmt.Sprintf("SMTP:group%d@contoso.com", i)))
	}
	l.sync(t, holders...)
	var refs []cloudcheck.Ref
	for _, h := range holders[n-30:] {
		refs = append(refs, ref(h))
	}
	l.ResetCalls()
	for i, s := range l.objects(t, refs...) {
		checkSighting(t, s, holders[n-30+i])
	}
	if calls := l.Calls(); calls.HTTP != 3 || calls.Items != 4 {
		t.Errorf("%d calls with %d items, want two pages of all groups and one batch", calls.HTTP, calls.Items)
	}
	l.ResetCalls()
	l.objects(t, refs...)
	if calls := l.Calls(); calls.HTTP != 1 {
		t.Errorf("%d calls, want the list to be kept", calls.HTTP)
	}
	l.clock.advance(sidsFresh)
	l.ResetCalls()
	l.objects(t, refs...)
	if calls := l.Calls(); calls.HTTP != 3 {
		t.Errorf("%d calls, want the list to be read anew", calls.HTTP)
	}
}

// TestAnchorsOneByOne: a tenant that does not take `in` for anchors is asked one by one, and not in bulk again.
func TestAnchorsOneByOne(t *testing.T) {
	t.Parallel()
	var bulk atomic.Int32
	s := newStub(t)
	s.items = func(u *url.URL) reply {
		filter := filterOf(u)
		if strings.HasPrefix(filter, anchorProperty+" in") {
			bulk.Add(1)
			return refusal(400, "Request_UnsupportedQuery")
		}
		var n int
		if _, err := fmt.Sscanf(filter, anchorProperty+" eq 'AAAAAAAAAAAAAAAAA%05d=='", &n); err != nil {
			return found()
		}
		return found(user(n))
	}
	c := s.client(t)
	var refs []cloudcheck.Ref
	for i := range 40 {
		refs = append(refs, cloudcheck.Ref{Holder: address.Holder{Kind: address.User, Anchor: fmt.Sprintf("AAAAAAAAAAAAAAAAA%05d==", i)}})
	}
	for range 2 {
		sightings, err := c.Objects(t.Context(), refs)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range sightings {
			if s.Err != nil || s.Object == nil || s.Object.Name != fmt.Sprintf("User %d", i) {
				t.Errorf("ref %d: %+v", i, s)
			}
		}
	}
	if bulk.Load() != 3 {
		t.Errorf("asked in bulk %d times, want 3", bulk.Load())
	}
}

// TestRefusedIDs: one cloud id that is none does not hide the fourteen beside it.
func TestRefusedIDs(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.items = func(u *url.URL) reply {
		filter := filterOf(u)
		if strings.HasPrefix(filter, "id in") {
			return refusal(400, "Request_BadRequest")
		}
		var users []map[string]any
		for n := range 15 {
			if strings.Contains(filter, user(n)["onPremisesImmutableId"].(string)) {
				users = append(users, user(n))
			}
		}
		return found(users...)
	}
	var refs []cloudcheck.Ref
	for n := range 15 {
		refs = append(refs, cloudcheck.Ref{CloudID: "garbled", Holder: address.Holder{Kind: address.User, Anchor: user(n)["onPremisesImmutableId"].(string)}})
	}
	sightings, err := s.client(t).Objects(t.Context(), refs)
	if err != nil {
		t.Fatal(err)
	}
	for n, got := range sightings {
		if got.Err != nil || got.Object == nil || got.Object.Name != fmt.Sprintf("User %d", n) {
			t.Errorf("ref %d: %+v", n, got)
		}
	}
}

func TestObjectsFailOnlyWhenNothingWasAnswered(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.items = func(u *url.URL) reply {
		if strings.HasPrefix(u.Path, "/contacts") {
			return refusal(403, "Authorization_RequestDenied")
		}
		return found(user(1))
	}
	c := s.client(t)
	contact := ref(contactHolder(9, "SMTP:ann@fabrikam.com"))
	someone := cloudcheck.Ref{CloudID: "00000000-0000-0000-0000-000000000001", Holder: userHolder(1)}
	sightings, err := c.Objects(t.Context(), []cloudcheck.Ref{contact, someone})
	if err != nil {
		t.Fatal(err)
	}
	checkCause(t, sightings[0].Err, cause.CloudUnavailable, "OrgContact.Read.All")
	if sightings[1].Object == nil {
		t.Errorf("%+v", sightings[1])
	}
	_, err = c.Objects(t.Context(), []cloudcheck.Ref{contact})
	checkCause(t, err, cause.CloudUnavailable, "OrgContact.Read.All")
	if got, err := c.Objects(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("of nothing: %v, %v", got, err)
	}
}

// TestHalfAnsweredIsNotAbsent: a group that might be behind the question that failed is not said to be missing.
func TestHalfAnsweredIsNotAbsent(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.items = func(u *url.URL) reply {
		if strings.Contains(filterOf(u), "SMTP:") {
			return reply{status: 500}
		}
		return found()
	}
	sightings, err := s.client(t).Objects(t.Context(), []cloudcheck.Ref{ref(groupHolder(1, "SMTP:sales@contoso.com"))})
	if err != nil {
		t.Fatal(err)
	}
	checkCause(t, sightings[0].Err, cause.CloudUnavailable, "500")
}
