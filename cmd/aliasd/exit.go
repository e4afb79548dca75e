package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// The exit codes are a contract with scripts; README.md lists them.
const (
	exitDone       = 0
	exitError      = 1
	exitUsage      = 2
	exitRefused    = 3
	exitMismatched = 4
	exitTimedOut   = 5
)

// usageError is a command line that cannot be understood.
type usageError struct {
	err error
	try string
}

func (e *usageError) Error() string { return fmt.Sprintf("%v\nTry: %s", e.err, e.try) }

func (e *usageError) Unwrap() error { return e.err }

func usage(c *cobra.Command, err error) error {
	return &usageError{err: err, try: c.CommandPath() + " --help"}
}

// endError is a request that ended, or was left, elsewhere than verified. Its story is printed already.
type endError struct {
	state    queue.State
	timedOut bool
}

func (e *endError) Error() string {
	if e.timedOut {
		return fmt.Sprintf("timed out; the request is still %s and goes on", e.state)
	}
	return "the request is " + string(e.state)
}

// silentError ends the program with a code and says nothing: the output said it all.
type silentError struct{ code int }

func (e *silentError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// exitCode is the one place that turns errors into exit codes.
func exitCode(err error) int {
	var wrong *usageError
	var end *endError
	var silent *silentError
	var problem *client.Problem
	var settings config.Problems
	var input *inputError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &silent):
		return silent.code
	case errors.As(err, &wrong), errors.As(err, &settings), errors.As(err, &input):
		return exitUsage
	case errors.As(err, &end):
		return endCode(end)
	case errors.As(err, &problem) && problem.Status == 422:
		return exitUsage
	case errors.As(err, &problem) && (problem.Code == server.Code(cause.UnknownHolder) || problem.Code == server.Code(cause.AmbiguousHolder)):
		return exitRefused
	}
	return exitError
}

func endCode(end *endError) int {
	switch {
	case end.timedOut:
		return exitTimedOut
	case end.state == queue.Mismatched:
		return exitMismatched
	case end.state == queue.Refused, end.state == queue.Cancelled, end.state == queue.Failed:
		return exitRefused
	}
	return exitError
}
