package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
	"github.com/aliasd/aliasd/server/token"
)

// guarded is a stack at debug level whose secrets are known, and everything that it wrote.
type guarded struct {
	*stack
	secrets map[string]string
	found   haystack
	// kept are the files that are secrets themselves.
	kept []string
}

func newGuarded(t *testing.T, change func(*testing.T, *stack)) *guarded {
	t.Helper()
	s := newSite(t, lab.Embedded, tenant.Options{})
	replaceInFile(t, s.file, "level: info", "level: debug")
	g := &guarded{stack: s, found: haystack{}, kept: []string{"password.txt", "client.pem", "client-secret.txt", "broken.pem", "data/" + token.LocalFile},
		secrets: map[string]string{"bind password": s.Site.Service.Password, "private key": keyOf(t, filepath.Join(s.dir, "client.pem"))}}
	if change != nil {
		change(t, s)
	}
	s.startDaemon(t)
	local, err := token.ReadLocal(filepath.Join(s.dir, "data"))
	fatal(t, err)
	g.secrets["local token"] = local.Reveal()
	return g
}

// keyOf takes bytes from the midst of a private key.
func keyOf(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	fatal(t, err)
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if strings.Contains(block.Type, "PRIVATE KEY") {
			return string(block.Bytes[len(block.Bytes)/2:][:30])
		}
	}
	t.Fatal("no private key")
	return ""
}

// cli runs a command line and keeps what it printed.
func (g *guarded) cli(t *testing.T, env map[string]string, args ...string) answer {
	t.Helper()
	all := map[string]string{"ALIASD_CONFIG": g.file}
	for name, value := range env {
		all[name] = value
	}
	for _, how := range [][]string{args, append([]string{"--json"}, args...)} {
		got := call(t, all, how...)
		g.found.add("aliasd "+strings.Join(how, " "), got.out, got.err, "")
	}
	return call(t, all, args...)
}

// http makes a call with these headers and keeps the answer.
func (g *guarded) http(t *testing.T, method, path, body string, header http.Header) int {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, g.daemon.URL()+path, strings.NewReader(body))
	fatal(t, err)
	r.Header = header
	got, err := http.DefaultClient.Do(r)
	fatal(t, err)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	fatal(t, err)
	g.found.add("answer to "+method, fmt.Sprint(got.Header), string(text), "")
	return got.StatusCode
}

// create makes a token by its command, which alone may show it.
func (g *guarded) create(t *testing.T, name, scopes string) token.Secret {
	t.Helper()
	got := call(t, map[string]string{"ALIASD_CONFIG": g.file}, "--json", "token", "create", "--name", name, "--scope", scopes)
	var made struct{ Token string }
	fatal(t, json.Unmarshal([]byte(got.out), &made))
	g.secrets["token "+name] = made.Token
	g.found.add("standard error of token create", got.err)
	secret, err := token.Parse(made.Token)
	fatal(t, err)
	return secret
}

// search looks through everything that was written, now.
func (g *guarded) search(t *testing.T) []string {
	t.Helper()
	now := haystack{}
	for where, text := range g.found {
		now[where] = text
	}
	now.addFiles(t, g.dir, g.kept...)
	now.add("log", g.log.String())
	stacks := make([]byte, 4<<20)
	now.add("stacks, as a crash prints them", string(stacks[:runtime.Stack(stacks, true)]))
	found := now.leaks(g.secrets)
	for where, text := range now {
		if jwt := regexp.MustCompile(`eyJ[A-Za-z0-9_-]{20,}\.`).Find(text); jwt != nil {
			found = append(found, fmt.Sprintf("a signed token %.30s…: in %s", jwt, where))
		}
	}
	return found
}

// check fails where a secret was written, or where the search cannot find one.
func (g *guarded) check(t *testing.T) {
	t.Helper()
	for _, leak := range g.search(t) {
		t.Error("a secret was written: " + leak)
	}
	if written := len(g.log.String()); written < 2000 || len(g.found) < 10 {
		t.Errorf("searched only %d bytes of log and %d outputs", written, len(g.found))
	}
	// The same search has to find what is planted: in the log by the daemon's own logger, and in its own store.
	for name, secret := range g.secrets {
		g.daemon.log.Debug("planted", "by", name, "error", fmt.Errorf("bind failed: %v", secret))
		if !strings.Contains(strings.Join(g.search(t), "\n"), name+", ") {
			t.Errorf("the search does not find the %s that was logged on purpose", name)
		}
	}
	_, err := g.remote.Submit(context.Background(), server.SubmissionJSON{Holder: "x", Action: address.AddAlias, Address: "planted@contoso.test",
		Note: g.secrets["local token"]}, "")
	fatal(t, err)
	if !strings.Contains(strings.Join(g.search(t), "\n"), "aliasd.db") {
		t.Error("the search does not find what stands in the store")
	}
}

