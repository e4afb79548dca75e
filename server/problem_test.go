package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// with changes the sample body's value of a field, or adds the field.
func with(field, value string) string {
	fields := map[string]string{"holder": `"jdoe@contoso.test"`, "action": `"add_alias"`, "address": `"j.doe@contoso.test"`}
	fields[field] = value
	var members []string
	for name, v := range fields {
		if v != "" {
			members = append(members, fmt.Sprintf("%q:%s", name, v))
		}
	}
	slices.Sort(members)
	return "{" + strings.Join(members, ",") + "}"
}

func quoted(n int) string { return `"` + strings.Repeat("x", n) + `"` }

// badBodies are bodies that are answered 422 at once.
func badBodies() map[string]struct {
	body     string
	code     server.Code
	location string // of the first error, empty: there is none
} {
	return map[string]struct {
		body     string
		code     server.Code
		location string
	}{
		"empty":                  {"", server.MalformedJSON, ""},
		"blank":                  {"  \n", server.MalformedJSON, ""},
		"no JSON":                {"holder=jdoe", server.MalformedJSON, ""},
		"half":                   {sample[:len(sample)-1], server.MalformedJSON, ""},
		"two":                    {sample + sample, server.MalformedJSON, ""},
		"something after it":     {sample + "]", server.MalformedJSON, ""},
		"an array":               {"[" + sample + "]", server.MalformedJSON, ""},
		"null":                   {"null", server.MalformedJSON, ""},
		"a trailing comma":       {`{"holder":"x",}`, server.MalformedJSON, ""},
		"no colon":               {`{"holder" "x"}`, server.MalformedJSON, ""},
		"no UTF-8":               {"{\"holder\":\"j\xff\"}", server.MalformedJSON, ""},
		"nothing in it":          {"{}", server.InvalidRequest, "body"},
		"unknown field":          {with("adress", `"x"`), server.InvalidRequest, "body.adress"},
		"another spelling":       {with("Holder", `"x"`), server.InvalidRequest, "body.Holder"},
		"a field twice":          {`{"holder":"a","holder":"b","action":"add_alias","address":"j@contoso.test"}`, server.InvalidRequest, "body.holder"},
		"no holder":              {with("holder", ""), server.InvalidRequest, "body"},
		"null for a holder":      {with("holder", "null"), server.InvalidRequest, "body.holder"},
		"an empty holder":        {with("holder", `""`), server.InvalidRequest, "body.holder"},
		"a blank holder":         {with("holder", `" "`), server.InvalidRequest, "body.holder"},
		"blanks around a holder": {with("holder", `"jdoe "`), server.InvalidRequest, "body.holder"},
		"a line break":           {with("holder", `"j\ndoe"`), server.InvalidRequest, "body.holder"},
		"NUL":                    {with("holder", `"j\u0000doe"`), server.InvalidRequest, "body.holder"},
		"half a character":       {with("holder", `"j\ud800"`), server.InvalidRequest, "body.holder"},
		"a long holder":          {with("holder", quoted(1025)), server.InvalidRequest, "body.holder"},
		"a number for a holder":  {with("holder", "7"), server.InvalidRequest, "body.holder"},
		"unknown action":         {with("action", `"drop"`), server.InvalidRequest, "body.action"},
		"undo":                   {with("action", `"undo"`), server.InvalidRequest, "body.action"},
		"action in capitals":     {with("action", `"ADD_ALIAS"`), server.InvalidRequest, "body.action"},
		"unknown allowance":      {with("allow", `["everything"]`), server.InvalidRequest, "body.allow[0]"},
		"allowance as text":      {with("allow", `"mail_enable"`), server.InvalidRequest, "body.allow"},
		"a long ticket":          {with("ticket", quoted(129)), server.InvalidRequest, "body.ticket"},
		"a ticket of two lines":  {with("ticket", `"a\r\nb"`), server.InvalidRequest, "body.ticket"},
		"a long requester":       {with("requester", quoted(257)), server.InvalidRequest, "body.requester"},
		"a requester with ESC":   {with("requester", `"\u001b[31m"`), server.InvalidRequest, "body.requester"},
		"a long note":            {with("note", quoted(4001)), server.InvalidRequest, "body.note"},
		"a note with BEL":        {with("note", `"\u0007"`), server.InvalidRequest, "body.note"},
		"half a note":            {with("note", `"\ud800"`), server.InvalidRequest, "body.note"},
		"a replaced character":   {with("note", "\"m\uFFFDller\""), server.InvalidRequest, "body.note"},
		"half a ticket":          {with("ticket", `"a\udc00"`), server.InvalidRequest, "body.ticket"},
		"a name with a blank":    {with("o n", "1"), server.InvalidRequest, "body.o n"},
		"no name":                {with("", "1"), server.InvalidRequest, "body."},
		"a name with a dot":      {with("a.b", "1"), server.InvalidRequest, "body.a.b"},
		"no address":             {with("address", ""), server.InvalidRequest, "body"},
		"an empty address":       {with("address", `""`), server.Code(cause.InvalidAddress), "body.address"},
		"no at":                  {with("address", `"jdoe"`), server.Code(cause.InvalidAddress), "body.address"},
		"a prefix":               {with("address", `"smtp:j@contoso.test"`), server.Code(cause.InvalidAddress), "body.address"},
		"not ASCII":              {with("address", `"jörg@contoso.test"`), server.Code(cause.InvalidAddress), "body.address"},
		"a long address":         {with("address", `"`+strings.Repeat("x", 300)+`@contoso.test"`), server.Code(cause.InvalidAddress), "body.address"},
		"a space":                {with("address", `"j doe@contoso.test"`), server.Code(cause.InvalidAddress), "body.address"},
		"reserved":               {with("address", `"j@contoso.onmicrosoft.com"`), server.Code(cause.ReservedSuffix), "body.address"},
	}
}

