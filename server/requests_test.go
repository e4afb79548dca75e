package server_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
	"github.com/aliasd/aliasd/server/token"
)

func TestSubmit(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	got := f.post("/v1/requests", `{"holder":"jdoe@contoso.test","action":"set_primary","address":"j.doe@contoso.test","ticket":"INC1",
		"requester":"Mary","note":"two\nlines","allow":["sign_in_change","mail_enable","sign_in_change"]}`)
	if got.status != http.StatusAccepted {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	want := queue.Submission{Holder: "jdoe@contoso.test", Action: address.SetPrimary, Address: "j.doe@contoso.test", Ticket: "INC1",
		Requester: "Mary", Note: "two\nlines", Allow: []address.Allowance{address.AllowMailEnable, address.AllowSignInChange}, SubmittedBy: "helpdesk"}
	if diff := cmp.Diff([]queue.Submission{want}, f.queue.asked); diff != "" {
		t.Fatal(diff)
	}
	r := decode[server.RequestJSON](t, got)
	if r.State != queue.Accepted || r.SubmittedBy != "helpdesk" {
		t.Errorf("got %+v", r)
	}
	if location := got.header.Get("Location"); location != "/v1/requests/"+string(r.ID) {
		t.Errorf("Location %q", location)
	}
	if got.header.Values("Idempotency-Replayed") != nil {
		t.Errorf("a new request is said to be an old one")
	}
	if got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("the answer may be cached")
	}
}

func TestSubmitTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	send := func(body string) answer {
		return f.do(call{method: http.MethodPost, path: "/v1/requests", body: body, token: f.all, header: map[string]string{"Idempotency-Key": "k 1~"}})
	}
	first, second := send(sample), send(sample)
	if first.body != second.body || second.status != http.StatusAccepted || second.header.Get("Idempotency-Replayed") != "true" ||
		second.header.Get("Location") != first.header.Get("Location") {
		t.Errorf("first %+v, second %+v", first, second)
	}
	reused := send(strings.Replace(sample, "jdoe", "mary", 1))
	if p := reused.problem(t); p.Status != http.StatusUnprocessableEntity || p.Code != server.IdempotencyKeyReused {
		t.Errorf("got %+v", p)
	}
}

func TestGetShowsEverything(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	cet := time.FixedZone("CET", 3600)
	at := func(minute int) time.Time { return time.Date(2026, 1, 2, 3, minute, 5, 123456000, cet) }
	guid, err := address.ParseGUID("f8d1c1f4-0102-0304-0506-0708090a0b0c")
	if err != nil {
		t.Fatal(err)
	}
	f.queue.requests = []queue.Request{{
		ID: "0190b0d2-0000-7000-8000-000000000001", Seq: 1, State: queue.Mismatched, Object: guid, CloudID: "c-1", Attempts: 3, Owner: "n1",
		Submission: queue.Submission{Holder: "jdoe", Action: address.AddAlias, Address: "j.doe@contoso.test", Ticket: "INC1", Requester: "Mary",
			Note: "note", Allow: []address.Allowance{address.AllowMailEnable}, SubmittedBy: "helpdesk"},
		Cause: &cause.Cause{Code: cause.Quarantined, Message: "held by Bob",
			Conflict: &cause.Conflict{Kind: "user", ID: "u-1", Name: "Bob", Address: "smtp:j.doe@contoso.test"}},
		Receipt: &ldapwriter.Receipt{DC: "ldaps://dc1.contoso.test:636", USNChanged: 42, Before: values(""), Change: address.Change{Add: address.Set{"SMTP:jdoe@contoso.test"}},
			After: values("jdoe@contoso.test", "SMTP:jdoe@contoso.test", "smtp:j.doe@contoso.test"), At: at(6)},
		Seen:         &cloudcheck.Seen{ID: "c-1", Values: values("jdoe@contoso.test", "SMTP:jdoe@contoso.test"), CheckedAt: at(7)},
		SupersededBy: "0190b0d2-0000-7000-8000-000000000002", Notes: []string{"mail differed"},
		CreatedAt: at(4), UpdatedAt: at(8), WrittenAt: at(6),
	}}
	got := f.get("/v1/requests/0190b0d2-0000-7000-8000-000000000001")
	const want = `{
		"id": "0190b0d2-0000-7000-8000-000000000001", "state": "mismatched",
		"cause": {"code": "quarantined", "message": "held by Bob",
			"conflict": {"kind": "user", "id": "u-1", "name": "Bob", "address": "smtp:j.doe@contoso.test"}},
		"holder": "jdoe", "object_guid": "f8d1c1f4-0102-0304-0506-0708090a0b0c", "action": "add_alias", "address": "j.doe@contoso.test",
		"superseded_by": "0190b0d2-0000-7000-8000-000000000002", "ticket": "INC1", "requester": "Mary", "submitted_by": "helpdesk", "note": "note",
		"created_at": "2026-01-02T02:04:05.123456Z", "updated_at": "2026-01-02T02:08:05.123456Z", "written_at": "2026-01-02T02:06:05.123456Z",
		"receipt": {"dc": "ldaps://dc1.contoso.test:636", "usn_changed": 42, "before": {"mail": "", "proxy_addresses": []},
			"after": {"mail": "jdoe@contoso.test", "proxy_addresses": ["SMTP:jdoe@contoso.test", "smtp:j.doe@contoso.test"]}},
		"cloud": {"id": "c-1", "mail": "jdoe@contoso.test", "proxy_addresses": ["SMTP:jdoe@contoso.test"], "checked_at": "2026-01-02T02:07:05.123456Z"},
		"events": [{"at": "2026-01-02T02:04:05Z", "to": "accepted", "what": "accepted"},
			{"at": "2026-01-02T02:04:05Z", "from": "accepted", "to": "accepted", "what": "retry",
				"cause": {"code": "directory_unavailable", "message": "no DC answers"}}],
		"notes": ["mail differed"]}`
	if diff := cmp.Diff(loose(t, want), loose(t, got.body)); diff != "" {
		t.Error(diff)
	}
	back := decode[server.RequestJSON](t, got)
	if !back.WrittenAt.Equal(at(6)) || !back.VerifiedAt.IsZero() || back.Cloud.Mail != "jdoe@contoso.test" {
		t.Errorf("decoded %+v", back)
	}
}

