package report

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/audit"
	"github.com/aliasd/aliasd/private"
	"github.com/aliasd/aliasd/publish"
)

// AuditFiles are the paths of a saved audit.
type AuditFiles struct {
	HTML  string `json:"html"`
	CSV   string `json:"csv"`
	JSONL string `json:"jsonl"`
}

// Audit writes what an audit finds: every finding to CSV and JSON lines as it comes, and a page once it is over. In
// memory it keeps maxGroupRows findings of each cause alone. It is for one goroutine.
type Audit struct {
	drafts []*publish.Draft // the CSV, the JSON lines, the page
	sheet  *csv.Writer
	lines  *json.Encoder
	full   []*bufio.Writer // what lies between them and the files
	groups map[auditGroup]*auditRows
	over   bool
}

var _ audit.Sink = (*Audit)(nil)

// auditGroup is what findings are gathered by on the page.
type auditGroup struct {
	code     cause.Code
	severity cloudcheck.Severity
}

// auditRows are the first findings of a group, and how many there are.
type auditRows struct {
	rows  []audit.Item
	count int
}

// CreateAudit begins an audit's files in dir, which is made when it is missing and must be closed to others. Their names are
// theirs from now on, aliasd-audit-20250102T070000Z.html, the time being when the audit began, in UTC; a second one of the
// same second gets -2. They do not have them before Finish. Who does not finish has to abort.
func CreateAudit(dir string, began time.Time) (*Audit, error) {
	if err := private.MakePrivateDir(dir); err != nil {
		return nil, unusable(dir, err)
	}
	a := &Audit{groups: map[auditGroup]*auditRows{}}
	var err error
	if a.drafts, err = newDrafts(dir, "audit", began, ".csv", ".jsonl", ".html"); err == nil {
		err = a.open()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("save the audit: %w", err), a.Abort())
	}
	return a, nil
}

// unusable says that no files can be written into a folder, and what would do.
func unusable(dir string, err error) error {
	var wider *private.WiderError
	var refused *fs.PathError
	switch {
	case errors.As(err, &wider):
		return fmt.Errorf("save the audit: %w", err)
	case errors.As(err, &refused):
		return fmt.Errorf("save the audit: the folder %s cannot be made or used (%w); choose another, or make it with mode 0700", dir, refused.Err)
	}
	return fmt.Errorf("save the audit: the folder %s cannot be used: %w", dir, err)
}

func (a *Audit) open() error {
	for _, d := range a.drafts[:2] {
		a.full = append(a.full, bufio.NewWriterSize(d, 64<<10))
	}
	a.lines = json.NewEncoder(a.full[1])
	a.lines.SetEscapeHTML(false)
	var err error
	a.sheet, err = newSheet(a.full[0], auditColumns())
	return err
}

// Take writes one finding. After an error the files are not whole; the audit has to be aborted.
func (a *Audit) Take(it audit.Item) error {
	if err := errors.Join(a.sheet.Write(auditCells(it)), a.lines.Encode(it)); err != nil {
		return fmt.Errorf("save the audit: %w", err)
	}
	g := auditGroup{it.Code, it.Severity}
	if a.groups[g] == nil {
		a.groups[g] = &auditRows{}
	}
	kept := a.groups[g]
	if kept.count++; len(kept.rows) < maxGroupRows {
		kept.rows = append(kept.rows, it)
	}
	return nil
}

// Finish ends the JSON lines with the summary, writes the page, and gives the three files their names. After an error none of
// the files is left.
func (a *Audit) Finish(s audit.Summary) (AuditFiles, error) {
	if a.over {
		return AuditFiles{}, errors.New("save the audit: its files are closed already")
	}
	if err := a.finish(s); err != nil {
		return AuditFiles{}, errors.Join(fmt.Errorf("save the audit: %w", err), a.Abort())
	}
	return AuditFiles{CSV: a.drafts[0].Path(), JSONL: a.drafts[1].Path(), HTML: a.drafts[2].Path()}, nil
}

func (a *Audit) finish(s audit.Summary) error {
	if err := a.lines.Encode(auditEnd{inUTC(s)}); err != nil {
		return err
	}
	a.sheet.Flush()
	if err := errors.Join(a.sheet.Error(), a.full[0].Flush(), a.full[1].Flush()); err != nil {
		return err
	}
	if err := a.writeHTML(a.drafts[2], s); err != nil {
		return err
	}
	a.over = true // none is left to be aborted, whatever happens now
	return publish.All(a.drafts...)
}

// Abort takes away what was written so far. After Finish it does nothing.
func (a *Audit) Abort() error {
	if a.over {
		return nil
	}
	a.over = true
	return discard(a.drafts)
}

// auditEnd is the last of the JSON lines; a file without one was cut.
type auditEnd struct {
	Summary audit.Summary `json:"summary"`
}

func inUTC(s audit.Summary) audit.Summary {
	for _, at := range []*time.Time{&s.Began, &s.Ended, &s.LastSync} {
		if !at.IsZero() {
			*at = at.UTC()
		}
	}
	return s
}

// auditColumns are the CSV's, in order; docs/audit.md says what stands in them.
func auditColumns() []string {
	return []string{
		"severity", "code", "value", "message", "name", "user_principal_name", "kind", "dn", "object_guid", "cloud_id",
		"conflict_kind", "conflict_name", "conflict_id", "conflict_address", "mail_on_premises", "proxy_addresses_on_premises",
		"mail_predicted", "proxy_addresses_predicted", "mail_cloud", "proxy_addresses_cloud",
	}
}

func auditCells(it audit.Item) []string {
	who := cause.Conflict{}
	if it.Conflict != nil {
		who = *it.Conflict
	}
	cells := []string{
		string(it.Severity), string(it.Code), it.Value, it.Message, it.Name, it.UPN, string(it.Kind), string(it.DN),
		it.ObjectGUID, it.CloudID, who.Kind, who.Name, who.ID, who.Address,
	}
	for _, side := range []*address.Values{&it.OnPremises, it.Predicted, it.Cloud} {
		cells = append(cells, valueCells(side)...)
	}
	return guarded(cells)
}

// valueCells are mail, and the addresses in one cell: a finding stays on one line.
func valueCells(v *address.Values) []string {
	if v == nil {
		return []string{"", ""}
	}
	lines := make([]string, len(v.Proxies))
	for i, p := range v.Proxies {
		lines[i] = string(p)
	}
	return []string{v.Mail, strings.Join(lines, " | ")}
}
