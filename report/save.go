package report

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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

// Save writes the report as three files into dir, which is made when it is missing and must be closed to others. Each file
// appears whole or not at all, and after an error none of them is left. The names carry Until in UTC:
// aliasd-report-20250102T070000Z.html; a second report of the same second gets -2.
func (r Report) Save(dir string) (Files, error) {
	if err := private.MakePrivateDir(dir); err != nil {
		return Files{}, fmt.Errorf("save the report: %w", err)
	}
	stem, err := freeStem(dir, "report", r.Until)
	if err != nil {
		return Files{}, fmt.Errorf("save the report: %w", err)
	}
	files := Files{HTML: stem + ".html", CSV: stem + ".csv", JSON: stem + ".json"}
	if err := r.saveAs(files); err != nil {
		return Files{}, fmt.Errorf("save the report: %w", err)
	}
	return files, nil
}

// saveAs writes the three files; after an error none of them is left.
func (r Report) saveAs(files Files) error {
	var drafts []draft
	for _, f := range []struct {
		path  string
		write func(io.Writer) error
	}{{files.HTML, r.WriteHTML}, {files.CSV, r.WriteCSV}, {files.JSON, r.WriteJSON}} {
		d, err := newDraft(filepath.Dir(f.path))
		if err != nil {
			return errors.Join(err, discard(drafts))
		}
		drafts = append(drafts, d.named(f.path))
		if err := f.write(d); err != nil {
			return errors.Join(err, discard(drafts))
		}
	}
	return publish(drafts)
}

// freeStem finds a name that no file has yet: aliasd-, what it is, and a time in UTC.
func freeStem(dir, what string, at time.Time) (string, error) {
	name := filepath.Join(dir, "aliasd-"+what+"-"+at.UTC().Format("20060102T150405Z"))
	for n := 1; n <= maxSameSecond; n++ {
		stem := name
		if n > 1 {
			stem = fmt.Sprintf("%s-%d", name, n)
		}
		matches, err := filepath.Glob(stem + ".*")
		if err == nil && len(matches) == 0 {
			return stem, nil
		}
	}
	return "", fmt.Errorf("%d reports of one second stand in %s", maxSameSecond, dir)
}

// draft is a file that does not have its own name yet.
type draft struct {
	*os.File
	path string // the name that it gets
}

// newDraft makes an empty file that only its owner gets at.
func newDraft(dir string) (draft, error) {
	f, err := os.CreateTemp(dir, ".report-*.tmp") // mode 0600
	return draft{File: f}, err
}

func (d draft) named(path string) draft {
	d.path = path
	return d
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
