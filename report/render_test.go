package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/report"
)

// renders are the three forms.
func renders(r report.Report) map[string]func(io.Writer) error {
	return map[string]func(io.Writer) error{"day.html": r.WriteHTML, "day.csv": r.WriteCSV, "day.json": r.WriteJSON}
}

func rendered(t *testing.T, write func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, write := range renders(built()) {
		golden(t, name, rendered(t, write))
	}
}

// TestEveryRequestIsInEveryForm, with its holder and result.
func TestEveryRequestIsInEveryForm(t *testing.T) {
	t.Parallel()
	r := built()
	for name, write := range renders(r) {
		text := string(rendered(t, write))
		for _, it := range r.Requests {
			if !strings.Contains(text, string(it.ID)) || !strings.Contains(text, it.Holder) {
				t.Errorf("%s lacks %s for %s", name, it.ID, it.Holder)
			}
		}
	}
}

func TestHeadline(t *testing.T) {
	t.Parallel()
	for want, states := range map[string][]queue.State{
		"Nothing was asked for in this time, and nothing is open.":                                          nil,
		"Of 1 request, 1 is verified, and none needs a human.":                                              {queue.Verified},
		"Of 2 requests, 0 are verified, 1 is under way, and 1 needs a human.":                               {queue.Written, queue.Held},
		"Of 3 requests, 1 is verified, 2 were refused, cancelled or superseded, and none needs a human.":    {queue.Verified, queue.Cancelled, queue.Superseded},
		"Of 4 requests, 2 are verified, 2 are under way, and none needs a human.":                           {queue.Verified, queue.Verified, queue.Queued, queue.Writing},
		"Of 5 requests, 1 is verified, 1 was refused, cancelled or superseded, and 3 need a human.":         {queue.Verified, queue.Refused, queue.Failed, queue.Failed, queue.Held},
		"Of 6 requests, 0 are verified, 3 are under way, 3 were refused, cancelled or superseded, and none": {queue.Accepted, queue.Queued, queue.Written, queue.Refused, queue.Cancelled, queue.Cancelled},
	} {
		m := &maker{}
		for _, s := range states {
			m.add("x", "y", s, nil)
		}
		page := rendered(t, report.Build(m.list, since(), until()).WriteHTML)
		if !bytes.Contains(page, []byte(">"+want)) {
			t.Errorf("lacks %q", want)
		}
	}
}

// TestWords: the page says in words what the files say in codes.
func TestWords(t *testing.T) {
	t.Parallel()
	m := &maker{}
	m.add("a", "a", queue.Verified, func(q *queue.Request) { q.SupersededBy = "undo" })
	m.add("b", "b", queue.Refused, because(cause.Refuse(cause.HeldByDeleted, `ask again with "allow": ["deleted_holder"] to take it`).
		WithConflict(cause.Conflict{Kind: "deleted_user", Name: "Bob"})))
	r := report.Build(m.list, since(), until())
	page := html.UnescapeString(string(rendered(t, r.WriteHTML)))
	for _, want := range []string{"in the way: deleted user Bob", `"allow": ["deleted_holder"] (on the command line --allow deleted_holder) to take it`,
		">verified, then undone</span>", "0 are verified, 1 was verified, then undone, and 1 needs a human"} {
		if !strings.Contains(page, want) {
			t.Errorf("lacks %s", want)
		}
	}
	if strings.Contains(page, "deleted_user") || strings.Contains(page, ">verified</span>") {
		t.Error("shows a code, or calls what was undone verified")
	}
}

// hostile is what somebody could type, or have in a directory.
func hostile() []string {
	return []string{
		`<script>document.title='pwned'</script>`, `"><img src="http://127.0.0.1:9/x" onerror="document.title='pwned'">`,
		`</td></table></body>`, `</style><style>*{display:none}</style>`, `' onmouseover='document.title=1`, `javascript:alert(1)`,
		`=cmd|' /C calc'!A0`, `+1+1`, `-2+3`, `@SUM(1)`, "\t=1", "\r=1", `＝1+1`, `{{.Total}}`, "a\"b,c\nd", "\u202egnp.exe",
		"\x00nul", "bad \xff utf-8", strings.Repeat("unbroken", 40) + "@contoso.test", `&lt;b&gt;`, `<!--`, `]]>`, `url(http://127.0.0.1:9/)`,
	}
}

