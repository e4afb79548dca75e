package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// screen shows the demo: for people, or one JSON object per request.
type screen struct {
	w                              io.Writer
	json                           bool
	number                         int
	title, good, bad, quiet, fresh lipgloss.Style
}

func newScreen(w io.Writer, asJSON bool) *screen {
	r := lipgloss.NewRenderer(w)
	colour := func(c string) lipgloss.Style { return r.NewStyle().Foreground(lipgloss.Color(c)) }
	return &screen{w: w, json: asJSON, title: r.NewStyle().Bold(true), good: colour("2"), bad: colour("1"), quiet: colour("8"), fresh: colour("6")}
}

func (s *screen) begin(st *stage) {
	if s.json {
		return
	}
	fmt.Fprintf(s.w, "%s  %s\n", s.title.Render("aliasd demo"), s.quiet.Render(version))
	for _, line := range wrap(fmt.Sprintf("directory %s · tenant %s · API %s", st.box.Site.Server, st.box.Tenant.URL, st.daemon.URL()), textWidth) {
		fmt.Fprintln(s.w, s.quiet.Render(line))
	}
	fmt.Fprintln(s.w)
}

// playJSON is one request of the demo in its JSON output.
type playJSON struct {
	Play     string             `json:"play"`
	OK       bool               `json:"ok"`
	Expected expectedJSON       `json:"expected"`
	Seconds  float64            `json:"seconds"`
	Error    string             `json:"error,omitempty"`
	Request  server.RequestJSON `json:"request"`
}

type expectedJSON struct {
	State queue.State `json:"state"`
	Code  cause.Code  `json:"code,omitempty"`
}

// show shows how one play ended.
func (s *screen) show(p play, r server.RequestJSON, took time.Duration, ok bool, err error) {
	s.number++
	if s.json {
		s.showJSON(p, r, took, ok, err)
		return
	}
	mark, end := s.good.Render("✓"), string(r.State)
	if !ok {
		mark, end = s.bad.Render("✗"), fmt.Sprintf("%s (%s), expected %s (%s)", r.State, codeOf(r), p.state, p.code)
	}
	fmt.Fprintf(s.w, "%s %2d  %s\n", mark, s.number, s.title.Render(p.title))
	s.under(s.quiet, asked(r))
	if err != nil {
		s.under(s.bad, err.Error())
	}
	s.showWritten(r)
	s.showCloud(r)
	fmt.Fprintf(s.w, "      %s %s\n", s.stateStyle(r.State).Render(end), s.quiet.Render(fmt.Sprintf("after %.1f s", took.Seconds())))
	s.showCause(r)
	fmt.Fprintln(s.w)
}

func (s *screen) showJSON(p play, r server.RequestJSON, took time.Duration, ok bool, err error) {
	line := playJSON{Play: p.title, OK: ok, Expected: expectedJSON{p.state, p.code}, Seconds: took.Seconds(), Request: r}
	if err != nil {
		line.Error = err.Error()
	}
	// A value of our own types always marshals; a broken pipe shows in the exit code of the reader.
	_ = json.NewEncoder(s.w).Encode(line)
}

func (s *screen) stateStyle(state queue.State) lipgloss.Style {
	switch state {
	case queue.Verified:
		return s.good.Bold(true)
	case queue.Mismatched, queue.Failed:
		return s.bad.Bold(true)
	}
	return s.fresh.Bold(true)
}

// showWritten lists on-premises before and after.
func (s *screen) showWritten(r server.RequestJSON) {
	if r.Receipt == nil {
		return
	}
	before, after := r.Receipt.Before, r.Receipt.After
	var lines []string
	if r.Receipt.NothingWritten {
		lines = append(lines, s.quiet.Render("  nothing had to be written"))
	}
	if before.Mail != after.Mail {
		lines = append(lines, s.bad.Render("- mail "+orNone(before.Mail)), s.good.Render("+ mail "+orNone(after.Mail)))
	}
	for _, v := range before.ProxyAddresses {
		if !slices.Contains(after.ProxyAddresses, v) {
			lines = append(lines, s.bad.Render("- "+string(v)))
		}
	}
	for _, v := range after.ProxyAddresses {
		if slices.Contains(before.ProxyAddresses, v) {
			lines = append(lines, "  "+shorten(string(v), valueWidth))
		} else {
			lines = append(lines, s.good.Render("+ "+string(v)))
		}
	}
	s.column("on-premises", lines)
}

// showCloud lists what the cloud made of it and when.
func (s *screen) showCloud(r server.RequestJSON) {
	if r.Cloud == nil {
		return
	}
	lines := make([]string, 0, len(r.Cloud.ProxyAddresses)+1)
	for _, v := range sorted(r.Cloud.ProxyAddresses) {
		lines = append(lines, "  "+shorten(string(v), valueWidth))
	}
	if !r.WrittenAt.IsZero() {
		lines = append(lines, s.quiet.Render(fmt.Sprintf("  seen %.1f s later", r.Cloud.CheckedAt.Sub(r.WrittenAt).Seconds())))
	}
	s.column("cloud", lines)
}

// sorted puts the primary first and the rest in the order of letters.
func sorted(values []address.Proxy) []address.Proxy {
	return slices.SortedFunc(slices.Values(values), func(a, b address.Proxy) int {
		if a.IsPrimary() != b.IsPrimary() {
			return map[bool]int{true: -1, false: 1}[a.IsPrimary()]
		}
		return strings.Compare(strings.ToLower(string(a)), strings.ToLower(string(b)))
	})
}

// column prints lines with a label before the first.
func (s *screen) column(label string, lines []string) {
	for i, line := range lines {
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(s.w, "      %s %s\n", s.quiet.Render(fmt.Sprintf("%-11s", label)), line)
	}
}

func (s *screen) showCause(r server.RequestJSON) {
	if r.Cause == nil {
		return
	}
	s.under(lipgloss.NewStyle(), fmt.Sprintf("%s: %s", r.Cause.Code, r.Cause.Message))
}

// under prints a text below the title of a play.
func (s *screen) under(style lipgloss.Style, text string) {
	for _, line := range wrap(escape(text), textWidth-6) {
		fmt.Fprintf(s.w, "      %s\n", style.Render(line))
	}
}

func (s *screen) end(played, failed int, took time.Duration) {
	if s.json {
		return
	}
	verdict := s.good.Bold(true).Render(fmt.Sprintf("%d of %d ended as they have to", played-failed, played))
	if failed > 0 {
		verdict = s.bad.Bold(true).Render(fmt.Sprintf("%d of %d did NOT end as they have to", failed, played))
	}
	fmt.Fprintf(s.w, "%s %s\n", verdict, s.quiet.Render(fmt.Sprintf("in %.1f s", took.Seconds())))
}

// valueWidth is how many columns the demo gives a value.
const valueWidth = textWidth - 20

// shorten keeps long values, X500 mostly, on one line of so many columns.
func shorten(v string, most int) string {
	if lipgloss.Width(v) <= most {
		return v
	}
	return wrap(v, most-1)[0] + "…"
}
