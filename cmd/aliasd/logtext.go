package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue/eventlog"
)

// logVerifiedJSON is what log verify prints.
type logVerifiedJSON struct {
	OK bool `json:"ok"`
	// Code is store_altered, where something of the store does not hold.
	Code cause.Code `json:"code,omitempty"`
	eventlog.Result
	Summary *eventlog.Summary `json:"summary,omitempty"`
}

// printVerified prints what verifying showed, and ends with its exit code.
func (a *app) printVerified(found logVerifiedJSON, what string, expected *eventlog.Anchor) error {
	switch {
	case a.json:
		if err := a.printJSON(found); err != nil {
			return err
		}
	case found.OK:
		a.printHolds(found, what, expected)
	default:
		a.printBroken(found, what)
	}
	if !found.OK {
		return &silentError{code: exitError}
	}
	return nil
}

func (a *app) printHolds(found logVerifiedJSON, what string, expected *eventlog.Anchor) {
	say(a.out, "", what+" holds.")
	fmt.Fprintf(a.out, "  entries   %d", found.Entries)
	if found.Removed > 0 {
		fmt.Fprintf(a.out, ", and %d that retention removed", found.Removed)
	}
	fmt.Fprintln(a.out)
	switch s := found.Summary; {
	case s == nil:
		fmt.Fprintf(a.out, "  requests  %d, each is what its entries say\n", found.Requests)
	case s.RequestID != "":
		sayf(a.out, "  request   %s, whose entries are single links", s.RequestID)
	case s.Behind.ID > 0:
		sayf(a.out, "  begins    behind %s", s.Behind)
	default:
		fmt.Fprintln(a.out, "  begins    with the log")
	}
	if found.SchemaUnknown != "" {
		say(a.out, "  schema    ", "not compared: "+found.SchemaUnknown)
	}
	if found.Head.ID > 0 {
		sayf(a.out, "  head      %s", found.Head)
		sayf(a.out, "  made      %s", clockTime(found.HeadAt))
	}
	a.printExpected(found, expected)
}

// printExpected says what the comparison with an earlier head showed, or how to make one later.
func (a *app) printExpected(found logVerifiedJSON, expected *eventlog.Anchor) {
	switch {
	case found.HeadRemoved:
		say(a.out, "", fmt.Sprintf("Entry %d, the head from before, was removed by retention, and is not compared; the entries behind it follow.", expected.ID))
	case expected != nil:
		say(a.out, "", fmt.Sprintf("It has all that it had when entry %d was its head.", expected.ID))
	case found.Summary == nil && found.Head.ID > 0:
		say(a.out, "", "Keep the head on another machine: aliasd log verify --head ID:HASH tells later whether the log still has all that it has now.")
	}
}

// mostNamed is how many requests are named to a person.
const mostNamed = 20

func (a *app) printBroken(found logVerifiedJSON, what string) {
	if b := found.Break; b != nil {
		say(a.out, "", what+" does not hold from entry "+fmt.Sprint(b.ID)+" on ("+string(b.Kind)+").")
		say(a.out, "  ", b.Message)
		if b.RequestID != "" {
			sayf(a.out, "  request %s", b.RequestID)
		}
		a.printOdd(found)
		say(a.out, "", "Entries before it are as they were written. Keep a copy of the data folder as it is, find out who could write to it, "+
			"and compare with an export or a backup.")
		return
	}
	say(a.out, "", fmt.Sprintf("%s is a chain, and %s in the store not what it says or aliasd made (%s):", what, oddInWords(found.Odd), found.Code))
	a.printOdd(found)
	say(a.out, "", "Keep a copy of the store as it is, find out who could write to it, and put back a backup from before: aliasd help "+string(found.Code))
}

func oddInWords(n int) string {
	if n == 1 {
		return "1 thing is"
	}
	return fmt.Sprintf("%d things are", n)
}

func (a *app) printOdd(found logVerifiedJSON) {
	for i, f := range found.Findings {
		if i == mostNamed {
			fmt.Fprintf(a.out, "  and %d more (--json names %d)\n", found.Odd-i, len(found.Findings))
			break
		}
		sayf(a.out, "  %s", f.Name())
		say(a.out, "    ", f.Message)
	}
}

// moment is a flag for a time: a day, a time, or how long ago.
type moment string

// Set takes a time that can be read.
func (m *moment) Set(text string) error {
	if moment(text).at(time.Now()).IsZero() {
		return errors.New("is no time; give 2026-11-01, 2026-11-01T12:00:00Z, or 7d for seven days ago")
	}
	*m = moment(text)
	return nil
}

// at is the time that is meant; zero where none is.
func (m moment) at(now time.Time) time.Time {
	if t, err := time.ParseInLocation(time.DateOnly, string(m), time.Local); err == nil {
		return t
	}
	if t, err := time.Parse(time.RFC3339, string(m)); err == nil {
		return t
	}
	var ago span
	if strings.TrimSpace(string(m)) == "" || ago.Set(string(m)) != nil || ago <= 0 {
		return time.Time{}
	}
	return now.Add(-time.Duration(ago))
}

// String is the time as it was given.
func (m *moment) String() string { return string(*m) }

// Type names the kind of value in the help.
func (m *moment) Type() string { return "time" }

// verified is how far the walk along the log is.
func verified(done, of int64) count {
	return count{phase: "verifying", doing: "verifying", things: "entries", done: done, expected: of}
}
