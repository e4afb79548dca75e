package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/queue/store"
)

func tempStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), filepath.Join(t.TempDir(), storeFile))
	fatal(t, err)
	t.Cleanup(func() { fatal(t, s.Close()) })
	return s
}

func newShift(t *testing.T, s *store.Store) *shift {
	t.Helper()
	made := &shift{take: s.Turn, log: slog.New(slog.DiscardHandler)}
	t.Cleanup(made.end)
	return made
}

// tick is a tick of the sweeps, one of which ends with swept; ran says whether it was this node's.
func (s *shift) tick(t *testing.T, swept error) (ran bool) {
	t.Helper()
	mine, err := s.do(context.Background(), job{sweeps: true, do: func(context.Context) error {
		ran = true
		s.note(swept)
		return nil
	}})
	fatal(t, err)
	if mine != ran {
		t.Fatalf("mine %v, ran %v", mine, ran)
	}
	return ran
}

// One node has the shift, keeps it while its sweeps go well, and leaves it to another when they keep failing or it stops.
func TestShift(t *testing.T) {
	t.Parallel()
	s := tempStore(t)
	one, two := newShift(t, s), newShift(t, s)
	var swept error
	expect := func(when string, first, second bool) {
		t.Helper()
		if a, b := one.tick(t, swept), two.tick(t, nil); a != first || b != second {
			t.Fatalf("%s: one runs %v, two runs %v", when, a, b)
		}
	}
	expect("the first comes first", true, false)
	expect("it keeps it", true, false)
	swept = errors.New("the cloud is away")
	expect("a failure", true, false)
	expect("two failures", true, false)
	swept = nil
	expect("it went well", true, false)
	swept = errors.New("the cloud is away")
	expect("a failure again", true, false)
	expect("two failures in a row", true, false)
	expect("three failures in a row: the other one may at once", true, true)
	expect("the other one keeps it", false, true)
	two.end()
	two.end()
	expect("the other one has stopped", true, false)
	one.alone = true
	for range 2 * maxFailures {
		expect("nobody else is there", true, false)
	}
}

// Where the sweeps keep failing, the shift is left only when the other jobs of this node have ended; and only the next sweep is
// another node's first.
func TestShiftIsNotLeftBeneathAJob(t *testing.T) {
	t.Parallel()
	s := tempStore(t)
	one, two := newShift(t, s), newShift(t, s)
	_, err := one.do(context.Background(), job{do: func(context.Context) error {
		for range maxFailures {
			if !one.tick(t, errors.New("the cloud is away")) {
				t.Error("the shift was left beneath a job")
			}
		}
		if two.tick(t, nil) {
			t.Error("two nodes have the shift")
		}
		return nil
	}})
	fatal(t, err)
	if one.tick(t, nil) {
		t.Error("it did not leave the next sweep to the other one")
	}
	mine, err := one.do(context.Background(), job{do: func(context.Context) error { return nil }})
	if err != nil || !mine {
		t.Errorf("another job is not its own although nobody else has the shift: %v", err)
	}
}

// A job gets the error of its own, and a store that cannot be asked gives nobody the shift.
func TestShiftErrors(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	one := newShift(t, tempStore(t))
	if mine, err := one.do(context.Background(), job{do: func(context.Context) error { return failed }}); !mine || !errors.Is(err, failed) {
		t.Errorf("mine %v, %v", mine, err)
	}
	away := &shift{log: one.log, take: func(context.Context, string) (*store.Turn, bool, error) { return nil, false, failed }}
	mine, err := away.do(context.Background(), job{do: func(context.Context) error {
		t.Error("it ran")
		return nil
	}})
	if mine || !errors.Is(err, failed) {
		t.Errorf("mine %v, %v", mine, err)
	}
	away.note(failed)
	away.end()
}

// Only a sweep that another node makes lets this node's Runner skip one: another node's report or audit says nothing of sweeps.
func TestAnotherNodesJob(t *testing.T) {
	t.Parallel()
	d := &daemon{parts: parts{settings: &config.Settings{}, log: slog.New(slog.DiscardHandler)}, shift: &shift{log: slog.New(slog.DiscardHandler),
		take: func(context.Context, string) (*store.Turn, bool, error) { return nil, false, nil }}}
	for _, job := range d.jobs() {
		if sweep := job.key == verifyKey; (job.elsewhere != nil) != sweep || job.sweeps != sweep {
			t.Errorf("%s: skips a sweep: %v, counts as one: %v", job.key, job.elsewhere != nil, job.sweeps)
		}
		skipped := 0
		if job.elsewhere != nil {
			job.elsewhere = func() { skipped++ }
		}
		job.do = func(context.Context) error {
			t.Errorf("%s ran here", job.key)
			return nil
		}
		d.onSchedule(context.Background(), job)
		if want := map[bool]int{true: 1}[job.sweeps]; skipped != want {
			t.Errorf("%s: skipped %d sweeps, want %d", job.key, skipped, want)
		}
	}
}
