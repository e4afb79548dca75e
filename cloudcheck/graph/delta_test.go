package graph

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/lab/tenant"
)

// noLimit is more than any test changes.
const noLimit = 10_000

// latest gives a cursor that stands for now.
func (l *lab) latest(t *testing.T) cloudcheck.Cursor {
	t.Helper()
	cursor, err := l.client.Latest(t.Context())
	if err != nil {
		t.Fatalf("latest: %v", err)
	}
	return cursor
}

func (l *lab) changes(t *testing.T, since cloudcheck.Cursor) cloudcheck.Changes {
	t.Helper()
	changes, err := l.client.Changes(t.Context(), since, noLimit)
	if err != nil {
		t.Fatalf("changes: %v", err)
	}
	return changes
}

// cheapAudit are a tenant's holders of all kinds, and a cycle in which a hundred users and one of each else changed.
func cheapAudit(t *testing.T) (l *lab, before, after []address.Holder) {
	t.Helper()
	l = startLab(t, tenant.Options{LicenceNew: true})
	for i := range 400 {
		before = append(before, userHolder(i))
	}
	before = append(before, groupHolder(5000, "SMTP:team@contoso.com"), contactHolder(5001, "SMTP:carl@fabrikam.com"))
	after = slices.Clone(before)
	for i := range 100 {
		after[i] = userHolder(i, address.Proxy(fmt.Sprintf("SMTP:user%d@contoso.com", i)), address.Proxy(fmt.Sprintf("smtp:new%d@contoso.com", i)))
	}
	after[400] = groupHolder(5000, "SMTP:team@contoso.com", "smtp:user300@contoso.com")
	after = append(after[:350:350], after[351:]...)
	l.sync(t, before...)
	return l, before, after
}

// TestARepeatedAuditIsCheap: after a hundred changes, everything new is read in a handful of calls.
func TestARepeatedAuditIsCheap(t *testing.T) {
	t.Parallel()
	l, before, after := cheapAudit(t)
	cursor := l.latest(t)
	gone := l.ID(before[350].Anchor)
	l.sync(t, after...)
	calls := l.client.Calls()
	changes := l.changes(t, cursor)
	if got := changes.Removed[address.User]; !slices.Equal(got, []string{gone}) {
		t.Errorf("removed are %v, want %s", got, gone)
	}
	users, err := l.client.ObjectsByID(t.Context(), address.User, append(changes.Changed[address.User], changes.Removed[address.User]...))
	if err != nil || len(users) != 100 {
		t.Fatalf("%d users, %v", len(users), err)
	}
	for _, o := range users {
		if len(o.Proxies.Find(address.Address(strings.Replace(o.UPN, "user", "new", 1)))) != 1 || !o.ExchangeLicensed || o.ImmutableID == "" {
			t.Errorf("%+v", o)
		}
	}
	groups, err := l.client.ObjectsByID(t.Context(), address.Group, changes.Changed[address.Group])
	if err != nil || len(groups) != 1 || groups[0].Kind != address.Group {
		t.Errorf("%v, %v", groups, err)
	}
	quarantined, err := l.client.Quarantined(t.Context())
	if err != nil || len(quarantined) != 1 || quarantined[0].ID != groups[0].ID || len(quarantined[0].Errors) != 1 {
		t.Errorf("quarantined: %+v, %v", quarantined, err)
	}
	if n := l.client.Calls() - calls; n != 4 {
		t.Errorf("%d calls, want 4", n)
	}
	if n := len(changes.Changed[address.Contact]) + len(changes.Removed[address.Contact]); n != 0 {
		t.Errorf("%d contacts changed", n)
	}
	if again := l.changes(t, changes.Next); len(again.Changed[address.User])+len(again.Removed[address.User])+len(again.Changed[address.Group]) != 0 {
		t.Errorf("told again: %+v", again)
	}
}

