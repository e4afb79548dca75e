package queue_test

import (
	"os"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/queue"
)

// TestDocsKnowTheStates holds the table of docs/design.md and the code together. The store's tests do the same for the
// SQL CHECK.
func TestDocsKnowTheStates(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range queue.States() {
		next := "–"
		if !s.Final() {
			words := make([]string, len(s.Next()))
			for i, n := range s.Next() {
				words[i] = string(n)
			}
			next = strings.Join(words, ", ")
		}
		if row := "| " + string(s) + " | " + next + " |"; !strings.Contains(string(text), row) {
			t.Errorf("docs/design.md lacks the row %q", row)
		}
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range queue.States() {
		if !strings.Contains(string(readme), "| "+string(s)+" |") {
			t.Errorf("README.md does not say what %s means", s)
		}
	}
}
