package report

import (
	_ "embed" // for the template
	"fmt"
	"html/template"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/aliasd/aliasd/queue"
)

// A page of thousands of rows cannot be read, and mail servers refuse it: what is above stands in the CSV.
const (
	maxRows      = 500 // of all requests
	maxGroupRows = 25  // of one group that needs a human
)

//go:embed page.html.tmpl
var frame string

//go:embed report.html.tmpl
var page string

// WriteHTML writes the report as one page that needs nothing from elsewhere: tables, inline styles, no script, no picture.
// It reads well in a mail client at 600 pixels and up, without styles, and on paper.
func (r Report) WriteHTML(w io.Writer) error {
	if err := render(w, page, r.Until.Location(), r.view()); err != nil {
		return fmt.Errorf("write the report as HTML: %w", err)
	}
	return nil
}

// render writes a page in the frame and the styles that all pages share; times are shown in a zone.
func render(w io.Writer, page string, zone *time.Location, shown any) error {
	t, err := template.New("page").Funcs(functions(zone)).Parse(frame)
	if err != nil {
		return err
	}
	if t, err = t.Parse(page); err != nil {
		return err
	}
	return t.Execute(w, shown)
}

// view is what the template shows.
type view struct {
	Report
	Tiles    []tile
	Bar      []segment
	Groups   []groupView
	Spreads  []spreadView
	Results  []outcome
	Rows     []Item
	LeftOut  int
	Headline string
}

type tile struct {
	Count       int
	Label, Tone string
}

// segment is a part of the bar, Percent wide.
type segment struct {
	Percent int
	Tone    string
}

// outcome is where requests stand, in words; Count is 0 where it is one request's.
type outcome struct {
	Label, Tone string
	Count       int
}

type groupView struct {
	Group
	Tone    string
	Message string // where all have the same one
	Rows    []Item
	LeftOut int
}

type spreadView struct {
	Label string
	Spread
}

func (r Report) view() view {
	v := view{
		Report: r, Headline: r.headline(), Rows: newestFirst(r.Requests), Bar: r.bar(), Results: r.results(),
		Tiles: []tile{
			{r.Verified, "verified in the cloud", "good"}, {r.Underway, "under way", "going"},
			{r.ended(), "ended otherwise", "plain"}, {r.NeedHuman, needLabel(r.NeedHuman), needTone(r.NeedHuman)},
		},
		Spreads: []spreadView{
			{"From the request to the directory", r.ToWritten}, {"From the directory to the cloud", r.ToVerified},
		},
	}
	if len(v.Rows) > maxRows {
		v.Rows, v.LeftOut = v.Rows[:maxRows], len(v.Rows)-maxRows
	}
	for _, g := range r.Attention {
		v.Groups = append(v.Groups, groupOf(g))
	}
	return v
}

// results are the states with their counts, those that were verified and then undone apart.
func (r Report) results() []outcome {
	var list []outcome
	for _, s := range r.States {
		if s.State != queue.Verified {
			list = append(list, outcome{result(s.State), tone(s.State), s.Count})
			continue
		}
		if r.Verified > 0 {
			list = append(list, outcome{result(s.State), tone(s.State), r.Verified})
		}
		if r.Undone > 0 {
			list = append(list, outcome{"verified, then undone", "plain", r.Undone})
		}
	}
	return list
}

// outcomeOf says where one request stands.
func outcomeOf(it Item) outcome {
	if it.undone() {
		return outcome{Label: "verified, then undone", Tone: "plain"}
	}
	return outcome{Label: result(it.State), Tone: tone(it.State)}
}

func groupOf(g Group) groupView {
	v := groupView{Group: g, Tone: tone(g.State), Rows: g.items, Message: sameMessage(g.items)}
	if len(v.Rows) > maxGroupRows {
		v.Rows, v.LeftOut = v.Rows[:maxGroupRows], len(v.Rows)-maxGroupRows
	}
	return v
}

// sameMessage is the message that several requests share, empty where they differ or there is only one.
func sameMessage(items []Item) string {
	if len(items) < 2 || items[0].Cause == nil {
		return ""
	}
	for _, it := range items {
		if it.Cause == nil || it.Cause.Message != items[0].Cause.Message {
			return ""
		}
	}
	return items[0].Cause.Message
}

// headline is the report in one sentence.
func (r Report) headline() string {
	if r.Total == 0 {
		return "Nothing was asked for in this time, and nothing is open."
	}
	parts := []string{amount(r.Verified, "is verified", "are verified")}
	if r.Underway > 0 {
		parts = append(parts, amount(r.Underway, "is under way", "are under way"))
	}
	if r.Undone > 0 {
		parts = append(parts, amount(r.Undone, "was", "were")+" verified, then undone")
	}
	if n := r.ended() - r.Undone; n > 0 {
		parts = append(parts, amount(n, "was", "were")+" refused, cancelled or superseded")
	}
	need := "none needs a human"
	if r.NeedHuman > 0 {
		need = amount(r.NeedHuman, "needs a human", "need a human")
	}
	return fmt.Sprintf("Of %s, %s.", amount(r.Total, "request", "requests"), sentence(append(parts, need)))
}