func bearer(secret string) http.Header { return http.Header{"Authorization": {"Bearer " + secret}} }

// TestNoSecretIsWritten lets everything happen at debug level that an ordinary day has, and searches all that was written.
func TestNoSecretIsWritten(t *testing.T) {
	t.Parallel()
	g := newGuarded(t, nil)
	helpdesk := g.create(t, "helpdesk", "submit,read").Reveal()
	r := g.submit(t, address.AddAlias, "jdoe", "jane.doe@contoso.test")
	g.verify(t, r.ID)
	refused := g.submit(t, address.AddAlias, "nobody", "x@contoso.test")
	g.until(t, refused.ID, "looked at", func(r requestJSON) bool { return r.State != queue.Accepted })
	g.strangeCalls(t, helpdesk)
	g.everyRoute(t, helpdesk)
	g.everyCommand(t, string(r.ID), helpdesk)
	fatal(t, g.Embedded.Suspend())
	g.cli(t, nil, "check")
	g.cli(t, nil, "explain", "jdoe")
	away := g.submit(t, address.AddAlias, "bob", "robert@contoso.test")
	g.untilState(t, away.ID, queue.Accepted, cause.DirectoryUnavailable)
	fatal(t, g.Embedded.Resume())
	g.create(t, "gone", "read")
	g.cli(t, nil, "token", "revoke", "gone")
	if status := g.http(t, "GET", "/v1/requests", "", bearer(g.secrets["token gone"])); status != http.StatusUnauthorized {
		t.Errorf("the revoked token is answered %d", status)
	}
	g.check(t)
}

// strangeCalls send tokens to where they do not belong.
func (g *guarded) strangeCalls(t *testing.T, helpdesk string) {
	t.Helper()
	guess := token.New().Reveal()
	g.secrets["guess"] = guess
	for _, secret := range []string{helpdesk, guess} {
		g.http(t, "GET", "/v1/requests?access_token="+secret, "", bearer(secret))
		g.http(t, "GET", "/v1/requests/"+secret, "", bearer(secret))
		g.http(t, "GET", "/"+secret, "", bearer(secret))
		g.http(t, "POST", "/v1/pause", "{", bearer(secret))
		g.http(t, "POST", "/v1/requests", `{"holder":7}`, bearer(secret))
		g.http(t, "GET", "/v1/requests", "", http.Header{"Authorization": {"Basic " + secret}})
		g.http(t, "GET", "/v1/requests", "", http.Header{"Authorization": {secret}})
		g.http(t, "GET", "/healthz", "", http.Header{"Authorization": {"bearer  " + secret + "x"}})
		g.http(t, "PATCH", "/v1/requests", "", bearer(secret))
	}
}

// everyRoute calls each route of the router.
func (g *guarded) everyRoute(t *testing.T, helpdesk string) {
	t.Helper()
	for _, r := range g.daemon.server.Routes() {
		path := strings.NewReplacer("{id}", "01900000-0000-7000-8000-000000000000", "{identity}", "jdoe").Replace(r.Path)
		for _, secret := range []string{helpdesk, g.secrets["local token"]} {
			g.http(t, r.Method, path, "", bearer(secret))
		}
	}
	g.http(t, "POST", "/v1/resume", "", bearer(g.secrets["local token"]))
}

// everyCommand runs the commands that read the settings, talk to the daemon, or write files.
func (g *guarded) everyCommand(t *testing.T, id, helpdesk string) {
	t.Helper()
	for _, args := range [][]string{{"check"}, {"config", "check"}, {"config", "sample"}, {"list"}, {"show", id}, {"explain", "jdoe"}, {"explain", "nobody"},
		{"report"}, {"audit"}, {"token", "list"}, {"cancel", id}, {"undo", "none"}, {"add", "jdoe", "x@x@x"}, {"frobnicate"}, {"show"}} {
		g.cli(t, nil, args...)
	}
	for _, wrong := range []string{helpdesk[:len(helpdesk)-1] + "!", helpdesk + "A", g.secrets["guess"], strings.TrimPrefix(helpdesk, "aliasd_")} {
		g.secrets["wrong token "+wrong[len(wrong)-3:]] = wrong
		g.cli(t, map[string]string{"ALIASD_TOKEN": wrong}, "list")
		g.cli(t, map[string]string{"ALIASD_TOKEN": wrong, "ALIASD_URL": "http://" + wrong + "@127.0.0.1:1"}, "list")
	}
}

