package strictjson

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxObject is how many bytes one object of a stream may have.
const maxObject = 4 << 20

// Reader reads JSON objects from a stream, one on a line or each over several lines. It reads no further than the line on which an object
// ends, so that whoever writes may wait for an answer to each. It is for one goroutine.
type Reader struct {
	in *bufio.Reader
	// line is the line that is being read, from 1; ended says that all of it was read.
	line  int
	ended bool
	// text is what was read of the object, lines where its lines begin.
	text  []byte
	lines lineIndex
	// failed is why the object cannot be read on.
	failed error
}

// NewReader makes a reader. It skips a byte order mark.
func NewReader(in io.Reader) *Reader {
	return &Reader{in: bufio.NewReaderSize(in, 64<<10), ended: true}
}

// Next reads the next object. The error is io.EOF where there is none, a *SyntaxError, or that of the stream.
func (r *Reader) Next() (*Object, error) {
	if err := r.begin(); err != nil {
		return nil, err
	}
	d := newDecoder(feed{r})
	root, err := readNode(d)
	if err != nil {
		if r.failed != nil {
			return nil, r.failed
		}
		return nil, r.lines.syntaxError(err)
	}
	end := d.InputOffset()
	if err := r.endLine(end); err != nil {
		return nil, err
	}
	return &Object{text: r.text[:end], root: root, lines: r.lines}, nil
}

// begin goes on to the first byte of the next object.
func (r *Reader) begin() error {
	if r.line == 0 {
		if err := r.byteOrder(); err != nil {
			return err
		}
	}
	skipped, err := r.skipBlank()
	r.text, r.lines = nil, lineIndex{{line: r.line, skipped: skipped}}
	return err
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
		if !isBlank(b) && b != '\n' {
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
type feed struct{ r *Reader }

// Read keeps what the stream said: the decoder puts it in words of its own.
func (f feed) Read(p []byte) (int, error) {
	n, err := f.r.read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.r.failed = err
	}
	return n, err
}

// read gives bytes of one line, without the blanks before them (no token goes on over the end of a line), and notes where lines begin.
func (r *Reader) read(p []byte) (int, error) {
	if len(r.text) >= maxObject {
		return 0, &SyntaxError{Line: r.lines[0].line, Problem: fmt.Sprintf("the object that begins on line %d is longer than %d MiB", r.lines[0].line, maxObject>>20)}
	}
	if r.ended {
		skipped, err := r.skipBlank()
		if err != nil {
			return 0, err
		}
		r.lines = append(r.lines, lineStart{line: r.line, offset: int64(len(r.text)), skipped: skipped})
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
func (r *Reader) endLine(from int64) error {
	for piece := make([]byte, 1<<10); ; {
		for ; from < int64(len(r.text)); from++ {
			if b := r.text[from]; !isBlank(b) && b != '\n' {
				return r.lines.more(from)
			}
		}
		if r.ended {
			return nil
		}
		if _, err := r.read(piece); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' || b == '\r' }
