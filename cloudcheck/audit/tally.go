package audit

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// maxUnits is how many units a summary names.
const maxUnits = 50

// standing is how a holder stands: the worst of its findings, and whether it was counted among the duplicates.
type standing uint8

const (
	inOrder standing = iota
	isPending
	isWrong
	// The bits of those that were counted among the duplicates, by severity.
	isDuplicate       standing = 1 << 7
	isHarmlessTwin    standing = 1 << 6
	countedDuplicates          = isDuplicate | isHarmlessTwin
)

// tally counts what an audit finds. A holder may be found wrong later than it was compared.
type tally struct {
	standings []standing // by the holders' numbers
	kinds     map[address.Kind]*KindCount
	codes     map[codeAndSeverity]*CodeCount
	units     map[string]*UnitCount
	holders   int
	wrong     int
	pending   int
}

type codeAndSeverity struct {
	code     cause.Code
	severity cloudcheck.Severity
}

func newTally() *tally {
	return &tally{kinds: map[address.Kind]*KindCount{}, codes: map[codeAndSeverity]*CodeCount{}, units: map[string]*UnitCount{}}
}

// holder counts a holder that was compared.
func (t *tally) holder(number uint32, h *address.Holder) {
	for len(t.standings) <= int(number) {
		t.standings = append(t.standings, inOrder)
	}
	t.holders++
	t.kind(h.Kind).Holders++
	t.unit(h.DN).Holders++
}

func (t *tally) kind(k address.Kind) *KindCount {
	c := t.kinds[k]
	if c == nil {
		c = &KindCount{Kind: k}
		t.kinds[k] = c
	}
	return c
}

func (t *tally) unit(dn address.DN) *UnitCount {
	name := dn.Parent()
	c := t.units[name]
	if c == nil {
		name = strings.Clone(name) // else it would keep the whole DN
		c = &UnitCount{Unit: name}
		t.units[name] = c
	}
	return c
}

// found counts the findings of one holder, which may come in several lots.
func (t *tally) found(number uint32, h *address.Holder, findings []cloudcheck.Finding) {
	var seen []codeAndSeverity
	worst := inOrder
	for _, f := range findings {
		worst = max(worst, standingOf(f.Severity))
		which := codeAndSeverity{f.Code, f.Severity}
		c := t.codes[which]
		if c == nil {
			c = &CodeCount{Code: f.Code, Severity: f.Severity}
			t.codes[which] = c
		}
		c.Findings++
		if !slices.Contains(seen, which) && !t.countedAsDuplicate(number, which) {
			c.Holders++
		}
		seen = append(seen, which)
	}
	t.raise(number, h, worst)
}

// countedAsDuplicate remembers which holders have a duplicate: one that shares several addresses comes several times.
func (t *tally) countedAsDuplicate(number uint32, which codeAndSeverity) bool {
	if which.code != cause.DuplicateOnPremises {
		return false
	}
	bit := isHarmlessTwin
	if which.severity == cloudcheck.Wrong {
		bit = isDuplicate
	}
	before := t.standings[number]&bit != 0
	t.standings[number] |= bit
	return before
}

// raise moves a holder to the count of what is worse.
func (t *tally) raise(number uint32, h *address.Holder, to standing) {
	from := t.standings[number] &^ countedDuplicates
	if to <= from {
		return
	}
	t.standings[number] = to | t.standings[number]&countedDuplicates
	if from == isPending {
		t.pending--
		t.kind(h.Kind).Pending--
	}
	if to == isPending {
		t.pending++
		t.kind(h.Kind).Pending++
		return
	}
	t.wrong++
	t.kind(h.Kind).Wrong++
	t.unit(h.DN).Wrong++
}

func standingOf(s cloudcheck.Severity) standing {
	switch s {
	case cloudcheck.Wrong:
		return isWrong
	case cloudcheck.Pending:
		return isPending
	}
	return inOrder
}

// into writes the counts into a summary, each list the worst first.
func (t *tally) into(s *Summary) {
	s.Holders, s.Wrong, s.Pending = t.holders, t.wrong, t.pending
	s.InOrder = t.holders - t.wrong - t.pending
	s.Kinds, s.Codes, s.Units = []KindCount{}, []CodeCount{}, []UnitCount{}
	for _, k := range []address.Kind{address.User, address.Group, address.Contact} {
		if c := t.kinds[k]; c != nil {
			s.Kinds = append(s.Kinds, *c)
		}
	}
	for _, c := range t.codes {
		s.Codes = append(s.Codes, *c)
	}
	slices.SortFunc(s.Codes, func(a, b CodeCount) int {
		return cmp.Or(cmp.Compare(standingOf(b.Severity), standingOf(a.Severity)), cmp.Compare(b.Findings, a.Findings), cmp.Compare(a.Code, b.Code))
	})
	for _, c := range t.units {
		s.Units = append(s.Units, *c)
	}
	slices.SortFunc(s.Units, func(a, b UnitCount) int {
		return cmp.Or(cmp.Compare(b.Wrong, a.Wrong), cmp.Compare(b.Holders, a.Holders), cmp.Compare(a.Unit, b.Unit))
	})
	s.Units = s.Units[:min(len(s.Units), maxUnits)]
}
