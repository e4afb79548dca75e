package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aliasd/aliasd/cause"
)

// columns are the CSV's, in order; docs/report.md says what stands in them.
func columns() []string {
	return []string{
		"id", "state", "needs_human", "cause", "message", "holder", "object_guid", "action", "address", "undoes", "superseded_by",
		"ticket", "requester", "submitted_by", "note", "conflict_kind", "conflict_name", "dc", "created_at", "written_at",
		"verified_at", "updated_at", "seconds_to_written", "seconds_to_verified", "notes",
	}
}

// WriteCSV writes one line per request, RFC 4180 with a byte order mark (spreadsheets take UTF-8 for something else
// without one). What a spreadsheet would take for a formula gets a ' in front. Times are RFC 3339 in UTC.
func (r Report) WriteCSV(w io.Writer) error {
	lines := [][]string{}
	for _, it := range r.Requests {
		lines = append(lines, it.cells())
	}
	out, err := newSheet(w, columns())
	if err == nil {
		err = out.WriteAll(lines)
	}
	if err != nil {
		return fmt.Errorf("write the report as CSV: %w", err)
	}
	return nil
}

// newSheet begins a CSV with its byte order mark and its header.
func newSheet(w io.Writer, header []string) (*csv.Writer, error) {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return nil, err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	return out, out.Write(header)
}

func (it Item) cells() []string {
	why, who := cause.Cause{}, cause.Conflict{}
	if it.Cause != nil {
		why = *it.Cause
	}
	if why.Conflict != nil {
		who = *why.Conflict
	}
	return guarded([]string{
		string(it.ID), string(it.State), yesNo(it.NeedsHuman), string(why.Code), why.Message, it.Holder, it.ObjectGUID, it.Action,
		it.Address, string(it.Undoes), string(it.SupersededBy), it.Ticket, it.Requester, it.SubmittedBy, it.Note, who.Kind,
		who.Name, it.DC, stamp(it.CreatedAt), stamp(it.WrittenAt), stamp(it.VerifiedAt), stamp(it.UpdatedAt),
		seconds(it.toWritten()), seconds(it.toVerified()), strings.Join(it.Notes, " | "),
	})
}

func guarded(cells []string) []string {
	for i, cell := range cells {
		cells[i] = guard(cell)
	}
	return cells
}

// guard keeps a spreadsheet from calculating what somebody typed (OWASP, CSV injection). One that splits lines at
// semicolons or tabs, as those of many languages do, knows no quotes in the midst of its cells: there a formula may begin
// behind each of them, and behind each line break. The full-width forms are taken for the plain ones by some.
func guard(cell string) string {
	const formulas, breaks, ignored = "=+-@＝＋－＠", ";\t\r\n", "\" "
	var safe strings.Builder
	if strings.IndexAny(cell, "\t\r\n") == 0 {
		safe.WriteByte('\'')
	}
	begins := true // a cell of somebody's begins here
	for i, r := range cell {
		if begins && strings.ContainsRune(formulas, r) {
			safe.WriteByte('\'')
		}
		begins = strings.ContainsRune(breaks, r) || begins && strings.ContainsRune(ignored, r)
		_, size := utf8.DecodeRuneInString(cell[i:])
		safe.WriteString(cell[i : i+size])
	}
	return safe.String()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func seconds(d time.Duration, ok bool) string {
	if !ok {
		return ""
	}
	return strconv.FormatFloat(inSeconds(d), 'f', -1, 64)
}
