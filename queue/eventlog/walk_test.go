package eventlog_test

import (
	"strings"
	"testing"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
)

func TestWalk(t *testing.T) {
	t.Parallel()
	empty, broken := newLog(t).walk(nil)
	if entries, removed := empty.Passed(); broken != nil || entries != 0 || removed != 0 || empty.Head() != (eventlog.Anchor{}) {
		t.Errorf("an empty log: %v, %d entries, %d removed, head %v", broken, entries, removed, empty.Head())
	}
	l := five(t)
	l.prune(2, 3)
	l.accept("r6")
	l.prune(5, 5)
	old := eventlog.Anchor{ID: 4, Hash: l.records[3].Hash}
	w, broken := l.walk(&old)
	if broken != nil {
		t.Fatal(broken)
	}
	if entries, removed := w.Passed(); entries != 5 || removed != 3 || w.Head() != l.head() || w.Lost() {
		t.Errorf("%d entries, %d removed, head %v, lost %v", entries, removed, w.Head(), w.Lost())
	}
}

// A walker may begin behind a known entry; what only a whole log shows is then not asked for.
func TestWalkFromTheMiddle(t *testing.T) {
	t.Parallel()
	l := five(t)
	l.remove(4, 4) // no entry tells of it: only a walk of the whole log would miss that
	w := eventlog.NewWalker(eventlog.Anchor{ID: 2, Hash: l.records[1].Hash}, nil)
	e, broken := w.Follow(l.records[2])
	if broken != nil || e.RequestID != "r3" || !e.At.Equal(began().Add(3e9)) {
		t.Fatalf("%v, %+v", broken, e)
	}
	if broken := w.Skip(l.gaps[4]); broken != nil {
		t.Fatal(broken)
	}
	if _, broken := w.Follow(l.records[4]); broken != nil {
		t.Fatal(broken)
	}
	if broken := w.End(false); broken != nil {
		t.Error(broken)
	}
	if broken := w.End(true); broken == nil || broken.Kind != eventlog.BadGap {
		t.Errorf("as a whole log: %v", broken)
	}
}

// reseal makes the entry at index i anew with another text, and rewrites the chain behind it.
func (l *log) reseal(i int, entry string) {
	prev := l.records[i].PrevHash
	l.records[i].Entry = []byte(entry)
	for ; i < len(l.records); i++ {
		l.records[i].PrevHash, l.records[i].Hash = prev, queue.ChainHash(prev, l.records[i].Entry)
		prev = l.records[i].Hash
	}
}

// Each kind of break is found, named by its first entry, and told in a sentence.
func TestBreaks(t *testing.T) {
	t.Parallel()
	replaced := func(r eventlog.Record) string { return strings.Replace(string(r.Entry), `"accepted"`, `"verified"`, 1) }
	for name, c := range map[string]struct {
		damage  func(*log)
		id      int64
		request queue.RequestID
		kind    eventlog.Kind
		says    string
	}{
		"the entry changed": {func(l *log) { l.records[2].Entry = []byte(replaced(l.records[2])) }, 3, "r3", eventlog.Changed, "is not what was written"},
		"the hash changed":  {func(l *log) { l.records[2].Hash = "x" }, 3, "r3", eventlog.Changed, "is not what was written"},
		"the link changed":  {func(l *log) { l.records[2].PrevHash = "x" }, 3, "r3", eventlog.Changed, "the link to the entry before it"},
		"no JSON":           {func(l *log) { l.records[2].Entry = []byte("x") }, 3, "r3", eventlog.Changed, "cannot be read any more"},
		"another request's": {func(l *log) { l.records[2].RequestID = "r9" }, 3, "r9", eventlog.Changed, `stands with request "r9" and tells of "r3"`},
		"resealed alone": {func(l *log) {
			r := &l.records[2]
			r.Entry = []byte(replaced(*r))
			r.Hash = queue.ChainHash(r.PrevHash, r.Entry)
		}, 4, "r4", eventlog.Unlinked, "was written behind another entry 3"},
		"one missing":       {func(l *log) { l.records = append(l.records[:2], l.records[3:]...) }, 3, "", eventlog.Missing, "entry 3 is missing; nothing tells"},
		"several missing":   {func(l *log) { l.records = append(l.records[:1], l.records[4:]...) }, 2, "", eventlog.Missing, "entries 2 to 4 are missing"},
		"the first missing": {func(l *log) { l.records = l.records[1:] }, 1, "", eventlog.Missing, "the beginning of the log was cut off"},
		"one twice":         {func(l *log) { l.records = append(l.records[:3], l.records[2:]...) }, 4, "r3", eventlog.Inserted, "number 3 stands before entry 4"},
		"moved up": {func(l *log) {
			l.records = append(l.records[:2], l.records[3:]...)
			l.records[2].ID = 3
		}, 3, "r4", eventlog.Moved, "was written as entry 4"},
		"a gap that nobody told": {func(l *log) { l.remove(2, 3) }, 6, "", eventlog.BadGap, "2 entries are removed, and no entry tells"},
		"a gap elsewhere": {func(l *log) {
			l.remove(2, 3)
			g := l.gaps[2]
			g.First = 3
			l.gaps[2] = g
		}, 2, "", eventlog.BadGap, "does not fit behind entry 1"},
		"a gap behind another hash": {func(l *log) {
			l.remove(2, 3)
			g := l.gaps[2]
			g.PrevHash = "x"
			l.gaps[2] = g
		}, 2, "", eventlog.BadGap, "does not fit behind entry 1"},
		"a gap of nothing": {func(l *log) {
			l.gaps[2] = eventlog.Gap{First: 2, Last: 1, PrevHash: l.records[0].Hash, Hash: l.records[0].Hash}
		},
			2, "", eventlog.BadGap, "does not fit behind entry 1"},
		"a gap with another end": {func(l *log) {
			l.remove(2, 3)
			g := l.gaps[2]
			g.Hash = "x"
			l.gaps[2] = g
		}, 4, "r4", eventlog.Unlinked, "was written behind another entry 3"},
		"one more removed than was told": {func(l *log) {
			l.prune(2, 2)
			l.remove(4, 4)
		}, 6, "", eventlog.BadGap, "not what entry 6 says"},
		"told of a removal that is none": {func(l *log) {
			l.prune(2, 2)
			delete(l.gaps, 2)
		}, 6, "", eventlog.BadGap, "not what entry 6 says"},
		"the record of a removal is no removal": {func(l *log) {
			l.prune(2, 2)
			l.reseal(5, strings.Replace(string(l.records[5].Entry), `"gaps":1`, `"gaps":"one"`, 1))
		}, 6, "", eventlog.BadGap, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := five(t)
			c.damage(l)
			_, b := l.walk(nil)
			if b == nil {
				t.Fatal("the chain holds")
			}
			if b.ID != c.id || b.RequestID != c.request || b.Kind != c.kind || !strings.Contains(b.Error(), c.says) {
				t.Errorf("got entry %d, request %q, %s: %s", b.ID, b.RequestID, b.Kind, b)
			}
		})
	}
}

