package report_test

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/report"
)

// FuzzCSV writes what anybody may have typed: the file is read again into the same cells but for the ' that keeps a
// spreadsheet from calculating, and in no cell does a formula begin, however the lines are split.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"=1+1", "+1", "-1", "@SUM(A1)", `=HYPERLINK("http://x","y")`, "\t=1", "\r=1", "\n=1", "a;=1", "a\t=1", "a\n=1", `"=1`, `";=1`,
		" =1", "＝1", "－1", "=cmd|' /C calc'!A0", "'=1", "a\r\nb", "\ufeff=1", "\xff=1", "\x00=1", "a,\"b\"", `""=1`, "\u00a0=1", ";;=1", "- - note"} {
		f.Add(s, "INC1")
		f.Add("plain", s)
	}
	f.Fuzz(func(t *testing.T, note, name string) {
		m := &maker{}
		m.add("jdoe", "j.doe", queue.Refused, func(q *queue.Request) {
			q.Note, q.Requester, q.Ticket = note, name, note
			q.Cause = &cause.Cause{Code: cause.HeldInCloud, Message: name + note, Conflict: &cause.Conflict{Kind: "user", Name: name}}
		})
		var out bytes.Buffer
		if err := report.Build(m.list, since(), until()).WriteCSV(&out); err != nil {
			t.Fatal(err)
		}
		rows := readSheet(t, out.Bytes())
		if len(rows) != 2 {
			t.Fatalf("%d rows: %q", len(rows), out.String())
		}
		checkCells(t, rows, note, name)
	})
}

func readSheet(t *testing.T, text []byte) [][]string {
	t.Helper()
	text, marked := bytes.CutPrefix(text, []byte("\ufeff"))
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || !marked {
		t.Fatalf("%q: %v", text, err)
	}
	return rows
}

func checkCells(t *testing.T, rows [][]string, note, name string) {
	t.Helper()
	for i, column := range rows[0] {
		cell := rows[1][i]
		want := map[string]string{"note": note, "requester": name, "ticket": note, "conflict_name": name}
		if typed, there := want[column]; there && strings.ReplaceAll(cell, "'", "") != strings.ReplaceAll(asRead(typed), "'", "") {
			t.Fatalf("%s: %q was typed, %q is there", column, typed, cell)
		}
		for _, part := range strings.FieldsFunc(cell, func(r rune) bool { return strings.ContainsRune(";\t\r\n", r) }) {
			begins := strings.TrimLeft(part, "\" ")
			if r, _ := utf8.DecodeRuneInString(begins); begins != "" && strings.ContainsRune("=+-@＝＋－＠", r) {
				t.Fatalf("%s: a formula begins in %q", column, cell)
			}
		}
	}
}

// asRead is what comes back: encoding/csv writes each line break as CR and LF, and no CR of its own.
func asRead(s string) string { return strings.ReplaceAll(s, "\r", "") }
