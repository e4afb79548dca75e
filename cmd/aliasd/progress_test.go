package main

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/cloudcheck/audit"
)

// told is what a progress says of an audit that is told of every four seconds.
func told(t *testing.T, asJSON bool) string {
	t.Helper()
	var out bytes.Buffer
	now := time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC)
	p := &lines{w: &out, json: asJSON, now: func() time.Time { return now }}
	for _, step := range []audit.Progress{
		{Phase: audit.ReadingCloud, Done: 999}, {Phase: audit.ReadingCloud, Done: 4995}, {Phase: audit.ReadingCloud, Done: 9990},
		{Phase: audit.ReadingCloud, Done: 24000}, {Phase: audit.ReadingDirectory, Done: 0, Expected: 90000},
		{Phase: audit.ReadingDirectory, Done: 40000, Expected: 90000, Wrong: 12}, {Phase: audit.ReadingDirectory, Done: 90001, Expected: 90000, Wrong: 12},
		{Phase: audit.NamingConflicts, Done: 3, Expected: 4}, {Phase: audit.NamingConflicts, Done: 4, Expected: 4},
	} {
		p.show(countOf(step))
		now = now.Add(4 * time.Second)
	}
	p.end()
	return out.String()
}

func TestProgressInLines(t *testing.T) {
	t.Parallel()
	want := `reading the tenant: 24000 objects, 2000 a second
comparing: 90001 of about 90001 holders, 11250 a second; 12 need somebody
`
	if got := told(t, false); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	line := inOneLine(countOf(audit.Progress{Phase: audit.ReadingDirectory, Done: 30000, Expected: 90000}), 10*time.Second)
	if line != "comparing: 30000 of about 90000 holders, 3000 a second, 20s left" {
		t.Error(line)
	}
	if line := inOneLine(countOf(audit.Progress{Phase: audit.ReadingDirectory}), 0); line != "comparing: 0 holders" {
		t.Error(line)
	}
}

func TestProgressInJSON(t *testing.T) {
	t.Parallel()
	var last countJSON
	got := strings.Split(strings.TrimSpace(told(t, true)), "\n")
	if err := json.Unmarshal([]byte(got[len(got)-1]), &last); err != nil || len(got) != 2 || last.Done != 90001 || *last.Wrong != 12 || last.At.IsZero() {
		t.Errorf("%v, %q", err, got)
	}
}

// The bar names what it counts, how fast and how long it takes, fits 80 columns, and is gone at the end.
func TestProgressAsABar(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := &bar{w: &out, now: time.Now}
	steps := []audit.Progress{{Phase: audit.ReadingCloud, Done: 999}, {Phase: audit.ReadingCloud, Done: 1998}}
	for n := 0; n <= 100000; n += 20000 {
		steps = append(steps, audit.Progress{Phase: audit.ReadingDirectory, Done: n, Expected: 100000, Wrong: n / 1000})
	}
	for _, step := range steps {
		b.show(countOf(step))
		time.Sleep(120 * time.Millisecond) // the bar measures the clock itself, and draws ten times a second
	}
	b.end()
	b.end() // harmless
	drawn := strings.Split(out.String(), "\r")
	for _, want := range []string{`reading the tenant: 999 objects  \[0s\]`, `comparing \(\d+ need somebody\).*\(\d+/100000, \d+ /s\).*\[\d+s:\d+s\]`} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("%s is not in %q", want, drawn)
		}
	}
	for _, line := range drawn {
		if len([]rune(line)) > 80 {
			t.Errorf("%d columns: %q", len([]rune(line)), line)
		}
	}
	if last := drawn[len(drawn)-1]; strings.TrimSpace(last) != "" {
		t.Errorf("it is left standing: %q", last)
	}
}

// A bar ends at a number that is known, and goes on past one that was estimated.
func TestABarEnds(t *testing.T) {
	t.Parallel()
	for _, estimated := range []bool{false, true} {
		var out bytes.Buffer
		b := &bar{w: &out, now: time.Now}
		for done := range int64(5) {
			c := verified(done+1, 5)
			c.estimated = estimated
			b.show(c)
		}
		over := b.drawn.IsFinished()
		if b.end(); over == estimated || strings.Contains(out.String(), "/6") {
			t.Errorf("estimated: %v, it is over at the end: %v, %q", estimated, over, out.String())
		}
	}
}

func TestTerminals(t *testing.T) {
	t.Parallel()
	file, err := os.Create(t.TempDir() + "/log")
	fatal(t, err)
	defer file.Close()
	if isTerminal(file) || isTerminal(&bytes.Buffer{}) {
		t.Error("a file or a buffer is taken for a terminal")
	}
	a := &app{err: file, now: time.Now}
	for _, quiet := range []bool{true, false} {
		p := a.newProgress(quiet)
		if l, ok := p.(*lines); ok {
			l.told = time.Now().Add(-time.Minute)
		}
		p.show(countOf(audit.Progress{Phase: audit.ReadingCloud, Done: 1}))
		p.end()
		data, err := os.ReadFile(file.Name())
		if fatal(t, err); quiet != (len(data) == 0) {
			t.Errorf("quiet %v: %q", quiet, data)
		}
	}
}

// A log's progress says how many entries there are, and judges nothing: its JSON has no "wrong".
func TestProgressOfALog(t *testing.T) {
	t.Parallel()
	if line := inOneLine(verified(2000, 10000), 10*time.Second); line != "verifying: 2000 of 10000 entries, 200 a second, 40s left" {
		t.Error(line)
	}
	var out bytes.Buffer
	now := time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC)
	p := &lines{w: &out, json: true, now: func() time.Time { return now }}
	p.show(verified(1000, 10000))
	now = now.Add(lineEvery)
	p.show(verified(2000, 10000))
	if want := `{"at":"2026-11-20T07:00:10Z","phase":"verifying","done":2000,"expected":10000}` + "\n"; out.String() != want {
		t.Errorf("got %s", out.String())
	}
}
