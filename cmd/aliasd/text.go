package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/lipgloss"

	"github.com/aliasd/aliasd/cause"
)

// textWidth is how many columns sentences are wrapped at. Ids and values of the directory are not broken: they are copied.
const textWidth = 80

// say prints what others may have written as text of its own: after a lead, escaped, and wrapped under it.
func say(w io.Writer, lead, text string) {
	for _, line := range wrap(escape(text), textWidth-lipgloss.Width(lead)) {
		fmt.Fprintf(w, "%s\n", strings.TrimRight(lead+line, " "))
		lead = strings.Repeat(" ", lipgloss.Width(lead))
	}
}

// sayf prints one line that holds what others may have written, escaped and not wrapped.
func sayf(w io.Writer, format string, values ...any) {
	fmt.Fprintln(w, escape(fmt.Sprintf(format, values...)))
}

// wrap breaks a text into lines of so many columns: between words, and within one only where it has no room on a line. A
// hyphen is no place to break, because addresses and commands are copied; so it is another character meanwhile.
func wrap(text string, width int) []string {
	const hyphen = "\ue000" // of the private use area
	text = strings.ReplaceAll(text, "-", hyphen)
	lines := strings.Split(lipgloss.NewStyle().Width(width).Render(text), "\n")
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(strings.TrimRight(line, " "), hyphen, "-")
	}
	return lines
}

// sayLines prints a text of several lines, each of them wrapped, with a lead before the first.
func sayLines(w io.Writer, lead, text string) {
	for line := range strings.Lines(text) {
		say(w, lead, strings.TrimSuffix(line, "\n"))
		lead = ""
	}
}

// reflow breaks a help text at textWidth, paragraph by paragraph. A paragraph that is indented stays as it is.
func reflow(text string) string {
	paragraphs := strings.Split(text, "\n\n")
	for i, p := range paragraphs {
		if !strings.HasPrefix(p, " ") {
			paragraphs[i] = strings.Join(wrap(strings.ReplaceAll(p, "\n", " "), textWidth), "\n")
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// escape shows line breaks, control characters, and invisible ones that turn the direction of text as \n, \x1b, \u202e,
// so that a text from outside cannot look like a line of ours.
func escape(text string) string {
	var b strings.Builder
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case unicode.IsGraphic(r) && r != '\u2028' && r != '\u2029':
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

// allowHint says how a refusal can be passed on the command line; empty where it cannot.
func allowHint(code string) string {
	switch cause.Code(code) {
	case cause.HeldByDeleted:
		return "on the command line: --allow deleted_holder"
	case cause.WouldMailEnable:
		return "on the command line: --allow mail_enable"
	case cause.SignInChange:
		return "on the command line: --allow sign_in_change"
	}
	return ""
}
