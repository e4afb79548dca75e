package eventlog

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
)

// RowsStay is how long a store keeps idempotency keys and shares of the caps at least, by the newest time that the log has.
const RowsStay = 7 * 24 * time.Hour

// Stories are what the log says of every row that a decision rests on, kept small: the last word on each request, and marks of what was
// recorded; the tokens; the stop switch. The log is told to it entry by entry (Tell), then all that the store has is compared (Compare,
// CompareToken, CompareStop), and Left names what the store has not.
type Stories struct {
	of     map[queue.RequestID]story
	tokens map[int64]toldToken
	stop   mark
	latest time.Time
	partly bool
	// keeps says that an entry told already what rows are kept: nothing is sealed after that.
	keeps bool
}

// mark stands for a recorded document; the zero mark for none.
type mark [12]byte

// story is the last word of the log on one request.
type story struct {
	last                                    int64 // the entry
	state                                   queue.State
	created, changed, written, verified     time.Time
	submission, object, intent, receipt, by mark
	earlier, released                       mark
	broken                                  int64 // the first entry that does not follow
	// row, key and spent are what the newest entry says of the rows (queue.Kept); whole says that all its entries did, so that there is no
	// row that they do not tell of. sent is when the share of the caps was taken.
	row, key, spent mark
	whole           bool
	// sealed says that row is as an earlier version had left it, or whoever was there before it was sealed.
	sealed bool
	sent   time.Time
}

// toldToken is what the log says of a token.
type toldToken struct {
	name string
	row  mark
}

// NewStories makes the stories of an empty log.
func NewStories() *Stories {
	return &Stories{of: map[queue.RequestID]story{}, tokens: map[int64]toldToken{}}
}

// NewPartStories makes the stories of a log of which only some requests' entries are told: what may go after a while is not missed then.
func NewPartStories() *Stories {
	s := NewStories()
	s.partly = true
	return s
}

