package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/lipgloss"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/audit"
	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/report"
)

// newDefects is a stack with everything that the demo's directory has wrong.
func newDefects(t *testing.T) *stack {
	t.Helper()
	s := newSite(t, lab.Embedded, tenant.Options{})
	fatal(t, s.Site.Populate(context.Background(), demoDefects()))
	s.cycle(t)
	return s
}

// auditedBy runs the command and reads what it printed.
func (s *stack) auditedBy(t *testing.T, code int, args ...string) (audited, answer) {
	t.Helper()
	got := s.cli(t, append([]string{"audit", "--json"}, args...)...)
	got.want(t, code)
	var made audited
	if err := json.Unmarshal([]byte(got.out), &made); err != nil {
		t.Fatalf("%v in %q", err, got.out)
	}
	return made, got
}

// The command audits by itself, without a daemon: its files say what it found, and so does its exit code.
func TestAuditCommand(t *testing.T) {
	t.Parallel()
	s := newDefects(t)
	made, got := s.auditedBy(t, exitMismatched)
	sum := made.Summary
	if !sum.Complete || sum.Wrong == 0 || sum.Holders < 50 || sum.InOrder+sum.Wrong+sum.Pending != sum.Holders || !sum.Cloud.Full || got.err != "" {
		t.Errorf("%+v, told %q", sum, got.err)
	}
	for _, code := range []cause.Code{cause.TwoPrimaries, cause.MailDiffers, cause.DuplicateOnPremises, cause.Quarantined, cause.DomainNotVerified, cause.ValueDiscarded} {
		if !slices.ContainsFunc(sum.Codes, func(c audit.CodeCount) bool { return c.Code == code }) {
			t.Errorf("%s was not found: %+v", code, sum.Codes)
		}
	}
	lines, err := os.ReadFile(made.Files.JSONL)
	if fatal(t, err); !strings.Contains(string(lines), `"value":"smtp:service@contoso.test"`) || filepath.Dir(made.Files.HTML) != filepath.Join(s.dir, "data", "reports") {
		t.Errorf("%s: %s", made.Files.HTML, lines)
	}
}

// Each audit reads the whole tenant and keeps nothing of it; --full, of earlier versions, is accepted and changes nothing.
func TestAuditAgain(t *testing.T) {
	t.Parallel()
	s := newDefects(t)
	first, _ := s.auditedBy(t, exitMismatched)
	leaveCopies(t, filepath.Join(s.dir, "data"))
	again, _ := s.auditedBy(t, exitMismatched, "--quiet")
	s.wantNoCopies(t)
	full, _ := s.auditedBy(t, exitMismatched, "--full")
	for _, other := range []audited{again, full} {
		if other.Summary.Wrong != first.Summary.Wrong || other.Summary.Cloud.Calls != first.Summary.Cloud.Calls || other.Summary.Cloud.Objects != first.Summary.Cloud.Objects {
			t.Errorf("first %+v\nthen %+v", first.Summary, other.Summary)
		}
	}
	s.wantNoCopies(t)
	if again.Files.HTML == first.Files.HTML {
		t.Error("the second wrote over the first")
	}
	if help := s.cli(t, "audit", "--help"); strings.Contains(help.out, "--full") {
		t.Error("--full stands in the help")
	}
}

// leaveCopies leaves what earlier versions, and audits that were killed, leave in the data folder.
func leaveCopies(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"tenant.db", "tenant.db-journal", "tenant.db-wal", "tenant.db-shm", "tenant.db.new-5e3c", auditTenantFile} {
		fatal(t, os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600))
	}
}

// wantNoCopies checks that nothing of the tenant stands in the data folder.
func (s *stack) wantNoCopies(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.dir, "data", "*tenant*"))
	if fatal(t, err); len(files) > 0 {
		t.Errorf("left are %q", files)
	}
}

// The daemon removes what audits left when it starts, but not from under one that runs.
func TestTheDaemonRemovesCopiesOfTheTenant(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Embedded, tenant.Options{})
	settings, err := config.Load(s.file, os.LookupEnv)
	fatal(t, err)
	start := func() {
		d, err := openDaemon(t.Context(), settings, slog.New(slog.DiscardHandler), s.tuning)
		fatal(t, err)
		fatal(t, d.Close())
	}
	leaveCopies(t, settings.DataDir)
	lock, err := lockAudit(settings.DataDir)
	fatal(t, err)
	start()
	if _, err := os.Stat(filepath.Join(settings.DataDir, auditTenantFile)); err != nil {
		t.Errorf("the file of an audit that runs: %v", err)
	}
	fatal(t, lock.Close())
	start()
	s.wantNoCopies(t)
}

