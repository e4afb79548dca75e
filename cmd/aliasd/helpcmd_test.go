package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/cause"
)

// `aliasd help CODE` prints the page of every cause code, whose links name commands and documents.
func TestHelpPrintsThePageOfEachCause(t *testing.T) {
	t.Parallel()
	root := newApp(nil, nil, nil, func(string) (string, bool) { return "", false }).rootCommand()
	for code := range cause.Codes() {
		if about, _, err := root.Find([]string{string(code)}); err == nil && about != root {
			t.Errorf("%s is the name of a command too", code)
		}
		page, err := os.ReadFile("../../docs/causes/" + string(code) + ".md")
		fatal(t, err)
		got := call(t, nil, "help", string(code))
		got.want(t, exitDone, "# "+string(code)+"\n\n", "## What it means\n\n", "## What to do\n\n")
		if strings.Contains(got.out, "](") || strings.Contains(got.out, "```") || got.err != "" {
			t.Errorf("%s: a link leads nowhere, or code is fenced in:\n%s%s", code, got.out, got.err)
		}
		if lost := lostWords(string(page), got.out); len(lost) > 0 {
			t.Errorf("%s: the page lost %q", code, lost)
		}
		asJSON := call(t, nil, "help", string(code), "--json")
		var as causePageJSON
		if err := json.Unmarshal([]byte(asJSON.out), &as); err != nil || as.Code != string(code) || as.Page != string(page) {
			t.Errorf("%s as JSON: %v, %+v", code, err, as)
		}
	}
}

// lostWords are the words of a page that are not printed, those of links and fences apart.
func lostWords(page, printed string) (lost []string) {
	there := map[string]bool{}
	for word := range strings.FieldsSeq(printed) {
		there[word] = true
	}
	for word := range strings.FieldsSeq(page) {
		if !there[word] && !strings.Contains(word, "](") && !strings.HasPrefix(strings.TrimLeft(word, "("), "[") && !strings.HasPrefix(word, "```") {
			lost = append(lost, word)
		}
	}
	return lost
}

func TestHelpWrapsPages(t *testing.T) {
	t.Parallel()
	got := call(t, nil, "help", "QUARANTINED")
	got.want(t, exitDone, "the cause is held_by_deleted (aliasd help held_by_deleted).", "\n1. The other one shall give it up: take the address away there. An hourly task\n   of the cloud then releases it")
	for line := range strings.Lines(got.out) {
		if len([]rune(line)) > textWidth+1 && !strings.HasPrefix(line, "  ") {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
	call(t, nil, "help", "not_synced_yet").want(t, exitDone, "\n  Start-ADSyncSyncCycle -PolicyType Delta\n")
}

// What is neither a command nor a code is wrong usage, and what may have been meant is named.
func TestHelpKnowsNearMatches(t *testing.T) {
	t.Parallel()
	for word, near := range map[string]string{
		"quarantine": "did you mean quarantined?", "quarantinned": "did you mean quarantined?", "held": "did you mean held_by_deleted, held_in_cloud, held_on_premises?",
		"audits": "did you mean audit?", "polices": "polices is neither a command nor a cause code",
	} {
		got := call(t, nil, "help", word)
		got.want(t, exitUsage, near, "Try: aliasd help --help")
		if got.out != "" {
			t.Errorf("%s: printed %q", word, got.out)
		}
	}
	call(t, nil, "help", "token", "nothing").want(t, exitUsage, "token nothing is neither")
}

// The help of commands is what it was.
func TestHelpOfCommands(t *testing.T) {
	t.Parallel()
	for _, path := range [][]string{nil, {"add"}, {"token", "create"}, {"help"}} {
		want, got := call(t, nil, append(path[:len(path):len(path)], "--help")...), call(t, nil, append([]string{"help"}, path...)...)
		if got.code != exitDone || got.out != want.out || got.out == "" {
			t.Errorf("help %v:\n%s\nand not\n%s", path, got.out, want.out)
		}
	}
}
