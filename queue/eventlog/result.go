package eventlog

import (
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
)

// Check is how a log is verified.
type Check struct {
	// Expected is a head that the log once had and must have still; nil: none is known.
	Expected *Anchor
	// Progress is told now and then how many entries were passed, and how many there are; nil: nobody asks.
	Progress func(done, of int64)
}

// Result is what verifying a log showed.
type Result struct {
	Entries int64 `json:"entries"`
	// Removed is how many entries retention removed.
	Removed int64 `json:"removed"`
	// Head is the newest entry, and HeadAt when it was made.
	Head   Anchor    `json:"head,omitzero"`
	HeadAt time.Time `json:"head_at,omitzero"`
	// Requests is how many requests were compared with their entries.
	Requests int64 `json:"requests"`
	// Break is the first broken link, nil where the chain holds.
	Break *Break `json:"break,omitempty"`
	// Findings are what is not what the log says of it: requests, rows beside them, and parts of the schema; at most MaxFindings of them, Odd
	// counts all.
	Findings []Finding `json:"findings,omitempty"`
	Odd      int       `json:"odd"`
	// SchemaUnknown is why the schema was not compared; empty where it was.
	SchemaUnknown string `json:"schema_unknown,omitempty"`
	// HeadRemoved says that the expected head is among the removed entries and could not be compared.
	HeadRemoved bool `json:"head_removed,omitempty"`
}

// MaxFindings is how many findings a result names.
const MaxFindings = 100

// OK says that everything holds.
func (r Result) OK() bool { return r.Break == nil && r.Odd == 0 }

// Err is what is wrong first, with the cause code of a store that was altered and what to do; nil where everything holds.
func (r Result) Err() error {
	switch {
	case r.Break != nil:
		return Altered(r.Break)
	case len(r.Findings) > 0:
		return Altered(r.Findings[0])
	}
	return nil
}

// Altered is the error of a store that is not as aliasd wrote it: what is found, with what to do.
func Altered(what error) error {
	return cause.Distrust(cause.StoreAltered, "%s. Keep a copy of the store as it is, find out who could write to it, and put back a backup from before; aliasd log verify names all, aliasd help %s says more",
		what, cause.StoreAltered)
}

// Note takes a finding in.
func (r *Result) Note(odd Finding) {
	if r.Odd++; len(r.Findings) < MaxFindings {
		r.Findings = append(r.Findings, odd)
	}
}

// Finding is a row of the store that is not what the log says of it, or a part of its schema that is not what aliasd made.
type Finding struct {
	// RequestID is the request; empty where it is something else, which Row names.
	RequestID queue.RequestID `json:"request_id"`
	Row       string          `json:"row,omitempty"`
	Message   string          `json:"message"`
}

// Name says what is odd.
func (f Finding) Name() string {
	if f.Row != "" {
		return f.Row
	}
	return "request " + string(f.RequestID)
}

// Error is the sentence.
func (f Finding) Error() string { return f.Name() + ": " + f.Message }