// What is wrong with the JSON of a body is told with its place, and repeats no value.
func TestMalformedBodies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for body, want := range map[string]string{
		"{\n \"holder\": tru}": "line 2, column 15: invalid character '}' in literal true (expecting 'e'): write true, false or null.",
		`{"holder":"x"} {}`:    "line 1, column 16: there is more after the object: give one JSON object and nothing else.",
		"holder":               "line 1, column 1: invalid character 'h' at start of value: give one JSON object and nothing else.",
		"":                     "line 1: there is no object: give one JSON object and nothing else.",
		"[]":                   "the value is a list: give an object.",
		`{"holder": 1e999}`:    "a value at byte 17 cannot be read as it is, like a number that is too large.",
	} {
		p := f.do(call{method: http.MethodPost, path: "/v1/requests", body: body, token: f.all}).problem(t)
		if p.Code != server.MalformedJSON || p.Detail != "The body is not usable JSON: "+want {
			t.Errorf("%q: %+v", body, p)
		}
	}
}

func TestBadBodies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for name, c := range badBodies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := f.in(t)
			p := f.do(call{method: http.MethodPost, path: "/v1/requests", body: c.body, token: f.all}).problem(t)
			if p.Status != http.StatusUnprocessableEntity || p.Code != c.code {
				t.Errorf("got %+v", p)
			}
			if c.location == "" && len(p.Errors) > 0 || c.location != "" && (len(p.Errors) == 0 || p.Errors[0].Location != c.location) {
				t.Errorf("errors %+v, want one at %q", p.Errors, c.location)
			}
			if len(p.Errors) > 0 && (p.Errors[0].Message == "" || p.Errors[0].Code == "") {
				t.Errorf("errors say nothing: %+v", p.Errors)
			}
		})
	}
	t.Cleanup(func() {
		if len(f.queue.asked) > 0 {
			t.Errorf("stored all the same: %+v", f.queue.asked)
		}
	})
}

func TestEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p := f.post("/v1/requests", `{"holder":7,"action":"drop","adress":"x","tikket":"y"}`).problem(t)
	var locations []string
	for _, e := range p.Errors {
		locations = append(locations, e.Location)
		if !strings.Contains(p.Detail, e.Message) {
			t.Errorf("the detail leaves %q out", e.Message)
		}
	}
	slices.Sort(locations)
	if want := []string{"body", "body.action", "body.adress", "body.holder", "body.tikket"}; !slices.Equal(locations, want) {
		t.Errorf("got %v, want %v", locations, want)
	}
	if !strings.Contains(p.Detail, "holder, note, requester, ticket") {
		t.Errorf("does not name the fields that there are: %s", p.Detail)
	}
	texts := f.post("/v1/requests", `{"holder":" x","action":"add_alias","address":"x","ticket":"\n","note":"\u0000"}`).problem(t)
	if len(texts.Errors) != 4 || texts.Code != server.InvalidRequest {
		t.Errorf("got %+v", texts)
	}
}

func TestManyMistakesStayShort(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var body strings.Builder
	body.WriteString(`{"` + strings.Repeat("n", 9000) + `":1`)
	for i := range 5000 {
		fmt.Fprintf(&body, `,"%d":1`, i)
	}
	got := f.post("/v1/requests", body.String()+"}")
	if got.problem(t); len(got.body) > 8<<10 {
		t.Errorf("%d bytes of body make %d bytes of problem", body.Len(), len(got.body))
	}
}

