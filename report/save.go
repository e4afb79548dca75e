package report

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/aliasd/aliasd/private"
	"github.com/aliasd/aliasd/publish"
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
	return Files{HTML: drafts[0].Path(), CSV: drafts[1].Path(), JSON: drafts[2].Path()}, nil
}

// saveAs writes the three files; after an error none of them is left.
func (r Report) saveAs(drafts []*publish.Draft) error {
	for i, write := range []func(io.Writer) error{r.WriteHTML, r.WriteCSV, r.WriteJSON} {
		if err := write(drafts[i]); err != nil {
			return errors.Join(err, discard(drafts))
		}
	}
	return publish.All(drafts...)
}

// newDrafts makes an empty draft for each of some files of one name, which has aliasd-, what they are, and a time in UTC.
// No file has that name yet, and nobody else gets it meanwhile. Only their owner gets at them.
func newDrafts(dir, what string, at time.Time, extensions ...string) ([]*publish.Draft, error) {
	if err := publish.RemoveLeftovers(dir, "aliasd-", leftAfter); err != nil {
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
func draftsOf(stem string, extensions []string) ([]*publish.Draft, error) {
	var drafts []*publish.Draft
	for _, extension := range extensions {
		d, err := publish.Create(stem + extension)
		if err != nil {
			return nil, errors.Join(err, discard(drafts))
		}
		drafts = append(drafts, d)
	}
	// Only now, for whoever had the drafts before may just have given them their names.
	for _, d := range drafts {
		if _, err := os.Lstat(d.Path()); !errors.Is(err, fs.ErrNotExist) {
			return nil, errors.Join(fs.ErrExist, err, discard(drafts))
		}
	}
	return drafts, nil
}

// discard removes files that have not got their names.
func discard(drafts []*publish.Draft) error {
	var failed error
	for _, d := range drafts {
		failed = errors.Join(failed, d.Discard())
	}
	return failed
}
