package tenant

import (
	"maps"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// windowLength is what Graph counts resource units in (Graph, "Identity and access service limits").
const windowLength = 10 * time.Second

// window is the ten seconds that are counted now.
type window struct {
	began time.Time
	spent int
}

// Calls counts what the tenant was asked.
type Calls struct {
	// HTTP are requests to Graph; those to the token endpoint are not among them.
	HTTP int
	// Tokens are requests for a token.
	Tokens int
	// Items are requests inside batches.
	Items int
	// ByPath counts requests and items by their path, with {id} for keys: /users, /users/{id}, /$batch, /token.
	ByPath map[string]int
	// Units are the resource units spent, throttled calls not counted.
	Units int
	// Throttled are requests and items answered 429.
	Throttled int
}

// Calls gives what was counted since the start or the last ResetCalls.
func (t *Tenant) Calls() Calls {
	t.mu.Lock()
	defer t.mu.Unlock()
	counted := t.calls
	counted.ByPath = maps.Clone(t.calls.ByPath)
	return counted
}

// ResetCalls starts counting anew.
func (t *Tenant) ResetCalls() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls = Calls{ByPath: map[string]int{}}
}

// count counts a request before it is answered. The caller holds the lock.
func (t *Tenant) countCall(path string, batched bool) {
	t.calls.ByPath[pattern(path)]++
	switch {
	case path == "/token":
		t.calls.Tokens++
	case batched:
		t.calls.Items++
	case !strings.HasPrefix(path, "/openid") && !strings.HasPrefix(path, "/discovery"):
		t.calls.HTTP++
	}
}

// pattern is a path with {id} in place of a key.
func pattern(path string) string {
	segments := strings.Split(strings.Trim(path, "/"), "/")
	last := len(segments) - 1
	keyed := last == 1 && segments[0] != "directory" || last == 2
	if keyed && !strings.HasPrefix(segments[last], "$") && !strings.HasPrefix(segments[last], "microsoft.graph.") {
		segments[last] = "{id}"
	}
	return "/" + strings.Join(segments, "/")
}

// cost are the resource units of a call: those of its set, one less with $select, one less with a $top under 20, one more
// with $expand, and never less than one.
func cost(c call) int {
	units := 1
	if strings.HasPrefix(c.path, "/users") {
		units = usersSet().cost
	}
	if c.query.Has("$select") {
		units--
	}
	if top, err := strconv.Atoi(c.query.Get("$top")); err == nil && top < 20 {
		units--
	}
	if c.query.Has("$expand") {
		units++
	}
	return max(units, 1)
}

// spend counts the units of a call and refuses it when the budget of the window is gone. The header tells what the call
// cost, and from 80 % of the budget on how much of it is asked for: more than all of it where the call is refused.
func (t *Tenant) spend(units int, batched bool) (http.Header, *problem) {
	header := http.Header{"X-Ms-Resource-Unit": {strconv.Itoa(units)}}
	budget := t.options.Budget
	if budget <= 0 {
		t.calls.Units += units
		return header, nil
	}
	now := t.now()
	if now.Sub(t.window.began) >= windowLength {
		t.window = window{began: now}
	}
	if share := float64(t.window.spent+units) / float64(budget); share >= 0.8 {
		header.Set("X-Ms-Throttle-Limit-Percentage", strconv.FormatFloat(share, 'f', 2, 64))
	}
	if t.window.spent+units > budget {
		t.calls.Throttled++
		return header, t.throttled(now, batched)
	}
	t.window.spent += units
	t.calls.Units += units
	return header, nil
}

// throttled says when to come back: in whole seconds to an HTTP request, with their fraction to an item of a batch.
func (t *Tenant) throttled(now time.Time, batched bool) *problem {
	left := max(t.window.began.Add(windowLength).Sub(now), time.Millisecond)
	p := faultProblem(http.StatusTooManyRequests, 0)
	after := strconv.Itoa(int(math.Ceil(left.Seconds())))
	if batched {
		after = strconv.FormatFloat(left.Seconds(), 'f', 3, 64)
	}
	p.header.Set("Retry-After", after)
	p.header.Set("X-Ms-Throttle-Scope", "Tenant_Application/ReadWrite/"+t.ClientID+"/"+t.TenantID)
	p.header.Set("X-Ms-Throttle-Information", "ResourceUnitLimitExceeded")
	return p
}
