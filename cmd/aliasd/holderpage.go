package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/report"
	"github.com/aliasd/aliasd/server"
)

// printHolder prints the page that a helpdesk opens first: who it is and whether all is well, the three sides side by
// side, what is not in order with what to do, and what aliasd is at. It stands in 80 columns and needs no colours.
func printHolder(out io.Writer, view server.HolderView, now time.Time) error {
	p := &page{view: view, now: now}
	p.head()
	p.attributes()
	p.values()
	p.findings()
	p.requests()
	p.assumptions()
	_, err := io.WriteString(out, p.text.String())
	return err
}

// page is one holder's page being written.
type page struct {
	view server.HolderView
	now  time.Time
	text strings.Builder
}

// line ends a line of our own; what comes from outside goes through say, put or field.
func (p *page) line(format string, values ...any) { fmt.Fprintf(&p.text, format+"\n", values...) }

// say writes a sentence, wrapped under its indent.
func (p *page) say(indent, text string) { say(&p.text, indent, text) }

// findingIndent is where what belongs to a finding stands.
const findingIndent = "      "

// labelWidth is where the text beside a label starts.
const labelWidth = 15

// field writes a value beside its label, on as many lines as it needs.
func (p *page) field(label, text string) {
	say(&p.text, fmt.Sprintf("  %-*s", labelWidth, label), text)
}

func (p *page) head() {
	v := p.view
	say(&p.text, p.verdict()+"  ", fmt.Sprintf("%s (%s)", v.Name, v.Kind))
	p.codes()
	p.line("")
	p.field("DN", string(v.DN))
	p.field("objectGUID", v.ObjectGUID)
	p.field("changed", p.when(v.OnPremises.ChangedAt))
	switch {
	case v.Sync != nil && v.Cloud == nil:
		p.field("cloud id", "not in the cloud")
	case v.Cloud != nil:
		p.field("cloud id", v.Cloud.ID)
		if v.Kind == address.User {
			p.field("licence", map[bool]string{true: "Exchange Online", false: "no Exchange Online licence"}[v.Cloud.ExchangeLicensed])
		}
	}
	p.syncs()
}

// codes names the findings at the top, so that the first lines say what this is about.
func (p *page) codes() {
	const together = "\u00a0" // no line ends between a number and its code
	codes := make([]string, len(p.view.Findings))
	for i, f := range p.view.Findings {
		codes[i] = fmt.Sprintf("[%d]%s%s", i+1, together, escape(string(f.Code)))
	}
	for _, line := range wrap(strings.Join(codes, "  "), textWidth-2) {
		if line != "" {
			p.line("  %s", strings.ReplaceAll(line, together, " "))
		}
	}
}

// syncs tells when the tenant was synchronised last, and when this changed the holder.
func (p *page) syncs() {
	if p.view.Sync == nil {
		p.field("tenant synced", "not known: the cloud could not be asked")
		return
	}
	last := p.when(p.view.Sync.LastSync)
	if on := p.view.Sync.Enabled; on != nil && !*on {
		last += "; SWITCHED OFF in the tenant"
	}
	p.field("tenant synced", last)
	if c := p.view.Cloud; c != nil {
		p.field("holder synced", p.when(c.LastSync))
	}
}

// verdict says in a word or two how it stands.
func (p *page) verdict() string {
	switch worst(p.view.Findings) {
	case cloudcheck.Wrong:
		return "NEEDS SOMEBODY"
	case cloudcheck.Pending:
		return "WAITS FOR THE CLOUD"
	}
	if p.view.Sync == nil {
		return "NOT COMPARED"
	}
	return "IN ORDER"
}

// when is a time with its age.
func (p *page) when(t time.Time) string {
	if t.IsZero() {
		return "not known"
	}
	return fmt.Sprintf("%s, %s ago", t.In(p.now.Location()).Format(clockLayout), report.InWords(max(0, p.now.Sub(t)).Seconds()))
}

func (p *page) findings() {
	if c := p.view.CloudCause; p.view.Sync == nil && c != nil {
		p.line("\nTHE CLOUD COULD NOT BE ASKED\n")
		p.say("  ", fmt.Sprintf("%s: %s", c.Code, c.Message))
	}
	if len(p.view.Findings) > 0 {
		p.line("\nFINDINGS")
	}
	for i, f := range p.view.Findings {
		p.line("")
		p.title(i+1, f)
		p.say(findingIndent, f.Message)
		p.conflict(i + 1)
		p.advice(i+1, f.Message)
	}
	if c := p.view.DuplicatesCause; c != nil {
		p.line("\nNOBODY COULD LOOK FOR DUPLICATES ON-PREMISES\n")
		p.say("  ", fmt.Sprintf("%s: %s", c.Code, c.Message))
	}
}

