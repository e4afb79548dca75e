package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/aliasd/aliasd/report"
)

// lineEvery is how often progress is told where there is no terminal to draw a bar on.
const lineEvery = 10 * time.Second

// count is how far a phase of a command's work is.
type count struct {
	// phase names it in JSON, doing in words; things are what it counts.
	phase, doing, things string
	done                 int64
	// expected is how much there is, 0 where nobody knows; estimated says that it may be more or less.
	expected  int64
	estimated bool
	// wrong is how much of what is done needs somebody; nil where nothing is judged.
	wrong *int
}

// needs says how much needs somebody, "" where nothing does.
func (c count) needs() string {
	if c.wrong == nil || *c.wrong == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s", *c.wrong, report.NeedSomebody(*c.wrong))
}

// progress shows how a command's work gets on. Its methods are called from one goroutine at a time.
type progress interface {
	show(count)
	// clear removes what stands where the next line is to be written.
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

type silence struct{}

func (silence) show(count) {}

func (silence) clear() {}

func (silence) end() {}

// bar draws a bar for each phase, with rate and time left, and takes it away again.
type bar struct {
	w     io.Writer
	now   func() time.Time
	phase string
	began time.Time
	drawn *progressbar.ProgressBar
}

func (b *bar) show(c count) {
	if b.drawn == nil || b.phase != c.phase {
		b.end()
		b.phase, b.began, b.drawn = c.phase, b.now(), b.newBar(c)
	}
	if c.expected == 0 {
		b.drawn.Describe(inOneLine(c, b.now().Sub(b.began)))
		_ = b.drawn.Set64(c.done)
		return
	}
	most := c.expected
	if c.estimated { // a bar that is full is over
		most = max(most, c.done+1)
	}
	b.drawn.ChangeMax64(most)
	what := c.doing
	if needs := c.needs(); needs != "" {
		what += " (" + needs + ")"
	}
	b.drawn.Describe(what)
	_ = b.drawn.Set64(c.done) // a terminal that cannot be written to stops nothing
}

func (b *bar) newBar(c count) *progressbar.ProgressBar {
	if c.expected == 0 { // nobody knows how much there is: it turns, and the description counts
		return progressbar.NewOptions(-1, progressbar.OptionSetDescription(inOneLine(c, 0)), progressbar.OptionSetWriter(b.w),
			progressbar.OptionSetSpinnerChangeInterval(0), progressbar.OptionSpinnerType(14),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	return progressbar.NewOptions64(c.expected, progressbar.OptionSetDescription(c.doing), progressbar.OptionSetWriter(b.w),
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

// lines tells now and then how far a command is: in words, or as one JSON object on a line.
type lines struct {
	w    io.Writer
	json bool
	now  func() time.Time

	phase       string
	began, told time.Time
}

// countJSON is one line of progress.
type countJSON struct {
	At       time.Time `json:"at"`
	Phase    string    `json:"phase"`
	Done     int64     `json:"done"`
	Expected int64     `json:"expected,omitempty"`
	Wrong    *int      `json:"wrong,omitempty"`
}

func (l *lines) show(c count) {
	now := l.now()
	if l.told.IsZero() {
		l.told = now
	}
	if l.phase != c.phase {
		l.phase, l.began = c.phase, now
	}
	if now.Sub(l.told) < lineEvery {
		return
	}
	l.told = now
	if l.json {
		// Values of our own types always marshal; where nobody reads, there is nobody to be told.
		_ = jsonLines(l.w).Encode(countJSON{At: now.UTC(), Phase: c.phase, Done: c.done, Expected: c.expected, Wrong: c.wrong})
		return
	}
	fmt.Fprintln(l.w, inOneLine(c, now.Sub(l.began)))
}

func (l *lines) clear() {}

func (l *lines) end() {}

// inOneLine says how far a phase got in a time, how fast, and how long it will take.
func inOneLine(c count, took time.Duration) string {
	line := fmt.Sprintf("%s: %d", c.doing, c.done)
	switch {
	case c.expected > 0 && c.estimated:
		line += fmt.Sprintf(" of about %d", max(c.expected, c.done))
	case c.expected > 0:
		line += fmt.Sprintf(" of %d", c.expected)
	}
	line += " " + c.things
	if rate := float64(c.done) / took.Seconds(); took >= time.Second && rate > 0 {
		line += fmt.Sprintf(", %.0f a second", rate)
		if left := c.expected - c.done; left > 0 {
			line += fmt.Sprintf(", %s left", time.Duration(float64(left)/rate*float64(time.Second)).Round(time.Second))
		}
	}
	if needs := c.needs(); needs != "" {
		line += "; " + needs
	}
	return line
}
