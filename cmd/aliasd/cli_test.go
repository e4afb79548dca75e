package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// answer is what one command line printed, and its exit code.
type answer struct {
	code     int
	out, err string
}

// call runs one command line as its user would.
func call(t *testing.T, env map[string]string, args ...string) answer {
	t.Helper()
	return callWith(t, "", env, args...)
}

// callWith runs one command line with something on standard input.
func callWith(t *testing.T, input string, env map[string]string, args ...string) answer {
	t.Helper()
	var out, errOut bytes.Buffer
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	a := newApp(strings.NewReader(input), &out, &errOut, func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	})
	return answer{code: a.run(ctx, args), out: out.String(), err: errOut.String()}
}

// cli runs command lines against a stack's settings file.
func (s *stack) cli(t *testing.T, args ...string) answer {
	t.Helper()
	return call(t, map[string]string{"ALIASD_CONFIG": s.file}, args...)
}

// syncAlways lets the sync engine run until the test ends.
func (s *stack) syncAlways(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		(&cycles{engine: s.Engine}).run(ctx)
	}()
	t.Cleanup(func() { stop(); <-done })
}

func (a answer) want(t *testing.T, code int, parts ...string) {
	t.Helper()
	if a.code != code {
		t.Errorf("exit code %d, want %d\nout: %s\nerr: %s", a.code, code, a.out, a.err)
	}
	flat := strings.Join(strings.Fields(a.out+a.err), " ") // texts for people are wrapped
	for _, part := range parts {
		if !strings.Contains(a.out+a.err, part) && !strings.Contains(flat, part) {
			t.Errorf("%q is not in\nout: %s\nerr: %s", part, a.out, a.err)
		}
	}
}

func TestCommandLineFromRequestToReport(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	s.syncAlways(t)
	s.cli(t, "add", "bob@contoso.test", "robert@contoso.test", "--ticket", "INC1", "--wait").
		want(t, exitDone, "VERIFIED", "+ SMTP:bob@contoso.test", "+ smtp:robert@contoso.test", "ticket         INC1", "written")
	s.cli(t, "primary", "bob@contoso.test", "robert@contoso.test", "--wait").want(t, exitDone, "+ mail: robert@contoso.test")
	s.cli(t, "remove", "carla", "carla@contoso.test", "--wait").want(t, exitRefused, "is_primary", "set another primary first")
	s.cli(t, "add", "jdoe", "no-at-sign").want(t, exitUsage, "invalid_address")
	s.cli(t, "add", "jdoe").want(t, exitUsage, "Try: aliasd add --help")
	s.cli(t, "remove", "carla", "press@contoso.test", "--wait").want(t, exitDone, "- smtp:press@contoso.test")

	page := s.list(t)
	if len(page.Items) != 4 || page.Items[0].Action != "remove_alias" {
		t.Fatalf("list: %+v", page.Items)
	}
	id := string(page.Items[0].ID)
	s.cli(t, "show", id).want(t, exitDone, "remove press@contoso.test from carla", "story", "verified")
	s.cli(t, "undo", id, "--wait").want(t, exitDone, "undo "+id, "+ smtp:press@contoso.test")
	s.cli(t, "cancel", id).want(t, exitError, "not_possible", "verified")
	s.cli(t, "show", "0198c5a2-0000-7000-8000-000000000000").want(t, exitError, "not_found")
	s.cli(t, "report", "--since", "1h").want(t, exitDone, ".html", ".csv", ".json")
	if files, err := filepath.Glob(filepath.Join(s.dir, "data", "reports", "*.html")); err != nil || len(files) != 1 {
		t.Errorf("reports %v, %v", files, err)
	}
	s.cli(t, "check", "--holder", "jdoe").want(t, exitDone, "may be written")
}

func (s *stack) list(t *testing.T) server.PageJSON {
	t.Helper()
	listed := s.cli(t, "list", "--json")
	listed.want(t, exitDone)
	var page server.PageJSON
	if err := json.Unmarshal([]byte(listed.out), &page); err != nil {
		t.Fatal(err)
	}
	return page
}

func TestCommandLineEnds(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	slow := s.submit(t, "add_alias", "jdoe", "slow@contoso.test")
	s.untilState(t, slow.ID, queue.Written, "not_synced_yet")
	s.cli(t, "recheck", string(slow.ID), "--wait", "--timeout", "1s").want(t, exitTimedOut, "timed out", "WRITTEN")
	s.cli(t, "pause").want(t, exitDone, "writing is stopped")
	asked := s.cli(t, "add", "carla", "later@contoso.test", "--json")
	asked.want(t, exitDone)
	var r server.RequestJSON
	if err := json.Unmarshal([]byte(asked.out), &r); err != nil {
		t.Fatal(err)
	}
	s.untilState(t, r.ID, queue.Queued, "paused")
	s.cli(t, "cancel", string(r.ID)).want(t, exitDone, "CANCELLED")
	s.cli(t, "resume").want(t, exitDone, "writing goes on")
	quarantined := s.submit(t, "add_alias", "carla", "events@contoso.test")
	s.until(t, quarantined.ID, "written", func(r requestJSON) bool { return r.State == queue.Written })
	if err := snatch(context.Background(), &stage{box: s.Lab}); err != nil {
		t.Fatal(err)
	}
	s.syncAlways(t)
	s.cli(t, "recheck", string(quarantined.ID), "--wait").want(t, exitMismatched, "quarantined", "Events Team")
}

