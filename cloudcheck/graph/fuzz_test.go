package graph

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// listed are the objects of a body that is a list, as another reader sees it; ok is false where it is none.
func listed(body []byte) (rows []map[string]json.RawMessage, ok bool) {
	var p map[string]json.RawMessage
	if json.Unmarshal(body, &p) != nil {
		return nil, false
	}
	for name, value := range p {
		if strings.EqualFold(name, "value") && json.Unmarshal(value, &rows) == nil && rows != nil {
			ok = true
		}
	}
	return rows, ok
}

// FuzzBatch gives any answer to a batch of two questions: each ends in a cause with a code, or in a list that was there. One
// that was not answered, or not with a list, finds nothing: that would mean that nobody holds an address.
func FuzzBatch(f *testing.F) {
	for _, s := range []string{
		`{"responses":[{"id":"0","status":200,"body":{"value":[{"id":"1"}]}},{"id":"1","status":404,"body":{"error":{"code":"x"}}}]}`,
		`{"responses":[{"id":"0","status":200}]}`, `{"responses":[{"id":"0","status":200,"body":null}]}`, `{"responses":null}`, `{}`,
		`{"responses":[{"id":"0","status":429,"headers":{"Retry-After":"1e9"}},{"id":"0","status":200,"body":{"value":[]}}]}`,
		`{"responses":[{"id":"1","status":503,"headers":{"retry-after":"Inf"},"body":"x"},{"id":"-1","status":200,"body":{"value":[]}}]}`,
		`{"responses":[{"id":"0","status":204,"body":{"value":[]}},{"id":"01","status":200,"body":{"value":[]}}]}`,
		`{"responses":[{"id":"0","status":200,"headers":{"x-ms-resource-unit":"-1e300"},"body":{"value":[{"id":"1","proxyAddresses":["SMTP:a@b"]}]}}]}`,
		`{"responses":[{"id":"0","status":200,"body":{"value":[],"@odata.nextLink":"https://evil.test/v1.0/users?x"}}]}`,
		`{"responses":[{"id":"0","status":200,"body":{"value":[{"id":""}]}},{"id":"1","status":200,"body":{"value":[{"id":"2","proxyAddresses":[null,""]}]}}]}`,
	} {
		f.Add([]byte(s))
	}
	c := newStub(f).client(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		var answer struct {
			Responses []batchAnswer `json:"responses"`
		}
		if json.Unmarshal(body, &answer) != nil {
			return
		}
		questions := []*question{{of: usersOf(), url: "/users?a", units: 1}, {of: groupsOf(), url: "/groups?a", units: 1}}
		(&round{client: c, ctx: t.Context(), until: time.Now(), budget: cloudcheck.BudgetOf(t.Context())}).settle(questions, answer.Responses, note{})
		for i, q := range questions {
			checkQuestion(t, q, answer.Responses, string(rune('0'+i)))
		}
	})
}

func checkQuestion(t *testing.T, q *question, answers []batchAnswer, id string) {
	t.Helper()
	if q.err != nil {
		if e, ok := cause.As(q.err); !ok || e.Kind != cause.Waiting || e.Cause.Code == "" || !q.done {
			t.Fatalf("%v is no waiting", q.err)
		}
		return
	}
	answered := false
	for _, a := range answers {
		_, list := listed(a.Body)
		answered = answered || a.ID == id && a.Status == http.StatusOK && list
	}
	if !answered && q.done {
		t.Fatalf("question %s was not answered, and found %v", id, q.found)
	}
	if !q.done && !strings.HasPrefix(q.url, "/") {
		t.Fatalf("question %s goes on at %q", id, q.url)
	}
	for _, o := range q.found {
		if o.ID == "" {
			t.Fatalf("found an object without an id: %+v", o)
		}
		for _, p := range o.Proxies {
			if p == "" {
				t.Fatalf("found an empty address: %+v", o)
			}
		}
	}
}

// FuzzRetryAfter: whatever a server says, the wait is no shorter than nothing and never more than it said; a word that
// cannot be read makes us patient, not hasty.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "0", "2.128", "-1", "1e9", "1e308", "NaN", "Inf", "0x10", "1_0", " 5", "5 ", "soon", "Mon, 02 Mar 2026 10:00:30 GMT", "Fri, 31 Dec 9999 23:59:59 GMT",
		"Mon, 01 Jan 0001 00:00:00 GMT", "9223372036854775807", "٧", "5, 6", "5\r\n6"} {
		f.Add(s, 0)
		f.Add(s, 1<<30)
		f.Add(s, -1)
	}
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, header string, tries int) {
		if tries < 0 {
			tries = 0 // tries are counted from nothing
		}
		wait := waitFor(header, tries, now)
		if wait < 0 {
			t.Fatalf("Retry-After %q after %d tries: %s", header, tries, wait)
		}
		if wait > 1e6*time.Second {
			if at, err := http.ParseTime(header); err != nil || at.Sub(now) != wait {
				t.Fatalf("Retry-After %q after %d tries: %s", header, tries, wait)
			}
		}
		g := &gate{}
		if until := g.close(now, wait); until.Sub(now) > gateAtMost || until.Before(now) && wait > 0 {
			t.Fatalf("Retry-After %q closes the gate until %s", header, until)
		}
	})
}

// FuzzRelative: a link that a page gives is followed on our own server, or not at all.
func FuzzRelative(f *testing.F) {
	for _, s := range []string{"https://graph.microsoft.com/v1.0/users?$skiptoken=a", "https://evil.test/v1.0/x", "//evil.test/v1.0//evil.test", "/v1.0/../../x", "https://a@b:c/v1.0/",
		"javascript:v1.0/x", "https://x/v1.0/\\evil.test", "https://x/v1.0/%2f%2fevil.test/", "https://x/v1.0//evil.test/a", "https://x/v1.0/\r\nHost: evil", "v1.0/", ""} {
		f.Add(s)
	}
	base, _ := url.Parse("https://graph.test")
	f.Fuzz(func(t *testing.T, link string) {
		path, err := relative(link)
		if err != nil {
			return
		}
		u, err := url.Parse(base.String() + "/v1.0" + path)
		if err == nil && (u.Host != base.Host || u.Scheme != "https" || u.User != nil) || strings.ContainsAny(path, "\r\n") {
			t.Fatalf("%q leads to %q", link, path)
		}
	})
}

// FuzzUnits: no header makes a call cost less than nothing, or so much that the sum turns round.
func FuzzUnits(f *testing.F) {
	for _, s := range []string{"", "1", "-1", "1e308", "NaN", "Inf", "-Inf", "0x1p62", "9223372036854775808", "1.5", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		a := &batchAnswer{Status: http.StatusOK, Headers: map[string]string{unitsHeader: header}}
		if cost := a.cost(2); cost < 0 || cost > 1<<40 {
			t.Fatalf("%q costs %d", header, cost)
		}
	})
}
