package report

import (
	"cmp"
	_ "embed" // for the template
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/audit"
)

const (
	maxUnits  = 10 // organizational units on the page
	maxValues = 6  // addresses that are shown of one side of a holder
)

//go:embed audit.html.tmpl
var auditPage string

// writeHTML writes the page.
func (a *Audit) writeHTML(w io.Writer, s audit.Summary) error {
	return render(w, auditPage, s.Began.Location(), a.view(s))
}

// auditView is what the template shows.
type auditView struct {
	audit.Summary
	Heading, Headline string
	Why               string // it is not complete
	Facts             []string
	Tiles             []tile
	Ring              []share
	InPercent         string // of the holders, those in order
	Causes, Units     []measure
	MoreUnits         int
	Sections          []auditSection
}

// share is a part of the ring; Length and Start are in percent of its round, Angle is Start in degrees.
type share struct {
	Label, Tone          string
	Count                int
	Length, Start, Angle float64
}

// measure is one bar, Percent long. Detail says in full what Label has in short, Aside what the colour says.
type measure struct {
	Label, Aside, Detail, Text, Tone string
	Percent                          float64
}

// auditSection is one cause on the page.
type auditSection struct {
	Code      cause.Code
	Severity  cloudcheck.Severity
	Tone      string
	Means, Do string
	Count     int
	Rows      []auditRow
	LeftOut   int
}

// auditRow is one finding; Sides say what stands where.
type auditRow struct {
	audit.Item
	Unit  string
	Sides []side
}

// side is what one side has of a holder. Absent says that it does not have the holder.
type side struct {
	Label   string
	Absent  bool
	Mail    string
	Values  []shownValue
	LeftOut int
}

type shownValue struct {
	Text  string
	Meant bool // it is what the finding is about
}

func (a *Audit) view(s audit.Summary) auditView {
	v := auditView{
		Summary: s, Heading: heading(s), Headline: AuditHeadline(s), Why: asSentence(s.Stopped), Facts: facts(s), Ring: ring(s), InPercent: inPercent(s.InOrder, s.Holders),
		Tiles: []tile{
			{s.Holders, holdersCompared(s.Holders), "plain"}, {s.InOrder, "in order", "good"},
			{s.Pending, waitLabel(s.Pending), toneOver(s.Pending, "going")}, {s.Wrong, NeedSomebody(s.Wrong), toneOver(s.Wrong, "bad")},
		},
		Sections: a.sections(s.BaseDN),
	}
	v.Causes = causeBars(v.Sections)
	v.Units, v.MoreUnits = unitBars(s)
	return v
}

func heading(s audit.Summary) string {
	if s.TenantDomain == "" {
		return "Audit"
	}
	return "Audit of " + s.TenantDomain
}

// AuditHeadline is the audit in one sentence.
func AuditHeadline(s audit.Summary) string {
	switch {
	case s.Holders == 0 && s.Complete:
		return "There is no holder to compare."
	case s.Holders == 0:
		return "No holder was compared."
	case s.InOrder == s.Holders && s.Holders == 1:
		return "The one holder is in order."
	case s.InOrder == s.Holders:
		return "All " + count(s.Holders) + " holders are in order."
	case s.Wrong == 0:
		return fmt.Sprintf("Nothing needs anybody: %s of %s in order, %s for the cloud.", count(s.InOrder),
			amount(s.Holders, "holder is", "holders are"), amount(s.Pending, "waits", "wait"))
	}
	sentence := fmt.Sprintf("%s of %s %s", count(s.Wrong), amount(s.Holders, "holder", "holders"), NeedSomebody(s.Wrong))
	if s.Pending > 0 {
		sentence += fmt.Sprintf("; %s for the cloud", amount(s.Pending, "more waits", "more wait"))
	}
	return sentence + "."
}

// asSentence begins with a capital and ends with a full stop.
func asSentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 || first == utf8.RuneError {
		return text
	}
	return strings.TrimSuffix(string(unicode.ToUpper(first))+text[size:], ".") + "."
}

