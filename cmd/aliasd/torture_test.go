//go:build !windows

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/torture"
	"github.com/aliasd/aliasd/queue/store"
)

// The torture tests do not run beside the others (t.Parallel): they are full of time limits that a busy machine breaks.

// TestMain lets this binary be the daemon of a torture run.
func TestMain(m *testing.M) {
	if torture.InChild() {
		os.Exit(tortured())
	}
	os.Exit(m.Run())
}

// tortured is the program itself, at the pace of a lab, with traps around its store and its directory.
func tortured() int {
	in, err := torture.NewInside()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go dieWith(os.Getppid())
	err = runTrapped(ctx, in, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return exitCode(err)
}

// runTrapped is aliasd run -c FILE with the traps between its parts and its Runner.
func runTrapped(ctx context.Context, in *torture.Inside, args []string) error {
	if len(args) != 3 || args[0] != "run" || args[1] != "-c" {
		return fmt.Errorf("the arguments are %q, and not run -c FILE", args)
	}
	settings, err := config.Load(args[2], os.LookupEnv)
	if err != nil {
		return err
	}
	p, err := openParts(ctx, settings, newLogger(os.Stderr, settings.Log), tuning{retryBase: 100 * time.Millisecond, retryLimit: 500 * time.Millisecond,
		poll: 50 * time.Millisecond, calculationGrace: time.Second})
	if err != nil {
		return err
	}
	o := p.runnerOptions()
	o.Store, o.Directory, o.Lease = in.Store(o.Store), in.Directory(o.Directory), in.Lease
	d, err := p.assemble(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(d.Run(ctx), d.Close())
}

// dieWith ends this process when the test that started it has gone without ending it.
func dieWith(parent int) {
	for range time.Tick(time.Second) {
		if os.Getppid() != parent {
			os.Exit(1)
		}
	}
}

// launch runs this binary as the daemon.
func launch(args ...string) *exec.Cmd { return exec.Command(os.Args[0], args...) }

// needTime skips a test that takes minutes, but in CI's long part.
func needTime(t *testing.T) {
	t.Helper()
	if os.Getenv("ALIASD_TEST_LONG") == "" {
		t.Skip("SKIPPED, it takes minutes: make test-long")
	}
}

// tortureSettings are what the environment says of a torture: RUNS, SEED, KIND and LANES.
type tortureSettings struct {
	runs, lanes, turn int
	seed              uint64
	kinds             []lab.Kind
}

func readTorture(t *testing.T) tortureSettings {
	t.Helper()
	needTime(t)
	s := tortureSettings{runs: 4, lanes: 4, seed: uint64(time.Now().UnixNano()) % 1_000_000, kinds: []lab.Kind{lab.Embedded, lab.Samba}}
	number := func(name string, into *int) {
		if text := os.Getenv("ALIASD_TORTURE_" + name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 {
				t.Fatalf("ALIASD_TORTURE_%s=%s is no number from 0", name, text)
			}
			*into = n
		}
	}
	seed := int(s.seed)
	number("RUNS", &s.runs)
	number("LANES", &s.lanes)
	number("TURN", &s.turn)
	number("SEED", &seed)
	s.seed = uint64(seed)
	if text := os.Getenv("ALIASD_TORTURE_KIND"); text != "" {
		s.kinds = nil
		for _, kind := range strings.Split(text, ",") {
			s.kinds = append(s.kinds, lab.Kind(kind))
		}
	}
	return s
}

// tortureDatabase makes a database, and gives its URL and how to look into it beside the daemons.
func tortureDatabase(t *testing.T) (url string, archive func(context.Context) (torture.Archive, error)) {
	t.Helper()
	_, url = newDatabase(t)
	opened, err := store.OpenPostgres(context.Background(), url)
	fatal(t, err)
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	return url, func(context.Context) (torture.Archive, error) { return keptOpen{opened}, nil }
}

// keptOpen is a store that its test closes.
type keptOpen struct{ *store.Store }

func (keptOpen) Close() error { return nil }

// The same with three daemons on one database, any of which is killed.
func TestTorturePostgres(t *testing.T) {
	s := readTorture(t)
	server, _ := newDatabase(t)
	torment(t, s, "torture-postgres", func(t *testing.T) torture.Options {
		name, err := server.NewDatabase(context.Background(), "")
		fatal(t, err)
		url := server.URL(name)
		opened, err := store.OpenPostgres(context.Background(), url)
		fatal(t, err)
		t.Cleanup(func() { _ = opened.Close() })
		shape := torture.DefaultShape()
		shape.Nodes = 3
		return torture.Options{Shape: shape, Database: url,
			Archive: func(context.Context) (torture.Archive, error) { return keptOpen{opened}, nil }}
	})
}

// The daemon is killed again and again, while requests arrive and somebody else edits the same holders, and loses nothing.
func TestTorture(t *testing.T) {
	torment(t, readTorture(t), "torture", func(*testing.T) torture.Options { return torture.Options{} })
}

// torment makes all runs and prints what happened in them.
func torment(t *testing.T, s tortureSettings, target string, options func(*testing.T) torture.Options) {
	t.Logf("seed %d; the same again: make %s RUNS=%d SEED=%d", s.seed, target, s.runs, s.seed)
	worlds := map[lab.Kind]*torture.World{}
	for _, kind := range s.kinds {
		if kind == lab.Samba {
			needSamba(t)
		}
		worlds[kind] = openWorld(t, kind)
	}
	total := torture.Tally{}
	var mu sync.Mutex
	slots := make(chan struct{}, s.lanes)
	var all sync.WaitGroup
	for i := range s.runs {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			kind, seed, turn := s.kinds[i%len(s.kinds)], s.seed+uint64(i), s.turn+i
			run := tortureOnce(t, worlds[kind], seed, turn, options(t))
			mu.Lock()
			defer mu.Unlock()
			total.Add(run.Tally)
			if len(run.Violations) > 0 {
				t.Errorf("the same again: make %s RUNS=1 SEED=%d TURN=%d KIND=%s\nfiles: %s\n%s",
					target, seed, turn, kind, run.Dir, strings.Join(run.Violations, "\n"))
			}
		})
	}
	all.Wait()
	var table strings.Builder
	fatal(t, total.Print(&table))
	t.Logf("\n%s", table.String())
}