// TestNoSecretIsWrittenOfWhatIsWrong has secrets that are not taken: by the directory, by the tenant, by the settings.
func TestNoSecretIsWrittenOfWhatIsWrong(t *testing.T) {
	t.Parallel()
	const password, clientSecret = `M4rk3d "b1nd" p&ss%word\`, `M4rk3d~Cl13nt.S3cr3t'+/=`
	g := newGuarded(t, func(t *testing.T, s *stack) {
		fatal(t, os.WriteFile(filepath.Join(s.dir, "password.txt"), []byte(password+"\n"), 0o600))
		fatal(t, os.WriteFile(filepath.Join(s.dir, "client-secret.txt"), []byte(clientSecret), 0o600))
		replaceInFile(t, s.file, "certificate: {file: client.pem}", "client_secret: {file: client-secret.txt}")
	})
	g.secrets["bind password"], g.secrets["client secret"] = password, clientSecret
	r := g.submit(t, address.AddAlias, "jdoe", "jane.doe@contoso.test")
	g.until(t, r.ID, "tried", func(r requestJSON) bool { return r.Cause != nil })
	for _, args := range [][]string{{"check"}, {"config", "check"}, {"explain", "jdoe"}, {"audit"}, {"report"}, {"show", string(r.ID)}, {"list"}} {
		g.cli(t, nil, args...)
	}
	g.everyRoute(t, g.secrets["local token"])
	g.brokenSettings(t, password)
	contains(t, g.log.String(), "bind")
	g.check(t)
}

// brokenSettings are settings that hold secrets, or lead to some that cannot be used.
func (g *guarded) brokenSettings(t *testing.T, secret string) {
	t.Helper()
	good, err := os.ReadFile(g.file)
	fatal(t, err)
	// Where the private key stands there is text that is none.
	broken := "-----BEGIN PRIVATE KEY-----\n" + strings.Repeat("bTRya2VkLWtleS1tYXRlcmlhbA==\n", 3) + "-----END PRIVATE KEY-----\n" + secret
	fatal(t, os.WriteFile(filepath.Join(g.dir, "broken.pem"), []byte(broken), 0o600))
	g.secrets["broken key"] = "m4rked-key-material"
	quoted, _ := json.Marshal(secret)
	for i, change := range [][2]string{
		{"{file: password.txt}", string(quoted)}, {"{file: password.txt}", "{value: " + string(quoted) + "}"}, {"{file: password.txt}", "[" + string(quoted) + "]"},
		{"{file: client-secret.txt}", string(quoted)}, {"client_secret: {file: client-secret.txt}", "certificate: {file: broken.pem}"},
		{"data_dir: data", "data_dir: data\ndatabase: postgres://aliasd@127.0.0.1:1/aliasd?connect_timeout=1\ndatabase_password: {file: password.txt}"},
		{"data_dir: data", "data_dir: data\ndatabase: " + strconv.Quote("postgres://aliasd:"+url.PathEscape(secret)+"@127.0.0.1:1/aliasd")},
		{"{file: password.txt}", "{file: aliasd.yaml/x}"}, {"{file: password.txt}", "{env: ALIASD_TEST_SECRET}"},
	} {
		// The file holds the secret by the administrator's own hand, so it does not stand where the search looks.
		file := filepath.Join(t.TempDir(), fmt.Sprintf("broken%d.yaml", i))
		text := bytes.Replace(good, []byte(change[0]), []byte(change[1]), 1)
		text = bytes.ReplaceAll(text, []byte("{file: "), []byte("{file: "+g.dir+"/"))
		fatal(t, os.WriteFile(file, text, 0o600))
		for _, args := range [][]string{{"config", "check"}, {"check"}, {"list"}, {"token", "list"}, {"run"}} {
			g.cli(t, map[string]string{"ALIASD_CONFIG": file, "ALIASD_TEST_SECRET": secret}, args...)
		}
	}
}
