package graph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// asked makes n questions about users, numbered in their filters.
func asked(c *Client, n int) []*question {
	questions := make([]*question, n)
	for i := range questions {
		questions[i] = c.question(usersOf(), query{filter: is("mail", fmt.Sprintf("%d", i)), fields: named(address.User)})
	}
	return questions
}

// numbered answers each question with the user of its number, but where a test says otherwise.
func numbered(otherwise map[int]func() reply) func(*url.URL) reply {
	return func(u *url.URL) reply {
		var n int
		_, _ = fmt.Sscanf(filterOf(u), "mail eq '%d'", &n)
		if f := otherwise[n]; f != nil {
			return f()
		}
		return found(user(n))
	}
}

// checkAnswers expects each question's own user, and an error with a code where codes names one.
func checkAnswers(t *testing.T, questions []*question, codes map[int]cause.Code) {
	t.Helper()
	for i, q := range questions {
		if code, bad := codes[i]; bad {
			checkCause(t, q.err, code)
			continue
		}
		if q.err != nil || len(q.found) != 1 || q.found[0].Name != fmt.Sprintf("User %d", i) {
			t.Errorf("question %d: %v, %+v", i, q.err, q.found)
		}
	}
}

// checkCause expects a waiting with a code whose sentence says all of what it has to.
func checkCause(t *testing.T, err error, code cause.Code, says ...string) {
	t.Helper()
	e, ok := cause.As(err)
	if !ok || e.Cause.Code != code || e.Kind != cause.Waiting {
		t.Errorf("%v, want the waiting %s", err, code)
		return
	}
	for _, s := range says {
		if !strings.Contains(e.Cause.Message, s) {
			t.Errorf("%q does not say %q", e.Cause.Message, s)
		}
	}
}

type counter struct {
	mu        sync.Mutex
	calls     []string
	throttled int
	spent     int
}

func (o *counter) Spent(units int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.spent += units
}

func (o *counter) Call(method string, status int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls = append(o.calls, fmt.Sprint(method, " ", status))
}

func (o *counter) Throttled() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.throttled++
}

func TestTwentyInACall(t *testing.T) {
	t.Parallel()
	for n, posts := range map[int]int{0: 0, 1: 1, 20: 1, 21: 2, 100: 5} {
		s := newStub(t)
		s.items = numbered(nil)
		c := s.client(t)
		questions := asked(c, n)
		c.ask(t.Context(), questions)
		checkAnswers(t, questions, nil)
		if s.posts() != posts {
			t.Errorf("%d questions took %d calls, want %d", n, s.posts(), posts)
		}
	}
}

func TestAnswersInAnyOrder(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.items = numbered(nil)
	s.tamper = func(answers []map[string]any) []map[string]any { slices.Reverse(answers); return answers }
	c := s.client(t)
	questions := asked(c, 20)
	c.ask(t.Context(), questions)
	checkAnswers(t, questions, nil)
}

func TestThrottledItemsAreAskedAgainAlone(t *testing.T) {
	t.Parallel()
	var times atomic.Int32
	s, seen := newStub(t), &counter{}
	s.items = numbered(map[int]func() reply{3: func() reply {
		if times.Add(1) < 3 {
			return reply{status: 429, headers: map[string]string{"Retry-After": "0.128"}, body: map[string]any{}}
		}
		return found(user(3))
	}})
	var sizes []int
	s.tamper = func(answers []map[string]any) []map[string]any { sizes = append(sizes, len(answers)); return answers }
	c := s.client(t, func(o *Options) { o.Observer = seen })
	questions := asked(c, 20)
	begun := time.Now()
	c.ask(t.Context(), questions)
	checkAnswers(t, questions, nil)
	if took := time.Since(begun); took < 256*time.Millisecond {
		t.Errorf("took %s, want two waits of 0.128 s", took)
	}
	if !slices.Equal(sizes, []int{20, 1, 1}) || seen.throttled != 2 {
		t.Errorf("batches of %v with %d throttled, want 20, 1, 1 with 2", sizes, seen.throttled)
	}
}

