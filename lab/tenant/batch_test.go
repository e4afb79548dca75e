package tenant_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/lab/tenant"
)

// item is one request of a batch.
type item = map[string]any

func get(id, target string) item { return item{"id": id, "method": "GET", "url": target} }

func (b *bundle) batch(t *testing.T, items ...item) reply {
	t.Helper()
	return b.do(t, http.MethodPost, b.URL+"/v1.0/$batch", nil, map[string]any{"requests": items})
}

// responses are the answers of a batch by their id.
func (r reply) responses() map[string]reply {
	list, _ := r.body["responses"].([]any)
	found := map[string]reply{}
	for _, e := range list {
		one := e.(map[string]any)
		header := http.Header{}
		headers, _ := one["headers"].(map[string]any)
		for name, value := range headers {
			header.Set(name, value.(string))
		}
		body, _ := one["body"].(map[string]any)
		found[one["id"].(string)] = reply{status: int(one["status"].(float64)), header: header, body: body}
	}
	return found
}

func TestBatch(t *testing.T) {
	t.Parallel()
	b := filterBundle(t, tenant.Options{})
	filter := url.QueryEscape("onPremisesImmutableId in ('anchor-ann==','anchor-ben==')")
	r := b.batch(t,
		get("users", "/users?$select=id,displayName&$filter="+filter),
		get("group", "groups/"+b.ID("anchor-team==")),
		get("nobody", "/users/nobody@contoso.com"),
		get("bad", "/users?$select=nonsense"),
		get("cast", "/directory/deletedItems/microsoft.graph.user?$top=999"),
		item{"id": "advanced", "method": "GET", "url": "/users?$count=true&$top=1", "headers": map[string]string{"ConsistencyLevel": "eventual"}},
		get("absolute", b.URL+"/v1.0/users"),
		get("nested", "/$batch"),
	)
	got := r.responses()
	for id, status := range map[string]int{
		"users": 200, "group": 200, "nobody": 404, "bad": 400, "cast": 200, "advanced": 200, "absolute": 400, "nested": 400,
	} {
		if got[id].status != status {
			t.Errorf("%s: %d %v, want %d", id, got[id].status, got[id].body, status)
		}
	}
	if got["users"].names() != "ann ben" || got["group"].body["displayName"] != "team" || got["advanced"].body["@odata.count"] != 4.0 {
		t.Errorf("bodies: %v %v %v", got["users"].body, got["group"].body, got["advanced"].body)
	}
	if next, _ := got["advanced"].body["@odata.nextLink"].(string); !strings.HasPrefix(next, b.URL+"/v1.0/users?") {
		t.Errorf("the next link of an item is %q", next)
	}
}

func TestBatchesThatAreRefused(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	var many []item
	for i := range 21 {
		many = append(many, get(strconv.Itoa(i), "/users"))
	}
	for name, items := range map[string][]item{
		"21 requests": many,
		"none":        {},
		"no id":       {get("", "/users")},
		"twice an id": {get("1", "/users"), get("1", "/groups")},
		"no url":      {get("1", "")},
	} {
		if r := b.batch(t, items...); r.status != http.StatusBadRequest || r.code() != "BadRequest" {
			t.Errorf("%s: %d %v", name, r.status, r.body)
		}
	}
	if r := b.batch(t, many[:20]...); r.status != http.StatusOK || len(r.responses()) != 20 {
		t.Errorf("20 requests: %d %v", r.status, r.body)
	}
	if r := b.get(t, "/$batch"); r.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", r.status)
	}
	if r := b.do(t, http.MethodPost, b.URL+"/v1.0/$batch", nil, "no batch"); r.status != http.StatusBadRequest {
		t.Errorf("no batch: %d", r.status)
	}
}

// TestBatchAnswersInNoOrder: twenty answers in the order of the questions, twice over, would be a rare chance.
func TestBatchAnswersInNoOrder(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	var items []item
	for i := range 20 {
		items = append(items, get(fmt.Sprintf("%02d", i), "/domains"))
	}
	for range 2 {
		var ids []string
		for _, e := range b.batch(t, items...).body["responses"].([]any) {
			ids = append(ids, e.(map[string]any)["id"].(string))
		}
		if !slices.IsSorted(ids) {
			return
		}
	}
	t.Error("the answers came in order")
}

func TestBatchPermissionsAreOfEachItem(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{Permissions: []string{tenant.UserRead}})
	got := b.batch(t, get("users", "/users"), get("groups", "/groups")).responses()
	if got["users"].status != http.StatusOK || got["groups"].status != http.StatusForbidden {
		t.Errorf("users %d, groups %d", got["users"].status, got["groups"].status)
	}
}

