package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/audit"
	"github.com/aliasd/aliasd/private"
	"github.com/aliasd/aliasd/report"
)

// readAll reads the three files of an audit, which must be closed to others.
func readAll(t *testing.T, files report.AuditFiles) (page, sheet, lines []byte) {
	t.Helper()
	var read [3][]byte
	for i, path := range []string{files.HTML, files.CSV, files.JSONL} {
		if err := private.CheckPrivate(path); err != nil {
			t.Error(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		read[i] = data
	}
	return read[0], read[1], read[2]
}

// pageOf is the page of an audit, entities resolved.
func pageOf(t *testing.T, items []audit.Item, s audit.Summary) string {
	t.Helper()
	page, _, _ := readAll(t, savedAudit(t, audited(t), items, s))
	return html.UnescapeString(string(page))
}

func TestAuditGolden(t *testing.T) {
	t.Parallel()
	dir := audited(t)
	files := savedAudit(t, dir, someFindings(), summed(someFindings(), 480))
	want := report.AuditFiles{
		HTML:  filepath.Join(dir, "aliasd-audit-20250304T060000Z.html"),
		CSV:   filepath.Join(dir, "aliasd-audit-20250304T060000Z.csv"),
		JSONL: filepath.Join(dir, "aliasd-audit-20250304T060000Z.jsonl"),
	}
	if files != want {
		t.Errorf("got %+v", files)
	}
	page, sheet, lines := readAll(t, files)
	golden(t, "audit.html", page)
	golden(t, "audit.csv", sheet)
	golden(t, "audit.jsonl", lines)
	left(t, dir, 3)
}

// TestAuditInOrder: an audit that finds nothing says so, and has its files all the same.
func TestAuditInOrder(t *testing.T) {
	t.Parallel()
	page, sheet, lines := readAll(t, savedAudit(t, audited(t), nil, summed(nil, 480)))
	golden(t, "audit-in-order.html", page)
	if rows := readCSV(t, sheet); len(rows) != 1 || bytes.Count(lines, []byte("\n")) != 1 {
		t.Errorf("%d rows, lines %s", len(rows), lines)
	}
}

// TestAuditOfNotices: what is only good to know is shown, and asks for nothing.
func TestAuditOfNotices(t *testing.T) {
	t.Parallel()
	notices := someFindings()[11:]
	for asks, items := range map[bool][]audit.Item{false: notices, true: someFindings()} {
		page := pageOf(t, items, summed(items, 480))
		if strings.Contains(page, "There is nothing to do.") == asks || !strings.Contains(page, "More: aliasd help upn_stays<") {
			t.Errorf("asks for something: %v, want %v", !asks, asks)
		}
	}
}

// TestAuditSavedTwice: a second audit of the same second does not write over the first.
func TestAuditSavedTwice(t *testing.T) {
	t.Parallel()
	dir := audited(t)
	first := savedAudit(t, dir, someFindings(), summed(someFindings(), 480))
	second := savedAudit(t, dir, nil, summed(nil, 480))
	if !strings.HasSuffix(second.JSONL, "Z-2.jsonl") {
		t.Errorf("got %s", second.JSONL)
	}
	_, sheet, _ := readAll(t, first)
	golden(t, "audit.csv", sheet)
	left(t, dir, 6)
}

// TestAuditAborted: nothing is left, and nothing has a name before the end.
func TestAuditAborted(t *testing.T) {
	t.Parallel()
	dir := audited(t)
	a, err := report.CreateAudit(dir, until())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Take(someFindings()[0]); err != nil {
		t.Fatal(err)
	}
	if named, err := filepath.Glob(filepath.Join(dir, "aliasd-*")); err != nil || len(named) > 0 {
		t.Errorf("named before the end: %v, %v", named, err)
	}
	for range 2 { // the second time there is nothing left to be done
		if err := a.Abort(); err != nil {
			t.Error(err)
		}
	}
	left(t, dir, 0)
	if _, err := a.Finish(summed(nil, 1)); err == nil {
		t.Error("finished what was aborted")
	}
}

// TestAuditAbortAfterFinish leaves the files alone.
func TestAuditAbortAfterFinish(t *testing.T) {
	t.Parallel()
	dir := audited(t)
	a, err := report.CreateAudit(dir, until())
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Finish(summed(nil, 1))
	if err = errors.Join(err, a.Abort()); err != nil {
		t.Error(err)
	}
	left(t, dir, 3)
}

// TestAuditFolderGone: where the folder cannot take the files, the error says so and nothing is left.
func TestAuditFolderGone(t *testing.T) {
	t.Parallel()
	dir := audited(t)
	a, err := report.CreateAudit(dir, until())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Finish(summed(nil, 1)); err == nil || !strings.Contains(err.Error(), "save the audit: ") {
		t.Errorf("finished without a folder: %v", err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := report.CreateAudit(dir, until()); err == nil {
		t.Error("began in a file")
	}
}

func TestAuditHeadline(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]audit.Summary{
		"There is no holder to compare.":   {Complete: true},
		"No holder was compared.":          {},
		"The one holder is in order.":      {Complete: true, Holders: 1, InOrder: 1},
		"All 12,480 holders are in order.": {Complete: true, Holders: 12480, InOrder: 12480},
		"Nothing needs anybody: 478 of 480 holders are in order, 2 wait for the cloud.": {Holders: 480, InOrder: 478, Pending: 2},
		"1 of 480 holders needs somebody.":                                              {Holders: 480, InOrder: 479, Wrong: 1},
		"12 of 480 holders need somebody; 1 more waits for the cloud.":                  {Holders: 480, InOrder: 467, Wrong: 12, Pending: 1},
		"1 of 1 holder needs somebody.":                                                 {Holders: 1, Wrong: 1},
	} {
		s.Began, s.Ended = until(), until()
		if page := pageOf(t, nil, s); !strings.Contains(page, ">"+want+"</p>") {
			t.Errorf("lacks %q", want)
		}
	}
}

// TestAuditIncomplete: the page says so before anything else, and never that all is well.
func TestAuditIncomplete(t *testing.T) {
	t.Parallel()
	s := summed(nil, 214)
	s.Complete, s.Stopped = false, "it was interrupted; 214 holders were compared until then"
	page := pageOf(t, nil, s)
	notice, headline := strings.Index(page, "Not complete.</strong> It was interrupted; 214 holders were compared until then.</p>"), strings.Index(page, "All 214 holders")
	if notice < 0 || headline < notice || strings.Contains(page, "nothing to do") {
		t.Errorf("the notice stands at %d, the headline at %d", notice, headline)
	}
}

// TestAuditPercent: what is short of all is never shown as all, and a small part can be seen.
func TestAuditPercent(t *testing.T) {
	t.Parallel()
	s := audit.Summary{Began: until(), Ended: until(), Complete: true, Holders: 100000, InOrder: 99999, Wrong: 1}
	page := pageOf(t, nil, s)
	if !strings.Contains(page, ">99.9 %<") || !strings.Contains(page, `stroke-dasharray="1.19 100"`) {
		t.Error("one of 100,000 cannot be seen")
	}
}

// TestLongAudit: the page stays readable; what it leaves out it counts, and the files have all.
func TestLongAudit(t *testing.T) {
	t.Parallel()
	items := manyFindings(30000)
	page, sheet, lines := readAll(t, savedAudit(t, audited(t), items, summed(items, 104211)))
	if len(page) > 1<<20 {
		t.Errorf("%d bytes", len(page))
	}
	for _, want := range []string{"and 10,691 more, in the CSV", "quarantined <span style=\"font-weight:400\">&middot; 10,716 findings", "and 85 more, in the JSON lines"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("lacks %q", want)
		}
	}
	if rows := readCSV(t, sheet); len(rows) != 30001 || bytes.Count(lines, []byte("\n")) != 30001 {
		t.Errorf("%d rows, %d lines", len(rows), bytes.Count(lines, []byte("\n")))
	}
}

// TestAuditOrder: what needs somebody comes first, then the most frequent.
func TestAuditOrder(t *testing.T) {
	t.Parallel()
	page := pageOf(t, someFindings(), summed(someFindings(), 480))
	at := 0
	for _, code := range []string{"quarantined", "duplicate_on_premises", "mail_differs", "not_in_cloud", "two_primaries", "value_discarded", "not_synced_yet", "upn_stays"} {
		next := strings.Index(page, "More: aliasd help "+code+"<")
		if next < at {
			t.Errorf("%s stands at %d", code, next)
		}
		at = next
	}
}

// TestAuditSides: what stands where is said, the value that it is about among the first.
func TestAuditSides(t *testing.T) {
	t.Parallel()
	var many address.Set
	for i := range 20 {
		many = append(many, address.Proxy(fmt.Sprintf("smtp:a%d@contoso.test", i)))
	}
	many = append(many, "SMTP:lea@contoso.test", "X500:/o=x")
	page := pageOf(t, []audit.Item{found("lea", berlin, cloudcheck.Wrong, cause.NotInCloud, "SMTP:A19@contoso.test", "why", func(it *audit.Item) {
		it.OnPremises, it.Cloud = values("", many...), nil
	})}, summed(nil, 1))
	text := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, "")
	for _, want := range []string{
		"SMTP:lea@contoso.test, smtp:a19@contoso.test, smtp:a0@contoso.test, smtp:a1@contoso.test, smtp:a2@contoso.test, smtp:a3@contoso.test, and 15 more; mail empty",
		"clouddoes not have the holder", "user in Berlin / Staff",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q", want)
		}
	}
}

