package cloudcheck

import (
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
	// Pending goes by itself: a sync is due, or the calculation after it runs.
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
	// the way where one does. The codes are those of contradictions and findings (cause.Codes), not_synced_yet and
	// not_calculated_yet for what is pending, and no_primary.
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
