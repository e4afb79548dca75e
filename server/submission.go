package server

import (
	"slices"
	"strings"
	"unicode"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
)

// submissionOf checks what can be seen without the directory and the cloud, and says everything that is wrong.
func submissionOf(in SubmissionJSON, by string) (queue.Submission, []FieldError) {
	wrong := checkTexts(in.Ticket, in.Requester, in.Note)
	wrong = append(wrong, checkLine("body.holder", in.Holder)...)
	addr, err := address.Parse(in.Address)
	if err != nil {
		wrong = append(wrong, addressError(err))
	}
	return queue.Submission{
		Holder: in.Holder, Action: in.Action, Address: addr, Ticket: in.Ticket, Requester: in.Requester, Note: in.Note,
		Allow: canonical(in.Allow), SubmittedBy: by,
	}, wrong
}

// undoOf checks the body of an undo.
func undoOf(in UndoJSON, by string) (queue.Submission, []FieldError) {
	return queue.Submission{Action: address.Undo, Ticket: in.Ticket, Requester: in.Requester, Note: in.Note, SubmittedBy: by},
		checkTexts(in.Ticket, in.Requester, in.Note)
}

func addressError(err error) FieldError {
	f := FieldError{Location: "body.address", Message: err.Error(), Code: Code(cause.InvalidAddress)}
	if e, ok := cause.As(err); ok {
		f.Code, f.Message = Code(e.Cause.Code), e.Cause.Message
	}
	return f
}

// canonical sorts the allowances and drops doubles, so that the same wish is the same request.
func canonical(allow []address.Allowance) []address.Allowance {
	if len(allow) == 0 {
		return nil
	}
	return slices.Compact(slices.Sorted(slices.Values(allow)))
}

func checkTexts(ticket, requester, note string) []FieldError {
	wrong := checkLabel("body.ticket", ticket)
	wrong = append(wrong, checkLabel("body.requester", requester)...)
	lines := strings.ReplaceAll(note, "\r\n", "\n")
	if strings.ContainsFunc(lines, func(c rune) bool { return unprintable(c) && c != '\n' && c != '\t' }) {
		wrong = append(wrong, FieldError{Location: "body.note", Code: InvalidField,
			Message: "control characters other than line breaks and tabs, or characters that are broken"})
	}
	return wrong
}

// checkLabel checks a line that stands beside others in tables and reports, and must not turn them round.
func checkLabel(location, s string) []FieldError {
	if strings.ContainsFunc(s, turnsText) {
		return []FieldError{{Location: location, Code: InvalidField, Message: "characters that change the direction of the text (U+202A to U+202E, U+2066 to U+2069)"}}
	}
	return checkLine(location, s)
}

// turnsText is true for the embeddings, overrides and isolates of the bidirectional algorithm (Unicode UAX #9, 2.1 to
// 2.4): they show a text in another order than it has.
func turnsText(c rune) bool {
	return c >= '\u202a' && c <= '\u202e' || c >= '\u2066' && c <= '\u2069'
}

// checkLine refuses what would break a line of a log or a report, and blanks that nobody sees at either end.
func checkLine(location, s string) []FieldError {
	switch {
	case strings.ContainsFunc(s, unprintable):
		return []FieldError{{Location: location, Code: InvalidField, Message: "control characters, line breaks, or characters that are broken"}}
	case strings.TrimSpace(s) != s:
		return []FieldError{{Location: location, Code: InvalidField, Message: "begins or ends with blanks; take them away"}}
	}
	return nil
}

// unprintable is true for control characters and for what JSON makes of a broken character.
func unprintable(c rune) bool {
	return unicode.IsControl(c) || c == unicode.ReplacementChar || c == '\u2028' || c == '\u2029'
}
