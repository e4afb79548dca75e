package eventlog

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// Stories are what the log says of every request, kept small: the last word on it, and marks of what was recorded. The log is told
// to it entry by entry (Tell), then every request that the store has is compared (Compare), and Left names those that the store has not.
type Stories struct {
	of map[queue.RequestID]story
}

// mark stands for a recorded document; the zero mark for none.
type mark [12]byte

// story is the last word of the log on one request.
type story struct {
	last                                    int64 // the entry
	state                                   queue.State
	created, changed, written, verified     time.Time
	submission, object, intent, receipt, by mark
	broken                                  int64 // the first entry that does not follow
}

// NewStories makes the stories of an empty log.
func NewStories() *Stories { return &Stories{of: map[queue.RequestID]story{}} }

// Tell takes the next entry of the log in.
func (s *Stories) Tell(e queue.Event) {
	if e.RequestID == "" {
		return
	}
	t, known := s.of[e.RequestID]
	if !known {
		t.created = e.At
	}
	if t.broken == 0 && !follows(t.state, e, known) {
		t.broken = e.ID
	}
	t.record(e)
	t.last, t.state, t.changed = e.ID, e.To, e.At
	s.of[e.RequestID] = t
}

// follows says whether an entry can come after those before it.
func follows(state queue.State, e queue.Event, known bool) bool {
	if !known {
		return e.From == "" && e.To == queue.Accepted
	}
	return e.From == state && (e.From == e.To || e.From.CanGo(e.To))
}

// record keeps the marks of what an entry recorded.
func (t *story) record(e queue.Event) {
	switch {
	case e.From == "":
		t.submission = markOf[queue.Submission](e.Detail, nil)
	case e.From == queue.Accepted && e.To != queue.Accepted:
		t.object = detailMark(e.Detail, "object_guid")
	case e.What == "intent":
		t.intent = markOf(e.Detail, keptIntent)
	case e.From != e.To && e.To == queue.Written:
		t.receipt, t.written = markOf(e.Detail, keptReceipt), e.At
	case e.What == "superseded", e.What == "undone":
		t.by = detailMark(e.Detail, "by")
	}
	if e.From != e.To && e.To == queue.Verified {
		t.verified = e.At
	}
}

// detailMark marks one text of a detail; none where it has no such.
func detailMark(detail []byte, name string) mark {
	var texts map[string]string
	if json.Unmarshal(detail, &texts) != nil {
		return mark{}
	}
	return textMark(texts[name])
}

func textMark(text string) (m mark) {
	if text != "" {
		sum := sha256.Sum256([]byte(text))
		copy(m[:], sum[:])
	}
	return m
}

// markOf marks a recorded document, brought into the form in which requests keep it; none where it cannot be read.
func markOf[T any](detail []byte, keep func(*T)) mark {
	var v T
	if len(detail) == 0 || json.Unmarshal(detail, &v) != nil {
		return mark{}
	}
	return valueMark(v, keep)
}

func valueMark[T any](v T, keep func(*T)) mark {
	if keep != nil {
		keep(&v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return mark{}
	}
	return textMark(string(text))
}

// keptIntent leaves out what changes in a request's intents after they were recorded: whether an answer came, and their times.
func keptIntent(i *queue.Intent) {
	i.Sent, i.At, i.Until, i.Expectation.SyncAtWrite = false, time.Time{}, time.Time{}, queue.Instant(i.Expectation.SyncAtWrite)
	if i.Earlier != nil {
		earlier := *i.Earlier
		keptIntent(&earlier)
		i.Earlier = &earlier
	}
}

func keptReceipt(r *ldapwriter.Receipt) { r.At = queue.Instant(r.At) }

// Compare says what is odd about a request as the store has it, nil where it is what its entries say. Each is compared once.
func (s *Stories) Compare(r queue.Request) *Finding {
	t, known := s.of[r.ID]
	delete(s.of, r.ID)
	what := "the log has no entry on it: its entries were taken out, or the request was put in by hand"
	if known {
		what = t.differs(r)
	}
	if what == "" {
		return nil
	}
	return &Finding{RequestID: r.ID, Message: what}
}

// differs names the first thing in which a request is not what its entries say.
func (t story) differs(r queue.Request) string {
	switch {
	case t.broken != 0:
		return fmt.Sprintf("entry %d does not follow the one before it", t.broken)
	case t.state != r.State:
		return fmt.Sprintf("it is %s, and its last entry (%d) says %s: it was changed by hand, or the newest entries were cut off", r.State, t.last, t.state)
	case !t.changed.Equal(r.UpdatedAt):
		return fmt.Sprintf("it was changed last at %s, and its last entry (%d) is of %s: it was changed by hand, or the newest entries were cut off",
			stamp(r.UpdatedAt), t.last, stamp(t.changed))
	case t.receipt != mark{} && r.Receipt != nil && !r.Receipt.Change.Empty() && t.intent == mark{}:
		return "it was written without an entry that tells of it before (intent)"
	}
	for _, part := range t.parts(r) {
		if part.told != part.kept {
			return "its " + part.name + " is not what its entries say: it was changed by hand"
		}
	}
	return ""
}

// part is something of a request that an entry records.
type part struct {
	name       string
	told, kept any
}

func (t story) parts(r queue.Request) []part {
	object := ""
	if !r.Object.IsZero() {
		object = r.Object.String()
	}
	return []part{
		{"submission (who asked for what)", t.submission, valueMark(r.Submission, nil)},
		{"holder (objectGUID)", t.object, textMark(object)},
		{"intent", t.intent, pointerMark(r.Intent, keptIntent)},
		{"receipt", t.receipt, pointerMark(r.Receipt, keptReceipt)},
		{"successor (superseded_by)", t.by, textMark(string(r.SupersededBy))},
		{"time of acceptance", t.created, r.CreatedAt},
		{"time of the write", t.written, r.WrittenAt},
		{"time of the verdict", t.verified, r.VerifiedAt},
	}
}

func pointerMark[T any](v *T, keep func(*T)) mark {
	if v == nil {
		return mark{}
	}
	return valueMark(*v, keep)
}

// Left gives the requests that have entries and are not in the store, in no order.
func (s *Stories) Left(found func(Finding)) {
	for id, t := range s.of {
		found(Finding{RequestID: id, Message: fmt.Sprintf("the log tells of it (last in entry %d), and the store has it no more", t.last)})
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
