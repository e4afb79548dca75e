package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/server"
)

// lastError decodes the last line of the error stream.
func (a answer) lastError(t *testing.T) errorJSON {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(a.err), "\n")
	var e errorJSON
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &e); err != nil {
		t.Fatalf("%v in %q", err, a.err)
	}
	return e
}

func TestErrorsInJSON(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(file, []byte("nonsense: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"ALIASD_URL": "http://127.0.0.1:1", "ALIASD_TOKEN": "aliasd_" + strings.Repeat("x", 43)}
	for _, c := range []struct {
		args []string
		exit int
		code string
	}{
		{[]string{"add", "--nonsense", "--json"}, exitUsage, "usage"},
		{[]string{"config", "sample", "--json"}, exitUsage, "usage"},
		{[]string{"check", "--json", "-c", file}, exitUsage, "invalid_settings"},
		{[]string{"check", "--json", "-c", filepath.Join(dir, "none.yaml")}, exitUsage, "invalid_settings"},
	} {
		got := call(t, env, c.args...)
		if e := got.lastError(t); got.code != c.exit || e.Code != c.code || e.Message == "" || got.out != "" || strings.Count(got.err, "\n") != 1 {
			t.Errorf("%v: %+v", c.args, got)
		}
	}
	e := call(t, env, "check", "--json", "-c", file).lastError(t)
	if len(e.Problems) == 0 || e.Problems[0].File != file || e.Problems[0].Line == 0 || e.Problems[0].Problem == "" {
		t.Errorf("problems: %+v", e.Problems)
	}
	checked := call(t, nil, "config", "check", "--json", "-c", file)
	var result struct {
		OK       bool          `json:"ok"`
		Problems []settingJSON `json:"problems"`
	}
	if err := json.Unmarshal([]byte(checked.out), &result); err != nil || result.OK || len(result.Problems) == 0 || checked.code != exitUsage || checked.err != "" {
		t.Errorf("config check --json: %v, %+v", err, checked)
	}
}

func TestProblemsOfTheServerInJSON(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	got := s.cli(t, "show", "0198c5a2-0000-7000-8000-000000000000", "--json")
	var p client.Problem
	if err := json.Unmarshal([]byte(got.err), &p); err != nil || p.Status != 404 || p.Code != server.NotFound || got.code != exitError || got.out != "" {
		t.Errorf("%v, %+v", err, got)
	}
	s.cli(t, "add", "jdoe", "x@contoso.test", "--allow", "everything").want(t, exitUsage, "--allow: ")
	s.cli(t, "add", strings.Repeat("x", 5000), "x@contoso.test").want(t, exitUsage, "HOLDER: ")
	for _, empty := range []string{"", " \t"} {
		s.cli(t, "explain", empty).want(t, exitUsage, "HOLDER is empty; give a UPN", "Try: aliasd explain --help")
		for _, command := range []string{"add", "primary", "remove"} {
			s.cli(t, command, empty, "x@contoso.test").want(t, exitUsage, "HOLDER is empty; give a UPN")
		}
	}
	wrong := s.cli(t, "add", "jdoe", "x@contoso.test", "--ticket", "a\nb")
	wrong.want(t, exitUsage, "--ticket: ")
	if strings.Contains(wrong.err, "body.") {
		t.Errorf("it names fields of the body: %s", wrong.err)
	}
}

// What cannot be is refused before anybody is asked.
func TestCommandLinesThatCannotBe(t *testing.T) {
	t.Parallel()
	env := map[string]string{"ALIASD_TOKEN": "aliasd_x"}
	for line, part := range map[string]string{
		"list --limit 0": "1 to 500", "list --limit 501": "1 to 500", "report --since xd": "since", "report --since 0d": "more than 0",
		"add a b --timeout 1s": "--timeout is for --wait", "add a b --wait --timeout -1s": "more than 0",
		"list --server nonsense": "want https://host:port", "list --server http://aliasd.contoso.test": "https only",
		"report --server https://a": "this machine alone", "token list --server https://a": "this machine alone",
		"config check --server https://a": "this machine alone", "service status --server https://a": "this machine alone",
	} {
		call(t, env, strings.Fields(line)...).want(t, exitUsage, part)
	}
}

// On loopback the local administrator's token is taken, but for the daemon of the settings only.
func TestServerOnThisMachine(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	s.cli(t, "list", "--server", s.daemon.URL()).want(t, exitDone, "no requests")
	s.cli(t, "list", "--server", "http://127.0.0.1:1").want(t, exitError, "ALIASD_TOKEN")
	s.cli(t, "list", "--server", "https://aliasd.contoso.test").want(t, exitError, "ALIASD_TOKEN")
}

func TestReportInJSONIsWritten(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	dir := filepath.Join(t.TempDir(), "reports")
	got := s.cli(t, "report", "--since", "7d", "--dir", dir, "--json")
	got.want(t, exitDone)
	var made reportJSON
	if err := json.Unmarshal([]byte(got.out), &made); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{made.HTML, made.CSV, made.JSON} {
		if _, err := os.Stat(file); err != nil || filepath.Dir(file) != dir {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestRevokeSaysWhatWasDone(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	s.cli(t, "token", "create", "--name", "helpdesk").want(t, exitDone)
	s.cli(t, "token", "revoke", "helpdesk").want(t, exitDone, "token helpdesk: revoked")
	s.cli(t, "token", "revoke", "helpdesk", "--json").want(t, exitDone, `"done":"already revoked"`)
	s.cli(t, "token", "revoke", "nobody").want(t, exitError, "no such token")
}

func TestServiceManagers(t *testing.T) {
	t.Parallel()
	for platform, good := range map[string]bool{"linux-systemd": true, "windows-service": true, "unix-systemv": false, "none": false} {
		if err := checkManager(platform); (err == nil) != good {
			t.Errorf("%s: %v", platform, err)
		}
	}
}
