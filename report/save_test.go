package report_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/private"
	"github.com/aliasd/aliasd/report"
)

func TestSave(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data", "reports")
	files, err := built().Save(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := report.Files{
		HTML: filepath.Join(dir, "aliasd-report-20250304T060000Z.html"),
		CSV:  filepath.Join(dir, "aliasd-report-20250304T060000Z.csv"),
		JSON: filepath.Join(dir, "aliasd-report-20250304T060000Z.json"),
	}
	if files != want {
		t.Errorf("got %+v", files)
	}
	for path, name := range map[string]string{files.HTML: "day.html", files.CSV: "day.csv", files.JSON: "day.json"} {
		got, err := private.ReadFile(path) // closed to others
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, got)
	}
	if err := private.CheckPrivate(dir); err != nil {
		t.Error(err)
	}
	left(t, dir, 3)
}

// left counts the files of a folder: nothing half-made stays.
func left(t *testing.T, dir string, want int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != want {
		t.Errorf("%d files are left, want %d: %v, %v", len(entries), want, entries, err)
	}
}

// TestSaveKeepsWhatIsThere: a second report of the same second does not write over the first.
func TestSaveKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "reports")
	first, err := built().Save(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := report.Build(nil, since(), until()).Save(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(second.CSV, "Z-2.csv") {
		t.Errorf("got %s", second.CSV)
	}
	got, err := os.ReadFile(first.CSV)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "day.csv", got)
	left(t, dir, 6)
}

// TestSaveIntoAnyFolder: a folder's name is no pattern, for reports and for audits.
func TestSaveIntoAnyFolder(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"report[", "report[x]", "report*"} {
		dir := filepath.Join(t.TempDir(), name)
		for range 2 {
			if _, err := built().Save(dir); err != nil {
				t.Fatal(err)
			}
			savedAudit(t, dir, nil, summed(nil, 1))
		}
		left(t, dir, 12)
	}
}

// TestNamesAreReserved: an audit has its names from its beginning, whoever begins and ends meanwhile.
func TestNamesAreReserved(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "reports")
	first, err := report.CreateAudit(dir, until())
	if err != nil {
		t.Fatal(err)
	}
	second := savedAudit(t, dir, nil, summed(nil, 1))
	files, err := first.Finish(summed(nil, 1))
	if err != nil || strings.Contains(files.HTML, "Z-2") || !strings.HasSuffix(second.HTML, "Z-2.html") {
		t.Errorf("%+v, %+v, %v", files, second, err)
	}
	left(t, dir, 6)
}

// TestLeftovers: what a killed process left goes after a day; what is not ours stays.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "reports")
	if err := private.MakePrivateDir(dir); err != nil {
		t.Fatal(err)
	}
	for name, age := range map[string]time.Duration{".aliasd-audit-x.csv.tmp": 25 * time.Hour, ".aliasd-report-x.csv.tmp": 48 * time.Hour,
		".aliasd-audit-y.csv.tmp": 23 * time.Hour, ".other.tmp": 48 * time.Hour, "aliasd-audit-x.csv": 48 * time.Hour} {
		path := filepath.Join(dir, name)
		at := time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := built().Save(dir); err != nil {
		t.Fatal(err)
	}
	left(t, dir, 3+3)
}

// TestSaveLeavesNothingHalfMade: where one of the files cannot be made, none is left.
func TestSaveLeavesNothingHalfMade(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "reports")
	if err := private.MakePrivateDir(dir); err != nil {
		t.Fatal(err)
	}
	// A folder that is not empty stands where the last of the three is to go.
	blocked := report.Files{JSON: filepath.Join(dir, "blocked.json"), CSV: filepath.Join(dir, "blocked.csv"), HTML: filepath.Join(dir, "blocked.html")}
	if err := os.MkdirAll(filepath.Join(blocked.JSON, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := built().SaveAs(blocked); err == nil {
		t.Fatal("saved over a folder")
	}
	left(t, dir, 1)
}

func TestSaveRefusesAnOpenFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "reports")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := built().Save(dir); err == nil || !strings.Contains(err.Error(), "save the report: ") {
		t.Errorf("saved into a file: %v", err)
	}
}