// TestChangesFollowPages: more changes than a page of a delta query holds, an object that changed twice, and a restored one.
func TestChangesFollowPages(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{})
	var holders []address.Holder
	for i := range 450 {
		holders = append(holders, userHolder(i))
	}
	l.sync(t, holders...)
	l.sync(t, holders[1:]...)
	cursor := l.latest(t)
	l.sync(t, holders...)
	restored := l.ID(holders[0].Anchor)
	for i := range holders {
		holders[i] = userHolder(i, address.Proxy(fmt.Sprintf("SMTP:other%d@contoso.com", i)))
	}
	l.sync(t, holders...)
	got := l.changes(t, cursor).Changed[address.User]
	if unique := slices.Compact(slices.Sorted(slices.Values(got))); len(unique) != 450 || len(got) != 451 || !slices.Contains(got, restored) {
		t.Errorf("%d rows about %d users", len(got), len(unique))
	}
	if enough, err := l.client.Changes(t.Context(), cursor, 451); err != nil || len(enough.Changed[address.User]) != 451 {
		t.Errorf("%v", err)
	}
	calls := l.client.Calls()
	if _, err := l.client.Changes(t.Context(), cursor, 100); !errors.Is(err, cloudcheck.ErrManyChanges) || l.client.Calls()-calls != 1 {
		t.Errorf("%v after %d calls", err, l.client.Calls()-calls)
	}
	if objects, err := l.client.ObjectsByID(t.Context(), address.User, got); err != nil || len(objects) != 450 {
		t.Errorf("%d objects, %v", len(objects), err)
	}
}

// TestRestoredObjectsAreTold: a user who is back with the values from before.
func TestRestoredObjectsAreTold(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{})
	l.sync(t, userHolder(1))
	cursor := l.latest(t)
	id := l.ID(userHolder(1).Anchor)
	l.sync(t)
	if got := l.changes(t, cursor); !slices.Equal(got.Removed[address.User], []string{id}) {
		t.Errorf("%+v", got)
	}
	l.sync(t, userHolder(1))
	if got := l.changes(t, cursor); !slices.Contains(got.Changed[address.User], id) {
		t.Errorf("%+v", got)
	}
}

func TestCursorsExpire(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end     func(l *lab, cursor cloudcheck.Cursor)
		expired bool
	}{
		"fresh":     {func(*lab, cloudcheck.Cursor) {}, false},
		"not found": {func(l *lab, _ cloudcheck.Cursor) { l.ExpireDeltas(tenant.StateNotFound) }, true},
		"gone":      {func(l *lab, _ cloudcheck.Cursor) { l.ExpireDeltas(tenant.ResyncRequired) }, true},
		"old": {func(l *lab, _ cloudcheck.Cursor) {
			l.SetNow(func() time.Time { return time.Now().Add(8 * 24 * time.Hour) })
		}, true},
		"incomplete": {func(_ *lab, cursor cloudcheck.Cursor) { delete(cursor, address.Contact) }, true},
		"nonsense":   {func(_ *lab, cursor cloudcheck.Cursor) { cursor[address.User] = "::nonsense" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := startLab(t, tenant.Options{})
			cursor := l.latest(t)
			c.end(l, cursor)
			_, err := l.client.Changes(t.Context(), cursor, noLimit)
			if errors.Is(err, cloudcheck.ErrExpired) != c.expired || !c.expired && err != nil {
				t.Errorf("%v", err)
			}
			if _, err := l.client.Changes(t.Context(), l.latest(t), noLimit); err != nil {
				t.Errorf("a new cursor: %v", err)
			}
		})
	}
}

func TestDeltaNeedsPermission(t *testing.T) {
	t.Parallel()
	l := startLab(t, tenant.Options{Permissions: []string{tenant.UserRead, tenant.ContactRead}})
	if _, err := l.client.Latest(t.Context()); codeOf(err) != "cloud_unavailable" || !strings.Contains(err.Error(), "Group.Read.All") {
		t.Errorf("latest: %v", err)
	}
	if _, err := l.client.Quarantined(t.Context()); codeOf(err) != "cloud_unavailable" || !strings.Contains(err.Error(), "Group.Read.All") {
		t.Errorf("quarantined: %v", err)
	}
}

