package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// secretFile writes a file that only its owner reads.
func secretFile(t *testing.T, content string) Secret {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return Secret{kind: "file", ref: path, env: os.LookupEnv}
}

func TestSecretFromFile(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"s3cret": "s3cret", "s3cret\n": "s3cret", "s3cret\r\n": "s3cret", "s3cret\n\n": "s3cret\n", " s3 cret ": " s3 cret ",
		"Grüße\n": "Grüße",
	} {
		got, err := secretFile(t, content).Value()
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v", content, got, err)
		}
	}
}

func TestSecretFromFileRefused(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"": "it is empty", "\n": "it is empty", "\r\n": "it is empty", "\xef\xbb\xbfs3cret": "byte order mark",
		"\xff\xfes\x003\x00": "UTF-16", "\xfe\xff\x00s": "UTF-16", "s3\x00cret": "UTF-16", "s3\xe4cret": "not UTF-8",
	} {
		got, err := secretFile(t, content).Value()
		if err == nil || got != "" || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3") {
			t.Errorf("%q: got %q, %v", content, got, err)
		}
	}
}

func TestSecretIsReadWhenItIsUsed(t *testing.T) {
	t.Parallel()
	s := secretFile(t, "old\n")
	if err := os.WriteFile(s.ref, []byte("new\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Value(); err != nil || got != "new" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := os.Remove(s.ref); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Value(); err == nil || !strings.Contains(err.Error(), s.ref) {
		t.Errorf("got %v", err)
	}
}

func TestSecretFromEnvironment(t *testing.T) {
	t.Parallel()
	env := func(name string) (string, bool) {
		value, ok := map[string]string{"PW": "s3cret\n", "EMPTY": ""}[name]
		return value, ok
	}
	if got, err := (Secret{kind: "env", ref: "PW", env: env}).Value(); err != nil || got != "s3cret\n" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := (Secret{kind: "env", ref: "NONE", env: env}).Value(); err == nil || !strings.Contains(err.Error(), "NONE is not set") {
		t.Errorf("got %v", err)
	}
	if _, err := (Secret{kind: "env", ref: "EMPTY", env: env}).Value(); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("got %v", err)
	}
}

func TestSecretFromCredential(t *testing.T) {
	t.Parallel()
	file := secretFile(t, "s3cret\n")
	env := func(name string) (string, bool) { return filepath.Dir(file.ref), name == "CREDENTIALS_DIRECTORY" }
	if got, err := (Secret{kind: "credential", ref: "secret.txt", env: env}).Value(); err != nil || got != "s3cret" {
		t.Errorf("got %q, %v", got, err)
	}
	none := func(string) (string, bool) { return "", false }
	_, err := (Secret{kind: "credential", ref: "pw", env: none}).Value()
	if err == nil || !strings.Contains(err.Error(), "LoadCredential=pw:/path") {
		t.Errorf("got %v", err)
	}
}

func TestSecretBytesAreUntouched(t *testing.T) {
	t.Parallel()
	const content = "\x30\x82\x00\xff binary \r\n\n"
	if got, err := secretFile(t, content).Bytes(); err != nil || string(got) != content {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := (Secret{}).Bytes(); err == nil {
		t.Error("read a secret that is not set")
	}
}

// TestSecretNeverPrints: whatever prints settings prints where the secret stands.
func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	s := Secret{kind: "env", ref: "PW", env: func(string) (string, bool) { return "s3cret", true }}
	settings := Settings{Directory: Directory{Bind: Bind{Password: s}}, Cloud: Cloud{ClientSecret: s}}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("settings", "password", s, "settings", settings, "bind", &settings.Directory.Bind)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("settings", "password", s, "settings", settings)
	printed := []string{logged.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T %v"} {
		printed = append(printed, fmt.Sprintf(verb, s), fmt.Sprintf(verb, settings), fmt.Sprintf(verb, &settings))
	}
	j, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	y, err := yaml.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(printed, string(j), string(y)) {
		if strings.Contains(p, "s3cret") || strings.Contains(p, fmt.Sprintf("%x", "s3cret")) {
			t.Errorf("printed the secret: %s", p)
		}
	}
	if !strings.Contains(logged.String(), "env PW") || !strings.Contains(string(j), `{"env":"PW"}`) || !strings.Contains(string(y), "env: PW") {
		t.Errorf("does not say where the secret stands:\n%s%s\n%s", logged.String(), j, y)
	}
}

// TestProblemsNeverShowASecret writes a password where the reference should be, in every way that YAML has, quoted or
// not: no problem may show it.
func TestProblemsNeverShowASecret(t *testing.T) {
	t.Parallel()
	shapes := []string{
		"password: %s", "password: '%s'", "password: \"%s\"", "password: {%s}", "password: {%s: x}", "password: {fil: %s}", "password: [%s]",
		"password: {env: '%s'}", "password: {credential: '%s'}", "password: {dpapi: '%s'}", "password: |\n      %s", "password: {file: [%s]}",
		"password: !!binary %s", "password: {file: {a: %s}}", "password: {env: %s, file: x}", "password:\n      - %s",
	}
	rapid.Check(t, func(t *rapid.T) {
		password := rapid.StringMatching(`[*&!%@|>#{}\[\]:,?~a-zA-Z0-9"'$. -]{0,6}`).Draw(t, "mark") + "kanarienvogel" +
			rapid.StringMatching(`[*&!%@|>#{}\[\]:,?~a-zA-Z0-9"'$. -]{0,6}`).Draw(t, "tail")
		shape := fmt.Sprintf(rapid.SampledFrom(shapes).Draw(t, "shape"), password)
		_, err := Parse("x", []byte("directory:\n  bind:\n    user: u\n    "+shape+"\n"), "/")
		if err == nil || strings.Contains(err.Error(), "kanarienvogel") {
			t.Fatalf("%s: %v", shape, err)
		}
	})
}
