package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck/audit"
	"github.com/aliasd/aliasd/lab/tenant"
)

// interrupted runs the audit until it is interrupted, which it is for sure before it ends.
func (s *stack) interrupted(t *testing.T, after time.Duration, args ...string) answer {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer time.AfterFunc(after, stop).Stop()
	defer stop()
	if after == 0 {
		stop()
	}
	var out, errOut bytes.Buffer
	a := newApp(nil, &out, &errOut, func(name string) (string, bool) { return s.file, name == "ALIASD_CONFIG" })
	return answer{code: a.run(ctx, append([]string{"audit"}, args...)), out: out.String(), err: errOut.String()}
}

// onlyObject decodes what has to be one JSON object, and nothing else.
func onlyObject(t *testing.T, text string, to any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	fatal(t, d.Decode(to))
	if _, err := d.Token(); err != io.EOF {
		t.Errorf("more than one object: %q", text)
	}
}

// wantEnd checks an audit that could not finish: one summary on the output, its files, and one error, the last of JSON lines.
func wantEnd(t *testing.T, got answer, code, stopped string) audited {
	t.Helper()
	if got.code != exitError {
		t.Errorf("exit code %d", got.code)
	}
	var made audited
	onlyObject(t, got.out, &made)
	if made.Summary.Complete || !strings.HasPrefix(made.Summary.Stopped, stopped) || made.Summary.Began.IsZero() || made.Summary.Kinds == nil || made.Summary.Codes == nil || made.Summary.Units == nil {
		t.Errorf("the summary is %+v", made.Summary)
	}
	for file, say := range map[string]string{made.Files.HTML: "Not complete.", made.Files.JSONL: `"complete":false`, made.Files.CSV: "severity"} {
		text, err := os.ReadFile(file)
		if fatal(t, err); !strings.Contains(string(text), say) {
			t.Errorf("%s does not say %q", file, say)
		}
	}
	lines := strings.Split(strings.TrimSpace(got.err), "\n")
	var last errorJSON
	for _, line := range lines {
		onlyObject(t, line, &last)
	}
	if last.Code != code {
		t.Errorf("the error is %+v", last)
	}
	for _, never := range []string{"tried again", "context canceled", "deleted objects"} {
		if strings.Contains(got.err+got.out, never) {
			t.Errorf("it says %q: %s", never, got.err)
		}
	}
	return made
}

// An interrupt ends the audit as stopped with files and summary, wherever the tenant keeps it waiting.
func TestAuditInterrupted(t *testing.T) {
	t.Parallel()
	s := newDefects(t)
	for what, fault := range map[string]tenant.Fault{
		"at the sign-in": {Path: "/token"}, "at the organization": {Path: "/organization"},
		"in the first reading": {Path: "/users"}, "at the deleted objects": {Path: "/$batch"},
	} {
		t.Run(what, func(t *testing.T) {
			s.Tenant.ClearFaults()
			fault.Times, fault.Hang = -1, true
			s.Tenant.Faults(fault)
			for _, after := range []time.Duration{0, 50 * time.Millisecond, 700 * time.Millisecond} {
				made := wantEnd(t, s.interrupted(t, after, "--json"), "stopped", "stopped while the tenant was read; no holder was compared")
				page, err := os.ReadFile(made.Files.HTML)
				fatal(t, err)
				contains(t, string(page), "Stopped while the tenant was read; no holder was compared.")
				s.wantNoCopies(t)
			}
			told := s.interrupted(t, 50*time.Millisecond)
			contains(t, told.out, "Not complete: stopped while the tenant was read; no holder was compared")
			if !strings.HasSuffix(told.err, "aliasd: stopped\n") {
				t.Errorf("it ends with %q", told.err)
			}
		})
	}
}