// loose decodes JSON without its types, to compare.
func loose(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func TestList(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	empty := f.get("/v1/requests")
	if diff := cmp.Diff(loose(t, `{"items": []}`), loose(t, empty.body)); diff != "" {
		t.Error(diff)
	}
	f.post("/v1/requests", sample)
	f.post("/v1/requests", sample)
	page := decode[server.PageJSON](t, f.get("/v1/requests?state=accepted&holder=CN%3Dj%2C+d&ticket=INC1&limit=1&cursor=7"))
	if len(page.Items) != 1 || page.NextCursor != "more" || page.Items[0].Events != nil {
		t.Errorf("page %+v", page)
	}
	want := []queue.Filter{{Limit: 50}, {State: queue.Accepted, Holder: "CN=j, d", Ticket: "INC1", Limit: 1, Cursor: "7"}}
	if diff := cmp.Diff(want, f.queue.filters); diff != "" {
		t.Error(diff)
	}
}

func TestListTakesEveryState(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, s := range queue.States() {
		if got := f.get("/v1/requests?state=" + string(s)); got.status != http.StatusOK {
			t.Errorf("state %s: %s", s, got.body)
		}
	}
}

func TestSteps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		step     string
		from, to queue.State
		detail   string // of the problem
	}{
		{"cancel", queue.Queued, queue.Cancelled, ""},
		{"cancel", queue.Written, "", "The request is written; only one that is accepted, queued or held can be cancelled."},
		{"recheck", queue.Written, queue.Written, ""},
		{"recheck", queue.Verified, "", "The request is verified; only one that is accepted, queued, written or mismatched can be rechecked."},
		{"release", queue.Held, queue.Queued, ""},
		{"release", queue.Queued, "", "The request is queued; only one that is held can be released."},
	} {
		t.Run(c.step+" "+string(c.from), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.queue.requests = []queue.Request{{ID: "r1", Seq: 1, State: c.from}}
			got := f.post("/v1/requests/r1/"+c.step, "")
			if c.detail != "" {
				if p := got.problem(t); p.Status != http.StatusConflict || p.Code != server.NotPossible || p.Detail != c.detail {
					t.Errorf("got %+v", p)
				}
				return
			}
			if r := decode[server.RequestJSON](t, got); r.State != c.to || !slices.Equal(f.queue.by, []string{"helpdesk"}) {
				t.Errorf("got %+v by %v", r, f.queue.by)
			}
		})
	}
}

