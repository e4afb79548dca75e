package config

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a settings file.
type Problem struct {
	File string
	Line int // from 1; 0 where it is about the file as a whole
	// Key is the key with those above it: directory.bind.user; empty where no key is to blame.
	Key  string
	Text string
	// Got is what stands there, empty where there is nothing to show or where it may be a secret.
	Got string
	// Hint says what would be right.
	Hint string
	col  int
}

// String gives FILE:LINE: key: problem (got x; hint), without what there is not.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Text)
	var more []string
	if p.Got != "" {
		more = append(more, "got "+p.Got)
	}
	if p.Hint != "" {
		more = append(more, p.Hint)
	}
	if len(more) > 0 {
		b.WriteString(" (" + strings.Join(more, "; ") + ")")
	}
	return b.String()
}

// Problems is everything that is wrong with a settings file, sorted by line.
type Problems []Problem

// Error gives one problem per line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

func (p Problems) sort() {
	slices.SortStableFunc(p, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.col - b.col
	})
}