func TestThrottledItemPastPatienceSpoilsNoOther(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	s := newStub(t)
	s.items = numbered(map[int]func() reply{
		5: func() reply { return reply{status: 429, headers: map[string]string{"retry-after": "300"}} },
		6: func() reply { return reply{status: 503, headers: map[string]string{"Retry-After": "300"}} },
	})
	c := s.client(t, func(o *Options) { o.Now = func() time.Time { return now } })
	questions := asked(c, 20)
	c.ask(t.Context(), questions)
	checkAnswers(t, questions, map[int]cause.Code{5: cause.Throttled, 6: cause.CloudUnavailable})
	checkCause(t, questions[5].err, cause.Throttled, "10:05:00 UTC")
	if s.posts() != 1 {
		t.Errorf("%d calls", s.posts())
	}
}

func TestItemsThatAreAlwaysThrottledEnd(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.items = numbered(map[int]func() reply{0: func() reply {
		return reply{status: 429, headers: map[string]string{"Retry-After": "0"}}
	}})
	c := s.client(t)
	questions := asked(c, 2)
	c.ask(t.Context(), questions)
	checkAnswers(t, questions, map[int]cause.Code{0: cause.Throttled})
	if s.posts() != 1+maxTries {
		t.Errorf("%d calls, want %d", s.posts(), 1+maxTries)
	}
}

func TestBadItemsSpoilNoOther(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	text := func(status int, body any) func() reply {
		return func() reply { return reply{status: status, body: body} }
	}
	s.items = numbered(map[int]func() reply{
		1: func() reply { return refusal(403, "Authorization_RequestDenied") },
		2: text(500, "<html>oops</html>"),
		3: text(200, "no page"),
		4: text(200, map[string]any{"value": "no list"}),
		5: text(200, map[string]any{"value": []any{map[string]any{"onPremisesLastSyncDateTime": "yesterday"}}}),
		6: text(200, map[string]any{"value": []any{}, "@odata.nextLink": "https://graph.microsoft.com/beta/users"}),
		7: text(204, nil),
		8: func() reply { return refusal(400, "Request_UnsupportedQuery") },
		9: text(0, nil),
	})
	s.tamper = func(answers []map[string]any) []map[string]any {
		return append(slices.Delete(answers, 10, 11), map[string]any{"id": "unknown", "status": 200})
	}
	c := s.client(t)
	questions := asked(c, 20)
	c.ask(t.Context(), questions)
	away := map[int]cause.Code{}
	for i := 1; i <= 10; i++ {
		away[i] = cause.CloudUnavailable
	}
	checkAnswers(t, questions, away)
	checkCause(t, questions[1].err, cause.CloudUnavailable, "User.Read.All", "/users", "403", "Authorization_RequestDenied")
	checkCause(t, questions[2].err, cause.CloudUnavailable, "500", "service health")
	checkCause(t, questions[3].err, cause.CloudUnavailable, "could not be read")
	checkCause(t, questions[8].err, cause.CloudUnavailable, "Request_UnsupportedQuery")
	checkCause(t, questions[10].err, cause.CloudUnavailable, "unanswered")
}

func TestOneFailedCallSpoilsNoOther(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	s := newStub(t)
	s.items = numbered(nil)
	s.call = func(w http.ResponseWriter, _ *http.Request) bool {
		if calls.Add(1) != 2 {
			return false
		}
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		return true
	}
	c := s.client(t)
	questions := asked(c, 100)
	c.ask(t.Context(), questions)
	failed := 0
	for i, q := range questions {
		if q.err != nil {
			failed++
			checkCause(t, q.err, cause.CloudUnavailable, "502")
		} else if len(q.found) != 1 || q.found[0].Name != fmt.Sprintf("User %d", i) {
			t.Errorf("question %d: %+v", i, q.found)
		}
	}
	if failed != 20 {
		t.Errorf("%d questions failed, want the 20 of one call", failed)
	}
}

