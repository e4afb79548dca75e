package eventlog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
)

// pruned is a log with two gaps.
func pruned(t testing.TB) *log {
	l := five(t)
	l.prune(2, 3)
	l.accept("r6")
	l.prune(5, 5)
	return l
}

func verify(t *testing.T, text string, c eventlog.Check) eventlog.FileResult {
	t.Helper()
	found, err := eventlog.VerifyFile(strings.NewReader(text), c)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// The form of an export is a contract with everybody who reads one: it stands here to the letter.
func TestExportForm(t *testing.T) {
	t.Parallel()
	l := five(t)
	l.records = l.records[:3]
	l.remove(2, 2)
	one, two, three := l.records[0], l.records[1], l.records[2]
	want := fmt.Sprintf(`{"id":1,"prev_hash":"","hash":"%s","entry":%s}
{"gap":{"first_id":2,"last_id":2,"prev_hash":"%s","hash":"%s"}}
{"id":3,"prev_hash":"%s","hash":"%s","entry":%s}
{"summary":{"entries":2,"removed":1,"last":{"id":3,"hash":"%s"},"head":{"id":3,"hash":"%s"}}}
`, one.Hash, one.Entry, one.Hash, two.Hash, two.Hash, three.Hash, three.Entry, three.Hash, three.Hash)
	if got := l.export(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestVerifyFile(t *testing.T) {
	t.Parallel()
	l := pruned(t)
	found := verify(t, l.export(), eventlog.Check{Expected: &eventlog.Anchor{ID: 4, Hash: l.records[3].Hash}})
	if !found.OK() || found.Err() != nil || found.Entries != 5 || found.Removed != 3 || found.Head != l.head() || found.HeadRemoved {
		t.Errorf("%v, %+v", found.Err(), found.Result)
	}
	if last := began().Add(8e9); !found.HeadAt.Equal(last) {
		t.Errorf("the newest entry is of %s, want %s", found.HeadAt, last)
	}
	if s := found.Summary; s == nil || s.Entries != 5 || s.Removed != 3 || s.Last != l.head() || s.Behind != (eventlog.Anchor{}) {
		t.Errorf("summary %+v", s)
	}
	if found := verify(t, l.export(), eventlog.Check{Expected: &eventlog.Anchor{ID: 2, Hash: "any"}}); !found.OK() || !found.HeadRemoved {
		t.Errorf("a head that retention removed: %v, %+v", found.Err(), found.Result)
	}
}

// An export of nothing has its summary all the same.
func TestVerifyFileOfNothing(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := eventlog.NewWriter(&out).Close(); err != nil {
		t.Fatal(err)
	}
	if found := verify(t, out.String(), eventlog.Check{}); !found.OK() || found.Entries != 0 {
		t.Errorf("%v, %+v", found.Err(), found.Result)
	}
}

// One request's entries do not follow one another: the summary says so, and each is verified by itself.
func TestVerifyFileOfOneRequest(t *testing.T) {
	t.Parallel()
	l := five(t)
	export := func(of queue.RequestID) string {
		var out strings.Builder
		w := eventlog.NewWriter(&out)
		w.Summary.RequestID, w.Summary.Head = of, l.head()
		if err := errors.Join(w.Record(l.records[1]), w.Record(l.records[3]), w.Close()); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if found := verify(t, export("r2"), eventlog.Check{}); !found.OK() || found.Entries != 2 {
		t.Errorf("%v, %+v", found.Err(), found.Result)
	}
	if found := verify(t, export(""), eventlog.Check{}); found.Break == nil || found.Break.Kind != eventlog.Missing || found.Break.ID != 3 {
		t.Errorf("as the whole log's: %+v", found.Break)
	}
}

// Each way in which an export can be changed is found.
func TestFileBreaks(t *testing.T) {
	t.Parallel()
	without := func(n int) func([]string) []string {
		return func(lines []string) []string { return slices.Delete(lines, n, n+1) }
	}
	replace := func(n int, old, by string) func([]string) []string {
		return func(lines []string) []string {
			if !strings.Contains(lines[n], old) {
				panic(old + " does not stand in " + lines[n])
			}
			lines[n] = strings.Replace(lines[n], old, by, 1)
			return lines
		}
	}
	// The lines: 0 entry 1, 1 gap 2-3, 2 entry 4, 3 gap 5, 4 to 6 the entries 6 to 8, 7 the summary.
	for name, c := range map[string]struct {
		damage func([]string) []string
		id     int64
		kind   eventlog.Kind
		says   string
	}{
		"without its summary":    {without(7), 9, eventlog.CutOff, "ends after entry 8 without its summary"},
		"cut off before":         {func(lines []string) []string { return lines[:3] }, 5, eventlog.CutOff, "ends after entry 4"},
		"the first entry gone":   {without(0), 9, eventlog.Missing, "its summary speaks of 5"},
		"an entry gone":          {without(5), 7, eventlog.Missing, "entry 7 is missing in the file"},
		"the last entry gone":    {without(6), 8, eventlog.Missing, "has 4 entries up to entry 7, and its summary speaks of 5 up to entry 8"},
		"a gap gone":             {without(3), 5, eventlog.Missing, "entry 5 is missing in the file"},
		"an entry changed":       {replace(2, `"r4"`, `"r9"`), 4, eventlog.Changed, "entry 4 was changed"},
		"an entry unreadable":    {replace(2, `"id":4,"request_id"`, `"id":"4","request_id"`), 4, eventlog.Changed, "cannot be read"},
		"a number changed":       {replace(4, `{"id":6,"prev`, `{"id":7,"prev`), 7, eventlog.Moved, "was written as entry 6"},
		"a gap widened":          {replace(1, `"last_id":3`, `"last_id":4`), 5, eventlog.Inserted, "number 4 stands before entry 5"},
		"two entries swapped":    {func(lines []string) []string { lines[4], lines[5] = lines[5], lines[4]; return lines }, 8, eventlog.Inserted, "number 6 stands before entry 8"},
		"the summary's number":   {replace(7, `"entries":5`, `"entries":6`), 9, eventlog.Missing, "speaks of 6"},
		"the summary's last":     {replace(7, `"last":{"id":8`, `"last":{"id":9`), 9, eventlog.Missing, "up to entry 9"},
		"the summary's removed":  {replace(7, `"removed":3`, `"removed":2`), 9, eventlog.Missing, "its summary"},
		"something behind":       {func(lines []string) []string { return append(lines, lines[6]) }, 8, eventlog.Inserted, "behind the summary"},
		"the removal's digest":   {replace(6, `"gaps_digest":"`, `"gaps_digest":"0`), 8, eventlog.Changed, "entry 8 was changed"},
		"everything but the end": {func(lines []string) []string { return lines[7:] }, 1, eventlog.Missing, "has 0 entries"},
		"empty":                  {func([]string) []string { return nil }, 1, eventlog.CutOff, "without its summary"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := strings.SplitAfter(strings.TrimSuffix(pruned(t).export(), "\n"), "\n")
			if len(lines) != 8 {
				t.Fatalf("%d lines", len(lines))
			}
			lines[7] += "\n"
			b := verify(t, strings.Join(c.damage(lines), ""), eventlog.Check{}).Break
			if b == nil {
				t.Fatal("the export holds")
			}
			if b.ID != c.id || b.Kind != c.kind || !strings.Contains(b.Message, c.says) {
				t.Errorf("entry %d, %s: %s", b.ID, b.Kind, b)
			}
		})
	}
}

// A file that is none of ours is an error, and no broken chain.
func TestNoExport(t *testing.T) {
	t.Parallel()
	good := pruned(t).export()
	first, _, _ := strings.Cut(good, "\n")
	for name, text := range map[string]string{
		"text":          "requester;address\n",
		"an empty line": "\n" + good,
		"another JSON":  `{"a":1}` + "\n",
		"a list":        "[]\n",
		"no entry":      `{"id":1,"hash":"x"}` + "\n",
		"half a line":   first + "\n" + first[:len(first)/2],
		"binary":        "\x00\x01\x02\n",
	} {
		_, err := eventlog.VerifyFile(strings.NewReader(text), eventlog.Check{})
		if !errors.Is(err, eventlog.ErrNoExport) || !strings.Contains(err.Error(), "line ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// failing is a stream that breaks.
type failing struct{}

func (failing) Read([]byte) (int, error)  { return 0, errBroken }
func (failing) Write([]byte) (int, error) { return 0, errBroken }

var errBroken = errors.New("the stream broke")

func TestStreamsThatBreak(t *testing.T) {
	t.Parallel()
	if _, err := eventlog.VerifyFile(failing{}, eventlog.Check{}); !errors.Is(err, errBroken) {
		t.Errorf("reading: %v", err)
	}
	w := eventlog.NewWriter(failing{})
	for _, r := range five(t).records {
		if err := w.Record(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); !errors.Is(err, errBroken) {
		t.Errorf("writing: %v", err)
	}
}

// What would break the lines of an export is not exported.
func TestWriterRefuses(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{"", "x", "{\n}", "{\"a\":\r1}", `{"a":`} {
		if err := eventlog.NewWriter(&bytes.Buffer{}).Record(eventlog.Record{ID: 7, Entry: []byte(entry)}); err == nil || !strings.Contains(err.Error(), "entry 7") {
			t.Errorf("%q: %v", entry, err)
		}
	}
}

// Whatever the file holds: reading it ends with a result or ErrNoExport, what passes has the summary that it needs, and what was
// passed is counted.
func FuzzVerifyFile(f *testing.F) {
	good := pruned(f).export()
	f.Add([]byte(good))
	f.Add([]byte(five(f).export()))
	f.Add([]byte(good[:len(good)/2]))
	f.Add([]byte(strings.Replace(good, `"last_id":3`, `"last_id":-9223372036854775808`, 1)))
	f.Add([]byte(`{"gap":{"first_id":1,"last_id":9223372036854775807}}` + "\n" + `{"id":1,"entry":{}}`))
	f.Add([]byte(`{"summary":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := eventlog.VerifyFile(bytes.NewReader(data), eventlog.Check{})
		if err != nil {
			if !errors.Is(err, eventlog.ErrNoExport) {
				t.Fatal(err)
			}
			return
		}
		if found.Break != nil {
			if found.Break.Message == "" || found.Break.Kind == "" {
				t.Errorf("a break without words: %+v", found.Break)
			}
			return
		}
		if s := found.Summary; s == nil || s.Entries != found.Entries || s.Removed != found.Removed || s.Last != found.Head {
			t.Errorf("passes with the summary %+v: %+v", s, found.Result)
		}
		if _, err := json.Marshal(found); err != nil {
			t.Error(err)
		}
	})
}