// deltaStub answers the delta queries of users inside batches by their tokens; groups and contacts have no changes.
func deltaStub(t *testing.T, users func(token string) reply) *stub {
	s := newStub(t)
	s.items = func(u *url.URL) reply {
		if !strings.HasPrefix(u.Path, "/users/delta") {
			return rows("", "https://"+s.Listener.Addr().String()+"/v1.0"+u.Path+"?$deltatoken=end")
		}
		return users(u.Query().Get("$deltatoken") + u.Query().Get("$skiptoken"))
	}
	return s
}

// rows is a page of a delta query.
func rows(nextLink, deltaLink string, values ...map[string]any) reply {
	r := found(values...)
	body := map[string]any{"value": r.body.(map[string]any)["value"]}
	if nextLink != "" {
		body["@odata.nextLink"] = nextLink
	}
	if deltaLink != "" {
		body["@odata.deltaLink"] = deltaLink
	}
	r.body = body
	return r
}

func row(id string) map[string]any { return map[string]any{"id": id, "mail": id + "@contoso.com"} }

func removed(id string) map[string]any {
	return map[string]any{"id": id, "@removed": map[string]any{"reason": "changed"}}
}

const deltaOf = "https://graph.microsoft.com/v1.0/users/delta?"

// oldCursor is a cursor whose links are those of real Graph.
func oldCursor() cloudcheck.Cursor {
	return cloudcheck.Cursor{
		address.User: deltaOf + "$deltatoken=old", address.Group: strings.Replace(deltaOf, "users", "groups", 1) + "$deltatoken=old",
		address.Contact: strings.Replace(deltaOf, "users", "contacts", 1) + "$deltatoken=old",
	}
}

// TestChangesOfARealRound: an empty page with a next one, an object that comes twice, one that is removed and back, and a
// link to another server, which is followed on our own.
func TestChangesOfARealRound(t *testing.T) {
	t.Parallel()
	var strangers atomic.Int32
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strangers.Add(1) }))
	t.Cleanup(elsewhere.Close)
	pages := map[string]reply{
		"old": rows(deltaOf+"$skiptoken=1", ""),
		"1":   rows(elsewhere.URL+"/v1.0/users/delta?$skiptoken=2", "", row("a"), removed("b"), row("a")),
		"2":   rows("", deltaOf+"$deltatoken=new", row("b"), removed("c")),
	}
	s := deltaStub(t, func(token string) reply { return pages[token] })
	got, err := s.client(t).Changes(t.Context(), oldCursor(), noLimit)
	if err != nil {
		t.Fatal(err)
	}
	if changed, gone := got.Changed[address.User], got.Removed[address.User]; fmt.Sprint(changed, gone) != "[a a b] [b c]" {
		t.Errorf("changed %v, removed %v", changed, gone)
	}
	if got.Next[address.User] != deltaOf+"$deltatoken=new" || len(got.Next) != 3 || strangers.Load() != 0 {
		t.Errorf("next is %v; %d calls to a stranger", got.Next, strangers.Load())
	}
}