// Where a side is away the audit has its files and its summary, and one error that says what to look at.
func TestAuditWithoutASide(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		spoil   func(*testing.T, *stack)
		code    cause.Code
		stopped string
		says    []string
	}{
		"no permission": {func(_ *testing.T, s *stack) {
			s.Tenant.Faults(tenant.Fault{Path: "/organization", Times: -1, Status: 403})
		},
			cause.CloudUnavailable, "the tenant could not be read: Microsoft Graph answered /organization with 403", []string{"Organization.Read.All"}},
		"an error of Graph": {func(_ *testing.T, s *stack) {
			s.Tenant.Faults(tenant.Fault{Path: "/organization", Times: -1, Status: 502})
		},
			cause.CloudUnavailable, "the tenant could not be read: Microsoft Graph answered /organization with 502 Bad Gateway (UnknownError); see the tenant's", nil},
		"a wrong Graph URL": {func(t *testing.T, s *stack) { s.graphURL(t, "https://127.0.0.1:1") },
			cause.CloudUnavailable, "the tenant could not be read: Microsoft Graph", []string{"cloud.graph_url", "https://127.0.0.1:1"}},
		"a wrong name": {func(t *testing.T, s *stack) { s.graphURL(t, "https://graph.invalid") },
			cause.CloudUnavailable, "the tenant could not be read: the name graph.invalid is not known to DNS", []string{"cloud.graph_url"}},
		"no directory": {func(t *testing.T, s *stack) { replaceInFile(t, s.file, s.Site.Server, "ldaps://127.0.0.1:1") },
			cause.DirectoryUnavailable, "the directory could not be read to its end: no domain controller", []string{"127.0.0.1:1"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newDefects(t)
			c.spoil(t, s)
			got := s.cli(t, "audit", "--json")
			made := wantEnd(t, got, string(c.code), c.stopped)
			for _, part := range append(c.says, "the audit is not complete: "+made.Summary.Stopped) {
				contains(t, got.err, part)
			}
			s.wantNoCopies(t)
			told := s.cli(t, "audit")
			told.want(t, exitError, "Not complete: ", "No holder was compared.")
			for line := range strings.Lines(told.err) {
				if lipgloss.Width(strings.TrimSuffix(line, "\n")) > textWidth {
					t.Errorf("%d columns: %s", lipgloss.Width(line), line)
				}
			}
			contains(t, strings.Join(strings.Fields(told.err), " "), "aliasd: "+string(c.code)+": the audit is not complete: ")
		})
	}
}

func (s *stack) graphURL(t *testing.T, url string) {
	t.Helper()
	replaceInFile(t, s.file, `graph_url: "`+s.Tenant.URL, `graph_url: "`+url)
}

func replaceInFile(t *testing.T, file, old, new string) {
	t.Helper()
	text, err := os.ReadFile(file)
	fatal(t, err)
	if !bytes.Contains(text, []byte(old)) {
		t.Fatalf("%s is not in %s", old, text)
	}
	fatal(t, os.WriteFile(file, bytes.ReplaceAll(text, []byte(old), []byte(new)), 0o600))
}

// What a part warns of is a sentence for people below the bar, and one object on a line with --json.
func TestNotices(t *testing.T) {
	t.Parallel()
	why := cause.Wait(cause.Throttled, "Graph wants fewer requests; it is tried again").Because(io.EOF)
	var out bytes.Buffer
	a := newApp(nil, io.Discard, &out, os.LookupEnv)
	drawn := &bar{w: &out, now: time.Now}
	shown := &watched{app: a, progress: drawn}
	log := slog.New(notices{tell: shown.notice}).With("kind", "users")
	shown.show(audit.Progress{Phase: audit.ReadingCloud, Done: 5})
	log.Info("not told")
	log.Warn("deleted objects could not be read", "error", why)
	shown.end()
	text := out.String()
	_, below, _ := strings.Cut(text, "\r")
	if at := strings.LastIndex(below[:strings.Index(below, "deleted objects")], "\r"); strings.Contains(below[at:strings.Index(below, "deleted objects")], "reading") {
		t.Errorf("it stands in the bar: %q", text)
	}
	contains(t, text, "deleted objects could not be read: kind users: Graph wants fewer\n          requests\n")
	if strings.Contains(text, "not told") || strings.Contains(text, "level=") {
		t.Errorf("told %q", text)
	}
	out.Reset()
	a.json = true
	log.Warn("deleted objects could not be read", "error", why)
	var told progressJSON
	onlyObject(t, out.String(), &told)
	if told.Trouble != "deleted objects could not be read: kind users: Graph wants fewer requests" || told.At.IsZero() {
		t.Errorf("%+v", told)
	}
}

// A folder that cannot take the files is refused before anything is read, and the message names it once.
func TestAuditFolder(t *testing.T) {
	t.Parallel()
	s := newDefects(t)
	open := t.TempDir()
	if runtime.GOOS != "windows" {
		fatal(t, os.Chmod(open, 0o755))
		s.cli(t, "audit", "--dir", open).want(t, exitError, "open to others (mode 0755, want 0700)")
	}
	file := open + "/file"
	fatal(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{file, file + "/below"} {
		got := s.cli(t, "audit", "--dir", dir)
		got.want(t, exitError, "the folder "+dir+" cannot be made or used (", "choose another")
		if got.out != "" || strings.Count(got.err, dir) != 1 {
			t.Errorf("%+v", got)
		}
	}
}