func TestHopelessCallsAreNotRepeated(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.call = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusForbidden); return true }
	c := s.client(t)
	questions := asked(c, 1000)
	c.ask(t.Context(), questions)
	for _, q := range questions {
		checkCause(t, q.err, cause.CloudUnavailable, "403")
	}
	if s.posts() > parallelCalls {
		t.Errorf("%d calls after the first was refused", s.posts())
	}
}

func TestPagesAreFollowedOnOurServerOnly(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.items = func(u *url.URL) reply {
		page := found(user(1), user(2))
		switch u.Query().Get("$skiptoken") {
		case "":
			page.body.(map[string]any)["@odata.nextLink"] = "https://evil.example/v1.0/users?$skiptoken=2&$filter=x"
		case "2":
			page.body.(map[string]any)["@odata.nextLink"] = s.URL + "/v1.0/users?$skiptoken=3%2B"
		case "3+":
			return found(user(5))
		}
		return page
	}
	c := s.client(t)
	questions := asked(c, 1)
	c.ask(t.Context(), questions)
	if q := questions[0]; q.err != nil || len(q.found) != 5 {
		t.Errorf("%v, %d users", q.err, len(q.found))
	}
	if s.posts() != 3 {
		t.Errorf("%d calls, want one for each page", s.posts())
	}
}

func TestPageThatLinksToItselfEnds(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.items = func(*url.URL) reply {
		page := found(user(1))
		page.body.(map[string]any)["@odata.nextLink"] = s.URL + "/v1.0/users?$skiptoken=again"
		return page
	}
	c := s.client(t)
	questions := asked(c, 1)
	c.ask(t.Context(), questions)
	checkCause(t, questions[0].err, cause.CloudUnavailable, "could not be read")
}

func TestWholeCallThrottled(t *testing.T) {
	t.Parallel()
	var times atomic.Int32
	s, seen := newStub(t), &counter{}
	s.items = numbered(nil)
	s.call = func(w http.ResponseWriter, r *http.Request) bool {
		body, _ := io.ReadAll(r.Body)
		if times.Add(1) > 1 || len(body) == 0 {
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			return false
		}
		w.Header().Set("Retry-After", "0.3")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	c := s.client(t, func(o *Options) { o.Observer = seen })
	questions := asked(c, 3)
	begun := time.Now()
	c.ask(t.Context(), questions)
	checkAnswers(t, questions, nil)
	if took := time.Since(begun); took < 300*time.Millisecond {
		t.Errorf("asked again after %s", took)
	}
	if want := []string{"POST 429", "POST 200"}; !slices.Equal(seen.calls, want) || seen.throttled != 1 {
		t.Errorf("the observer saw %v with %d throttled", seen.calls, seen.throttled)
	}
}

func TestLongThrottlingClosesTheGate(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	closed := atomic.Bool{}
	closed.Store(true)
	s := newStub(t)
	s.items = numbered(nil)
	s.call = func(w http.ResponseWriter, _ *http.Request) bool {
		if closed.Load() {
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(http.StatusTooManyRequests)
		}
		return closed.Load()
	}
	c := s.client(t, func(o *Options) { o.Now = clock })
	for range 3 {
		questions := asked(c, 1)
		c.ask(t.Context(), questions)
		checkCause(t, questions[0].err, cause.Throttled, "10:02:00 UTC")
	}
	if s.posts() != 1 {
		t.Fatalf("%d calls while Graph wants to wait", s.posts())
	}
	mu.Lock()
	now = now.Add(2 * time.Minute)
	mu.Unlock()
	closed.Store(false)
	questions := asked(c, 1)
	c.ask(t.Context(), questions)
	checkAnswers(t, questions, nil)
}

func TestPatienceEndsWithTheCaller(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.call = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "600")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	c := s.client(t, func(o *Options) { o.Patience = time.Hour })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	questions := asked(c, 1)
	c.ask(ctx, questions)
	checkCause(t, questions[0].err, cause.Throttled)
	if ctx.Err() != nil {
		t.Error("the caller's time was used up by waiting for what comes after it")
	}
}