// hostileFindings have each hostile string in each place that comes from outside.
func hostileFindings() []audit.Item {
	var list []audit.Item
	for i, s := range hostile() {
		severity := cloudcheck.Severities()[i%3]
		list = append(list, found("x", berlin, severity, cause.Code(s), s, s, func(it *audit.Item) {
			all := values(s, address.Proxy("SMTP:"+s), address.Proxy(s))
			it.Name, it.UPN, it.DN, it.Kind, it.CloudID, it.ObjectGUID = s, s, address.DN(s), address.Kind(s), s, s
			it.OnPremises, it.Predicted = all, &all
			it.Conflict = &cause.Conflict{Kind: s, ID: s, Name: s, Address: s}
		}))
	}
	return list
}

func hostileSummary() audit.Summary {
	s := audit.Summary{Began: until(), Ended: until(), Holders: 9, Wrong: 9, Stopped: hostile()[0], BaseDN: hostile()[1], TenantDomain: hostile()[2]}
	for _, text := range hostile() {
		s.Kinds = append(s.Kinds, audit.KindCount{Kind: address.Kind(text), Holders: 1})
		s.Units = append(s.Units, audit.UnitCount{Unit: text, Holders: 2, Wrong: 1})
	}
	return s
}

// TestHostileAudit: no markup comes from outside, and no cell begins as a formula does.
func TestHostileAudit(t *testing.T) {
	t.Parallel()
	page, sheet, lines := readAll(t, savedAudit(t, audited(t), hostileFindings(), hostileSummary()))
	tags := regexp.MustCompile(`</?([a-zA-Z][a-zA-Z0-9]*)[^>]*>`)
	allowed := strings.Fields("html head meta title style body table colgroup col thead tbody tr td th p h1 h2 div span strong br svg rect circle line text")
	for _, m := range tags.FindAllStringSubmatch(string(page), -1) {
		outside := regexp.MustCompile(`"[^"]*"`).ReplaceAllString(m[0], "") // of attributes' values
		if !contains(allowed, m[1]) || regexp.MustCompile(`(?i)\son[a-z]+=|src=|href=`).MatchString(outside) {
			t.Errorf("markup that is not ours: %s", m[0])
		}
	}
	if bytes.Count(page, []byte("<style>")) != 1 || bytes.Contains(page, []byte("ZgotmplZ")) || bytes.Contains(page, []byte("<!--")) {
		t.Error("a style, a comment or a place that the template holds for unsafe")
	}
	for _, row := range readCSV(t, sheet)[1:] {
		for i, cell := range row {
			if strings.IndexAny(cell, "=+-@\t\r\n＝＋－＠") == 0 {
				t.Errorf("column %d begins as a formula: %q", i, cell)
			}
		}
	}
	for line := range bytes.Lines(lines) {
		if !json.Valid(line) {
			t.Errorf("no JSON: %s", line)
		}
	}
}

