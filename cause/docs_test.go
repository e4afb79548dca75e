package cause_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/cause"
)

const pages = "../docs/causes"

func readPage(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(pages, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestEachConstantIsACode reads the source: every constant of type Code is listed by Codes, under a value of its own.
func TestEachConstantIsACode(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "cause.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := cause.Codes()
	seen := map[cause.Code]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Code" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			code := cause.Code(value)
			if err != nil || seen[code] || len(codes[code]) == 0 {
				t.Errorf("%s = %q: doubled, or not listed by Codes (%v)", spec.Names[0], value, err)
			}
			seen[code] = true
		}
		return true
	})
	if len(seen) != len(codes) || len(seen) < 41 {
		t.Errorf("%d constants, %d codes", len(seen), len(codes))
	}
}

// TestEachCodeHasAPageAndEachPageACode holds the folder to the code, in both directions.
func TestEachCodeHasAPageAndEachPageACode(t *testing.T) {
	t.Parallel()
	codes := cause.Codes()
	entries, err := os.ReadDir(pages)
	if err != nil {
		t.Fatal(err)
	}
	have := map[cause.Code]bool{}
	for _, entry := range entries {
		name, isPage := strings.CutSuffix(entry.Name(), ".md")
		if !isPage {
			continue
		}
		code := cause.Code(name)
		have[code] = true
		if codes[code] == nil && entry.Name() != "README.md" {
			t.Errorf("%s is a page without a code", entry.Name())
		}
	}
	for code := range codes {
		if !have[code] {
			t.Errorf("%s has no page", code)
		}
	}
}

// TestPagesHaveTheirParts: title, kinds, and the four questions, each answered.
func TestPagesHaveTheirParts(t *testing.T) {
	t.Parallel()
	headings := []string{"What it means", "What to look at", "What to do", "What aliasd does by itself"}
	for code := range cause.Codes() {
		page := readPage(t, string(code)+".md")
		if !strings.HasPrefix(page, "# "+string(code)+"\n\n") {
			t.Errorf("%s: the title is another", code)
		}
		parts := strings.Split(page, "\n## ")
		if len(parts) != len(headings)+1 {
			t.Errorf("%s: %d parts", code, len(parts)-1)
			continue
		}
		for i, heading := range headings {
			name, body, _ := strings.Cut(parts[i+1], "\n")
			if name != heading || len(strings.TrimSpace(body)) < 20 {
				t.Errorf("%s: part %d is %q, want %q with an answer", code, i+1, name, heading)
			}
		}
	}
}

// TestPagesNameTheirKindsAndStates: the kinds are those of Codes, and the states are ones that a request of that kind
// can be in.
func TestPagesNameTheirKindsAndStates(t *testing.T) {
	t.Parallel()
	states := map[cause.Kind][]string{
		cause.Refusal: {"refused"}, cause.Waiting: {"accepted", "queued", "held", "written"},
		cause.Contradiction: {"mismatched"}, cause.Failure: {"failed"}, cause.Finding: nil, cause.Integrity: nil,
	}
	line := regexp.MustCompile(`(?m)^\*\*([A-Z][a-z]+)\*\*: (.*)$`)
	for code, kinds := range cause.Codes() {
		var got []cause.Kind
		for _, m := range line.FindAllStringSubmatch(readPage(t, string(code)+".md"), -1) {
			kind := cause.Kind(strings.ToLower(m[1]))
			got = append(got, kind)
			named := regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(m[2], -1)
			if len(named) == 0 && len(states[kind]) > 0 {
				t.Errorf("%s: names no state", code)
			}
			for _, state := range named {
				if !slices.Contains(states[kind], state[1]) {
					t.Errorf("%s: a %s in state %s", code, kind, state[1])
				}
			}
		}
		if !slices.Equal(got, kinds) {
			t.Errorf("%s: the page says %v, the code %v", code, got, kinds)
		}
	}
}

// TestIndex lists each code under each of its kinds, in the words of its page, and nothing else.
func TestIndex(t *testing.T) {
	t.Parallel()
	kinds := map[string]cause.Kind{
		"Refusals": cause.Refusal, "Waitings": cause.Waiting, "Contradictions": cause.Contradiction, "Failures": cause.Failure,
		"Findings": cause.Finding, "Integrity": cause.Integrity,
	}
	listed := map[cause.Kind][]cause.Code{}
	row := regexp.MustCompile(`(?m)^\| \[([a-z_]+)\]\(([a-z_]+)\.md\) \| (.+) \|$`)
	for _, section := range strings.Split(readPage(t, "README.md"), "\n## ")[1:] {
		title, body, _ := strings.Cut(section, "\n")
		for _, m := range row.FindAllStringSubmatch(body, -1) {
			code := cause.Code(m[1])
			if m[1] != m[2] || cause.Codes()[code] == nil {
				t.Errorf("%s leads to %s", m[1], m[2])
				continue
			}
			listed[kinds[title]] = append(listed[kinds[title]], code)
			summary := strings.ToUpper(m[3][:1]) + m[3][1:] + "."
			if !strings.Contains(readPage(t, m[2]+".md"), "\n\n"+summary+"\n\n") {
				t.Errorf("%s: the page does not say %q", code, summary)
			}
		}
	}
	for code, want := range cause.Codes() {
		for kind, codes := range listed {
			if slices.Contains(codes, code) != slices.Contains(want, kind) {
				t.Errorf("%s under %s: %v", code, kind, codes)
			}
		}
	}
	if len(listed) != len(kinds) {
		t.Errorf("sections %v", listed)
	}
}

// TestPagesSpeakOfWhatThereIs: links lead to pages, and aliasd's commands and allowances are those of the design.
func TestPagesSpeakOfWhatThereIs(t *testing.T) {
	t.Parallel()
	commands := strings.Fields(`run add primary remove show list cancel undo recheck release pause resume report check config explain audit predict log restore`)
	allowances := strings.Fields(`deleted_holder mail_enable sign_in_change`)
	command := regexp.MustCompile("(?m)(?:^ *|`)aliasd ([a-z]+)")
	allow := regexp.MustCompile(`--allow ([a-z_]+)`)
	link := regexp.MustCompile(`\]\(([^)]+)\)`)
	found := 0
	for code := range cause.Codes() {
		page := readPage(t, string(code)+".md")
		for _, m := range command.FindAllStringSubmatch(page, -1) {
			found++
			if !slices.Contains(commands, m[1]) {
				t.Errorf("%s: there is no aliasd %s", code, m[1])
			}
		}
		for _, m := range allow.FindAllStringSubmatch(page, -1) {
			if !slices.Contains(allowances, m[1]) {
				t.Errorf("%s: there is no --allow %s", code, m[1])
			}
		}
		for _, m := range link.FindAllStringSubmatch(page, -1) {
			if _, err := os.Stat(filepath.Join(pages, m[1])); err != nil {
				t.Errorf("%s: %v", code, err)
			}
		}
		if strings.Count(page, "```")%2 != 0 {
			t.Errorf("%s: a code block is not closed", code)
		}
	}
	if found < 40 {
		t.Errorf("only %d commands found", found)
	}
}
