package report

import (
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// SaveAs writes the report under names of the test's choice.
func (r Report) SaveAs(files Files) error { return r.saveAs(files) }

// AuditWords are what the page says of findings.
func AuditWords(code cause.Code, s cloudcheck.Severity) (means, do string) {
	g := auditGroup{code, s}
	return meaning(g), remedy(g)
}
