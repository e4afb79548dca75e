package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

func TestEscape(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Łukasz, O'Neill \\ 日本": "Łukasz, O'Neill \\ 日本", "a\nb\tc": `a\nb\tc`, "\x1b[31mred": `\x1b[31mred`,
		"\u202eevil": `\u202eevil`, "a\u2028b": `a\u2028b`, "\xff": `\xff`, "\u200b": `\u200b`,
	} {
		if got := escape(text); got != want {
			t.Errorf("escape(%q) = %s, want %s", text, got, want)
		}
	}
}

// A story stands in 80 columns, and what came with the request cannot look like a line of it.
func TestStoryCannotBeForged(t *testing.T) {
	t.Parallel()
	evil := "x\n  held_in_cloud: forged\x1b[2J\u202e"
	long := strings.Repeat("a sentence that says what to do ", 8)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := server.RequestJSON{ID: "r1", State: queue.Refused, Action: address.AddAlias, Holder: evil, Address: "a@contoso.test",
		Note: evil, Requester: evil, Ticket: evil, Notes: []string{long, evil},
		Cause:        &cause.Cause{Code: cause.HeldByDeleted, Message: long + evil, Conflict: &cause.Conflict{Name: evil}},
		EventsCursor: 7,
		Events: []server.EventJSON{{At: at, To: queue.Accepted, What: "accepted"}, {At: at, From: queue.Written, To: queue.Written, What: "woken", By: "mary"}, {At: at, From: queue.Writing, To: queue.Writing, What: "intent"},
			{At: at, From: queue.Written, To: queue.Mismatched, What: "verdict", Cause: &cause.Cause{Code: cause.Quarantined}}}}
	var out bytes.Buffer
	printStory(&out, r)
	text := out.String()
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "  held_in_cloud") || strings.ContainsAny(line, "\x1b\u202e") {
			t.Errorf("forged: %q", line)
		}
		if lipgloss.Width(line) > textWidth && !strings.Contains(line, "forged") {
			t.Errorf("%d columns: %s", lipgloss.Width(line), line)
		}
	}
	for _, part := range []string{"--allow deleted_holder", "about to write (intent stored)", "mismatched: the cloud was looked at: quarantined",
		"asked to look again, by mary", "aliasd show r1 --all-events",
		at.Local().Format("2006-01-02 15:04:05-07:00") + "  accepted"} {
		contains(t, text, part)
	}
}

// Every step that the queue and the store record has words.
func TestEveryEventHasWords(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"accepted", "resolved", "claimed", "taken over", "given back", "paused", "intent", "written", "nothing to write", "in doubt", "retry",
		"woken", "cloud away", "undone", "superseded", "cancelled", "released", "refused", "failed", "verdict"} {
		if got := happened(server.EventJSON{From: queue.Queued, To: queue.Queued, What: what}); got == what && !strings.Contains("cancelled failed", what) {
			t.Errorf("%q has no words", what)
		}
	}
	if got := happened(server.EventJSON{From: queue.Queued, To: queue.Held, What: "new step"}); got != "held" {
		t.Errorf("an unknown step is %q", got)
	}
}

func TestListStandsIn80Columns(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := newApp(nil, &out, nil, func(string) (string, bool) { return "", false })
	page := server.PageJSON{Items: []server.RequestJSON{{ID: "0198c5a2-0000-7000-8000-000000000000", State: queue.Mismatched, Action: address.AddAlias,
		Cause: &cause.Cause{Code: cause.ExportErrorSuspected}, Holder: "CN=Somebody With a Long Name,OU=Far Away,DC=contoso,DC=test", Address: "somebody.long@contoso.test"}}}
	if err := a.printPage(page); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(out.String(), "\n") {
		if lipgloss.Width(line) > textWidth {
			t.Errorf("%d columns: %s", lipgloss.Width(line), line)
		}
	}
	contains(t, out.String(), "0198c5a2-0000-7000-8000-000000000000  mismatched (export_error_suspected)\n    add somebody.long@contoso.test")
}

func TestSkippedIsNeitherWellNorIll(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := newApp(nil, &out, nil, func(string) (string, bool) { return "", false })
	if err := a.printFindings([]checked{{finding: finding{Name: "rights", Detail: "not looked at"}, Skipped: true},
		{finding: finding{Name: "token", OK: true, Detail: "fine"}}}); err != nil {
		t.Error(err)
	}
	contains(t, out.String(), "skip  rights: not looked at\nok    token: fine")
}