func TestAuditInText(t *testing.T) {
	t.Parallel()
	s := newDefects(t)
	dir := filepath.Join(t.TempDir(), "audit")
	got := s.cli(t, "audit", "--dir", dir)
	got.want(t, exitMismatched, "Audit of contoso.onmicrosoft.com below DC=contoso,DC=test", "holders need somebody", "two_primaries", "needs somebody",
		filepath.Join(dir, "aliasd-audit-"))
}

// One audit at a time, whoever starts it.
func TestAuditRunsAlready(t *testing.T) {
	t.Parallel()
	s := newDefects(t)
	s.startDaemon(t)
	lock, err := lockAudit(s.daemon.settings.DataDir)
	fatal(t, err)
	s.cli(t, "audit").want(t, exitError, "another audit runs")
	fatal(t, s.daemon.auditNow(context.Background()))
	if !strings.Contains(s.log.String(), "an audit runs already") {
		t.Error("the daemon does not say why it left one out")
	}
	fatal(t, lock.Close())
	fatal(t, s.daemon.auditNow(context.Background()))
	if !strings.Contains(s.log.String(), "audit written") {
		t.Error("the daemon does not say what it found")
	}
}

// What an audit that was stopped has covered is written, and said.
func TestAuditStopped(t *testing.T) {
	t.Parallel()
	s := newDefects(t)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var out, errOut bytes.Buffer
	a := newApp(strings.NewReader(""), &out, &errOut, os.LookupEnv)
	a.configFile = s.file
	settings, err := a.settings()
	fatal(t, err)
	job, err := a.openAuditing(settings, slog.New(slog.DiscardHandler))
	fatal(t, err)
	defer job.directory.Close()
	job.dir, job.progress = settings.Report.Dir, func(p audit.Progress) {
		if p.Phase == audit.NamingConflicts {
			stop()
		}
	}
	made, err := job.run(ctx)
	fatal(t, err)
	if made.Summary.Complete || made.Summary.Stopped == "" || made.Files.HTML == "" {
		t.Errorf("%+v", made)
	}
	page, err := os.ReadFile(made.Files.HTML)
	if fatal(t, err); !strings.Contains(string(page), "Not complete.") {
		t.Error("the page does not say so")
	}
	if err := a.printAudit(made, ctx.Err()); exitCode(err) != exitError || errorOf(err).Code != "stopped" {
		t.Errorf("ends with %v", err)
	}
	contains(t, out.String(), "Not complete: ")
}

// The daemon audits on its schedule, and its metrics say how the holders stand.
func TestAuditOnSchedule(t *testing.T) {
	t.Parallel()
	s := newDefects(t)
	text, err := os.ReadFile(s.file)
	fatal(t, err)
	fatal(t, os.WriteFile(s.file, bytes.Replace(text, []byte("schedule:\n"), []byte("schedule:\n  audit: \"@every 1s\"\n"), 1), 0o600))
	s.startDaemon(t)
	until(t, "an audit is made", func() bool { return strings.Contains(s.log.String(), "audit written") })
	scraped := httptest.NewRecorder()
	s.daemon.numbers.ServeHTTP(scraped, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	contains(t, scraped.Body.String(), `aliasd_audit_holders{standing="wrong"}`)
}

func TestAuditSummaryFitsTheTerminal(t *testing.T) {
	t.Parallel()
	made := audited{Files: report.AuditFiles{HTML: "h", CSV: "c", JSONL: "j"}, Summary: audit.Summary{
		Holders: 104211, InOrder: 4211, Wrong: 90000, Pending: 10000, BaseDN: "OU=" + strings.Repeat("long ", 20) + ",DC=contoso,DC=test", TenantDomain: "contoso.onmicrosoft.com",
		Stopped: "It was stopped after 104211 of about 200000 holders, because the directory closed the connection.",
	}}
	for code := range cause.Codes() {
		made.Summary.Codes = append(made.Summary.Codes, audit.CodeCount{Code: code, Severity: cloudcheck.Wrong, Findings: 104211, Holders: 104211})
	}
	var out bytes.Buffer
	printSummary(&out, made)
	for line := range strings.Lines(out.String()) {
		if lipgloss.Width(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("%d columns: %s", lipgloss.Width(line), line)
		}
	}
	contains(t, out.String(), "90,000 of 104,211 holders need somebody; 10,000 more wait for the cloud.")
}

func TestAuditExitCodes(t *testing.T) {
	t.Parallel()
	for want, s := range map[int]audit.Summary{
		exitDone: {Complete: true, Pending: 3}, exitMismatched: {Complete: true, Wrong: 1}, exitError: {Wrong: 1, Stopped: "it was interrupted"},
	} {
		a := newApp(nil, &bytes.Buffer{}, &bytes.Buffer{}, os.LookupEnv)
		made := audited{Summary: s}
		if !s.Complete {
			made.stopped = errors.New("the directory went away")
		}
		err := a.printAudit(made, nil)
		if exitCode(err) != want || want == exitError && (errors.As(err, new(*silentError)) || !strings.Contains(err.Error(), "went away")) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}