func TestChangesGoWrong(t *testing.T) {
	t.Parallel()
	throttled := refusal(http.StatusTooManyRequests, "TooManyRequests")
	throttled.headers = map[string]string{"Retry-After": "3600"}
	gone := refusal(http.StatusGone, "")
	gone.headers = map[string]string{"Location": "https://elsewhere.test/users/delta"}
	for name, c := range map[string]struct {
		answer  reply
		code    string
		expired bool
	}{
		"410 without a code":      {gone, "cloud_unavailable", true},
		"400 in another spelling": {refusal(http.StatusBadRequest, "SyncStateNotFound"), "cloud_unavailable", true},
		"404 resyncRequired":      {refusal(http.StatusNotFound, "resyncRequired"), "cloud_unavailable", true},
		"400 of something else":   {refusal(http.StatusBadRequest, "Request_BadRequest"), "cloud_unavailable", false},
		"throttled for long":      {throttled, "throttled", false},
		"to itself":               {rows(deltaOf+"$deltatoken=old", ""), "cloud_unavailable", false},
		"no link at all":          {rows("", "", row("a")), "cloud_unavailable", false},
		"half a page":             {reply{status: 200, body: "half"}, "cloud_unavailable", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := deltaStub(t, func(string) reply { return c.answer })
			got, err := s.client(t).Changes(t.Context(), oldCursor(), noLimit)
			if errors.Is(err, cloudcheck.ErrExpired) != c.expired || codeOf(err) != c.code || got.Next != nil {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// TestChangesWaitOutThrottling: an item that is throttled for whole seconds or fractions of one is asked again.
func TestChangesWaitOutThrottling(t *testing.T) {
	t.Parallel()
	for _, after := range []string{"1", "0.128"} {
		var asked atomic.Int32
		s := deltaStub(t, func(string) reply {
			if asked.Add(1) == 1 {
				r := refusal(http.StatusTooManyRequests, "TooManyRequests")
				r.headers = map[string]string{"Retry-After": after}
				return r
			}
			return rows("", deltaOf+"$deltatoken=new", row("a"))
		})
		got, err := s.client(t).Changes(t.Context(), oldCursor(), noLimit)
		if err != nil || len(got.Changed[address.User]) != 1 || s.posts() != 2 {
			t.Errorf("after %s: %+v in %d calls, %v", after, got, s.posts(), err)
		}
	}
}

func TestChangesAreStopped(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := deltaStub(t, func(string) reply {
		cancel()
		return rows(deltaOf+"$skiptoken=1", "")
	})
	if _, err := s.client(t).Changes(ctx, oldCursor(), noLimit); codeOf(err) != "cloud_unavailable" || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestLatestTracksEverythingElse: where the tenant does not take a property, nothing is selected, so that no change is missed.
func TestLatestTracksEverythingElse(t *testing.T) {
	t.Parallel()
	s := deltaStub(t, func(token string) reply { return rows("", deltaOf+"$deltatoken=users-"+token) })
	inner := s.items
	selected := map[string][]string{}
	s.items = func(u *url.URL) reply {
		selected[u.Path] = append(selected[u.Path], u.Query().Get("$select"))
		if strings.HasPrefix(u.Path, "/groups") && u.Query().Has("$select") {
			return refusal(http.StatusBadRequest, "Request_BadRequest")
		}
		return inner(u)
	}
	cursor, err := s.client(t).Latest(t.Context())
	if err != nil || len(cursor) != 3 || cursor[address.User] != deltaOf+"$deltatoken=users-latest" {
		t.Fatalf("%v, %v", cursor, err)
	}
	if n := len(selected["/groups/delta"]); n != 2 || len(selected["/users/delta"]) != 1 || s.posts() != 2 {
		t.Errorf("asked were %v", slices.Sorted(maps.Keys(selected)))
	}
	for _, property := range []string{"proxyAddresses", "mail", "assignedPlans", "onPremisesProvisioningErrors", "deletedDateTime"} {
		if !slices.Contains(strings.Split(selected["/users/delta"][0], ","), property) {
			t.Errorf("changes of %s are not tracked: %v", property, selected["/users/delta"])
		}
	}
}

// TestObjectsByIDInFewCalls: 300 ids in a call, each once, and what is gone is left out.
func TestObjectsByIDInFewCalls(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.items = func(u *url.URL) reply {
		var objects []map[string]any
		for i, id := range strings.Split(filterOf(u), "'") {
			if i%2 == 1 && id != "gone" {
				objects = append(objects, map[string]any{"id": id})
			}
		}
		return found(objects...)
	}
	ids := []string{"gone"}
	for i := range 320 {
		ids = append(ids, fmt.Sprintf("id-%d", i), fmt.Sprintf("id-%d", i))
	}
	c := s.client(t)
	objects, err := c.ObjectsByID(t.Context(), address.Contact, ids)
	if err != nil || len(objects) != 320 || c.Calls() != 2 || objects[0].Kind != address.Contact {
		t.Errorf("%d objects in %d calls, %v", len(objects), c.Calls(), err)
	}
	if none, err := c.ObjectsByID(t.Context(), address.User, nil); err != nil || len(none) != 0 || c.Calls() != 2 {
		t.Errorf("%v, %v", none, err)
	}
}