// hostileDay has each of the strings in each place that comes from outside.
func hostileDay() []queue.Request {
	m := &maker{}
	for i, s := range hostile() {
		m.add("x", "y", []queue.State{queue.Refused, queue.Mismatched, queue.Verified}[i%3], func(q *queue.Request) {
			q.Holder, q.Address, q.Ticket, q.Requester, q.SubmittedBy, q.Note = s, address.Address(s), s, s, s, s
			q.Action = address.Action(s)
			q.Cause = &cause.Cause{Code: cause.Code(s), Message: s, Conflict: &cause.Conflict{Kind: s, ID: s, Name: s, Address: s}}
			q.Receipt = nil
		})
	}
	return m.list
}

// TestHostileHTML: no markup comes from outside.
func TestHostileHTML(t *testing.T) {
	t.Parallel()
	page := string(rendered(t, report.Build(hostileDay(), since(), until()).WriteHTML))
	tags := regexp.MustCompile(`</?([a-zA-Z][a-zA-Z0-9]*)[^>]*>`)
	allowed := strings.Fields("html head meta title style body table thead tbody tr td th p h1 h2 span strong br")
	for _, m := range tags.FindAllStringSubmatch(page, -1) {
		if !contains(allowed, m[1]) || regexp.MustCompile(`(?i)\son[a-z]+=|src=|href=`).MatchString(m[0]) {
			t.Errorf("markup that is not ours: %s", m[0])
		}
	}
	if strings.Count(page, "<style>") != 1 || strings.Contains(page, "ZgotmplZ") || strings.Contains(page, "<!--") {
		t.Error("a style, a comment or a place that the template holds for unsafe")
	}
	if !strings.Contains(page, "&lt;script&gt;document.title=") || !strings.Contains(page, "{{.Total}}") {
		t.Error("hostile text is not shown as text")
	}
}

func contains(list []string, s string) bool {
	return strings.Contains(" "+strings.Join(list, " ")+" ", " "+s+" ")
}

// TestHostileCSV: what comes out is what went in, but no cell begins as a formula does.
func TestHostileCSV(t *testing.T) {
	t.Parallel()
	rows := readCSV(t, rendered(t, report.Build(hostileDay(), since(), until()).WriteCSV))
	if len(rows) != len(hostile())+1 {
		t.Fatalf("%d rows", len(rows))
	}
	notes := map[string]bool{}
	for _, row := range rows[1:] {
		for i, cell := range row {
			if strings.IndexAny(cell, "=+-@\t\r\n＝＋－＠") == 0 {
				t.Errorf("column %s begins as a formula: %q", rows[0][i], cell)
			}
			if rows[0][i] == "note" {
				notes[unguarded(cell)] = true
			}
		}
	}
	for _, s := range hostile() {
		if !notes[strings.ReplaceAll(unguarded(s), "\r", "")] { // the CSV's lines end with CR LF; it keeps no other CR
			t.Errorf("%q did not come through", s)
		}
	}
}

func unguarded(cell string) string { return strings.ReplaceAll(cell, "'", "") }

// TestGuard: no formula begins in a cell, wherever a spreadsheet of whatever language ends one.
func TestGuard(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"j.doe@contoso.test": "j.doe@contoso.test", "": "", "=1+1": "'=1+1", "a;=1+1": "a;'=1+1", "a; +1": "a; '+1", "a\t@x": "a\t'@x", "\t=1": "'\t'=1",
		"X400:c=us;a= ;p=Contoso;": "X400:c=us;a= ;p=Contoso;", "a;\"=1": "a;\"'=1", "a\n-1": "a\n'-1", "a;＝1": "a;'＝1", "a;b=1": "a;b=1", "\xff;=\xfe": "\xff;'=\xfe",
	} {
		if got := report.Guard(cell); got != want {
			t.Errorf("%q becomes %q, wanted %q", cell, got, want)
		}
	}
}

