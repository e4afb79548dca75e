//go:build !windows

package main

import (
	"context"
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

	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/torture"
)

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
	a := newApp(os.Stdin, os.Stdout, os.Stderr, os.LookupEnv)
	a.pace = pace{retryBase: 100 * time.Millisecond, retryLimit: 500 * time.Millisecond, poll: 50 * time.Millisecond,
		calculationGrace: time.Second, lease: in.Lease, between: between{store: in.Store, directory: in.Directory}}
	return a.run(ctx, os.Args[1:])
}

// launch runs this binary as the daemon.
func launch(args ...string) *exec.Cmd { return exec.Command(os.Args[0], args...) }

// tortureSettings are what the environment says of a torture: RUNS, SEED, KIND and LANES.
type tortureSettings struct {
	runs, lanes, turn int
	seed              uint64
	kinds             []lab.Kind
}

func readTorture(t *testing.T) tortureSettings {
	t.Helper()
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

// The daemon is killed again and again, while requests arrive and somebody else edits the same holders, and loses nothing.
func TestTorture(t *testing.T) {
	t.Parallel()
	s := readTorture(t)
	t.Logf("seed %d; the same again: make torture RUNS=%d SEED=%d", s.seed, s.runs, s.seed)
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
			kind := s.kinds[i%len(s.kinds)]
			seed, turn := s.seed+uint64(i), s.turn+i
			run := tortureOnce(t, worlds[kind], seed, turn, torture.Options{})
			mu.Lock()
			defer mu.Unlock()
			total.Add(run.Tally)
			if len(run.Violations) > 0 {
				t.Errorf("the same again: make torture RUNS=1 SEED=%d TURN=%d KIND=%s\nfiles: %s\n%s", seed, turn, kind, run.Dir, strings.Join(run.Violations, "\n"))
			}
		})
	}
	all.Wait()
	var table strings.Builder
	fatal(t, total.Print(&table))
	t.Logf("\n%s", table.String())
}

func openWorld(t *testing.T, kind lab.Kind) *torture.World {
	t.Helper()
	w, err := torture.OpenWorld(context.Background(), kind)
	fatal(t, err)
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// tortureOnce makes one run; it fails the test where the lab itself did.
func tortureOnce(t *testing.T, w *torture.World, seed uint64, turn int, o torture.Options) *torture.Run {
	o.Launch, o.Dir = launch, os.TempDir()
	if o.Shape == (torture.Shape{}) {
		o.Shape = torture.DefaultShape()
	}
	run, err := w.Torture(context.Background(), seed, turn, o)
	if err != nil {
		t.Errorf("%v; files: %s", err, run.Dir)
	}
	return run
}