// clock is a clock that stands until it is moved.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func TestThrottling(t *testing.T) {
	t.Parallel()
	c := &clock{at: at()}
	b := start(t, tenant.Options{Budget: 10, Now: c.now})
	for i := range 5 {
		r := b.get(t, "/users")
		share := r.header.Get("X-Ms-Throttle-Limit-Percentage")
		if r.status != http.StatusOK || r.header.Get("X-Ms-Resource-Unit") != "2" || (i >= 3) != (share != "") {
			t.Errorf("call %d: %d, headers %v", i, r.status, r.header)
		}
	}
	c.at = c.at.Add(3500 * time.Millisecond)
	r := b.get(t, "/users")
	if r.status != http.StatusTooManyRequests || r.code() != "TooManyRequests" || r.header.Get("Retry-After") != "7" || r.header.Get("X-Ms-Throttle-Scope") == "" {
		t.Errorf("over the budget: %d %v %v", r.status, r.header, r.body)
	}
	c.at = c.at.Add(7 * time.Second)
	if r := b.get(t, "/users"); r.status != http.StatusOK {
		t.Errorf("in the next window: %d", r.status)
	}
	if calls := b.Calls(); calls.Units != 12 || calls.Throttled != 1 || calls.HTTP != 7 {
		t.Errorf("counted %+v", calls)
	}
	b.SetBudget(0)
	if r := b.get(t, "/users"); r.header.Get("X-Ms-Throttle-Limit-Percentage") != "" {
		t.Error("a share of no budget")
	}
}

func TestBatchItemsAreThrottledOnTheirOwn(t *testing.T) {
	t.Parallel()
	c := &clock{at: at()}
	b := start(t, tenant.Options{Budget: 4, Now: c.now})
	b.get(t, "/domains")
	c.at = c.at.Add(7872 * time.Millisecond)
	var items []item
	for i := range 5 {
		items = append(items, get(strconv.Itoa(i), "/users?$select=id"))
	}
	r := b.batch(t, items...)
	throttled := 0
	for _, one := range r.responses() {
		if one.status != http.StatusTooManyRequests {
			continue
		}
		throttled++
		if after := one.header.Get("Retry-After"); after != "2.128" {
			t.Errorf("Retry-After of an item is %q", after)
		}
	}
	if r.status != http.StatusOK || throttled != 2 {
		t.Errorf("the batch: %d, %d items throttled", r.status, throttled)
	}
	if calls := b.Calls(); calls.HTTP != 2 || calls.Items != 5 || calls.Throttled != 2 || calls.Units != 4 {
		t.Errorf("counted %+v", calls)
	}
}

func TestResourceUnits(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	for _, c := range []struct {
		path, select_, top string
		units              string
	}{
		{"/users", "", "", "2"}, {"/users", "id", "", "1"}, {"/users", "id", "5", "1"}, {"/users", "", "19", "1"}, {"/users", "", "20", "2"},
		{"/groups", "", "", "1"}, {"/groups", "id", "5", "1"}, {"/directory/deletedItems/microsoft.graph.user", "", "", "1"}, {"/users/nobody", "", "", "2"},
	} {
		var options []string
		if c.select_ != "" {
			options = append(options, "$select", c.select_)
		}
		if c.top != "" {
			options = append(options, "$top", c.top)
		}
		if got := b.get(t, c.path, options...).header.Get("X-Ms-Resource-Unit"); got != c.units {
			t.Errorf("%s %v costs %s, want %s", c.path, options, got, c.units)
		}
	}
}

func TestCalls(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.get(t, "/users")
	b.get(t, "/users/1")
	b.get(t, "/directory/deletedItems/microsoft.graph.user")
	b.get(t, "/directory/deletedItems/1")
	b.batch(t, get("1", "/users/1"), get("2", "/groups?$top=5"))
	b.newToken(t)
	calls := b.Calls()
	for path, n := range map[string]int{
		"/users": 1, "/users/{id}": 2, "/directory/deletedItems/microsoft.graph.user": 1, "/directory/deletedItems/{id}": 1, "/$batch": 1, "/groups": 1, "/token": 1,
	} {
		if calls.ByPath[path] != n {
			t.Errorf("%s was counted %d times, want %d: %v", path, calls.ByPath[path], n, calls.ByPath)
		}
	}
	if calls.HTTP != 5 || calls.Items != 2 || calls.Tokens != 1 {
		t.Errorf("counted %+v", calls)
	}
	b.ResetCalls()
	if calls := b.Calls(); calls.HTTP != 0 || len(calls.ByPath) != 0 {
		t.Errorf("after a reset: %+v", calls)
	}
}
