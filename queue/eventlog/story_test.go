package eventlog_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
)

// lived is a request that was verified, as a store has it, with the events that tell of it.
func lived(t *testing.T) (queue.Request, []queue.Event) {
	t.Helper()
	at := func(step int) time.Time { return began().Add(time.Duration(step) * time.Minute) }
	intent := queue.Intent{DC: "dc1", USNChanged: 7, At: at(3)}
	intent.Change.Add = []address.Proxy{"smtp:a@contoso.com"}
	receipt := ldapwriter.Receipt{DC: "dc1", USNChanged: 8, Change: intent.Change, At: at(4)}
	intent.Expectation.Wants = []address.Want{{Address: "a@contoso.com", Role: address.RoleSecondary}}
	r := queue.Request{ID: "r1", Submission: queue.Submission{Holder: "jdoe", Action: address.AddAlias, Address: "a@contoso.com", Requester: "helpdesk"},
		State: queue.Verified, Object: address.GUID{1}, Intent: &intent, Receipt: &receipt, Expectation: &intent.Expectation,
		CreatedAt: at(0), UpdatedAt: at(5), WrittenAt: at(4), VerifiedAt: at(5)}
	detail := func(v any) []byte {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	told := intent
	told.Sent = true // an answer clears it in the request, and not in the log
	events := []queue.Event{
		{To: queue.Accepted, What: "accepted", Detail: detail(r.Submission)},
		{From: queue.Accepted, To: queue.Queued, What: "resolved", Detail: detail(map[string]string{"object_guid": r.Object.String()})},
		{From: queue.Queued, To: queue.Writing, What: "claimed"},
		{From: queue.Writing, To: queue.Writing, What: "intent", Detail: detail(told)},
		{From: queue.Writing, To: queue.Written, What: "written", Detail: detail(receipt)},
		{From: queue.Written, To: queue.Verified, What: "verdict"},
	}
	for i := range events {
		events[i].ID, events[i].RequestID, events[i].At = int64(i)+1, r.ID, at(i)
	}
	return r, events
}

func stories(events []queue.Event) *eventlog.Stories {
	s := eventlog.NewStories()
	for _, e := range events {
		s.Tell(e)
	}
	return s
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*queue.Request, *[]queue.Event)
		says   string // "" where the request is what its entries say
	}{
		"as it was": {func(*queue.Request, *[]queue.Event) {}, ""},
		"an entry of no request between": {func(_ *queue.Request, e *[]queue.Event) {
			*e = slices.Insert(*e, 2, queue.Event{ID: 9, What: eventlog.Pruned})
		}, ""},
		"superseded by another": {func(r *queue.Request, e *[]queue.Event) {
			r.SupersededBy = "r2"
			*e = append(*e, queue.Event{ID: 7, RequestID: "r1", At: r.UpdatedAt, From: queue.Verified, To: queue.Verified, What: "undone", Detail: []byte(`{"by":"r2"}`)})
		}, ""},
		"no entry":           {func(_ *queue.Request, e *[]queue.Event) { *e = nil }, "the log has no entry on it"},
		"another state":      {func(r *queue.Request, _ *[]queue.Event) { r.State = queue.Mismatched }, "it is mismatched, and its last entry (6) says verified"},
		"the newest cut off": {func(_ *queue.Request, e *[]queue.Event) { *e = (*e)[:5] }, "its last entry (5) says written"},
		"another time":       {func(r *queue.Request, _ *[]queue.Event) { r.UpdatedAt = r.UpdatedAt.Add(time.Second) }, "it was changed last at 2026-11-02T08:05:01.000000Z"},
		"another address":    {func(r *queue.Request, _ *[]queue.Event) { r.Address = "b@contoso.com" }, "its submission (who asked for what)"},
		"another requester":  {func(r *queue.Request, _ *[]queue.Event) { r.Requester = "somebody" }, "its submission"},
		"another holder":     {func(r *queue.Request, _ *[]queue.Event) { r.Object = address.GUID{2} }, "its holder (objectGUID)"},
		"no holder":          {func(r *queue.Request, _ *[]queue.Event) { r.Object = address.GUID{} }, "its holder (objectGUID)"},
		"another intent":     {func(r *queue.Request, _ *[]queue.Event) { r.Intent.DC = "dc2" }, "its intent"},
		"no intent":          {func(r *queue.Request, _ *[]queue.Event) { r.Intent = nil }, "its intent"},
		"another receipt":    {func(r *queue.Request, _ *[]queue.Event) { r.Receipt.USNChanged++ }, "its receipt"},
		"no receipt":         {func(r *queue.Request, _ *[]queue.Event) { r.Receipt = nil }, "its receipt"},
		"a successor":        {func(r *queue.Request, _ *[]queue.Event) { r.SupersededBy = "r2" }, "its successor (superseded_by)"},
		"accepted earlier":   {func(r *queue.Request, _ *[]queue.Event) { r.CreatedAt = r.CreatedAt.Add(-time.Hour) }, "its time of acceptance"},
		"written earlier":    {func(r *queue.Request, _ *[]queue.Event) { r.WrittenAt = r.WrittenAt.Add(-time.Hour) }, "its time of the write"},
		"verified earlier":   {func(r *queue.Request, _ *[]queue.Event) { r.VerifiedAt = r.VerifiedAt.Add(-time.Hour) }, "its time of the verdict"},
		"written without an intent": {func(r *queue.Request, e *[]queue.Event) {
			r.Intent = nil
			*e = slices.Delete(*e, 3, 4)
		}, "written without an entry that tells of it before"},
		"an entry that cannot follow": {func(_ *queue.Request, e *[]queue.Event) { *e = slices.Delete(*e, 1, 3) }, "entry 4 does not follow the one before it"},
		"without its first entry":     {func(_ *queue.Request, e *[]queue.Event) { *e = (*e)[1:] }, "entry 2 does not follow the one before it"},
		"a detail that is no JSON":    {func(_ *queue.Request, e *[]queue.Event) { (*e)[1].Detail = []byte("x") }, "its holder (objectGUID)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, events := lived(t)
			c.change(&r, &events)
			found := stories(events).Compare(r, queue.Kept{})
			if c.says == "" {
				if found != nil {
					t.Error(found)
				}
				return
			}
			if found == nil || found.RequestID != "r1" || !strings.Contains(found.Message, c.says) || !strings.HasPrefix(found.Error(), "request r1: ") {
				t.Errorf("found %v", found)
			}
		})
	}
}

