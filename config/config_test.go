package config

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// good is the shortest settings file that passes.
const good = `
directory:
  servers: ["ldaps://dc1.contoso.test"]
  base_dn: "DC=contoso,DC=test"
  bind: {user: svc-aliasd@contoso.test, password: {file: secret.txt}}
cloud:
  tenant_id: contoso.onmicrosoft.com
  client_id: 5a7c1f02-8e3b-4c57-a1de-6b0f9c2d4e11
  certificate: {file: /etc/aliasd/client.pem}
`

func TestBadSettings(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Parse(name+".yaml", data, "/etc/aliasd")
			var problems Problems
			if s != nil || !errors.As(err, &problems) {
				t.Fatalf("want Problems, got %v, %v", s, err)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", problems.Error()+"\n")
			if strings.Contains(err.Error(), "Tr0ub4dor") || strings.Contains(err.Error(), "hunter2") ||
				strings.Contains(err.Error(), "Summer") {
				t.Error("shows a secret")
			}
		})
	}
}

// golden compares with a file, or writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%swant\n%s", path, got, want)
	}
}

// TestProblemsAreSorted: FILE:LINE: key: problem, sorted by line, no line beyond the file.
func TestProblemsAreSorted(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/wrong_types.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Parse("x.yaml", data, "/")
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	last := 0
	for _, p := range problems {
		if p.Line < last || p.Line > strings.Count(string(data), "\n") || p.File != "x.yaml" || p.Key == "" {
			t.Errorf("%+v after line %d", p, last)
		}
		last = p.Line
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	s, err := Parse("good.yaml", []byte(good), "/etc/aliasd")
	if err != nil {
		t.Fatal(err)
	}
	b := newBase("/etc/aliasd", nil)
	want := &Settings{
		DataDir: b.dataDir(),
		Log:     Log{Level: "info", Format: "text"},
		Directory: Directory{
			Servers: []string{"ldaps://dc1.contoso.test:636"}, BaseDN: "DC=contoso,DC=test",
			Bind: Bind{
				Method: "simple", User: "svc-aliasd@contoso.test",
				Password: Secret{kind: "file", ref: filepath.Join("/etc/aliasd", "secret.txt")},
			},
			Connections: 4, Timeout: 10 * time.Second,
		},
		Cloud: Cloud{
			Environment: "global", TenantID: "contoso.onmicrosoft.com", ClientID: "5a7c1f02-8e3b-4c57-a1de-6b0f9c2d4e11",
			Certificate: Secret{kind: "file", ref: b.path("/etc/aliasd/client.pem")},
		},
		Schedule: Schedule{Verify: "*/2 * * * *", Report: "0 7 * * *"},
		Verify:   Verify{Deadline: 24 * time.Hour, SyncInterval: 30 * time.Minute, UnitsPerTick: 2000},
		Limits: Limits{WritesPerHour: 1000, RemovalsPerHour: 100,
			Burst: Burst{Requests: 200, Within: 10 * time.Minute}, Pace: Pace{Writes: 3000, Within: 5 * time.Minute}},
		API:    API{Listen: "127.0.0.1:8440", Rate: Rate{Reads: 100, Writes: 20}},
		Report: Report{Dir: filepath.Join(b.dataDir(), "reports")},
	}
	s.Directory.Bind.Password.env, s.Cloud.Certificate.env = nil, nil // functions do not compare
	s.places = places{}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got\n%+v\nwant\n%+v", s, want)
	}
}

// TestWholeContract reads every key with a value that is not its default, where one is supported.
func TestWholeContract(t *testing.T) {
	t.Parallel()
	s, err := Parse("whole.yaml", []byte(`
data_dir: state
database: ""
log: {level: debug, format: json}
directory:
  servers: ["ldaps://dc1.contoso.test:10636", "ldaps://[::1]", "LDAPS://DC2.Contoso.test/"]
  global_catalog: ["ldaps://dc1.contoso.test"]
  base_dn: "OU=Sales\\, EMEA,DC=contoso,DC=test"
  ca_file: ca.pem
  bind: {method: simple, user: 'CONTOSO\svc', password: {env: PW}, keytab: "", krb5_conf: ""}
  connections: 8
  timeout: 1m30s
cloud:
  environment: usgov-dod
  tenant_id: "1F8A6C54-3d0e-4e0b-9d51-0f3a52f1b7aa"
  client_id: "5a7c1f02-8e3b-4c57-a1de-6b0f9c2d4e11"
  client_secret: {credential: entra-secret}
  managed_identity: false
  graph_url: "https://localhost:8443/"
  authority_url: https://LOCALHOST:9443
  ca_file: /lab/ca.pem
schedule: {verify: "@every 30s", report: "", audit: ""}
verify: {deadline: 36h, sync_interval: 1h, units_per_tick: 300}
limits: {writes_per_hour: 40, removals_per_hour: 0, burst: {requests: 7, within: 30s}, pace: {writes: 60}}
api: {listen: "0.0.0.0:443", tls: {cert_file: api.pem, key_file: api.key}, rate: {reads: 0, writes: 7}}
report: {dir: /srv/reports}
`), "/etc/aliasd")
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%+v", *s)
	for _, want := range []string{
		"DataDir:/etc/aliasd/state", "{Level:debug Format:json}",
		"Servers:[ldaps://dc1.contoso.test:10636 ldaps://[::1]:636 ldaps://dc2.contoso.test:636]",
		"GlobalCatalog:[ldaps://dc1.contoso.test:3269]", `BaseDN:OU=Sales\, EMEA,DC=contoso,DC=test`,
		"CAFile:/etc/aliasd/ca.pem", `{Method:simple User:CONTOSO\svc Password:env PW}`, "Connections:8 Timeout:1m30s",
		"Environment:usgov-dod TenantID:1F8A6C54", "ClientSecret:credential entra-secret", "ManagedIdentity:false",
		"GraphURL:https://localhost:8443 AuthorityURL:https://localhost:9443 CAFile:/lab/ca.pem",
		"{Verify:@every 30s Report: Audit:}", "{Deadline:36h0m0s SyncInterval:1h0m0s UnitsPerTick:300}",
		"Limits:{WritesPerHour:40 RemovalsPerHour:0 Burst:{Requests:7 Within:30s} Pace:{Writes:60 Within:5m0s}}",
		"{Listen:0.0.0.0:443 TLS:{CertFile:/etc/aliasd/api.pem KeyFile:/etc/aliasd/api.key} Rate:{Reads:0 Writes:7}}", "{Dir:/srv/reports}",
	} {
		if !strings.Contains(filepath.ToSlash(got), want) {
			t.Errorf("lacks %s in\n%s", want, got)
		}
	}
}