// TestAnyTextInAnAudit: whatever a directory holds, the page keeps its own markup, the CSV its columns, each line its JSON.
func TestAnyTextInAnAudit(t *testing.T) {
	t.Parallel()
	with := func(text string) (page, sheet, lines []byte) {
		it := found("x", berlin, cloudcheck.Wrong, cause.Quarantined, text, text, func(it *audit.Item) {
			it.Name, it.UPN, it.OnPremises = text, text, values(text, address.Proxy("smtp:"+text))
			it.Conflict = &cause.Conflict{Kind: "user", Name: text, Address: text}
		})
		return readAll(t, savedAudit(t, audited(t), []audit.Item{it}, summed(nil, 3)))
	}
	page, _, _ := with("x")
	plain := bytes.Count(page, []byte("<"))
	rapid.Check(t, func(rt *rapid.T) {
		text := "x" + rapid.String().Draw(rt, "text") // an empty one leaves lines out
		page, sheet, lines := with(text)
		if n := bytes.Count(page, []byte("<")); n != plain {
			rt.Fatalf("%q: %d tags, want %d", text, n, plain)
		}
		if rows := readCSV(t, sheet); len(rows) != 2 {
			rt.Fatalf("%q: %v", text, rows)
		}
		if bytes.Count(lines, []byte("\n")) != 2 {
			rt.Fatalf("%q: %s", text, lines)
		}
	})
}