func readCSV(t *testing.T, data []byte) [][]string {
	t.Helper()
	if !bytes.HasPrefix(data, []byte("\ufeff")) {
		t.Error("no byte order mark: spreadsheets take UTF-8 for something else")
	}
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestAnyText: whatever is typed, the page keeps its own markup, the CSV its columns, the JSON its shape.
func TestAnyText(t *testing.T) {
	t.Parallel()
	plain := bytes.Count(rendered(t, one("x").WriteHTML), []byte("<"))
	columns := len(readCSV(t, rendered(t, one("x").WriteCSV))[0])
	rapid.Check(t, func(rt *rapid.T) {
		text := "x" + rapid.String().Draw(rt, "text") // an empty one leaves lines out
		if n := bytes.Count(rendered(t, one(text).WriteHTML), []byte("<")); n != plain {
			rt.Fatalf("%q: %d tags, want %d", text, n, plain)
		}
		rows := readCSV(t, rendered(t, one(text).WriteCSV))
		if len(rows) != 2 || len(rows[1]) != columns {
			rt.Fatalf("%q: %v", text, rows)
		}
		if !json.Valid(rendered(t, one(text).WriteJSON)) {
			rt.Fatalf("%q: no JSON", text)
		}
	})
}

// one is a report of one request that has a text everywhere.
func one(text string) report.Report {
	m := &maker{}
	m.add("x", "y", queue.Mismatched, func(q *queue.Request) {
		q.Holder, q.Address, q.Ticket, q.Requester, q.Note = text, address.Address(text), text, text, text
		q.Cause = &cause.Cause{Code: cause.Deadline, Message: text, Conflict: &cause.Conflict{Kind: "user", Name: text, Address: text}}
	})
	return report.Build(m.list, since(), until())
}

// TestLongReport: a page stays readable; what it leaves out it counts, and the CSV has all.
func TestLongReport(t *testing.T) {
	t.Parallel()
	m := &maker{}
	for i := range 2000 {
		m.add(fmt.Sprintf("user%d", i), fmt.Sprintf("alias%d", i), queue.Held, func(q *queue.Request) {
			q.CreatedAt, q.Cause = since(), &cause.Cause{Code: cause.OverCap, Message: "The cap is reached."}
		})
	}
	r := report.Build(m.list, since(), until())
	page := string(rendered(t, r.WriteHTML))
	for _, want := range []string{"and 1,975 more, in the CSV", "and 1,500 more, in the CSV", "2,000 requests &middot; held for approval"} {
		if !strings.Contains(page, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if len(page) > 1<<20 {
		t.Errorf("%d bytes", len(page))
	}
	if rows := readCSV(t, rendered(t, r.WriteCSV)); len(rows) != 2001 {
		t.Errorf("%d rows", len(rows))
	}
}

// TestZones: the page speaks the reader's time, the files UTC.
func TestZones(t *testing.T) {
	t.Parallel()
	page := html.UnescapeString(string(rendered(t, built().WriteHTML)))
	for _, want := range []string{"Tuesday, 4 March 2025, 07:00 CET", "asked 3 Mar 07:00", "CET (UTC+01:00)"} {
		if !strings.Contains(page, want) {
			t.Errorf("lacks %q", want)
		}
	}
	utc := report.Build(day(), since().UTC(), until().UTC())
	for name, write := range renders(utc) {
		same := bytes.Equal(rendered(t, write), rendered(t, renders(built())[name]))
		if same != (name != "day.html") {
			t.Errorf("%s is the same in another zone: %v", name, same)
		}
	}
	if !strings.Contains(string(rendered(t, utc.WriteHTML)), "Times are in UTC.") {
		t.Error("does not name UTC")
	}
}

// full is a disk that is full after some bytes.
type full struct{ left int }

var errFull = errors.New("no space left on device")

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	for name, write := range renders(built()) {
		for _, left := range []int{0, 3, 2000} {
			if err := write(&full{left}); !errors.Is(err, errFull) {
				t.Errorf("%s with room for %d bytes: %v", name, left, err)
			}
		}
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		400 * time.Millisecond: "0.4 s", 12 * time.Second: "12 s", 119 * time.Second: "119 s", 31 * time.Minute: "31 min",
		2*time.Hour + 5*time.Minute: "2 h 5 min", 3 * time.Hour: "3 h", 76 * time.Hour: "3 d 4 h", 48 * time.Hour: "2 d",
	} {
		m := &maker{}
		m.add("x", "y", queue.Written, func(q *queue.Request) { q.CreatedAt, q.WrittenAt = since(), since().Add(d) })
		if page := rendered(t, report.Build(m.list, since(), until()).WriteHTML); !bytes.Contains(page, []byte(">"+want+"<")) {
			t.Errorf("%v is not shown as %q", d, want)
		}
	}
}
