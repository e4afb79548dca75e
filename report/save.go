package report

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

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
	stem, err := r.freeStem(dir)
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
	var done []string
	for _, f := range []struct {
		path  string
		write func(io.Writer) error
	}{{files.HTML, r.WriteHTML}, {files.CSV, r.WriteCSV}, {files.JSON, r.WriteJSON}} {
		if err := writeFile(f.path, f.write); err != nil {
			return errors.Join(err, remove(done))
		}
		done = append(done, f.path)
	}
	return nil
}

// freeStem finds a name that no file has yet.
func (r Report) freeStem(dir string) (string, error) {
	name := filepath.Join(dir, "aliasd-report-"+r.Until.UTC().Format("20060102T150405Z"))
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

// writeFile writes a file under another name, and gives it its own once it is whole and on the disk.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".report-*.tmp") // mode 0600
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// remove takes files away again.
func remove(paths []string) error {
	var failed error
	for _, path := range paths {
		failed = errors.Join(failed, os.Remove(path))
	}
	return failed
}
