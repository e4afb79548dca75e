package bench

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/audit"
	"github.com/aliasd/aliasd/cloudcheck/graph"
	"github.com/aliasd/aliasd/cloudcheck/tenantfile"
	"github.com/aliasd/aliasd/ldapwriter"
)

// BenchmarkAudit audits 100,000 holders. The lab runs in a process of its own, and so does each audit, whose memory at its
// highest is read. What both sides cost without us is measured in the same run: every page of the directory by the LDAP
// library, and every page of the tenant by the HTTP library, read and thrown away. The findings are checked against what was
// generated.
func BenchmarkAudit(b *testing.B) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		b.Skip("memory is read from /proc")
	}
	lab := startLab(b)
	for b.Loop() {
		var bare bareCost
		var audit audited
		for round := range auditRounds {
			bare = bare.least(readBare(b, lab.auditLab), round)
			audit = audit.least(auditOnce(b, lab), round)
		}
		audit.report(b, bare.directory+bare.tenant)
		b.ReportMetric(bare.directory.Seconds(), "s-bare-directory")
		b.ReportMetric(bare.tenant.Seconds(), "s-bare-tenant")
	}
}

// auditRounds is how often an audit and the bare reading are measured, in turns; the quickest of each counts, for
// other work on the machine only ever makes one slower.
const auditRounds = 3

func (a audited) report(b *testing.B, bare time.Duration) {
	b.Helper()
	b.ReportMetric(a.Took.Seconds(), "s-audit")
	b.ReportMetric(a.Took.Seconds()/bare.Seconds(), "audit/bare")
	b.ReportMetric(auditedHolders/a.Took.Seconds(), "holders/s")
	b.ReportMetric(a.cpu.Seconds(), "cpu-s")
	b.ReportMetric(float64(a.calls), "calls")
	b.ReportMetric(a.MB, "MB")
}

// auditTask is what the audit's process is told, by its standard input.
type auditTask struct {
	Lab *auditLab
	// Path is the file for what is read of the tenant.
	Path string
}

// audited is what the audit's process answers.
type audited struct {
	Summary audit.Summary
	Took    time.Duration
	// Cloud is how long the tenant's side took of it.
	Cloud time.Duration
	// MB is the resident memory at its highest, in 10^6 bytes.
	MB    float64
	calls int
	// cpu is the processor time of the whole process.
	cpu time.Duration
}

// least is the quicker one of two audits, with the higher memory of both.
func (a audited) least(b audited, round int) audited {
	b.MB = max(a.MB, b.MB)
	if round == 0 || b.Took < a.Took {
		return b
	}
	a.MB = b.MB
	return a
}

// auditOnce runs an audit in a process of its own and checks what it found.
func auditOnce(b *testing.B, lab *labProcess) audited {
	b.Helper()
	before := lab.calls(b)
	task, err := json.Marshal(auditTask{Lab: lab.auditLab, Path: filepath.Join(b.TempDir(), "tenant")})
	must(b, err)
	c := role(b, "audit")
	c.Stdin = strings.NewReader(string(task))
	out, err := c.Output()
	must(b, err)
	var a audited
	must(b, json.Unmarshal(out, &a))
	a.calls, a.cpu = lab.calls(b)-before, c.ProcessState.UserTime()+c.ProcessState.SystemTime()
	b.Logf("%s, the tenant %s of it, %s of CPU, %d calls, %.0f MB", a.Took, a.Cloud, a.cpu, a.calls, a.MB)
	checkFound(b, a)
	return a
}

func checkFound(b *testing.B, a audited) {
	b.Helper()
	if !a.Summary.Complete || !a.Summary.Cloud.Full {
		b.Errorf("%+v", a.Summary)
	}
	want := expected(auditedHolders)
	for _, c := range a.Summary.Codes {
		if c.Severity == cloudcheck.Wrong && c.Findings != want[c.Code] {
			b.Errorf("%d findings %s, wanted %d", c.Findings, c.Code, want[c.Code])
		}
		if c.Severity == cloudcheck.Wrong {
			delete(want, c.Code)
		}
	}
	if len(want) > 0 {
		b.Errorf("not found: %v", want)
	}
}

// playAudit is the process that one audit runs in, made of the parts that the daemon has.
func playAudit() error {
	var task auditTask
	if err := json.NewDecoder(os.Stdin).Decode(&task); err != nil {
		return err
	}
	options, closing, err := auditParts(task)
	if err != nil {
		return err
	}
	stop, err := profiled()
	if err != nil {
		return err
	}
	began := time.Now()
	a := audited{}
	a.Summary, err = audit.Run(context.Background(), options)
	a.Took, a.Cloud = time.Since(began), a.Summary.Cloud.Took
	if err := errors.Join(err, stop(), closing()); err != nil {
		return err
	}
	if a.MB, err = highest(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(a)
}

// profiled writes a CPU profile into the file that ALIASD_BENCH_PROFILE names, with the process's number behind it.
func profiled() (stop func() error, err error) {
	path := os.Getenv("ALIASD_BENCH_PROFILE")
	if path == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(fmt.Sprintf("%s.%d", path, os.Getpid()))
	if err != nil {
		return nil, err
	}
	return func() error { pprof.StopCPUProfile(); return f.Close() }, pprof.StartCPUProfile(f)
}

// counting is a sink that keeps nothing.
type counting struct{ codes map[cause.Code]int }

func (c *counting) Take(it audit.Item) error { c.codes[it.Code]++; return nil }

func auditParts(task auditTask) (o audit.Options, closing func() error, err error) {
	l := task.Lab
	d, err := ldapwriter.Open(ldapwriter.Options{Servers: []string{l.Server}, BaseDN: l.BaseDN, RootCAs: l.site().Roots(),
		Bind: ldapwriter.SimpleBind{User: l.Service.User, Password: func() (string, error) { return l.Service.Password, nil }}})
	if err != nil {
		return o, nil, err
	}
	client, err := graph.Open(graph.Options{TenantID: l.Tenant.TenantID, GraphURL: l.Tenant.URL, AuthorityURL: l.Tenant.AuthorityURL, RootCAs: l.roots(),
		Credential: graph.SecretCredential(l.Tenant.ClientID, func() (string, error) { return l.Tenant.ClientSecret, nil })})
	if err != nil {
		return o, nil, err
	}
	file := tenantfile.New(task.Path)
	cloud := audit.Online{Checker: cloudcheck.New(cloudcheck.Options{Reader: client}), Source: client, File: file}
	return audit.Options{Directory: d, Cloud: cloud, Sink: &counting{map[cause.Code]int{}}, BaseDN: l.BaseDN},
		func() error { return errors.Join(file.Close(), d.Close()) }, nil
}

func (l *auditLab) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(l.Tenant.CA)
	return pool
}

// highest is this process's resident memory at its highest, in megabytes (10^6 bytes).
func highest() (float64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			return float64(kb) * 1024 / 1e6, err
		}
	}
	return 0, errors.New("no VmHWM")
}
