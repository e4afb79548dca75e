package main

import (
	"context"
	"log/slog"
	"sync"

	"github.com/aliasd/aliasd/queue/store"
)

// shiftName is that of the turn of the node that does what is on schedule.
const shiftName = "schedule"

// maxFailures is how often in a row the sweeps of a node may fail until it leaves them to another one: that may reach what
// this one does not.
const maxFailures = 3

// job is something on schedule.
type job struct {
	// key names it in messages: the setting that says when it runs, where there is one.
	key string
	// when is a cron expression, empty where the job is not on schedule.
	when string
	do   func(context.Context) error
	// sweeps says that it is the sweep.
	sweeps bool
	// elsewhere, if set, runs when another node holds the job.
	elsewhere func()
}

// shift is the right to do what is on schedule: sweeps, reports and audits. Of several nodes one has it, and keeps it while it
// lives, since it remembers whom it looked at. Its methods may be called concurrently.
type shift struct {
	take func(ctx context.Context, name string) (*store.Turn, bool, error)
	log  *slog.Logger
	// alone says that there are no other nodes.
	alone bool

	mu       sync.Mutex
	turn     *store.Turn // nil: another node has it, as far as is known
	failures int
	// running counts the jobs under way: the turn is not given up beneath them.
	running int
	// leaving says that the turn is given up when they have ended, resting that it was: the next sweep is another node's.
	leaving, resting bool
}

// do runs a job where the shift is this node's, until the job is done or the shift is lost; mine is false where it is another
// node's.
func (s *shift) do(ctx context.Context, job job) (mine bool, err error) {
	turn, err := s.begin(ctx, job.sweeps)
	if turn == nil {
		return false, err
	}
	defer s.ended()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-turn.Lost():
			stop()
		case <-ctx.Done():
		}
	}()
	return true, job.do(ctx)
}

// begin gives the turn where it is this node's, and takes it where it is free; nil where it is another node's.
func (s *shift) begin(ctx context.Context, sweeps bool) (*store.Turn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.takeTurn(ctx, sweeps); s.turn == nil {
		return nil, err
	}
	s.running++
	return s.turn, nil
}

// takeTurn sees to it that turn is this node's, where it can be.
func (s *shift) takeTurn(ctx context.Context, sweeps bool) error {
	if s.turn != nil && s.isLost() {
		s.log.Warn("this node has lost the right to do what is on schedule: its connection to the database broke")
		s.giveUp()
	}
	switch {
	case s.turn != nil:
		return nil
	case s.resting && sweeps:
		s.resting = false
		return nil
	}
	turn, ok, err := s.take(ctx, shiftName)
	if err != nil || !ok {
		return err
	}
	s.log.Info("this node does what is on schedule: sweeps, reports and audits")
	s.turn, s.failures, s.leaving = turn, 0, false
	return nil
}

func (s *shift) isLost() bool {
	select {
	case <-s.turn.Lost():
		return true
	default:
		return false
	}
}

// ended notes the end of a job.
func (s *shift) ended() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running--; s.running == 0 && s.leaving && s.turn != nil {
		s.giveUp()
		s.leaving, s.resting = false, true
	}
}

// note counts how the sweeps go, and leaves them to another node when they keep failing here. A sweep calls it before it ends.
func (s *shift) note(swept error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if swept == nil {
		s.failures = 0
		return
	}
	if s.failures++; s.failures == maxFailures && !s.alone {
		s.log.Warn("the sweeps keep failing on this node; another one may take what is on schedule", "failures", s.failures)
		s.leaving = true
	}
}

// giveUp gives the turn back.
func (s *shift) giveUp() {
	if err := s.turn.Release(); err != nil {
		s.log.Warn("the right to do what is on schedule could not be given back; it ends with the connection", "error", err)
	}
	s.turn = nil
}

// end gives the turn back where this node has it, so that another one need not wait until the connection is missed.
func (s *shift) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turn != nil {
		s.giveUp()
	}
}
