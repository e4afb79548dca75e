package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck/audit"
)

// watched is the progress of a command together with what its parts warn of. Its methods may be called concurrently.
type watched struct {
	progress
	app *app
	mu  sync.Mutex
}

func (w *watched) show(p audit.Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.progress.show(countOf(p))
}

// countOf is how far an audit is.
func countOf(p audit.Progress) count {
	c := count{phase: string(p.Phase), doing: "comparing", things: "holders", done: int64(p.Done), expected: int64(p.Expected), estimated: true, wrong: &p.Wrong}
	switch p.Phase {
	case audit.ReadingCloud:
		c.doing, c.things = "reading the tenant", "objects"
	case audit.NamingConflicts:
		c.doing, c.things = "looking who is in the way", "addresses"
	}
	return c
}

// notice prints a warning where the progress stands, which is drawn anew below it.
func (w *watched) notice(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clear()
	w.app.progress(text, progressJSON{Trouble: text})
}

// notices is the log of a command that somebody watches: a warning is a sentence for people, or with --json one object on a
// line. What is below a warning is left out.
type notices struct {
	tell  func(text string)
	attrs []slog.Attr
}

var _ slog.Handler = notices{}

// Enabled implements slog.Handler.
func (n notices) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

// Handle implements slog.Handler. Of a cause the public sentence is told.
func (n notices) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	add := func(a slog.Attr) bool {
		text += ": " + attrInWords(a)
		return true
	}
	for _, a := range n.attrs {
		add(a)
	}
	r.Attrs(add)
	n.tell(text)
	return nil
}

func attrInWords(a slog.Attr) string {
	err, isError := a.Value.Any().(error)
	if known, ok := cause.As(err); ok {
		return known.Cause.Once()
	}
	if isError {
		return err.Error()
	}
	return fmt.Sprintf("%s %v", a.Key, a.Value)
}

// WithAttrs implements slog.Handler.
func (n notices) WithAttrs(attrs []slog.Attr) slog.Handler {
	n.attrs = append(n.attrs[:len(n.attrs):len(n.attrs)], attrs...)
	return n
}

// WithGroup implements slog.Handler; nobody here names groups.
func (n notices) WithGroup(string) slog.Handler { return n }