// What has entries and is not in the store any more is left when everything else was compared.
func TestLeft(t *testing.T) {
	t.Parallel()
	r, events := lived(t)
	s := stories(events)
	s.Tell(queue.Event{ID: 7, RequestID: "r2", To: queue.Accepted})
	left := func() (all []eventlog.Finding) {
		s.Left(func(f eventlog.Finding) { all = append(all, f) })
		return all
	}
	if n := len(left()); n != 2 {
		t.Errorf("%d are left before anything was compared", n)
	}
	if found := s.Compare(r, queue.Kept{}); found != nil {
		t.Error(found)
	}
	got := left()
	if len(got) != 1 || got[0].RequestID != "r2" || !strings.Contains(got[0].Message, "last in entry 7") {
		t.Errorf("left: %+v", got)
	}
}

func TestResult(t *testing.T) {
	t.Parallel()
	broken := &eventlog.Break{ID: 3, Kind: eventlog.Missing, Message: "entry 3 is missing"}
	odd := []eventlog.Finding{{RequestID: "r1", Message: "it is odd"}}
	for name, c := range map[string]struct {
		result eventlog.Result
		says   string
	}{
		"sound":       {eventlog.Result{Entries: 7}, ""},
		"broken":      {eventlog.Result{Break: broken}, "entry 3 is missing"},
		"odd":         {eventlog.Result{Odd: 1, Findings: odd}, "request r1: it is odd"},
		"both broken": {eventlog.Result{Break: broken, Odd: 1, Findings: odd}, "entry 3 is missing"},
	} {
		err := c.result.Err()
		if c.result.OK() != (c.says == "") || (err == nil) != (c.says == "") ||
			err != nil && !strings.HasPrefix(err.Error(), "store_altered: "+c.says+". Keep a copy") {
			t.Errorf("%s: OK %v, %v", name, c.result.OK(), err)
		}
	}
	text, err := json.Marshal(eventlog.Result{Entries: 7, Break: broken})
	const want = `{"entries":7,"removed":0,"requests":0,"break":{"id":3,"kind":"missing","message":"entry 3 is missing"},"odd":0}`
	if err != nil || string(text) != want {
		t.Errorf("got %s, %v", text, err)
	}
}
