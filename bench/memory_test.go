package bench

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/tenant"
)

// BenchmarkIdleMemory starts the daemon as a process of its own against a lab, lets it sweep a while with nothing to do, and
// reads its resident memory.
func BenchmarkIdleMemory(b *testing.B) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		b.Skip("resident memory is read from /proc")
	}
	program := buildProgram(b)
	box, err := lab.Start(context.Background(), lab.Options{Tenant: tenant.Options{LicenceNew: true}})
	must(b, err)
	defer box.Close()
	for b.Loop() {
		b.ReportMetric(idle(b, box, program), "MB-resident")
	}
}

// idle runs the daemon for some seconds and returns its resident memory in megabytes (10^6 bytes).
func idle(b *testing.B, box *lab.Lab, program string) float64 {
	b.Helper()
	dir := b.TempDir()
	file, err := box.WriteSettings(dir, lab.Settings{})
	must(b, err)
	settings, err := config.Load(file, os.LookupEnv)
	must(b, err)
	var log bytes.Buffer
	daemon := exec.Command(program, "run", "--config", file)
	daemon.Stderr = &log
	must(b, daemon.Start())
	defer func() {
		must(b, daemon.Process.Signal(os.Interrupt))
		if err := daemon.Wait(); err != nil {
			b.Errorf("the daemon: %v\n%s", err, log.String())
		}
	}()
	untilReady(b, "http://"+settings.API.Listen+"/readyz")
	<-time.After(10 * time.Second) // what is measured is a daemon that has been idle for a while
	return resident(b, daemon.Process.Pid)
}

func untilReady(b *testing.B, url string) {
	b.Helper()
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		answer, err := http.Get(url)
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
	}
	b.Fatal("the daemon is not ready after 30 s")
}

func resident(b *testing.B, pid int) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(b, err)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			must(b, err)
			return float64(kb) * 1024 / 1e6
		}
	}
	b.Fatal("no VmRSS")
	return 0
}