// forgetFiles removes the files of a run that was meant to fail.
func forgetFiles(t *testing.T, run *torture.Run) {
	t.Helper()
	if err := os.RemoveAll(run.Dir); err != nil {
		t.Error(err)
	}
}

// A second writer makes a thousand edits to the same holders, and none of them is lost.
func TestTortureForeignWriters(t *testing.T) {
	s := readTorture(t)
	w := openWorld(t, lab.Embedded)
	run := tortureOnce(t, w, s.seed, 0, torture.Options{Shape: torture.Shape{Asks: 150, Edits: 2600, Kills: 4, Span: 25 * time.Second, Nodes: 1}})
	for _, v := range run.Violations {
		t.Error(v)
	}
	if run.Tally.Edits < 1000 {
		t.Errorf("only %d edits took effect", run.Tally.Edits)
	}
	total := torture.Tally{}
	total.Add(run.Tally)
	var table strings.Builder
	fatal(t, total.Print(&table))
	t.Logf("seed %d\n%s", s.seed, table.String())
}

func openWorld(t *testing.T, kind lab.Kind) *torture.World {
	t.Helper()
	w, err := torture.OpenWorld(context.Background(), kind, oneRegistration)
	fatal(t, err)
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// atTheRightSpeed gives daemons that the race detector slows down more time.
func atTheRightSpeed(o torture.Options) torture.Options {
	if underRaceDetector {
		o.Timeout, o.Lease, o.Rest = 3*time.Second, 10800*time.Millisecond, cmp.Or(o.Rest, 3*time.Minute)
	}
	return o
}

// tortureOnce makes one run; it fails the test where the lab itself did.
func tortureOnce(t *testing.T, w *torture.World, seed uint64, turn int, o torture.Options) *torture.Run {
	o.Launch, o.Dir = launch, os.TempDir()
	if o.Shape == (torture.Shape{}) {
		o.Shape = torture.DefaultShape()
	}
	o = atTheRightSpeed(o)
	run, err := w.Torture(context.Background(), seed, turn, o)
	if err != nil {
		t.Errorf("%v; files: %s", err, run.Dir)
	}
	return run
}
