package eventlog

import (
	"time"

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
	// Findings are requests that are not what their entries say; at most MaxFindings of them, Odd counts all.
	Findings []Finding `json:"findings,omitempty"`
	Odd      int       `json:"odd"`
	// HeadRemoved says that the expected head is among the removed entries and could not be compared.
	HeadRemoved bool `json:"head_removed,omitempty"`
}

// MaxFindings is how many findings a result names.
const MaxFindings = 100

// OK says that everything holds.
func (r Result) OK() bool { return r.Break == nil && r.Odd == 0 }

// Err is what is wrong, in a sentence; nil where everything holds.
func (r Result) Err() error {
	switch {
	case r.Break != nil:
		return r.Break
	case len(r.Findings) > 0:
		return r.Findings[0]
	}
	return nil
}

// Finding is a request that is not what its entries in the log say.
type Finding struct {
	RequestID queue.RequestID `json:"request_id"`
	Message   string          `json:"message"`
}

// Error is the sentence.
func (f Finding) Error() string { return "request " + string(f.RequestID) + ": " + f.Message }