// TestOtherBodies: the calls that take less are as strict.
func TestOtherBodies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.queue.requests = []queue.Request{{ID: "r1", Seq: 1, State: queue.Accepted}}
	for _, path := range []string{"/v1/requests/r1/undo", "/v1/requests/r1/cancel", "/v1/requests/r1/recheck", "/v1/requests/r1/release",
		"/v1/pause", "/v1/resume", "/v1/validate"} {
		for body, code := range map[string]server.Code{`{"holder":1,"force":true}`: server.InvalidRequest, `[]`: server.MalformedJSON} {
			p := f.do(call{method: http.MethodPost, path: path, body: body, token: f.local}).problem(t)
			if p.Status != http.StatusUnprocessableEntity || p.Code != code {
				t.Errorf("%s %s: %+v", path, body, p)
			}
		}
	}
	if got := f.post("/v1/requests/r1/cancel", `{}`); got.status != http.StatusOK {
		t.Errorf("an empty object: %s", got.body)
	}
	if len(f.queue.by) != 1 {
		t.Errorf("steps taken by %v", f.queue.by)
	}
}

func TestBadParameters(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for query, location := range map[string]string{
		"state=done": "query.state", "limit=0": "query.limit", "limit=501": "query.limit", "limit=x": "query.limit",
		"holder=a%00": "query.holder", "ticket=%FF": "query.ticket", "cursor=%0A": "query.cursor", "holder=%20a": "query.holder",
		"stat=held": "query.stat", "cursor=broken": "query.cursor", "ticket=" + strings.Repeat("x", 129): "query.ticket",
		"state=held&state=queued": "query.state", "holder=a&holder=a": "query.holder", "cursor=&cursor=7": "query.cursor",
		"cursor=-1": "query.cursor", "limit=%zz": "query", "holder=a;ticket=b": "query", "stat=a&stat=b": "query.stat",
	} {
		p := f.get("/v1/requests?" + query).problem(t)
		if p.Status != http.StatusUnprocessableEntity || p.Code != server.InvalidRequest || len(p.Errors) != 1 || p.Errors[0].Location != location {
			t.Errorf("%s: %+v", query, p)
		}
	}
	for _, key := range []string{strings.Repeat("k", 256), "sch\u00fcssel", "a\tb"} {
		p := f.do(call{method: http.MethodPost, path: "/v1/requests", body: sample, token: f.all, header: map[string]string{"Idempotency-Key": key}}).problem(t)
		if p.Status != http.StatusUnprocessableEntity || len(p.Errors) != 1 || p.Errors[0].Location != "header.Idempotency-Key" {
			t.Errorf("key %q: %+v", key, p)
		}
	}
}

// TestBadKeys: a key that is empty protects from nothing, and of two only one could count.
func TestBadKeys(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.queue.requests = []queue.Request{{ID: "r1", Seq: 1, State: queue.Written}}
	for name, keys := range map[string][]string{"empty": {""}, "two": {"a", "b"}, "the same twice": {"a", "a"}, "an empty one and another": {"", "a"}} {
		for _, path := range []string{"/v1/requests", "/v1/requests/r1/undo"} {
			p := f.postKeys(path, keys).problem(t)
			if p.Status != http.StatusUnprocessableEntity || p.Code != server.InvalidRequest || len(p.Errors) != 1 || p.Errors[0].Location != "header.Idempotency-Key" {
				t.Errorf("%s at %s: %+v", name, path, p)
			}
		}
	}
	if len(f.queue.asked) != 0 {
		t.Errorf("the queue was asked for %v", f.queue.asked)
	}
	if got := f.postKeys("/v1/requests", []string{"a"}); got.status != http.StatusAccepted {
		t.Errorf("one key: %s", got.body)
	}
}

// postKeys sends the sample, or an undo, with any number of keys.
func (f *fixture) postKeys(path string, keys []string) answer {
	f.t.Helper()
	body := sample
	if strings.HasSuffix(path, "/undo") {
		body = "{}"
	}
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.url+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header = http.Header{"Authorization": {"Bearer " + f.all.Reveal()}, "Idempotency-Key": keys}
	return f.send(r)
}

