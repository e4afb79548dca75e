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
		{[]string{"check", "--json", "-c", filepath.Join(dir, "none.yaml")}, exitError, "error"},
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
	s.cli(t, "add", " ", "x").want(t, exitUsage, "HOLDER: ", "ADDRESS: ")
	wrong := s.cli(t, "add", "jdoe", "x@contoso.test", "--ticket", "a\nb")
	wrong.want(t, exitUsage, "--ticket: ")
	if strings.Contains(wrong.err, "body.") {
		t.Errorf("it names fields of the body: %s", wrong.err)
	}
}
