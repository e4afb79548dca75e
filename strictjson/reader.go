package strictjson

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Reader reads JSON objects from a stream, one on a line or each over several lines. It reads no further than the line on which an object
// ends, so that whoever writes may wait for an answer to each. It is for one goroutine.
type Reader struct {
	in         *bufio.Reader
	structType reflect.Type
	// advice is what to give instead, where nothing better is known.
	advice string
	// mark says that a byte order mark may come.
	mark bool
	// line is the line that is being read, from 1; ended says that all of it was read.
	line  int
	ended bool
	// text is what was read of the object, first the line on which that begins.
	text  []byte
	first int
	// before and now are the last two lines that have something: no error is on an earlier one.
	before, now lineStart
}

// lineStart is where a line begins in the object's text, without the blanks that were skipped.
type lineStart struct {
	line            int
	offset, skipped int64
}

// NewReader makes a reader of objects that become values of the struct type t. It skips a byte order mark.
func NewReader(in io.Reader, t reflect.Type) *Reader {
	return &Reader{in: bufio.NewReaderSize(in, 64<<10), structType: t, advice: "give one JSON object on a line, or over several", mark: true, ended: true}
}

// Next reads the next object. The error is io.EOF where there is none, a *SyntaxError, or that of the stream.
func (r *Reader) Next() (*Object, error) {
	if r.mark {
		r.mark = false
		if err := r.byteOrder(); err != nil {
			return nil, err
		}
	}
	skipped, err := r.skipBlank()
	if err != nil {
		return nil, err
	}
	r.text, r.first, r.now = nil, r.line, lineStart{line: r.line, skipped: skipped}
	// What stands twice and what is no text is a mistake, which the checker names.
	d := jsontext.NewDecoder(feed{r}, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	c := checker{r: r, d: d, o: &Object{lineOf: map[string]int{"": r.first}}}
	if err := c.value("", r.structType, false); err != nil {
		return nil, r.inWords(err)
	}
	c.o.text = r.text[:d.InputOffset()]
	return c.o, r.endLine(len(c.o.text))
}

// skipBlank goes on to what is no blank, on this line or a later one, and says how many bytes of that line it skipped.
func (r *Reader) skipBlank() (skipped int64, err error) {
	for {
		b, err := r.in.ReadByte()
		if err != nil {
			return skipped, err
		}
		if r.ended {
			r.line, r.ended, skipped = r.line+1, false, 0
		}
		if !strings.ContainsRune(" \t\r\n", rune(b)) {
			return skipped, r.in.UnreadByte()
		}
		skipped++
		r.ended = b == '\n'
	}
}

// byteOrder skips the byte order mark of UTF-8, and refuses those of UTF-16.
func (r *Reader) byteOrder() error {
	start, err := r.in.Peek(3)
	switch {
	case bytes.HasPrefix(start, []byte("\uFEFF")):
		_, err = r.in.Discard(len("\uFEFF"))
	case len(start) > 0 && (start[0] == 0xFE || start[0] == 0xFF):
		return &SyntaxError{Line: 1, Problem: "this is not UTF-8 but UTF-16, as it seems: write the file in UTF-8"}
	case errors.Is(err, io.EOF):
		return nil // it is shorter than a mark
	}
	return err
}

// feed is a Reader as its decoder reads from it.
type feed struct{ *Reader }

// Read gives bytes of one line, without the blanks before them (no token goes on over the end of a line), and notes where lines begin.
func (r feed) Read(p []byte) (int, error) {
	if len(r.text) >= MaxObject {
		return 0, r.tooLarge("is longer than %d MiB", MaxObject>>20)
	}
	if r.ended {
		skipped, err := r.skipBlank()
		if err != nil {
			return 0, err
		}
		r.before, r.now = r.now, lineStart{line: r.line, offset: int64(len(r.text)), skipped: skipped}
	}
	if _, err := r.in.Peek(1); err != nil {
		return 0, err
	}
	piece, err := r.in.Peek(min(len(p), r.in.Buffered()))
	if err != nil {
		return 0, err
	}
	if end := bytes.IndexByte(piece, '\n'); end >= 0 {
		piece = piece[:end+1]
		r.ended = true
	}
	r.text = append(r.text, piece...)
	return r.in.Discard(copy(p, piece))
}

// endLine reads to the end of the line on which the object ended, where nothing else may stand.
func (r *Reader) endLine(from int) error {
	for piece := make([]byte, 1<<10); ; {
		if rest := bytes.TrimLeft(r.text[from:], " \t\r\n"); len(rest) > 0 {
			return r.more(r.at(int64(len(r.text) - len(rest))))
		}
		if r.ended {
			return nil
		}
		from = len(r.text)
		if _, err := (feed{r}).Read(piece); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// at gives the line and the column of the byte at an offset.
func (r *Reader) at(offset int64) (line int, column int64) {
	l := r.now
	if offset < l.offset {
		l = r.before
	}
	return l.line, offset - l.offset + l.skipped + 1
}

func (r *Reader) more(line int, column int64) error {
	return &SyntaxError{Line: line, Column: column, Problem: "there is more after the object: " + r.advice}
}

func (r *Reader) tooLarge(why string, most int) error {
	return &SyntaxError{Line: r.first, Problem: fmt.Sprintf("the object that begins on line %d "+why, r.first, most), TooLarge: true}
}