// A head that was kept elsewhere shows what the chain alone cannot: a log that was cut, or rewritten from some entry on.
func TestExpectedHead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at     int // which entry was the head then
		damage func(*log)
		kind   eventlog.Kind // "" where the log holds
		id     int64
		lost   bool
	}{
		"still the head":          {at: 5, damage: func(*log) {}},
		"more came since":         {at: 3, damage: func(l *log) { l.accept("r6") }},
		"cut off behind it":       {at: 3, damage: func(l *log) { l.records = l.records[:4] }},
		"cut off":                 {at: 5, damage: func(l *log) { l.records = l.records[:4] }, kind: eventlog.CutOff, id: 5},
		"everything is gone":      {at: 5, damage: func(l *log) { l.records = nil }, kind: eventlog.CutOff, id: 1},
		"rewritten":               {at: 5, damage: func(l *log) { l.reseal(1, strings.Replace(string(l.records[1].Entry), `"r2"`, `"r2","x":1`, 1)) }, kind: eventlog.Changed, id: 5},
		"removed by retention":    {at: 3, damage: func(l *log) { l.prune(2, 4) }, lost: true},
		"the last of what went":   {at: 4, damage: func(l *log) { l.prune(2, 4) }},
		"the entry before a gap":  {at: 1, damage: func(l *log) { l.prune(2, 4) }},
		"the entry behind a gap":  {at: 5, damage: func(l *log) { l.prune(2, 4) }},
		"rewritten within a gap":  {at: 4, damage: func(l *log) { l.reseal(1, string(l.records[1].Entry)+" "); l.prune(2, 4) }, kind: eventlog.Changed, id: 4},
		"rewritten before a gap":  {at: 1, damage: func(l *log) { l.reseal(0, string(l.records[0].Entry)+" "); l.prune(2, 4) }, kind: eventlog.Changed, id: 1},
		"rewritten, nobody knows": {at: 3, damage: func(l *log) { l.reseal(1, string(l.records[1].Entry)+" "); l.prune(2, 4) }, lost: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := five(t)
			expected := eventlog.Anchor{ID: l.records[c.at-1].ID, Hash: l.records[c.at-1].Hash}
			c.damage(l)
			w, b := l.walk(&expected)
			if b == nil && c.kind != "" || b != nil && (b.Kind != c.kind || b.ID != c.id) {
				t.Errorf("got %+v", b)
			}
			if w.Lost() != c.lost {
				t.Errorf("lost %v", w.Lost())
			}
		})
	}
}

func TestParseAnchor(t *testing.T) {
	t.Parallel()
	sum := queue.ChainHash("", nil)
	for text, want := range map[string]eventlog.Anchor{
		"7:" + sum:                      {ID: 7, Hash: sum},
		" 7:" + sum + "\n":              {ID: 7, Hash: sum},
		"7:" + strings.ToUpper(sum):     {ID: 7, Hash: sum},
		"":                              {},
		"7":                             {},
		"7:":                            {},
		"7:" + sum[:62]:                 {},
		"7:" + sum + "00":               {},
		"7:" + strings.Repeat("zz", 32): {},
		"0:" + sum:                      {},
		"-1:" + sum:                     {},
		"x:" + sum:                      {},
		"9223372036854775808:" + sum:    {},
		"7: " + sum:                     {},
		"7:" + sum + ":" + sum:          {},
	} {
		got, err := eventlog.ParseAnchor(text)
		if got != want || (err == nil) != (want != eventlog.Anchor{}) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if again, err := eventlog.ParseAnchor(got.String()); want.ID != 0 && (err != nil || again != want) {
			t.Errorf("%q: printed and read again it is %v, %v", text, again, err)
		}
	}
}
