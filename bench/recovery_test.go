package bench

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/private"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/store"
)

const (
	// recoverHolders is how many users have one request waiting each.
	recoverHolders = 10_000
	// killAfter is how many of them are written when the daemon is killed.
	killAfter = 500
)

// BenchmarkRecovery kills the daemon in the midst of its work with 10,000 requests waiting, and takes the time from the
// start of the next one to its API answering and to its first write; beside it, how long a daemon with an empty store takes
// to answer, which is the floor.
func BenchmarkRecovery(b *testing.B) {
	program := buildProgram(b)
	box := waitingLab(b, recoverHolders)
	for b.Loop() {
		floor := timeToReady(b, newNode(b, box, program))
		n := newNode(b, box, program)
		n.fill(b)
		n.start(b)
		n.untilWritten(b, killAfter)
		n.kill(b)
		before := n.written(b)
		began := time.Now()
		n.start(b)
		untilReady(b, n.url+"/readyz")
		ready := time.Since(began)
		n.untilWritten(b, before+1)
		first := time.Since(began)
		left := n.written(b)
		from := time.Now()
		n.untilWritten(b, left+killAfter)
		b.ReportMetric(killAfter/time.Since(from).Seconds(), "then-req/s")
		b.ReportMetric(first.Seconds(), "s-to-first-write")
		b.ReportMetric(ready.Seconds(), "s-to-ready")
		b.ReportMetric(floor.Seconds(), "s-floor")
		b.ReportMetric(0, "ns/op")
	}
}

// buildProgram builds the program as it is shipped.
func buildProgram(b *testing.B) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "aliasd")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", program, "../cmd/aliasd")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

// node is a daemon as a process of its own, with its settings and its store.
type node struct {
	program, file, url string
	data               string
	log                bytes.Buffer
	process            *exec.Cmd
}

func newNode(b *testing.B, box *lab.Lab, program string) *node {
	b.Helper()
	dir := b.TempDir()
	file, err := box.WriteSettings(dir, lab.Settings{Level: "warn"})
	must(b, err)
	settings, err := config.Load(file, os.LookupEnv)
	must(b, err)
	must(b, private.MakePrivateDir(settings.DataDir))
	return &node{program: program, file: file, url: "http://" + settings.API.Listen, data: settings.DataDir}
}

// open opens the node's store, beside the daemon or without it.
func (n *node) open(b *testing.B) *store.Store {
	b.Helper()
	s, err := store.Open(context.Background(), filepath.Join(n.data, "aliasd.db"))
	must(b, err)
	return s
}

// fill accepts a request for each user, as the API would.
func (n *node) fill(b *testing.B) {
	b.Helper()
	s := n.open(b)
	defer s.Close()
	service := queue.NewService(queue.NewRunner(queue.Options{Store: s}))
	for i := range recoverHolders {
		_, _, err := service.Submit(context.Background(), queue.Submission{Holder: name(i), Action: address.AddAlias,
			Address: address.Address(alias("recover", i))}, "")
		must(b, err)
	}
}

// start starts the daemon; what still runs of it when the benchmark ends is killed.
func (n *node) start(b *testing.B) {
	b.Helper()
	n.process = exec.Command(n.program, "run", "--config", n.file)
	n.process.Stderr = &n.log
	must(b, n.process.Start())
	running := n.process
	b.Cleanup(func() { _ = running.Process.Kill() })
}

// kill is what the kernel does to a process that may not finish anything.
func (n *node) kill(b *testing.B) {
	b.Helper()
	must(b, n.process.Process.Kill())
	_ = n.process.Wait() // it says that it was killed
}

func (n *node) written(b *testing.B) int {
	b.Helper()
	s := n.open(b)
	defer s.Close()
	return writtenIn(b, s)
}

// writtenIn counts what is in the directory, verified or not.
func writtenIn(b *testing.B, s *store.Store) int {
	b.Helper()
	stats, err := s.Stats(context.Background())
	must(b, err)
	return stats.ByState[queue.Written] + stats.ByState[queue.Verified]
}

// untilWritten waits until so many requests are written.
func (n *node) untilWritten(b *testing.B, so int) {
	b.Helper()
	s := n.open(b)
	defer s.Close()
	for until := time.Now().Add(2 * time.Minute); writtenIn(b, s) < so; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			b.Fatalf("not %d written in two minutes:\n%s", so, n.log.String())
		}
	}
}

// timeToReady is how long a daemon takes from its start until its API answers.
func timeToReady(b *testing.B, n *node) time.Duration {
	b.Helper()
	began := time.Now()
	n.start(b)
	untilReady(b, n.url+"/readyz")
	took := time.Since(began)
	n.kill(b)
	return took
}
