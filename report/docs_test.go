package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/report"
)

// documented gives the names in backticks of one section of a document.
func documented(t *testing.T, document, section string) []string {
	t.Helper()
	data, err := os.ReadFile("../docs/" + document)
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut("\n"+string(data), "\n"+section+"\n")
	if !found {
		t.Fatalf("no section %s", section)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	var names []string
	for _, m := range regexp.MustCompile("`([a-z0-9_]+)`").FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}

// TestJSONIsDocumented: each key stands in the document, and each name there is a key.
func TestJSONIsDocumented(t *testing.T) {
	t.Parallel()
	requests := day()
	requests[0].Note = "n"
	requests[1].Cause = &cause.Cause{Code: cause.AmbiguousHolder, Candidates: []cause.Candidate{{UPN: "u", Mail: "m"}}}
	r := report.Build(requests, since(), until())
	var tree any
	if err := json.Unmarshal(rendered(t, r.WriteJSON), &tree); err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	collect(tree, keys)
	sameNames(t, keys, documented(t, "report.md", "## JSON"))
}

// sameNames holds keys and documented names together.
func sameNames(t *testing.T, keys map[string]bool, names []string) {
	t.Helper()
	for key := range keys {
		if !slices.Contains(names, key) {
			t.Errorf("%s is not documented", key)
		}
	}
	for _, name := range names {
		if !keys[name] {
			t.Errorf("%s is documented, but no key", name)
		}
	}
}

func collect(tree any, keys map[string]bool) {
	switch node := tree.(type) {
	case map[string]any:
		for key, value := range node {
			keys[key] = true
			collect(value, keys)
		}
	case []any:
		for _, value := range node {
			collect(value, keys)
		}
	}
}

// TestCSVIsDocumented: the columns stand there in their order.
func TestCSVIsDocumented(t *testing.T) {
	t.Parallel()
	header := readCSV(t, rendered(t, built().WriteCSV))[0]
	if names := documented(t, "report.md", "## CSV"); !slices.Equal(names, header) {
		t.Errorf("documented\n%v\nwritten\n%v", names, header)
	}
}

// TestAttentionIsDocumented: the waitings and refusals that need a human are those of the document's table.
func TestAttentionIsDocumented(t *testing.T) {
	t.Parallel()
	names := documented(t, "report.md", "# The verification report")
	for code, kinds := range cause.Codes() {
		for kind, state := range map[cause.Kind]queue.State{cause.Waiting: queue.Queued, cause.Refusal: queue.Refused} {
			if !slices.Contains(kinds, kind) {
				continue
			}
			m := &maker{}
			m.add("x", "y", state, because(cause.Wait(code, "why")))
			needs := report.Build(m.list, since(), until()).NeedHuman == 1
			if needs != slices.Contains(names, string(code)) {
				t.Errorf("%s as a %s: needs a human %v, documented otherwise", code, kind, needs)
			}
		}
	}
}

// TestAuditIsDocumented: the keys of the JSON lines and the columns of the CSV stand in the document, and nothing else.
func TestAuditIsDocumented(t *testing.T) {
	t.Parallel()
	items, s := someFindings(), summed(someFindings(), 480)
	items[0].Candidates = []cause.Candidate{{}}
	s.Stopped = "stopped"
	_, sheet, lines := readAll(t, savedAudit(t, audited(t), items, s))
	keys := map[string]bool{}
	for line := range bytes.Lines(lines) {
		var tree map[string]any
		if err := json.Unmarshal(line, &tree); err != nil {
			t.Fatal(err)
		}
		collect(tree, keys)
	}
	sameNames(t, keys, documented(t, "audit.md", "## JSON lines"))
	if names, header := documented(t, "audit.md", "## CSV"), readCSV(t, sheet)[0]; !slices.Equal(names, header) {
		t.Errorf("documented\n%v\nwritten\n%v", names, header)
	}
}
