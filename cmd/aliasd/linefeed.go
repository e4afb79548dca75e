package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// maxObject is how many bytes one object of the input may have.
const maxObject = 4 << 20

// lineFeed hands a stream out in pieces that end where a line ends, so that whoever reads from it is never on a line
// that it has not asked for, and knows on which one it is.
type lineFeed struct {
	in *bufio.Reader
	// line is the line of what was handed out last, from 1; ended says that it was handed out whole.
	line  int
	ended bool
	// Of the object that is being read: the line on which it begins, how much was handed out, and how much of that stands
	// before the current line, less the blanks that were skipped on it.
	first  int
	handed int64
	before int64
}

func newLineFeed(in io.Reader) *lineFeed {
	return &lineFeed{in: bufio.NewReaderSize(in, 64<<10), ended: true}
}

// begin skips blank lines up to the next object, and a byte order mark before the first. io.EOF: there is none.
func (f *lineFeed) begin() error {
	if f.line == 0 {
		if err := f.byteOrder(); err != nil {
			return err
		}
	}
	f.handed, f.before = 0, 0
	err := f.skipBlank()
	f.first = f.line
	return err
}

// skipBlank goes on to what is no blank, on this line or a later one.
func (f *lineFeed) skipBlank() error {
	for {
		b, err := f.in.ReadByte()
		if err != nil {
			return err
		}
		f.step()
		if !isBlank(b) && b != '\n' {
			return f.in.UnreadByte()
		}
		f.before--
		f.ended = b == '\n'
	}
}

// byteOrder skips the byte order mark of UTF-8, and refuses those of UTF-16.
func (f *lineFeed) byteOrder() error {
	r, _, err := f.in.ReadRune()
	switch {
	case err != nil:
		return err
	case r == '\uFEFF':
		return nil
	}
	if err := f.in.UnreadRune(); err != nil {
		return err
	}
	start, _ := f.in.Peek(1)
	if start[0] == 0xFE || start[0] == 0xFF {
		return &inputError{line: 1, problem: "this is not UTF-8 but UTF-16, as it seems: write the file in UTF-8"}
	}
	return nil
}

// step goes on to the next line where the last one was handed out.
func (f *lineFeed) step() {
	if f.ended {
		f.line++
		f.ended = false
		f.before = f.handed
	}
}

// Read gives bytes of one line, without the blanks before it: no JSON token goes on over the end of a line.
func (f *lineFeed) Read(p []byte) (int, error) {
	if f.handed >= maxObject {
		return 0, &inputError{line: f.line, problem: fmt.Sprintf("the object that begins on line %d is longer than %d MiB: list only the addresses that meet in it", f.first, maxObject>>20)}
	}
	if f.ended {
		if err := f.skipBlank(); err != nil {
			return 0, err
		}
	}
	if _, err := f.in.Peek(1); err != nil {
		return 0, err
	}
	piece, err := f.in.Peek(min(len(p), f.in.Buffered()))
	if err != nil {
		return 0, err
	}
	if end := bytes.IndexByte(piece, '\n'); end >= 0 {
		piece = piece[:end+1]
		f.ended = true
	}
	n, err := f.in.Discard(copy(p, piece))
	f.handed += int64(n)
	return n, err
}

// column is where an offset into the object is in the current line, from 1, in bytes.
func (f *lineFeed) column(offset int64) int64 { return max(offset-f.before, 0) + 1 }

func isBlank(b byte) bool { return b == ' ' || b == '\t' || b == '\r' }