func TestUndo(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.queue.requests = []queue.Request{
		{ID: "r1", Seq: 1, State: queue.Verified, Submission: queue.Submission{Holder: "jdoe"}, Receipt: &ldapwriter.Receipt{}},
		{ID: "r2", Seq: 2, State: queue.Refused},
	}
	got := f.do(call{method: http.MethodPost, path: "/v1/requests/r1/undo", body: `{"ticket":"INC2","note":"wrong person"}`, token: f.all,
		header: map[string]string{"Idempotency-Key": "u1"}})
	r := decode[server.RequestJSON](t, got)
	if got.status != http.StatusAccepted || r.Undoes != "r1" || r.Action != address.Undo || r.Ticket != "INC2" || got.header.Get("Location") == "" {
		t.Errorf("got %+v, %+v", got, r)
	}
	replayed := f.do(call{method: http.MethodPost, path: "/v1/requests/r1/undo", token: f.all, header: map[string]string{"Idempotency-Key": "u1"}})
	if replayed.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("replayed: %+v", replayed)
	}
	if p := f.post("/v1/requests/r2/undo", "").problem(t); p.Status != http.StatusConflict || p.Code != server.NothingToUndo {
		t.Errorf("got %+v", p)
	}
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	post := func(path string) server.PauseJSON {
		return decode[server.PauseJSON](t, f.do(call{method: http.MethodPost, path: path, token: f.local}))
	}
	paused := post("/v1/pause")
	if !paused.Paused || paused.By != token.LocalName || paused.Since.IsZero() || paused.BeingWritten != 2 {
		t.Errorf("paused: %+v", paused)
	}
	if ready := decode[server.ReadyJSON](t, f.get("/readyz")); !ready.Paused || !ready.Ready {
		t.Errorf("ready: %+v", ready)
	}
	if resumed := post("/v1/resume"); resumed != (server.PauseJSON{BeingWritten: 2}) {
		t.Errorf("resumed: %+v", resumed)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	predicted := values("jdoe@contoso.test", "SMTP:jdoe@contoso.test")
	refusal := cause.Cause{Code: cause.IsPrimary, Message: "choose another first"}
	for name, c := range map[string]struct {
		preview    queue.Preview
		body, want string
	}{
		"right": {body: sample, preview: queue.Preview{OK: true, Predicted: &predicted, Plan: address.Plan{Notes: []string{"mail differed"},
			Change: address.Change{Add: []address.Proxy{"smtp:j.doe@contoso.test"}, Mail: &address.MailChange{Old: "", New: "jdoe@contoso.test"}}}},
			want: `{"ok":true,"refusals":[],"plan":{"delete":[],"add":["smtp:j.doe@contoso.test"],"mail":{"old":"","new":"jdoe@contoso.test"}},
				"notes":["mail differed"],"predicted":{"mail":"jdoe@contoso.test","proxy_addresses":["SMTP:jdoe@contoso.test"]}}`},
		"nothing to write": {body: sample, preview: queue.Preview{OK: true}, want: `{"ok":true,"refusals":[],"plan":{"delete":[],"add":[]}}`},
		"refused": {body: sample, preview: queue.Preview{Refusals: []cause.Cause{refusal}},
			want: `{"ok":false,"refusals":[{"code":"is_primary","message":"choose another first"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.queue.preview = c.preview
			got := f.post("/v1/validate", c.body)
			if diff := cmp.Diff(loose(t, c.want), loose(t, got.body)); diff != "" || got.status != http.StatusOK {
				t.Errorf("status %d: %s", got.status, diff)
			}
			if len(f.queue.asked) != 1 || len(f.queue.requests) != 0 {
				t.Errorf("asked %v, stored %v", f.queue.asked, f.queue.requests)
			}
		})
	}
}

func TestValidateRefusesAnAddressAsAnAnswer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	got := decode[server.PreviewJSON](t, f.post("/v1/validate", strings.Replace(sample, "j.doe@contoso.test", "j.doe@contoso.onmicrosoft.com", 1)))
	if got.OK || len(got.Refusals) != 1 || got.Refusals[0].Code != cause.ReservedSuffix || got.Refusals[0].Message == "" {
		t.Errorf("got %+v", got)
	}
}

// escape percent-encodes every byte.
func escape(s string) string {
	var out strings.Builder
	for _, b := range []byte(s) {
		out.WriteString("%" + strings.ToUpper(string("0123456789abcdef"[b>>4])+string("0123456789abcdef"[b&15])))
	}
	return out.String()
}

// TestEventsComeInPages: the newest events come first, and the cursor leads to the beginning.
func TestEventsComeInPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.queue.requests = []queue.Request{{ID: "r1", Seq: 1, State: queue.Written}}
	for id := int64(3); id <= 250; id++ {
		f.queue.events = append(f.queue.events, queue.Event{ID: id, What: "woken", From: queue.Written, To: queue.Written, Detail: []byte(`{"by":"mary"}`)})
	}
	first := decode[server.RequestJSON](t, f.get("/v1/requests/r1"))
	if len(first.Events) != 100 || first.EventsCursor != 151 || first.Events[99].By != "mary" {
		t.Errorf("the first page has %d events and leads to %d; want the newest 100", len(first.Events), first.EventsCursor)
	}
	next := decode[server.RequestJSON](t, f.get("/v1/requests/r1?events_limit=150&events_cursor=151"))
	if len(next.Events) != 150 || next.EventsCursor != 0 || next.Events[0].What != "accepted" {
		t.Errorf("the last page has %d events and leads to %d", len(next.Events), next.EventsCursor)
	}
	for _, query := range []string{"events_cursor=0", "events_cursor=x", "events_limit=501", "events_limit=1&events_limit=2", "cursor=1"} {
		if p := f.get("/v1/requests/r1?" + query).problem(t); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %+v", query, p)
		}
	}
}
