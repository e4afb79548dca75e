package main

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/lipgloss"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/report"
	"github.com/aliasd/aliasd/server"
)

// The columns of the table of values: three sides, a mark, the value.
const (
	tableRow    = "  %-12s %-10s %-8s %s"
	valueColumn = 2 + 12 + 1 + 10 + 1 + 8 + 1 + 1 + 1
	longIndent  = "    "
	// ownMark marks what was not given on-premises and is as predicted.
	ownMark = "+"
)

// attributes writes the holder's single values, which stand before proxyAddresses: one line where all sides have the same,
// else one for each side.
func (p *page) attributes() {
	for i, v := range p.view.Values {
		if v.Attribute == "proxyAddresses" {
			return
		}
		if i == 0 {
			p.line("")
		}
		p.attribute(v)
	}
}

func (p *page) attribute(v server.HolderValueJSON) {
	label, sides := attributeLabel(v.Attribute), p.sides(v)
	switch {
	case agree(sides):
		text := sides[0].value
		if p.view.Sync != nil && p.view.Cloud == nil {
			text += "  (not in the cloud)"
		}
		p.field(label, text+reference(v))
		return
	case v.OnPremises == "" && v.Cloud != "" && agree(sides[1:]):
		p.field(label, v.Predicted+"  (the cloud's own)")
		return
	}
	for i, s := range sides {
		text := fmt.Sprintf("%-12s %s", s.name, orNone(s.value))
		if i == oddOne(sides) {
			text += reference(v)
		}
		p.field(label, text)
		label = ""
	}
}

// oddOne is the side that the finding is about: the cloud's where that is not as predicted, else the directory's.
func oddOne(sides []side) int {
	if last := len(sides) - 1; !agree(sides[1:]) {
		return last
	}
	return 0
}

func attributeLabel(attribute string) string {
	if attribute == "userPrincipalName" {
		return "UPN"
	}
	return attribute
}

// side is one side's word on a value.
type side struct{ name, value string }

// sides are those that are known.
func (p *page) sides(v server.HolderValueJSON) []side {
	list := []side{{"on-premises", v.OnPremises}}
	if p.view.Predicted != nil {
		list = append(list, side{"predicted", v.Predicted})
	}
	if p.view.Cloud != nil {
		list = append(list, side{"cloud", v.Cloud})
	}
	return list
}

func agree(sides []side) bool {
	for _, s := range sides {
		if !address.EqualFold(s.value, sides[0].value) {
			return false
		}
	}
	return true
}

// values writes the table of proxyAddresses: what each value is on each side.
func (p *page) values() {
	var rows []server.HolderValueJSON
	for _, v := range p.view.Values {
		if v.Attribute == "proxyAddresses" {
			rows = append(rows, v)
		}
	}
	p.line("")
	if len(rows) == 0 {
		p.line("  no proxyAddresses on any side")
		return
	}
	p.line(tableRow, "ON-PREMISES", "PREDICTED", "CLOUD", "  proxyAddresses")
	marks := map[string]bool{}
	for _, v := range rows {
		mark := markOf(v)
		marks[mark] = true
		p.row(v, mark)
	}
	p.legend(marks)
}

// row writes one value beside its roles, or where it is too long for that whole on a line of its own with its mark, however
// long that gets: it is copied, and a terminal that breaks it by itself gives it back in one piece.
func (p *page) row(v server.HolderValueJSON, mark string) {
	text := valueText(v, mark)
	predicted, cloud := "?", "?"
	if p.view.Predicted != nil {
		predicted = role(v.Predicted)
	}
	if p.view.Sync != nil {
		cloud = role(v.Cloud)
	}
	marked, below := mark+" "+text, ""
	if lipgloss.Width(text) > textWidth-valueColumn {
		marked, below = "", longIndent+marked
	}
	p.line("%s", strings.TrimRight(fmt.Sprintf(tableRow, role(v.OnPremises), predicted, cloud, marked), " "))
	if below != "" {
		p.line("%s", strings.TrimRight(below, " "))
	}
}

// valueText is the value as the table shows it. Long ones that the cloud made for itself are cut: nobody has to copy them.
func valueText(v server.HolderValueJSON, mark string) string {
	text := escape(v.Address)
	if mark == ownMark && !address.Proxy(v.Cloud).IsSMTP() {
		return shorten(text, textWidth-valueColumn)
	}
	return text + reference(v)
}

// role is what a value is on a side.
func role(value string) string {
	p := address.Proxy(value)
	switch {
	case value == "":
		return "-"
	case p.IsPrimary():
		return "primary"
	case p.IsSMTP():
		return "alias"
	}
	return "yes"
}

// markOf tells values apart at a glance.
func markOf(v server.HolderValueJSON) string {
	switch {
	case v.Severity == cloudcheck.Wrong:
		return "!"
	case v.Severity == cloudcheck.Pending:
		return "~"
	case v.Severity == cloudcheck.Notice:
		return "i"
	case v.Reason != "":
		return ownMark
	}
	return " "
}

func reference(v server.HolderValueJSON) string {
	var text strings.Builder
	for i, f := range v.Findings {
		if i == 0 {
			text.WriteByte(' ')
		}
		fmt.Fprintf(&text, "[%d]", f)
	}
	return text.String()
}

// legend explains the marks that were used.
func (p *page) legend(used map[string]bool) {
	var words []string
	for _, m := range [][2]string{{"!", report.SeverityLabel(cloudcheck.Wrong)}, {"~", report.SeverityLabel(cloudcheck.Pending)},
		{"i", report.SeverityLabel(cloudcheck.Notice)}, {ownMark, "the cloud's own"}} {
		if used[m[0]] {
			words = append(words, m[0]+" "+m[1])
		}
	}
	if len(words) > 0 {
		p.line("\n  %s", strings.Join(words, "   "))
	}
}
