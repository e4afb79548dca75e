package eventlog_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
)

// kept are the digests of the request's rows.
func kept() queue.Kept { return queue.Kept{Row: "row", Key: "key", Spent: "share"} }

// livedKept is lived with entries that say what the store keeps.
func livedKept(t *testing.T) (queue.Request, []queue.Event) {
	t.Helper()
	r, events := lived(t)
	for i := range events {
		events[i].Kept.Row = "row before"
	}
	events[0].Kept.Key, events[3].Kept.Spent, events[len(events)-1].Kept.Row = "key", "share", "row"
	return r, events
}

// A request's rows are those that its entries left. What may go after a while may be missing then, and only then.
func TestCompareKept(t *testing.T) {
	t.Parallel()
	later := func(d time.Duration) queue.Event {
		return queue.Event{At: began().Add(d), What: eventlog.GoesOn, Kept: queue.Kept{Row: queue.Gone}}
	}
	for name, c := range map[string]struct {
		change func(*queue.Kept, *[]queue.Event)
		says   string
	}{
		"as it was":            {func(*queue.Kept, *[]queue.Event) {}, ""},
		"another row":          {func(k *queue.Kept, _ *[]queue.Event) { k.Row = "another" }, "a column of its row, or one of its claims, is not as its last entry (6) left it"},
		"another share":        {func(k *queue.Kept, _ *[]queue.Event) { k.Spent = "another" }, "its share of the caps (spent) is not what its entries say"},
		"no share":             {func(k *queue.Kept, _ *[]queue.Event) { k.Spent = "" }, "its share of the caps (spent) was taken out"},
		"no share, long after": {func(k *queue.Kept, e *[]queue.Event) { k.Spent = ""; *e = append(*e, later(8*24*time.Hour)) }, ""},
		"another share, long after": {func(k *queue.Kept, e *[]queue.Event) {
			k.Spent = "another"
			*e = append(*e, later(8*24*time.Hour))
		}, "its share of the caps (spent) is not"},
		"a share given back": {func(k *queue.Kept, e *[]queue.Event) {
			k.Spent = ""
			(*e)[4].Kept.Spent = queue.Gone
		}, ""},
		"a share given back and put in": {func(_ *queue.Kept, e *[]queue.Event) { (*e)[4].Kept.Spent = queue.Gone }, "its share of the caps (spent) is not"},
		"a share that none told of":     {func(_ *queue.Kept, e *[]queue.Event) { (*e)[3].Kept.Spent = "" }, "its share of the caps (spent) is not"},
		"another key":                   {func(k *queue.Kept, _ *[]queue.Event) { k.Key = "another" }, "its idempotency key is not"},
		"no key":                        {func(k *queue.Kept, _ *[]queue.Event) { k.Key = "" }, "its idempotency key was taken out"},
		"a key that another one took": {func(k *queue.Kept, e *[]queue.Event) {
			k.Key = ""
			*e = append(*e, queue.Event{RequestID: "r2", At: began(), To: queue.Accepted, Kept: queue.Kept{Row: "x", KeyOf: "r1"}})
		}, ""},
		"a version that kept nothing": {func(k *queue.Kept, e *[]queue.Event) {
			k.Row, k.Spent, k.Key = "another", "another", "another"
			for i := range *e {
				(*e)[i].Kept = queue.Kept{}
			}
		}, ""},
		"that version, and sealed": {func(_ *queue.Kept, e *[]queue.Event) { seal(t, e, kept()) }, ""},
		"that version, sealed, and another row": {func(k *queue.Kept, e *[]queue.Event) {
			k.Row = "another"
			seal(t, e, kept())
		}, "a column of its row"},
		"sealed, though its entries say what is kept": {func(k *queue.Kept, e *[]queue.Event) {
			was := slices.Clone(*e)
			k.Row = "another"
			seal(t, e, *k)
			*e = append(was, (*e)[len(*e)-1])
		}, "a column of its row"},
		"that version, sealed without a share": {func(_ *queue.Kept, e *[]queue.Event) { seal(t, e, queue.Kept{Row: "row", Key: "key"}) }, "its share of the caps (spent) is not"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, events := livedKept(t)
			has := kept()
			c.change(&has, &events)
			found := stories(events).Compare(r, has)
			if (found == nil) != (c.says == "") || found != nil && !strings.Contains(found.Message, c.says) {
				t.Errorf("found %v, want %q", found, c.says)
			}
		})
	}
}