// facts are what was compared, in short sentences.
func facts(s audit.Summary) []string {
	list := []string{fmt.Sprintf("Compared: %s below %s, in %s.", amount(s.Holders, "holder", "holders"), s.BaseDN, InWords(s.Ended.Sub(s.Began).Seconds()))}
	if s.Cloud.Full {
		list = append(list, fmt.Sprintf("The tenant was read in full: %s, %s to Graph.", amount(s.Cloud.Objects, "object", "objects"), amount(s.Cloud.Calls, "call", "calls")))
	}
	return list
}

func holdersCompared(n int) string {
	if n == 1 {
		return "holder compared"
	}
	return "holders compared"
}

func waitLabel(n int) string {
	if n == 1 {
		return "waits for the cloud"
	}
	return "wait for the cloud"
}

// NeedSomebody says of so many that they are wrong: they need, or the one needs, somebody.
func NeedSomebody(n int) string {
	if n == 1 {
		return "needs somebody"
	}
	return "need somebody"
}

// toneOver is a tone where there is something to be seen.
func toneOver(n int, tone string) string {
	if n == 0 {
		return "plain"
	}
	return tone
}

// ring shows how the holders stand; a part that is there can be seen, however small.
func ring(s audit.Summary) []share {
	if s.Holders == 0 {
		return nil
	}
	const least = 1.2 // percent
	list := []share{
		{Label: "in order", Tone: "good", Count: s.InOrder}, {Label: waitLabel(s.Pending), Tone: "going", Count: s.Pending},
		{Label: NeedSomebody(s.Wrong), Tone: "bad", Count: s.Wrong},
	}
	total := 0.0
	for i, p := range list {
		if p.Count > 0 {
			list[i].Length = max(least, 100*float64(p.Count)/float64(s.Holders))
		}
		total += list[i].Length
	}
	at := 0.0
	for i := range list {
		list[i].Length, list[i].Start, list[i].Angle = list[i].Length*100/total, at, at*3.6
		at += list[i].Length
	}
	return list
}

// inPercent is a share of all with one decimal; nothing short of all is 100.
func inPercent(n, of int) string {
	if of == 0 {
		return ""
	}
	tenths := n * 1000 / of
	if tenths%10 == 0 {
		return fmt.Sprintf("%d %%", tenths/10)
	}
	return fmt.Sprintf("%d.%d %%", tenths/10, tenths%10)
}

// causeBars are the findings by cause, those that need somebody first.
func causeBars(sections []auditSection) []measure {
	most := 0
	for _, s := range sections {
		most = max(most, s.Count)
	}
	var list []measure
	for _, s := range sections {
		list = append(list, measure{
			Label: string(s.Code), Aside: SeverityLabel(s.Severity), Detail: s.Means, Text: count(s.Count), Tone: s.Tone, Percent: length(s.Count, most),
		})
	}
	return list
}

// unitBars are the worst organizational units, and how many more have something wrong (of those that are listed).
func unitBars(s audit.Summary) (list []measure, more int) {
	most := 0
	for _, u := range s.Units {
		most = max(most, u.Wrong)
	}
	for _, u := range s.Units {
		switch {
		case u.Wrong == 0:
		case len(list) == maxUnits:
			more++
		default:
			list = append(list, measure{
				Label: unitName(u.Unit, s.BaseDN), Detail: u.Unit, Tone: "bad", Percent: length(u.Wrong, most),
				Text: count(u.Wrong) + " of " + count(u.Holders),
			})
		}
	}
	return list, more
}

// length is a bar's; one that is there can be seen.
func length(n, most int) float64 { return max(0.7, 100*float64(n)/float64(max(1, most))) }

// unitName names a container as people do, from the outside in: "Berlin / Staff". The base itself is given as it is, and
// so is what cannot be read.
func unitName(unit, base string) string {
	dn, err := ldap.ParseDN(unit)
	if err != nil {
		return unit
	}
	if name, ok := below(dn, base); ok {
		return name
	}
	return unit
}

// unitOf names the container that a holder is in.
func unitOf(holder address.DN, base string) string {
	dn, err := ldap.ParseDN(string(holder))
	if err != nil || len(dn.RDNs) < 2 {
		return string(holder)
	}
	parent := &ldap.DN{RDNs: dn.RDNs[1:]}
	if name, ok := below(parent, base); ok {
		return name
	}
	return base
}