func TestUnreadableAnswers(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"truncated": `{"responses": [{"id": "0", "status": 200, "body": {"val`, "empty": "", "html": "<html>", "other JSON": `{"responses": 7}`,
	} {
		s := newStub(t)
		s.call = func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, body)
			return true
		}
		c := s.client(t)
		questions := asked(c, 1)
		c.ask(t.Context(), questions)
		if e := questions[0].err; e == nil {
			t.Errorf("%s: no error", name)
		}
		checkCause(t, questions[0].err, cause.CloudUnavailable, "could not be read", "/$batch")
	}
}

func TestSlowServer(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	s.call = func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return true
	}
	c := s.client(t, func(o *Options) { o.Timeout = 200 * time.Millisecond })
	questions := asked(c, 1)
	c.ask(t.Context(), questions)
	checkCause(t, questions[0].err, cause.CloudUnavailable, "did not answer within 200ms")
}

func TestCallerGoesAway(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.items = func(*url.URL) reply {
		cancel()
		return reply{status: 429, headers: map[string]string{"Retry-After": "2"}}
	}
	c := s.client(t)
	questions := asked(c, 1)
	c.ask(ctx, questions)
	if !errors.Is(questions[0].err, context.Canceled) {
		t.Errorf("%v", questions[0].err)
	}
	checkCause(t, questions[0].err, cause.CloudUnavailable)
}

func TestUntrustedAndUnreachableServers(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	c := s.client(t, func(o *Options) { o.RootCAs = nil })
	questions := asked(c, 1)
	c.ask(t.Context(), questions)
	checkCause(t, questions[0].err, cause.CloudUnavailable, "certificate", "cloud.ca_file", s.URL)

	gone := newStub(t)
	c = gone.client(t)
	gone.Close()
	questions = asked(c, 1)
	c.ask(t.Context(), questions)
	checkCause(t, questions[0].err, cause.CloudUnavailable, "is not reached", "firewall")
}

func TestWaitFor(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		header string
		tries  int
		want   time.Duration
	}{
		{"2.128", 0, 2128 * time.Millisecond}, {"10", 0, 10 * time.Second}, {"0", 2, 0}, {"-1", 0, time.Second}, {"", 0, time.Second},
		{"", 2, 4 * time.Second}, {"", 99, 64 * time.Second}, {"soon", 1, 2 * time.Second}, {"NaN", 0, time.Second}, {"Inf", 0, time.Second},
		{"Mon, 02 Mar 2026 10:00:30 GMT", 0, 30 * time.Second}, {"Mon, 02 Mar 2026 09:00:00 GMT", 0, 0},
	} {
		if got := waitFor(c.header, c.tries, now); got != c.want {
			t.Errorf("Retry-After %q after %d tries: %s, want %s", c.header, c.tries, got, c.want)
		}
	}
}

func FuzzReadObjects(f *testing.F) {
	f.Add([]byte(`{"value":[{"id":"1","proxyAddresses":["SMTP:a@contoso.com"],"onPremisesLastSyncDateTime":null}]}`))
	f.Add([]byte(`{"error":{"code":"x"}}`))
	f.Add([]byte(`{"value":[{"onPremisesProvisioningErrors":[{"value":1}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		objects, _, err := readObjects(body, usersOf())
		if rows, ok := listed(body); err == nil && (!ok || len(objects) != len(rows)) {
			t.Errorf("%d objects of %d", len(objects), len(rows))
		}
		for _, o := range objects {
			if o.Kind != address.User || o.Deleted || o.ID == "" || o.Proxies.Has("") {
				t.Errorf("%+v", o)
			}
		}
	})
}