// Tell takes the next entry of the log in.
func (s *Stories) Tell(e queue.Event) {
	if e.At.After(s.latest) {
		s.latest = e.At
	}
	s.keeps = s.keeps || e.Kept != queue.Kept{}
	if e.RequestID == "" {
		s.tellOther(e)
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
	t.keep(e, !known)
	t.last, t.state, t.changed = e.ID, e.To, e.At
	s.of[e.RequestID] = t
	if earlier, known := s.of[e.Kept.KeyOf]; known {
		earlier.key = textMark(queue.Gone)
		s.of[e.Kept.KeyOf] = earlier
	}
}

// keep takes in what an entry says of the rows that are kept.
func (t *story) keep(e queue.Event, first bool) {
	t.row, t.sealed = textMark(e.Kept.Row), false
	t.whole = (t.whole || first) && e.Kept.Row != ""
	if e.Kept.Key != "" {
		t.key = textMark(e.Kept.Key)
	}
	if e.Kept.Spent != "" {
		t.spent = textMark(e.Kept.Spent)
	}
	if e.Kept.Spent != "" || e.What == "intent" {
		t.sent = e.At
	}
}

// tellOther takes in an entry that belongs to no request.
func (s *Stories) tellOther(e queue.Event) {
	switch e.What {
	case Stopped, GoesOn, Restored:
		s.stop = textMark(e.Kept.Row)
	case TokenCreated, TokenRevoked:
		var of TokenChange
		if json.Unmarshal(e.Detail, &of) == nil {
			s.tokens[of.ID] = toldToken{of.Name, textMark(e.Kept.Row)}
		}
	case Sealed:
		var found Sealing
		if !s.keeps && json.Unmarshal(e.Detail, &found) == nil {
			s.tellSealed(found)
		}
	}
}

func (s *Stories) tellSealed(found Sealing) {
	for id, kept := range found.Requests {
		if t, known := s.of[id]; known {
			t.row, t.key, t.spent, t.whole = textMark(kept.Row), textMark(kept.Key), textMark(kept.Spent), true
			t.sealed = true
			s.of[id] = t
		}
	}
	for id, row := range found.Tokens {
		s.tokens[id] = toldToken{row: textMark(row)}
	}
	if found.Pause != "" {
		s.stop = textMark(found.Pause)
	}
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
		t.earlier = markOf(e.Detail, func(i *queue.Intent) {
			if i.Earlier != nil {
				*i = *i.Earlier
			}
			keptIntent(i)
		})
	case e.From != e.To && e.To == queue.Written:
		t.receipt, t.written = markOf(e.Detail, keptReceipt), e.At
	case e.What == "superseded", e.What == "undone":
		t.by = detailMark(e.Detail, "by")
	case e.From == queue.Held && e.To == queue.Queued:
		if t.released = detailMark(e.Detail, "by"); t.released == (mark{}) {
			t.released = textMark("somebody")
		}
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
func (s *Stories) Compare(r queue.Request, has queue.Kept) *Finding {
	t, known := s.of[r.ID]
	delete(s.of, r.ID)
	what := "the log has no entry on it: its entries were taken out, or the request was put in by hand"
	if known {
		if what = t.differs(r, textMark(has.Row)); what == "" {
			what = t.beside(has, s.mayBeGone)
		}
	}
	if what == "" {
		return nil
	}
	return &Finding{RequestID: r.ID, Message: what}
}

// mayBeGone says whether a row of that time need not be there any more.
func (s *Stories) mayBeGone(made time.Time) bool {
	return s.partly || !made.After(s.latest.Add(-RowsStay))
}

// CompareToken says what is odd about a token as the store has it. Each is compared once.
func (s *Stories) CompareToken(id int64, name, row string) *Finding {
	told, known := s.tokens[id]
	delete(s.tokens, id)
	found := &Finding{Row: fmt.Sprintf("token %s (%d)", name, id)}
	switch {
	case !known:
		found.Message = "the log has no entry on it: it was put in by hand"
	case told.row != textMark(row):
		found.Message = "its name, rights, hash or times are not what its entries say: it was changed by hand"
	default:
		return nil
	}
	return found
}

// CompareStop says what is odd about the stop switch; row is queue.Gone where it is not set. Where no entry tells of it, it was never set.
func (s *Stories) CompareStop(row string) *Finding {
	if told := s.stop; told == textMark(row) || told == (mark{}) && row == queue.Gone {
		return nil
	}
	message := "it was set or changed by hand"
	if row == queue.Gone {
		message = "the log says that all writing is stopped, and the row that stops it was taken out by hand"
	}
	return &Finding{Row: "the stop switch (pause)", Message: message}
}

// beside names what is odd about the rows that belong to a request.
func (t story) beside(has queue.Kept, mayBeGone func(time.Time) bool) string {
	for _, row := range []struct {
		name      string
		told, has mark
		made      time.Time
	}{
		{"share of the caps (spent)", t.spent, textMark(has.Spent), t.sent},
		{"idempotency key", t.key, textMark(has.Key), t.created},
	} {
		none := row.told == mark{} || row.told == textMark(queue.Gone)
		switch {
		case row.has == row.told, none && row.has == mark{}, row.told == mark{} && !t.whole, row.has == mark{} && mayBeGone(row.made):
			continue
		case row.has == mark{}:
			return "its " + row.name + " was taken out by hand"
		}
		return "its " + row.name + " is not what its entries say: it was changed or put in by hand"
	}
	return ""
}

// differs names the first thing in which a request is not what its entries say. Where its row is the one that its newest entry left, it is what
// they say.
func (t story) differs(r queue.Request, row mark) string {
	switch {
	case t.broken != 0:
		return fmt.Sprintf("entry %d does not follow the one before it", t.broken)
	case t.state != r.State:
		return fmt.Sprintf("it is %s, and its last entry (%d) says %s: it was changed by hand, or the newest entries were cut off", r.State, t.last, t.state)
	case !t.changed.Equal(r.UpdatedAt):
		return fmt.Sprintf("it was changed last at %s, and its last entry (%d) is of %s: it was changed by hand, or the newest entries were cut off",
			stamp(r.UpdatedAt), t.last, stamp(t.changed))
	case t.row != mark{} && t.row == row && !t.sealed:
		return ""
	case t.receipt != mark{} && r.Receipt != nil && !r.Receipt.Change.Empty() && t.intent == mark{}:
		return "it was written without an entry that tells of it before (intent)"
	}
	for _, part := range t.parts(r) {
		if part.told != part.kept {
			return "its " + part.name + " is not what its entries say: it was changed by hand"
		}
	}
	if t.row != (mark{}) && t.row != row {
		return fmt.Sprintf("a column of its row, or one of its claims, is not as its last entry (%d) left it: it was changed by hand", t.last)
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
	intent := pointerMark(r.Intent, keptIntent)
	if intent == t.earlier {
		t.intent = t.earlier // the newest one has its answer, and the doubt about the one before it is left
	}
	expects, expected := expectationOf(r)
	return []part{
		{"submission (who asked for what)", t.submission, valueMark(r.Submission, nil)},
		{"holder (objectGUID)", t.object, textMark(object)},
		{"intent", t.intent, intent},
		{"receipt", t.receipt, pointerMark(r.Receipt, keptReceipt)},
		{"expectation (what the cloud has to show)", expected, expects},
		{"successor (superseded_by)", t.by, textMark(string(r.SupersededBy))},
		{"release (released_by)", t.released, textMark(r.ReleasedBy)},
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

// expectationOf are marks of what the cloud has to show for a request, and of what it had to by the intent of its write. The expectation
// of a request for which nothing was written stands in no intent; it asks for something at least.
func expectationOf(r queue.Request) (has, told mark) {
	keep := func(e *cloudcheck.Expectation) { e.SyncAtWrite = queue.Instant(e.SyncAtWrite) }
	has = pointerMark(r.Expectation, keep)
	switch {
	case r.Receipt == nil:
		return has, mark{}
	case r.Receipt.Change.Empty() || r.Intent == nil:
		if r.Expectation == nil || len(r.Expectation.Wants) == 0 && r.Action != address.Undo {
			return mark{}, mark{1}
		}
		return has, has
	}
	return has, valueMark(r.Intent.Expectation, keep)
}

// Left gives the requests and tokens that have entries and are not in the store, in no order.
func (s *Stories) Left(found func(Finding)) {
	for id, told := range s.tokens {
		found(Finding{Row: fmt.Sprintf("token %s (%d)", told.name, id), Message: "the log tells of it, and the store has it no more"})
	}
	for id, t := range s.of {
		found(Finding{RequestID: id, Message: fmt.Sprintf("the log tells of it (last in entry %d), and the store has it no more", t.last)})
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