// TestTextsAreLines: what would break a line or turn a table round is refused in both bodies, under its own name.
func TestTextsAreLines(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.queue.requests = []queue.Request{{ID: "r1", Seq: 1, State: queue.Written}}
	for _, bad := range []string{"\x00", "\x1b[2J", "\x7f", "\u0085", "\u009b", "\u2028", "\u202a", "\u202e", "\u2066", "\u2069", "\n", "\t"} {
		fields := []string{"ticket", "requester"}
		if bad < "\u2029" && bad != "\n" && bad != "\t" {
			fields = append(fields, "note")
		}
		for _, field := range fields {
			text := quoted(1)[:1] + strings.Trim(fmt.Sprintf("%+q", "a"+bad+"b"), `"`) + `"`
			text = strings.NewReplacer(`\x00`, `\u0000`, `\x1b`, `\u001b`, `\x7f`, `\u007f`).Replace(text)
			for path, body := range map[string]string{"/v1/requests": with(field, text), "/v1/requests/r1/undo": `{"` + field + `":` + text + `}`} {
				p := f.post(path, body).problem(t)
				if p.Status != http.StatusUnprocessableEntity || len(p.Errors) != 1 || p.Errors[0].Location != "body."+field || p.Errors[0].Code != server.InvalidField {
					t.Errorf("%s %s in %s: %+v", path, text, field, p)
				}
			}
		}
	}
	if p := f.post("/v1/requests", with("note", `"a\rb"`)).problem(t); p.Errors[0].Location != "body.note" {
		t.Errorf("a carriage return of its own: %+v", p)
	}
	for field, text := range map[string]string{"note": `"one\r\ntwo\n\tthree"`, "ticket": `"שלום-7"`, "requester": `"Zoë 山田\u200f"`} {
		if got := f.post("/v1/requests", with(field, text)); got.status != http.StatusAccepted {
			t.Errorf("%s %s: %s", field, text, got.body)
		}
	}
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for kind, want := range map[string]int{
		"": 202, "application/json": 202, "application/json; charset=utf-8": 202, "application/vnd.helpdesk+json": 202,
		"application/x-www-form-urlencoded": 415, "text/plain": 415, "application/": 415,
	} {
		got := f.do(call{method: http.MethodPost, path: "/v1/requests", body: sample, token: f.all, header: map[string]string{"Content-Type": kind}})
		if got.status != want {
			t.Errorf("%q: status %d, want %d: %s", kind, got.status, want, got.body)
		}
		if want == 415 && got.problem(t).Code != server.UnsupportedMediaType {
			t.Errorf("%q: %s", kind, got.body)
		}
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	long := func(n int) string { return with("note", quoted(n-len(with("note", `""`)))) }
	if p := f.post("/v1/requests", long(64<<10+1)).problem(t); p.Status != http.StatusRequestEntityTooLarge || p.Code != server.BodyTooLarge {
		t.Errorf("got %+v", p)
	}
	if p := f.post("/v1/requests", long(64<<10)).problem(t); p.Code != server.InvalidRequest {
		t.Errorf("64 KiB are too long: %+v", p)
	}
}

// queueErrors are what the queue can answer, and what becomes of it.
func TestQueueErrors(t *testing.T) {
	t.Parallel()
	candidates := []cause.Candidate{{ObjectGUID: "g1", Kind: "user", Name: "A", DN: "CN=A"}, {ObjectGUID: "g2", Kind: "user", Name: "B", DN: "CN=B"}}
	for name, c := range map[string]struct {
		err    error
		status int
		code   server.Code
	}{
		"unknown id":      {fmt.Errorf("get: %w", queue.ErrNotFound), 404, server.NotFound},
		"stale":           {queue.ErrStale, 409, server.NotPossible},
		"nothing to undo": {queue.ErrNothingToUndo, 409, server.NothingToUndo},
		"key reused":      {queue.ErrKeyReused, 422, server.IdempotencyKeyReused},
		"invalid":         {fmt.Errorf("%w: no holder", queue.ErrInvalid), 422, server.InvalidRequest},
		"store away":      {fmt.Errorf("accept: %w: dial", queue.ErrStoreAway), 503, server.StoreAway},
		"store unsure":    {fmt.Errorf("accept: %w: eof", queue.ErrStoreUnsure), 503, server.StoreAway},
		"store full":      {fmt.Errorf("accept: %w: disk", queue.ErrStoreFull), 507, server.StoreFull},
		"too slow":        {context.DeadlineExceeded, 504, server.Timeout},
		"a bug":           {errors.New("secret path /var/x"), 500, server.Internal},
		"refusal":         {cause.Refuse(cause.IsPrimary, "choose another"), 422, "is_primary"},
		"unknown holder":  {cause.Refuse(cause.UnknownHolder, "nobody"), 404, "unknown_holder"},
		"ambiguous":       {cause.Refuse(cause.AmbiguousHolder, "two").WithCandidates(candidates), 409, "ambiguous_holder"},
		"changed":         {cause.Refuse(cause.ChangedSince, "changed"), 409, "changed_since"},
		"waiting":         {cause.Wait(cause.DirectoryUnavailable, "no DC"), 503, "directory_unavailable"},
		"failure":         {cause.Fail(cause.DirectoryRefused, "said no"), 502, "directory_refused"},
		"in the way": {cause.Refuse(cause.HeldInCloud, "Bob has it").WithConflict(cause.Conflict{Kind: "user", Name: "Bob"}).Because(errors.New("inner")),
			422, "held_in_cloud"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.queue.fail = c.err
			p := f.post("/v1/requests", sample).problem(t)
			if p.Status != c.status || p.Code != c.code {
				t.Errorf("got %+v", p)
			}
			checkExtras(t, p, c.err)
			checkIncident(t, f, p, c.err)
		})
	}
}