func TestTokensOnTheCommandLine(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	made := s.cli(t, "token", "create", "--name", "helpdesk", "--scope", "read")
	made.want(t, exitDone, "aliasd_")
	env := map[string]string{"ALIASD_URL": s.daemon.URL(), "ALIASD_TOKEN": strings.TrimSpace(made.out)}
	call(t, env, "list").want(t, exitDone, "no requests")
	call(t, env, "add", "jdoe", "x@contoso.test").want(t, exitError, "forbidden", "submit")
	s.cli(t, "token", "create", "--name", "helpdesk", "--scope", "read").want(t, exitError, "exists")
	s.cli(t, "token", "create", "--name", "x", "--scope", "everything").want(t, exitUsage, "none of submit, read, approve, admin")
	s.cli(t, "token", "list").want(t, exitDone, "helpdesk", "read")
	s.cli(t, "token", "revoke", "helpdesk").want(t, exitDone)
	call(t, env, "list").want(t, exitError, "unauthenticated")
	call(t, map[string]string{"ALIASD_URL": s.daemon.URL()}, "list").want(t, exitError, "ALIASD_TOKEN")
	if strings.Contains(s.log.String(), env["ALIASD_TOKEN"]) {
		t.Error("the token stands in the log")
	}
}

func TestSettingsOnTheCommandLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sample := call(t, nil, "config", "sample")
	sample.want(t, exitDone, "data_dir:")
	file := filepath.Join(dir, "bad.yaml")
	text := "data_dir: data\nnonsense: 1\ndirectory:\n  servers: [\"ldap://dc1.contoso.test:389\"]\nschedule: {verify: \"every now and then\"}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := call(t, nil, "config", "check", "-c", file)
	bad.want(t, exitUsage, "bad.yaml:2", "bad.yaml:4", "bad.yaml:5", "nonsense", "ldaps")
	call(t, nil, "run", "-c", file).want(t, exitUsage, "bad.yaml:2")
	call(t, nil, "list", "-c", filepath.Join(dir, "none.yaml")).want(t, exitUsage, "config sample")
	call(t, nil, "frobnicate").want(t, exitUsage, "frobnicate")
	call(t, nil, "token", "frobnicate").want(t, exitUsage, "frobnicate")
	call(t, nil, "demo", "--directory", "paper").want(t, exitUsage, "embedded, samba")
}

// Every command has a help text with an example.
func TestEveryCommandHasHelp(t *testing.T) {
	t.Parallel()
	root := newApp(nil, nil, nil, func(string) (string, bool) { return "", false }).rootCommand()
	for _, c := range root.Commands() {
		if c.Short == "" || c.Example == "" {
			t.Errorf("%s lacks a short text or an example", c.Name())
		}
		for _, sub := range c.Commands() {
			if sub.Short == "" || sub.Example == "" {
				t.Errorf("%s %s lacks a short text or an example", c.Name(), sub.Name())
			}
		}
	}
}

// What breaks is found by check, with what to do.
func TestCheckFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Embedded, tenant.Options{Permissions: []string{tenant.UserRead, tenant.DomainRead, tenant.OrganizationRead}})
	found := s.cli(t, "check", "--holder", "locked")
	found.want(t, exitError, "FAIL", "may NOT be written", "dsacls", "OrgContact.Read.All")
	asJSON := s.cli(t, "check", "--json")
	var result struct {
		OK       bool      `json:"ok"`
		Findings []finding `json:"findings"`
	}
	if err := json.Unmarshal([]byte(asJSON.out), &result); err != nil || result.OK || len(result.Findings) < 5 {
		t.Errorf("check --json: %v, %+v", err, result)
	}
}

func TestDemoPlaysAsItHasTo(t *testing.T) {
	t.Parallel()
	played := call(t, nil, "demo", "--json", "--dir", filepath.Join(t.TempDir(), "audit"))
	played.want(t, exitDone)
	lines := strings.Split(strings.TrimSpace(played.out), "\n")
	if len(lines) != len(plays())+1 {
		t.Fatalf("%d lines for %d plays and the audit", len(lines), len(plays()))
	}
	var last struct{ Audit audited }
	if err := json.Unmarshal([]byte(lines[len(plays())]), &last); err != nil || !last.Audit.Summary.Complete {
		t.Errorf("%v: %+v", err, last)
	}
	if page, err := os.ReadFile(last.Audit.Files.HTML); err != nil || !strings.Contains(string(page), "Audit of contoso.onmicrosoft.com") {
		t.Errorf("the audit's page: %v", err)
	}
	for _, line := range lines[:len(plays())] {
		var p playJSON
		if err := json.Unmarshal([]byte(line), &p); err != nil || !p.OK || p.Request.ID == "" {
			t.Errorf("%v: %s", err, line)
		}
	}
}