// title begins a finding. A value that has no room beside it stands whole on a line of its own, as in the table.
func (p *page) title(number int, f cloudcheck.Finding) {
	lead := fmt.Sprintf("  [%d] ", number)
	text, value := fmt.Sprintf("%s: %s", report.SeverityLabel(f.Severity), f.Code), escape(f.Value)
	if whole := text + "  " + value; lipgloss.Width(lead+whole) <= textWidth {
		text, value = whole, ""
	}
	say(&p.text, lead, strings.TrimRight(text, " "))
	if value != "" {
		p.line("%s%s", findingIndent, strings.TrimRight(value, " "))
	}
}

// conflict names the object that a finding is about: by its ids on both sides, as far as they are known, and by the finding
// that names the same one before.
func (p *page) conflict(finding int) {
	for i, c := range p.view.Conflicts {
		if c.Finding != finding {
			continue
		}
		who := fmt.Sprintf("the other object: %s %s", c.Kind, c.Name)
		earlier := slices.IndexFunc(p.view.Conflicts[:i], func(e server.HolderConflictJSON) bool { return sameObject(e, c) })
		if earlier >= 0 {
			who += fmt.Sprintf(", the same as in [%d]", p.view.Conflicts[earlier].Finding)
		}
		p.say(findingIndent, who)
		if c.ObjectGUID != "" {
			p.say(findingIndent, "objectGUID  "+c.ObjectGUID)
		}
		if c.CloudID != "" {
			p.say(findingIndent, "cloud id    "+c.CloudID)
		}
	}
}

func sameObject(a, b server.HolderConflictJSON) bool {
	return a.CloudID != "" && a.CloudID == b.CloudID || a.ObjectGUID != "" && a.ObjectGUID == b.ObjectGUID
}

// advice says what would be done about a finding, unless its sentence says it in the same words.
func (p *page) advice(finding int, said string) {
	for _, a := range p.view.Advice {
		switch {
		case a.Finding != finding, a.Command == "" && strings.Contains(said, a.Do):
		case a.Command == "":
			say(&p.text, "      -> ", a.Do)
			p.choices(a.Choices)
		default:
			say(&p.text, "      -> ", a.Do+":")
			p.command(a.Command)
		}
	}
}

// choices are the ways out of which one is to be taken.
func (p *page) choices(ways []server.ChoiceJSON) {
	lead := "         either "
	for _, c := range ways {
		do := c.Do
		if len(c.Commands) > 0 {
			do += ":"
		}
		say(&p.text, lead, do)
		for _, command := range c.Commands {
			p.command(command)
		}
		lead = "         or "
	}
}

// command writes a command on one line, nearer to the margin where it is long: it is copied, and half of one does harm.
func (p *page) command(text string) {
	const indent = 11
	p.say(strings.Repeat(" ", max(0, min(indent, textWidth-lipgloss.Width(escape(text))))), text)
}

func (p *page) requests() {
	var open, mismatched []server.RequestJSON
	for _, r := range p.view.Requests {
		if r.State == queue.Mismatched {
			mismatched = append(mismatched, r)
		} else {
			open = append(open, r)
		}
	}
	p.list("OPEN REQUESTS", open)
	p.list("MISMATCHED REQUESTS, which are looked at for a week more", mismatched)
}

func (p *page) list(heading string, requests []server.RequestJSON) {
	for i, r := range requests {
		if i == 0 {
			p.line("\n%s\n", heading)
		}
		printRow(&p.text, "  ", r)
	}
}

// assumptions matter where the cloud calculates something else than was predicted.
func (p *page) assumptions() {
	surprised := func(f cloudcheck.Finding) bool { return f.Code == cause.CalculatedOtherwise }
	if p.view.Predicted == nil || len(p.view.Predicted.Assumptions) == 0 || !slices.ContainsFunc(p.view.Findings, surprised) {
		return
	}
	p.line("\nASSUMED, because the documents leave it open\n")
	for _, a := range p.view.Predicted.Assumptions {
		p.say("  ", a)
	}
}
