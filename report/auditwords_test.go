package report_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/audit"
	"github.com/aliasd/aliasd/report"
)

// TestAuditWords: every finding means something, and what is good to know or waits for the cloud asks nothing of anybody.
func TestAuditWords(t *testing.T) {
	t.Parallel()
	for code, kinds := range cause.Codes() {
		if !slices.Contains(kinds, cause.Finding) {
			continue
		}
		pendingOnly := code == cause.NotSyncedYet || code == cause.NotCalculatedYet
		for _, severity := range cloudcheck.Severities() {
			if pendingOnly && severity != cloudcheck.Pending {
				continue
			}
			means, do := report.AuditWords(code, severity)
			if means == "" || do == "" {
				t.Errorf("%s, %s: %q, %q", code, severity, means, do)
			}
			calm := strings.HasPrefix(do, "Nothing") && !strings.Contains(strings.ToLower(do), "remove") && !strings.Contains(do, "scope")
			if severity != cloudcheck.Wrong && !calm {
				t.Errorf("%s, %s, asks for %q", code, severity, do)
			}
		}
	}
	wrong, _ := report.AuditWords(cause.Quarantined, cloudcheck.Wrong)
	over, do := report.AuditWords(cause.Quarantined, cloudcheck.Pending)
	if wrong == over || !strings.Contains(do, "within hours") {
		t.Errorf("a quarantine that is over: %q, %q", over, do)
	}
	if meant, _ := report.AuditWords(cause.NotInCloud, cloudcheck.Notice); !strings.Contains(meant, "not meant to be") {
		t.Errorf("%q", meant)
	}
}

// TestSeverityLabels: one set of words for people.
func TestSeverityLabels(t *testing.T) {
	t.Parallel()
	for severity, want := range map[cloudcheck.Severity]string{cloudcheck.Wrong: "needs somebody", cloudcheck.Pending: "waits for the cloud", cloudcheck.Notice: "good to know"} {
		if got := report.SeverityLabel(severity); got != want {
			t.Errorf("%s is called %q", severity, got)
		}
		for _, page := range []string{"../docs/audit.md", "../docs/cli.md"} {
			text, err := os.ReadFile(page)
			if err != nil || !strings.Contains(string(text), want) {
				t.Errorf("%s does not say %q (%v)", page, want, err)
			}
		}
	}
}

// TestFindingsHaveWords: each code that a finding may have is explained on the page, and has a page of its own.
func TestFindingsHaveWords(t *testing.T) {
	t.Parallel()
	for code, kinds := range cause.Codes() {
		finding := contains([]string{"not_synced_yet", "not_calculated_yet", "sync_stopped", "ambiguous_holder"}, string(code))
		for _, kind := range kinds {
			finding = finding || kind == cause.Contradiction || kind == cause.Finding
		}
		if !finding {
			continue
		}
		severity := cloudcheck.Wrong
		if code == cause.NotSyncedYet || code == cause.NotCalculatedYet {
			severity = cloudcheck.Pending
		}
		page := pageOf(t, []audit.Item{found("x", berlin, severity, code, "", "why", nil)}, summed(nil, 3))
		if !regexp.MustCompile(`\S[^<>]+\.<br><strong style="font-weight:600">What to do:</strong> [^<]+\.<br>`).MatchString(page) {
			t.Errorf("%s has no words", code)
		}
		if !strings.Contains(page, "More: aliasd help "+string(code)+"<") {
			t.Errorf("%s does not say which page has more", code)
		}
	}
}
