package report

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aliasd/aliasd/private"
)

// Files are the paths of a saved report.
type Files struct {
	HTML string `json:"html"`
	CSV  string `json:"csv"`
	JSON string `json:"json"`
}

// maxSameSecond is how many reports of one second find a name.
const maxSameSecond = 100

// leftAfter is how old a draft is that a killed process has left.
const leftAfter = 24 * time.Hour

// Save writes the report as three files into dir, which is made when it is missing and must be closed to others. Each file
// appears whole or not at all, and after an error none of them is left. The names carry Until in UTC:
// aliasd-report-20250102T070000Z.html; a second report of the same second gets -2.
func (r Report) Save(dir string) (Files, error) {
	if err := private.MakePrivateDir(dir); err != nil {
		return Files{}, fmt.Errorf("save the report: %w", err)
	}
	drafts, err := newDrafts(dir, "report", r.Until, ".html", ".csv", ".json")
	if err == nil {
		err = r.saveAs(drafts)
	}
	if err != nil {
		return Files{}, fmt.Errorf("save the report: %w", err)
	}
	return Files{HTML: drafts[0].path, CSV: drafts[1].path, JSON: drafts[2].path}, nil
}

// saveAs writes the three files; after an error none of them is left.
func (r Report) saveAs(drafts []draft) error {
	for i, write := range []func(io.Writer) error{r.WriteHTML, r.WriteCSV, r.WriteJSON} {
		if err := write(drafts[i]); err != nil {
			return errors.Join(err, discard(drafts))
		}
	}
	return publish(drafts)
}

// draft is a file that does not have its own name yet.
type draft struct {
	*os.File
	path string // the name that it gets
}

// newDrafts makes an empty draft for each of some files of one name, which has aliasd-, what they are, and a time in UTC.
// No file has that name yet, and nobody else gets it meanwhile. Only their owner gets at them.
func newDrafts(dir, what string, at time.Time, extensions ...string) ([]draft, error) {
	if err := removeLeftovers(dir); err != nil {
		return nil, err
	}
	name := filepath.Join(dir, "aliasd-"+what+"-"+at.UTC().Format("20060102T150405Z"))
	for n := 1; n <= maxSameSecond; n++ {
		stem := name
		if n > 1 {
			stem = fmt.Sprintf("%s-%d", name, n)
		}
		drafts, err := draftsOf(stem, extensions)
		if !errors.Is(err, fs.ErrExist) {
			return drafts, err
		}
	}
	return nil, fmt.Errorf("%d files of one second stand in %s", maxSameSecond, dir)
}

// draftsOf makes the drafts of one name; the error is fs.ErrExist where a file has it, or somebody else's draft will.
func draftsOf(stem string, extensions []string) ([]draft, error) {
	var drafts []draft
	for _, extension := range extensions {
		d, err := newDraft(stem + extension)
		if err != nil {
			return nil, errors.Join(err, discard(drafts))
		}
		drafts = append(drafts, d)
	}
	// Only now, for whoever had the drafts before may just have given them their names.
	for _, d := range drafts {
		if _, err := os.Lstat(d.path); !errors.Is(err, fs.ErrNotExist) {
			return nil, errors.Join(fs.ErrExist, err, discard(drafts))
		}
	}
	return drafts, nil
}

// newDraft makes an empty file that gets a name later. Its own is the same each time, so that two do not want one name.
func newDraft(path string) (draft, error) {
	dir, name := filepath.Split(path)
	f, err := os.OpenFile(dir+draftPrefix+name+draftSuffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	return draft{File: f, path: path}, err
}

// What the name of a draft has around that which it gets.
const (
	draftPrefix = "."
	draftSuffix = ".tmp"
)

// removeLeftovers takes away the drafts that processes have left which were killed.
func removeLeftovers(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		isDraft := strings.HasPrefix(e.Name(), draftPrefix+"aliasd-") && strings.HasSuffix(e.Name(), draftSuffix)
		if info, err := e.Info(); err == nil && isDraft && time.Since(info.ModTime()) > leftAfter {
			_ = os.Remove(filepath.Join(dir, e.Name())) // it is tried again the next time
		}
	}
	return nil
}

// publish gives the files their own names, once all of them are whole and on the disk; after an error none is left.
func publish(drafts []draft) error {
	for _, d := range drafts {
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return errors.Join(err, discard(drafts))
		}
	}
	for i, d := range drafts {
		if err := os.Rename(d.Name(), d.path); err != nil {
			return errors.Join(err, discard(drafts[i:]), remove(drafts[:i]))
		}
	}
	return nil
}

// discard takes files away that have not got their names. One that is closed already makes no error.
func discard(drafts []draft) error {
	var failed error
	for _, d := range drafts {
		if err := d.Close(); !errors.Is(err, os.ErrClosed) {
			failed = errors.Join(failed, err)
		}
		failed = errors.Join(failed, os.Remove(d.Name()))
	}
	return failed
}

// remove takes files away that have got their names.
func remove(drafts []draft) error {
	var failed error
	for _, d := range drafts {
		failed = errors.Join(failed, os.Remove(d.path))
	}
	return failed
}
