package queue_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestHistoriesCatchWhatIsTakenOut takes out what keeps a promise of the write path, one at a time, and runs the tests that go through
// all small histories: they have to fail.
func TestHistoriesCatchWhatIsTakenOut(t *testing.T) {
	if os.Getenv("ALIASD_TEST_LONG") == "" {
		t.Skip("SKIPPED, it takes minutes: make test-long")
	}
	for what, m := range map[string]struct {
		file, taken, instead string
		pkg, tests           string
	}{
		"a modify takes the place of an earlier doubt": {file: "queue/doubt.go", taken: "open = append(open, i)", instead: "_ = i"},
		"what was not sent clears the doubt":           {file: "queue/doubt.go", taken: "noted.newest().Sent = false", instead: "for i := range noted { noted[i].Sent = false }"},
		"the last receipt alone counts at a fail-over": {file: "ldapwriter/types.go", taken: "theirs = append(theirs, r)", instead: "theirs = []Receipt{r}"},
		"a DC that tells its stamps is believed":       {file: "ldapwriter/stamps.go", taken: "return s.Version > written.Version || s == written", instead: "return true"},
		"values tell where nothing was there before":   {file: "ldapwriter/types.go", taken: "left.Stands(r.Before)", instead: "false"},
		"a mismatched request answers":                 {file: "queue/storetest/model.go", taken: "r.State != queue.Mismatched && r.digest", instead: "r.digest"},
		"an undo takes what a later request wrote":     {file: "queue/undo.go", taken: "if q.hasASayIn(original.Receipt.Change) {", instead: "if false {"},
		"the next modify waits for none":               {file: "queue/write.go", taken: "if !until.After(a.readAt) {", instead: "if until.Unix() != 0 {"},
		"an undo claims no mail":                       {file: "queue/undo.go", taken: "if back.Mail != nil && back.Mail.New != \"\" {", instead: "if false {"},
		"a claim goes with what is superseded":         {file: "queue/transition.go", taken: "return has == (c.Kind == Take)", instead: "return has && c.Kind != Take"},
		"a slip is brought back": {file: "ldapwriter/slip.go", taken: "if !rest.Spells(p) && !wasKept(c, p, now) {", instead: "if !rest.Spells(p) {",
			pkg: "./ldapwriter", tests: "TestEditsAroundAModify"},
		"the number of primaries does not count": {file: "ldapwriter/slip.go", taken: "has != want {", instead: "has > want {",
			pkg: "./ldapwriter", tests: "TestEditsAroundAModify"},
		"a request is given back with its doubt": {file: "queue/write.go", taken: "Owner: q.Owner, What: \"given back\", Intent: q.Intent}", instead: "Owner: q.Owner, What: \"given back\"}",
			tests: "TestGivenBackWithoutADoubt"},
		"a late write is not noticed": {file: "queue/write.go", taken: "a.late(receipt)", instead: "_ = receipt",
			tests: "TestALateWriteIsTakenBack"},
		"a late write goes though somebody rests on it": {file: "queue/late.go", taken: "if !before && q.hasASayIn(late.Change) && q.ID != original.ID {", instead: "if before && false {",
			tests: "TestALateWriteThatSomebodyRestsOn"},
	} {
		t.Run(what, func(t *testing.T) {
			pkg, tests := "./queue", "TestHistories"
			if m.pkg != "" {
				pkg = m.pkg
			}
			if m.tests != "" {
				tests = m.tests
			}
			out := runWithout(t, m.file, m.taken, m.instead, pkg, tests)
			switch {
			case strings.Contains(out, "[build failed]"), strings.Contains(out, "no tests to run"):
				t.Errorf("it does not run:\n%s", out)
			case !strings.Contains(out, "--- FAIL: "+tests):
				t.Errorf("%s of %s does not find it", tests, pkg)
			}
		})
	}
}

// runWithout runs tests on a tree in which some text of a file is another one.
func runWithout(t *testing.T, file, taken, instead, pkg, tests string) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	original := filepath.Join(root, filepath.FromSlash(file))
	text, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), taken); n != 1 {
		t.Fatalf("%q stands %d times in %s: name what keeps the promise now", taken, n, file)
	}
	dir := t.TempDir()
	changed, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	listed, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	if err == nil {
		err = os.WriteFile(changed, []byte(strings.Replace(string(text), taken, instead, 1)), 0o600)
	}
	if err == nil {
		err = os.WriteFile(overlay, listed, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-overlay", overlay, "-count=1", "-timeout", "5m", "-vet=off", "-run", "^"+tests+"$", pkg)
	cmd.Dir = root
	out, _ := cmd.CombinedOutput() // that it fails is what is wanted
	return string(out)
}
