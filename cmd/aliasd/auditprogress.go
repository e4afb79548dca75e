package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/aliasd/aliasd/cloudcheck/audit"
	"github.com/aliasd/aliasd/report"
)

// lineEvery is how often progress is told where there is no terminal to draw a bar on.
const lineEvery = 10 * time.Second

// progress shows how an audit gets on. Its methods are called from one goroutine at a time.
type progress interface {
	show(audit.Progress)
	// clear takes away what stands where the next line is to be written.
	clear()
	// end leaves the stream as it is to be found.
	end()
}

// newProgress makes the progress for the error stream: a bar on a terminal, else a line now and then, JSON where asked for.
func (a *app) newProgress(quiet bool) progress {
	switch {
	case quiet:
		return silence{}
	case !a.json && isTerminal(a.err):
		return &bar{w: a.err, now: a.now}
	}
	return &lines{w: a.err, json: a.json, now: a.now}
}

// isTerminal says whether a stream is one that a person watches.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// doing says what a phase does, and what it counts.
func doing(p audit.Phase) (what, things string) {
	switch p {
	case audit.ReadingCloud:
		return "reading the tenant", "objects"
	case audit.NamingConflicts:
		return "looking who is in the way", "addresses"
	}
	return "comparing", "holders"
}

type silence struct{}

func (silence) show(audit.Progress) {}

func (silence) clear() {}

func (silence) end() {}

// bar draws a bar for each phase, with rate and time left, and takes it away again.
type bar struct {
	w     io.Writer
	now   func() time.Time
	phase audit.Phase
	began time.Time
	drawn *progressbar.ProgressBar
}

func (b *bar) show(p audit.Progress) {
	if b.drawn == nil || b.phase != p.Phase {
		b.end()
		b.phase, b.began, b.drawn = p.Phase, b.now(), b.newBar(p)
	}
	if p.Expected == 0 {
		b.drawn.Describe(inOneLine(p, b.now().Sub(b.began)))
		_ = b.drawn.Set(p.Done)
		return
	}
	// What is expected is an estimate: a bar that was full would be over.
	b.drawn.ChangeMax(max(p.Expected, p.Done+1))
	what, _ := doing(p.Phase)
	if p.Wrong > 0 {
		what += fmt.Sprintf(" (%d %s)", p.Wrong, report.NeedSomebody(p.Wrong))
	}
	b.drawn.Describe(what)
	_ = b.drawn.Set(p.Done) // a terminal that cannot be written to does not stop an audit
}

func (b *bar) newBar(p audit.Progress) *progressbar.ProgressBar {
	if p.Expected == 0 { // nobody knows how much there is: it turns, and the description counts
		return progressbar.NewOptions(-1, progressbar.OptionSetDescription(inOneLine(p, 0)), progressbar.OptionSetWriter(b.w),
			progressbar.OptionSetSpinnerChangeInterval(0), progressbar.OptionSpinnerType(14),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	what, _ := doing(p.Phase)
	return progressbar.NewOptions(p.Expected, progressbar.OptionSetDescription(what), progressbar.OptionSetWriter(b.w),
		progressbar.OptionSetWidth(5), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionSetItsString(""), progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
}

func (b *bar) clear() {
	if b.drawn != nil {
		_ = b.drawn.Clear()
	}
}

func (b *bar) end() {
	if b.drawn != nil {
		_ = b.drawn.Finish()
		b.drawn = nil
	}
}

// lines tells now and then where an audit is: in words, or as one JSON object on a line.
type lines struct {
	w    io.Writer
	json bool
	now  func() time.Time

	phase       audit.Phase
	began, told time.Time
}

// auditProgressJSON is one line of progress.
type auditProgressJSON struct {
	At       time.Time   `json:"at"`
	Phase    audit.Phase `json:"phase"`
	Done     int         `json:"done"`
	Expected int         `json:"expected,omitempty"`
	Wrong    int         `json:"wrong"`
}

func (l *lines) show(p audit.Progress) {
	now := l.now()
	if l.told.IsZero() {
		l.told = now
	}
	if l.phase != p.Phase {
		l.phase, l.began = p.Phase, now
	}
	if now.Sub(l.told) < lineEvery {
		return
	}
	l.told = now
	if l.json {
		// Values of our own types always marshal; where nobody reads, there is nobody to be told.
		_ = json.NewEncoder(l.w).Encode(auditProgressJSON{At: now.UTC(), Phase: p.Phase, Done: p.Done, Expected: p.Expected, Wrong: p.Wrong})
		return
	}
	fmt.Fprintln(l.w, inOneLine(p, now.Sub(l.began)))
}

func (l *lines) clear() {}

func (l *lines) end() {}

// inOneLine says how far a phase got in a time, how fast, and how long it will take.
func inOneLine(p audit.Progress, took time.Duration) string {
	what, things := doing(p.Phase)
	line := fmt.Sprintf("%s: %d", what, p.Done)
	if p.Expected > 0 {
		line += fmt.Sprintf(" of about %d", max(p.Expected, p.Done))
	}
	line += " " + things
	if rate := float64(p.Done) / took.Seconds(); took >= time.Second && rate > 0 {
		line += fmt.Sprintf(", %.0f a second", rate)
		if left := p.Expected - p.Done; left > 0 {
			line += fmt.Sprintf(", %s left", time.Duration(float64(left)/rate*float64(time.Second)).Round(time.Second))
		}
	}
	if p.Wrong > 0 {
		line += fmt.Sprintf("; %d %s", p.Wrong, report.NeedSomebody(p.Wrong))
	}
	return line
}