// TestAccepted: one change each to a file that passes.
func TestAccepted(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"api: {listen: localhost:8440}", "api: {listen: '[::1]:0'}", "api: {listen: 127.8.9.1:8440}", "api:", "log: {level: }",
		"report: {dir: ../reports}", "schedule: {verify: '@hourly'}", "schedule: {verify: 'CRON_TZ=UTC 0 7 * * 1-5'}",
		"verify: {deadline: 1ns, units_per_tick: 50}", "verify: {sync_interval: 1s}", "verify: {sync_interval: 24h}", "...",
	} {
		if _, err := Parse("x", []byte(good+line+"\n"), "/"); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	identity := "directory: {servers: ['ldaps://127.0.0.1:1636'], base_dn: 'dc=x', bind: {user: u, password: {env: P}}}\n"
	for _, cloud := range []string{"{managed_identity: true}", "{managed_identity: True, client_id: 5a7c1f02-8e3b-4c57-a1de-6b0f9c2d4e11}"} {
		s, err := Parse("x", []byte(identity+"cloud: "+cloud), "/")
		if err != nil || !s.Cloud.ManagedIdentity {
			t.Errorf("%s: %v", cloud, err)
		}
	}
}

func TestDataDirOnWindows(t *testing.T) {
	t.Parallel()
	env := func(name string) (string, bool) { return `D:\It's data`, name == "ProgramData" }
	b := base{goos: "windows", env: env}
	if got := b.dataDir(); got != `D:\It's data\aliasd` {
		t.Errorf("got %s", got)
	}
	s, err := parse("x", []byte(good), b)
	if err != nil || s.DataDir != `D:\It's data\aliasd` {
		t.Errorf("got %v, %v", s, err)
	}
	b.env = func(string) (string, bool) { return "", false }
	if got := b.dataDir(); got != `C:\ProgramData\aliasd` {
		t.Errorf("got %s", got)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "aliasd.yaml")
	if err := os.WriteFile(path, []byte("\ufeff"+good+"data_dir: state\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.DataDir != filepath.Join(dir, "state") || s.Report.Dir != filepath.Join(dir, "state", "reports") {
		t.Errorf("data %s, reports %s", s.DataDir, s.Report.Dir)
	}
	if got := s.Directory.Bind.Password.String(); got != "file "+filepath.Join(dir, "secret.txt") {
		t.Errorf("password %s", got)
	}
}

func TestLoadFromTheWorkingFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("aliasd.yaml", []byte(good+"data_dir: state\nlog: {level: loud}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load("aliasd.yaml", nil)
	if err == nil || !strings.HasPrefix(err.Error(), "aliasd.yaml:11: log.level: must be one of debug") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile("aliasd.yaml", []byte(good+"data_dir: state\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Load("aliasd.yaml", nil)
	if err != nil || !filepath.IsAbs(s.DataDir) || !filepath.IsAbs(s.Report.Dir) {
		t.Errorf("paths hang on the working folder: %+v, %v", s, err)
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := Load(filepath.Join(dir, "none.yaml"), nil)
	var problems Problems
	if !errors.As(err, &problems) || err.Error() != filepath.Join(dir, "none.yaml")+
		": there is no such settings file (aliasd config sample prints one to start from)" {
		t.Errorf("no file: %v", err)
	}
	if _, err := Load(dir, nil); err == nil {
		t.Error("loaded a folder")
	}
	long := filepath.Join(dir, "long.yaml")
	if err := os.WriteFile(long, make([]byte, maxSettings+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(long, nil); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("loaded %d bytes: %v", maxSettings+1, err)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"tenant_id", "client_id", "ca_file", "dir"}
	for name, want := range map[string]string{
		"tenantid": "tenant_id", "tennant_id": "tenant_id", "cafile": "ca_file", "clientId": "client_id", "": "", "xyz": "",
		"dri": "dir", "certificate": "", "tenant_id_number": "",
	} {
		if got := Nearest(name, names); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
