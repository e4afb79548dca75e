package eventlog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/aliasd/aliasd/queue"
)

// maxLine is the longest line that is read of an export, in bytes.
const maxLine = 64 << 20

// Line is one line of an export: an entry, a gap, or at the end the summary.
type Line struct {
	ID       int64           `json:"id,omitempty"`
	PrevHash string          `json:"prev_hash,omitempty"`
	Hash     string          `json:"hash,omitempty"`
	Entry    json.RawMessage `json:"entry,omitempty"`
	Gap      *Gap            `json:"gap,omitempty"`
	Summary  *Summary        `json:"summary,omitempty"`
}

// Summary is the last line of an export. A file without it was cut off.
type Summary struct {
	// Entries and Removed are what the lines before it are.
	Entries int64 `json:"entries"`
	Removed int64 `json:"removed"`
	// Behind is the entry that the first line follows; zero where the export begins with the log.
	Behind Anchor `json:"behind,omitzero"`
	// Last is the last entry of the export, and Head that of the log when it was made.
	Last Anchor `json:"last,omitzero"`
	Head Anchor `json:"head,omitzero"`
	// RequestID is set where the export has one request's entries only, which do not follow one another.
	RequestID queue.RequestID `json:"request_id,omitempty"`
	Since     string          `json:"since,omitempty"`
	Until     string          `json:"until,omitempty"`
}

// Writer writes an export. What the caller sets in Summary stands in its last line, Entries to Last are counted.
type Writer struct {
	Summary Summary
	out     *bufio.Writer
	begun   bool
}

// NewWriter makes a writer of lines. Close ends the export.
func NewWriter(w io.Writer) *Writer { return &Writer{out: bufio.NewWriterSize(w, 1<<16)} }

// Record writes one entry, its bytes as they are. One that is not on one line is none of ours and an error.
func (w *Writer) Record(r Record) error {
	if !json.Valid(r.Entry) || bytes.ContainsAny(r.Entry, "\r\n") {
		return fmt.Errorf("entry %d is not what was written and cannot be exported; aliasd log verify says more", r.ID)
	}
	w.begin(Anchor{r.ID - 1, r.PrevHash})
	w.Summary.Entries++
	w.Summary.Last = Anchor{r.ID, r.Hash}
	// A bufio.Writer keeps its first error; Close gives it.
	fmt.Fprintf(w.out, `{"id":%d,"prev_hash":%q,"hash":%q,"entry":%s}`+"\n", r.ID, r.PrevHash, r.Hash, r.Entry)
	return nil
}

// Gap writes that retention removed entries here.
func (w *Writer) Gap(g Gap) error {
	w.begin(Anchor{g.First - 1, g.PrevHash})
	w.Summary.Removed += g.entries()
	w.Summary.Last = Anchor{g.Last, g.Hash}
	return w.line(Line{Gap: &g})
}

func (w *Writer) begin(behind Anchor) {
	if !w.begun {
		w.begun, w.Summary.Behind = true, behind
	}
}

func (w *Writer) line(l Line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = w.out.Write(append(text, '\n'))
	return err
}

// Close writes the summary and what is still to be written.
func (w *Writer) Close() error {
	return errors.Join(w.line(Line{Summary: &w.Summary}), w.out.Flush())
}

// FileResult is what verifying an export showed.
type FileResult struct {
	Result
	Summary *Summary `json:"summary"` // nil where the file has none
}

// Err is what is wrong with the file, in a sentence; nil where it holds.
func (r FileResult) Err() error {
	if r.Break != nil {
		return r.Break
	}
	return nil
}

// ErrNoExport: a line of the file is none of an export.
var ErrNoExport = errors.New("this is no export of the event log")

// VerifyFile verifies an export by itself: each entry's hash, the links between entries that follow one another, and that the
// file has its end. The error is ErrNoExport, or what reading gave.
func VerifyFile(in io.Reader, c Check) (FileResult, error) {
	v := fileWalk{check: c}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<16), maxLine)
	for n := 1; lines.Scan() && v.result.Break == nil; n++ {
		if err := v.take(lines.Bytes()); err != nil {
			return v.result, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return v.result, err
	}
	v.end()
	return v.result, nil
}

// fileWalk is one reading of an export.
type fileWalk struct {
	check  Check
	walker *Walker
	behind Anchor
	// jumped is the first entry that does not follow the one before it.
	jumped int64
	result FileResult
}

func (v *fileWalk) take(text []byte) error {
	var l Line
	if err := json.Unmarshal(text, &l); err != nil {
		return fmt.Errorf("%w: %w", ErrNoExport, err)
	}
	switch {
	case v.result.Summary != nil:
		v.result.Break = &Break{ID: l.ID, Kind: Inserted, Message: "something stands behind the summary, which is the last line of an export"}
	case l.Summary != nil:
		v.result.Summary = l.Summary
	case l.Gap != nil:
		v.start(Anchor{l.Gap.First - 1, l.Gap.PrevHash})
		v.result.Break = v.walker.Skip(*l.Gap)
	case l.ID > 0 && l.Entry != nil:
		v.follow(l)
	default:
		return ErrNoExport
	}
	return nil
}

func (v *fileWalk) start(behind Anchor) {
	if v.walker == nil {
		v.behind, v.walker = behind, NewWalker(behind, v.check.Expected)
	}
}

// follow goes to the entry of a line. Where it does not follow the one before, the summary has to say why.
func (v *fileWalk) follow(l Line) {
	v.start(Anchor{l.ID - 1, l.PrevHash})
	if l.ID > v.walker.head.ID+1 && v.jumped == 0 {
		v.jumped = v.walker.head.ID + 1
	}
	e, err := queue.ParseEvent(l.Entry, l.PrevHash, l.Hash)
	if err == nil {
		v.result.HeadAt = e.At
	}
	r := Record{ID: l.ID, RequestID: e.RequestID, Entry: l.Entry, PrevHash: l.PrevHash, Hash: l.Hash}
	if l.ID > v.walker.head.ID+1 {
		v.walker.Leap(Anchor{l.ID - 1, l.PrevHash})
	}
	_, v.result.Break = v.walker.Follow(r)
}

// end says what only the whole file shows.
func (v *fileWalk) end() {
	r := &v.result
	if v.walker == nil {
		v.walker = NewWalker(Anchor{}, v.check.Expected)
	}
	r.Entries, r.Removed = v.walker.Passed()
	r.Head = v.walker.Head()
	if r.Break == nil {
		r.Break = v.atEnd()
	}
	r.HeadRemoved = v.walker.Lost()
}

func (v *fileWalk) atEnd() *Break {
	s, next := v.result.Summary, v.walker.head.ID+1
	switch {
	case s == nil:
		return &Break{ID: next, Kind: CutOff, Message: fmt.Sprintf("the file ends after entry %d without its summary: it was cut off", next-1)}
	case v.jumped != 0 && s.RequestID == "":
		return &Break{ID: v.jumped, Kind: Missing, Message: fmt.Sprintf("entry %d is missing in the file", v.jumped)}
	case s.Entries != v.result.Entries, s.Removed != v.result.Removed, s.Last != v.result.Head, s.Behind != v.behind:
		return &Break{ID: next, Kind: Missing, Message: fmt.Sprintf("the file has %d entries up to entry %d, and its summary speaks of %d up to entry %d",
			v.result.Entries, next-1, s.Entries, s.Last.ID)}
	}
	return v.walker.End(v.behind.ID == 0 && s.RequestID == "" && s.Last == s.Head)
}