// seal makes of entries those of a version that kept nothing, with what this one found there.
func seal(t *testing.T, events *[]queue.Event, found queue.Kept) {
	t.Helper()
	for i := range *events {
		(*events)[i].Kept = queue.Kept{}
	}
	detail, err := json.Marshal(eventlog.Sealing{Requests: map[queue.RequestID]queue.Kept{"r1": found, "r9": {Row: "x"}}})
	if err != nil {
		t.Fatal(err)
	}
	*events = append(*events, queue.Event{At: began(), What: eventlog.Sealed, Detail: detail})
}

// What was forged before it was sealed is still compared with what the entries say in words.
func TestSealedIsComparedInWords(t *testing.T) {
	t.Parallel()
	r, events := livedKept(t)
	seal(t, &events, kept())
	r.ReleasedBy = "boss"
	if found := stories(events).Compare(r, kept()); found == nil || !strings.Contains(found.Message, "release (released_by)") {
		t.Errorf("found %v", found)
	}
}

// Where only some requests are told of, what may go after a while is not missed.
func TestPartStories(t *testing.T) {
	t.Parallel()
	r, events := livedKept(t)
	s := eventlog.NewPartStories()
	for _, e := range events {
		s.Tell(e)
	}
	if found := s.Compare(r, queue.Kept{Row: "row"}); found != nil {
		t.Error(found)
	}
}

func TestCompareTokens(t *testing.T) {
	t.Parallel()
	token := func(what string, id int64, row string) queue.Event {
		detail, err := json.Marshal(eventlog.TokenChange{ID: id, Name: "helpdesk"})
		if err != nil {
			t.Fatal(err)
		}
		return queue.Event{What: what, Detail: detail, Kept: queue.Kept{Row: row}}
	}
	s := stories([]queue.Event{token(eventlog.TokenCreated, 1, "made"), token(eventlog.TokenCreated, 2, "made"), token(eventlog.TokenRevoked, 2, "revoked"),
		token(eventlog.TokenCreated, 3, "made")})
	for id, c := range map[int64]struct{ row, says string }{
		1: {"made", ""}, 2: {"made", "not what its entries say"}, 4: {"made", "no entry on it"},
	} {
		found := s.CompareToken(id, "helpdesk", c.row)
		if (found == nil) != (c.says == "") || found != nil && (!strings.Contains(found.Message, c.says) || !strings.HasPrefix(found.Error(), "token helpdesk (")) {
			t.Errorf("token %d: %v", id, found)
		}
	}
	var left []string
	s.Left(func(f eventlog.Finding) { left = append(left, f.Name()) })
	if len(left) != 1 || left[0] != "token helpdesk (3)" {
		t.Errorf("left: %v", left)
	}
}

func TestCompareStop(t *testing.T) {
	t.Parallel()
	stop, goOn := queue.Event{What: eventlog.Stopped, Kept: queue.Kept{Row: "root"}}, queue.Event{What: eventlog.GoesOn, Kept: queue.Kept{Row: queue.Gone}}
	for name, c := range map[string]struct {
		told []queue.Event
		row  string
		odd  bool
	}{
		"never set":           {nil, queue.Gone, false},
		"set by hand":         {nil, "root", true},
		"set":                 {[]queue.Event{stop}, "root", false},
		"by another":          {[]queue.Event{stop}, "boss", true},
		"taken out by hand":   {[]queue.Event{stop}, queue.Gone, true},
		"ended":               {[]queue.Event{stop, goOn}, queue.Gone, false},
		"ended, set by hand":  {[]queue.Event{stop, goOn}, "root", true},
		"set, and a new one":  {[]queue.Event{stop, goOn, stop}, "root", false},
		"restored by another": {[]queue.Event{{What: eventlog.Restored, Kept: queue.Kept{Row: "restore"}}}, queue.Gone, true},
	} {
		if found := stories(c.told).CompareStop(c.row); (found != nil) != c.odd {
			t.Errorf("%s: %v", name, found)
		}
	}
}
