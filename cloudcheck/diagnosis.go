package cloudcheck

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

// Severity says how bad a finding is.
type Severity string

// The severities, the worst first.
const (
	// Wrong stays as it is until somebody acts; an audit that finds one ends with exit code 4.
	Wrong Severity = "wrong"
	// Pending goes by itself: a sync is due, the calculation after it runs, or a quarantine is released.
	Pending Severity = "pending"
	// Notice is worth knowing and harms nobody.
	Notice Severity = "notice"
)

// Severities lists them, the worst first.
func Severities() []Severity { return []Severity{Wrong, Pending, Notice} }

// Finding is one thing about a holder that is not as it should be, or is worth knowing.
type Finding struct {
	Severity Severity `json:"severity"`
	// Cause has the code, one public sentence with the values in it that says what to do, and the object that stands in
	// the way where one does. The codes are the findings of cause.Codes.
	cause.Cause
	// Value is the proxy address, mail or UPN that it is about, byte for byte; "" where it is about the holder as a whole.
	Value string `json:"value,omitempty"`
}

// Diagnosis is one holder on both sides, and what is not in order.
type Diagnosis struct {
	Holder address.Holder
	// Predicted is what the cloud makes of the holder, given what it shows now.
	Predicted proxycalc.Result
	// Object is what the cloud shows; nil where the tenant does not have the holder.
	Object *Object
	// Findings stand the worst first, each value once.
	Findings []Finding
	// asOf is the time as of which it was judged.
	asOf time.Time
}

// Explanation is the tenant, and one holder compared with it.
type Explanation struct {
	Tenant    Tenant
	Diagnosis Diagnosis
	// Others are the objects that hold an address in dispute, deleted ones included; the holder itself may be among them.
	Others []Object
}

// InOrder says that nothing is wrong and nothing pending.
func (d Diagnosis) InOrder() bool {
	for _, f := range d.Findings {
		if f.Severity != Notice {
			return false
		}
	}
	return true
}

// Add puts findings in, in the order of all.
func (d *Diagnosis) Add(more ...Finding) {
	d.Findings = append(d.Findings, more...)
	slices.SortStableFunc(d.Findings, compareFindings)
}

// Diagnose compares a holder with its object in the tenant, nil where there is none: on-premises, predicted and actual. It
// asks nobody. What the cloud had time for is judged as of when the tenant was read (Tenant.ReadAt), which is to be before
// the object was; as of now where that is not known. The findings stand in the same order each time, whatever order the
// directory gives the values in. Of one that is never synchronised and is not there, nothing but that is said.
func (c *Checker) Diagnose(h address.Holder, t Tenant, o *Object) Diagnosis {
	if t.ReadAt.IsZero() {
		return c.diagnoseAsOf(c.now(), h, t, o)
	}
	return c.diagnoseAsOf(t.ReadAt, h, t, o)
}

func (c *Checker) diagnoseAsOf(now time.Time, h address.Holder, t Tenant, o *Object) Diagnosis {
	e := examination{holder: &h, tenant: &t, object: o, now: now, timing: c.timing}
	e.predicted = calculate(e.asSignedIn(), t, o)
	if o != nil || !h.Critical && !Unmanned(h) {
		e.examineOnPremises()
	}
	e.examineCloud()
	d := Diagnosis{Holder: h, Predicted: e.predicted, Object: o, asOf: now}
	if len(e.findings) > 0 {
		d.Add(e.findings...)
	}
	return d
}

// DiagnoseOnPremises finds what is wrong with a holder's own values, for when the tenant cannot be asked.
func DiagnoseOnPremises(h address.Holder) Diagnosis {
	e := examination{holder: &h}
	e.examinePrimary()
	return Diagnosis{Holder: h, Findings: e.findings}
}

// Explain looks at one holder in the cloud and says what is not in order, with the objects that hold what is disputed.
// Where these cannot be found out, the findings stand without them. Errors are *cause.Error of kind Waiting.
func (c *Checker) Explain(ctx context.Context, r Ref) (Explanation, error) {
	s, err := c.Look(ctx, r)
	if err != nil {
		return Explanation{}, err
	}
	d := c.diagnoseAsOf(c.now(), r.Holder, s.Tenant, s.Object)
	var others []Object
	if disputed := d.Disputed(); len(disputed) > 0 {
		others, err = c.reader.HoldersOf(ctx, disputed)
		if err != nil {
			c.log.Warn("the holders of disputed addresses could not be found", "addresses", len(disputed), "error", err)
		}
		d.Blame(others, err == nil)
	}
	return Explanation{Tenant: s.Tenant, Diagnosis: d, Others: others}, nil
}

// CloudIDOf gives the id of the object, among those that hold an address in dispute, that another holder of the directory
// is in the cloud; "" where none of them surely is.
func (x Explanation) CloudIDOf(h address.Holder) string {
	live := slices.DeleteFunc(slices.Clone(x.Others), func(o Object) bool { return o.Deleted })
	if o, err := (Ref{Holder: h}).Match(live); err == nil && o != nil {
		return o.ID
	}
	return ""
}

// compareFindings orders the worst first, then by code as codesInOrder has them, then by value.
func compareFindings(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(slices.Index(Severities(), a.Severity), slices.Index(Severities(), b.Severity)),
		cmp.Compare(rankOf(a.Code), rankOf(b.Code)),
		strings.Compare(a.Value, b.Value),
		strings.Compare(a.Message, b.Message),
	)
}

func rankOf(code cause.Code) int { return slices.Index(codesInOrder(), code) }

// codesInOrder are the codes of findings: what explains most comes first.
func codesInOrder() []cause.Code {
	return []cause.Code{
		cause.SyncStopped, cause.NotInCloud, cause.CloudManaged,
		cause.DuplicateOnPremises, cause.TwoPrimaries, cause.NoPrimary, cause.MailDiffers,
		cause.Quarantined, cause.HeldByDeleted, cause.ExportErrorSuspected, cause.LicenceMissing,
		cause.DomainNotVerified, cause.ValueDiscarded, cause.CalculatedOtherwise,
		cause.NotSyncedYet, cause.NotCalculatedYet, cause.TooManyAddresses,
	}
}
