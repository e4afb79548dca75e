package report

import (
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/publish"
)

// SaveAs writes the report under names of the test's choice.
func (r Report) SaveAs(files Files) error {
	var drafts []*publish.Draft
	for _, path := range []string{files.HTML, files.CSV, files.JSON} {
		d, err := publish.Create(path)
		if err != nil {
			return err
		}
		drafts = append(drafts, d)
	}
	return r.saveAs(drafts)
}

// Guard is how a cell of a sheet comes out.
func Guard(cell string) string { return guard(cell) }

// AuditWords are what the page says of findings.
func AuditWords(code cause.Code, s cloudcheck.Severity) (means, do string) {
	g := auditGroup{code, s}
	return meaning(g), remedy(g)
}

// Tone is a tone's colours.
type Tone struct{ Colour, Tint string }

// Tones are the tones of the pages.
func Tones() []Tone {
	var tones []Tone
	for _, name := range []string{"good", "going", "warn", "bad", "plain"} {
		tones = append(tones, Tone{string(colour(name)), string(tint(name))})
	}
	return tones
}