func checkExtras(t *testing.T, p server.Problem, err error) {
	t.Helper()
	e, ok := cause.As(err)
	if !ok {
		return
	}
	if p.Detail != e.Cause.Message || len(p.Candidates) != len(e.Cause.Candidates) || (p.Conflict != nil) != (e.Cause.Conflict != nil) {
		t.Errorf("the cause is not all there: %+v", p)
	}
}

// checkIncident: what is ours is in the log under its incident, and what the log says is not in the answer.
func checkIncident(t *testing.T, f *fixture, p server.Problem, err error) {
	t.Helper()
	line := f.logs.lines(t, 1)[0]
	if line["code"] != string(p.Code) {
		t.Errorf("the log's code is %v", line["code"])
	}
	if p.Status < 500 {
		if p.Incident != "" || line["error"] != nil {
			t.Errorf("a caller's mistake is an incident: %+v, %v", p, line)
		}
		return
	}
	if p.Incident == "" || line["id"] != p.Incident || line["error"] != err.Error() || line["level"] != "ERROR" {
		t.Errorf("incident %q, log %v", p.Incident, line)
	}
	if strings.Contains(p.Detail, "/var/x") {
		t.Errorf("the answer says too much: %s", p.Detail)
	}
}

func TestUnknownID(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, c := range []call{{method: "GET", path: "/v1/requests/none"}, {method: "POST", path: "/v1/requests/none/cancel"},
		{method: "POST", path: "/v1/requests/none/undo"}, {method: "POST", path: "/v1/requests/none/recheck"},
		{method: "POST", path: "/v1/requests/none/release"}, {method: "GET", path: "/v1/requests/%00%2f%2e"}} {
		c.token = f.local
		if p := f.do(c).problem(t); p.Status != http.StatusNotFound || p.Code != server.NotFound {
			t.Errorf("%s: %+v", c.path, p)
		}
	}
	f.queue.set(func(q *fakeQueue) { q.fail = errors.New("the queue was asked") })
	for _, id := range []string{"%00", "a%0Ab", "%FF", strings.Repeat("x", 65)} {
		for _, c := range []call{{method: "GET", path: id}, {method: "POST", path: id + "/cancel"}, {method: "POST", path: id + "/undo"}} {
			c.path, c.token = "/v1/requests/"+c.path, f.all
			if p := f.do(c).problem(t); p.Status != http.StatusNotFound {
				t.Errorf("%s: %+v", c.path, p)
			}
		}
	}
	f.queue.set(func(q *fakeQueue) { q.fail = nil })
	if p := f.get("/v1/holders/a%00b").problem(t); p.Status != http.StatusUnprocessableEntity || p.Errors[0].Location != "path.identity" {
		t.Errorf("got %+v", p)
	}
	if p := f.get("/v1/holders/nobody").problem(t); p.Status != http.StatusNotFound || p.Code != "unknown_holder" {
		t.Errorf("got %+v", p)
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.queue.set(func(q *fakeQueue) { q.panics = "broken at /var/x" })
	p := f.post("/v1/requests", sample).problem(t)
	if p.Status != http.StatusInternalServerError || p.Code != server.Internal || strings.Contains(p.Detail, "broken") {
		t.Errorf("got %+v", p)
	}
	line := f.logs.lines(t, 1)[0]
	text, _ := line["error"].(string)
	if line["id"] != p.Incident || !strings.Contains(text, "broken at /var/x") || !strings.Contains(text, "fakes_test.go") {
		t.Errorf("the log does not tell where: %v", line)
	}
	f.queue.set(func(q *fakeQueue) { q.panics = nil })
	if got := f.post("/v1/requests", sample); got.status != http.StatusAccepted {
		t.Errorf("after the panic: %+v", got)
	}
}