// below names a container by what it has below the base; ok is false where it is not below it.
func below(dn *ldap.DN, base string) (name string, ok bool) {
	above, err := ldap.ParseDN(base)
	if err != nil || !above.AncestorOfFold(dn) {
		return "", false
	}
	var names []string
	for _, rdn := range dn.RDNs[:len(dn.RDNs)-len(above.RDNs)] {
		names = append(names, rdn.Attributes[0].Value)
	}
	slices.Reverse(names)
	return strings.Join(names, " / "), true
}

// sections are the findings by cause, the worst first, and of those the most frequent.
func (a *Audit) sections(base string) []auditSection {
	var list []auditSection
	for g, kept := range a.groups {
		s := auditSection{
			Code: g.code, Severity: g.severity, Tone: severityTone(g.severity), Means: meaning(g), Do: remedy(g),
			Count: kept.count, LeftOut: kept.count - len(kept.rows),
		}
		for _, it := range kept.rows {
			s.Rows = append(s.Rows, auditRow{Item: it, Unit: unitOf(it.DN, base), Sides: sides(it)})
		}
		list = append(list, s)
	}
	rank := cloudcheck.Severities()
	slices.SortFunc(list, func(a, b auditSection) int {
		return cmp.Or(slices.Index(rank, a.Severity)-slices.Index(rank, b.Severity), b.Count-a.Count, strings.Compare(string(a.Code), string(b.Code)))
	})
	return list
}

// sides say what stands on-premises, what the cloud should show, and what it shows.
func sides(it audit.Item) []side {
	list := []side{sideOf("on-premises", &it.OnPremises, it.Value)}
	same := it.Predicted != nil && it.Cloud != nil && it.Predicted.Mail == it.Cloud.Mail && it.Predicted.Proxies.Equal(it.Cloud.Proxies)
	if same {
		return append(list, sideOf("cloud, as expected", it.Cloud, it.Value))
	}
	if it.Predicted != nil {
		list = append(list, sideOf("expected", it.Predicted, it.Value))
	}
	return append(list, sideOf("cloud", it.Cloud, it.Value))
}

func sideOf(label string, v *address.Values, about string) side {
	if v == nil {
		return side{Label: label, Absent: true}
	}
	s := side{Label: label, Mail: v.Mail}
	for _, p := range v.Proxies {
		meant := about != "" && (address.EqualFold(string(p), about) || address.EqualFold(string(p.Address()), about))
		if meant || p.IsSMTP() {
			s.Values = append(s.Values, shownValue{string(p), meant})
		}
	}
	slices.SortStableFunc(s.Values, func(a, b shownValue) int { return weight(a) - weight(b) })
	if len(s.Values) > maxValues {
		s.Values, s.LeftOut = s.Values[:maxValues], len(s.Values)-maxValues
	}
	return s
}

// weight puts primaries first, and then what the finding is about.
func weight(v shownValue) int {
	switch {
	case address.Proxy(v.Text).IsPrimary():
		return 0
	case v.Meant:
		return 1
	}
	return 2
}

func severityTone(s cloudcheck.Severity) string {
	switch s {
	case cloudcheck.Wrong:
		return "bad"
	case cloudcheck.Pending:
		return "going"
	}
	return "plain"
}

// SeverityLabel says what a severity asks of people: the one set of words for them, on terminals and pages.
func SeverityLabel(s cloudcheck.Severity) string {
	switch s {
	case cloudcheck.Wrong:
		return NeedSomebody(1)
	case cloudcheck.Pending:
		return waitLabel(1)
	}
	return "good to know"
}

// shade is a tone's colour in charts. They differ in lightness too, for those who do not see the colours and for grey
// printers, and each has a contrast of 3 or more on white.
func shade(tone string) template.CSS {
	switch tone {
	case "good":
		return "#3f9e70"
	case "going":
		return "#2166a8"
	case "bad":
		return "#7d1a12"
	}
	return "#77828d"
}