// ended counts the requests that are through, are not verified (any more), and concern nobody.
func (r Report) ended() int { return r.Total - r.Verified - r.Underway - r.NeedHuman }

func newestFirst(items []Item) []Item {
	return slices.SortedStableFunc(slices.Values(items), func(a, b Item) int { return b.CreatedAt.Compare(a.CreatedAt) })
}

func amount(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// count prints a number as people read it: 30,000.
func count(n int) string { return message.NewPrinter(language.English).Sprint(n) }

// sentence joins parts with commas and an "and".
func sentence(parts []string) string {
	last := len(parts) - 1
	return strings.Join(parts[:last], ", ") + ", and " + parts[last]
}

// bar shows the shares of all requests; what is there is at least one percent wide, and all is 100.
func (r Report) bar() []segment {
	if r.Total == 0 {
		return nil
	}
	parts := []struct {
		count int
		tone  string
	}{{r.Verified, "good"}, {r.Underway, "going"}, {r.ended(), "plain"}, {r.NeedHuman, "bad"}}
	var bar []segment
	left, widest := 100, 0
	for _, p := range parts {
		if p.count == 0 {
			continue
		}
		width := max(1, p.count*100/r.Total)
		bar = append(bar, segment{width, p.tone})
		left -= width
		if width > bar[widest].Percent {
			widest = len(bar) - 1
		}
	}
	bar[widest].Percent += left
	return bar
}

func functions(zone *time.Location) template.FuncMap {
	return template.FuncMap{
		"time":    func(t time.Time) string { return clock(t, zone) },
		"day":     func(t time.Time) string { return day(t, zone) },
		"title":   func(what string, t time.Time) string { return what + ", " + day(t, zone) },
		"zone":    zoneName,
		"words":   InWords,
		"result":  result,
		"asked":   asked,
		"tone":    tone,
		"colour":  colour,
		"tint":    tint,
		"percent": func(n, of int) int { return max(1, n*100/of) },
		"amount":  amount,
		"count":   count,
		"outcome": outcomeOf,
		"kind":    func(kind string) string { return strings.ReplaceAll(kind, "_", " ") },
		"told":    told,
		"shade":   shade,
		"urgency": SeverityLabel,
	}
}

func day(t time.Time, zone *time.Location) string {
	return t.In(zone).Format("Monday, 2 January 2006, 15:04 MST")
}

func clock(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(zone).Format("2 Jan 15:04")
}

// zoneName is a zone as it is called then, with its distance from UTC.
func zoneName(t time.Time) string {
	if _, offset := t.Zone(); offset == 0 {
		return "UTC"
	}
	return t.Format("MST (UTC-07:00)")
}

// result says in words where a request stands.
func result(s queue.State) string {
	switch s {
	case queue.Accepted:
		return "accepted"
	case queue.Queued:
		return "waits to be written"
	case queue.Held:
		return "held for approval"
	case queue.Writing:
		return "being written"
	case queue.Written:
		return "waits for the cloud"
	case queue.Verified:
		return "verified"
	case queue.Mismatched:
		return "the cloud says otherwise"
	case queue.Superseded:
		return "superseded by a later request"
	case queue.Refused:
		return "refused, nothing written"
	case queue.Failed:
		return "failed, nothing left written"
	case queue.Cancelled:
		return "cancelled"
	}
	return string(s)
}

// asked says what a request asks for, without the address, in the words of the command line.
func asked(action string) string {
	switch action {
	case "add_alias":
		return "add"
	case "remove_alias":
		return "remove"
	case "set_primary":
		return "make the primary"
	}
	return action
}

// tone is how a state is coloured.
func tone(s queue.State) string {
	switch s {
	case queue.Verified:
		return "good"
	case queue.Failed, queue.Mismatched:
		return "bad"
	case queue.Held, queue.Refused:
		return "warn"
	case queue.Superseded, queue.Cancelled:
		return "plain"
	}
	return "going"
}

func needLabel(count int) string {
	if count == 1 {
		return "needs a human"
	}
	return "need a human"
}

func needTone(count int) string {
	if count > 0 {
		return "bad"
	}
	return "good"
}

// colour is a tone's colour for text on white and on its tint, and for areas; TestContrast holds each to a contrast of 4.5.
func colour(tone string) template.CSS {
	switch tone {
	case "good":
		return "#177545"
	case "bad":
		return "#b42318"
	case "warn":
		return "#8a5a00"
	case "going":
		return "#1d5fa8"
	}
	return "#56616d"
}

// tint is a tone's pale background.
func tint(tone string) template.CSS {
	switch tone {
	case "good":
		return "#e8f5ee"
	case "bad":
		return "#fdeceb"
	case "warn":
		return "#fdf3e0"
	case "going":
		return "#e8f0fa"
	}
	return "#eef1f4"
}

// told is a message; where it says how a refusal is passed through the API, it says so for the command line too.
func told(message string) string {
	return regexp.MustCompile(`"allow": \["([a-z_]+)"\]`).ReplaceAllString(message, "$0 (on the command line --allow $1)")
}
