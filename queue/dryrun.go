package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter"
)

// dryRest is how long a dry run leaves a request alone that it has said its word about. A recheck asks for another.
const dryRest = time.Hour

// errDryRun: somebody asked a runner in a dry run to write. Nothing was sent.
var errDryRun = errors.New("a dry run writes nothing")

// readOnly is a directory to which nothing is written: what keeps a dry run from it does not rest on the runner alone.
type readOnly struct{ Directory }

// Write refuses.
func (readOnly) Write(context.Context, ldapwriter.Job) (ldapwriter.Receipt, error) {
	return ldapwriter.Receipt{}, errDryRun
}

// forecast is what a dry run leaves in the event log: what would be written, and to where.
type forecast struct {
	DC       string         `json:"dc"`
	Before   address.Values `json:"before"`
	Change   address.Change `json:"change"`
	Removals int            `json:"removals"`
	Notes    []string       `json:"notes,omitempty"`
}

// wouldWrite is the end of an attempt in a dry run: it says what would be written now.
func (a *attempt) wouldWrite(entry ldapwriter.Entry, found assessment) error {
	change, removed := found.plan.Change, found.plan.Change.Removed(entry.Values)
	says := "nothing would have to be written: " + found.standing
	if !change.Empty() {
		says = "on " + entry.DC + " it would " + inSentence(change)
	}
	return &deferral{what: "dry run", until: a.now().Add(dryRest),
		detail: forecast{DC: entry.DC, Before: entry.Values, Change: change, Removals: len(removed), Notes: found.plan.Notes},
		why:    cause.Wait(cause.DryRun, "this is a dry run, which writes nothing; %s. It is done once aliasd runs without --dry-run", says)}
}

// inSentence says what a change does: delete … and add …, and what becomes of mail.
func inSentence(c address.Change) string {
	var parts []string
	if len(c.Delete) > 0 {
		parts = append(parts, "delete "+inList(c.Delete))
	}
	if len(c.Add) > 0 {
		parts = append(parts, "add "+inList(c.Add))
	}
	if c.Mail != nil && c.Mail.Old != c.Mail.New {
		parts = append(parts, fmt.Sprintf("change mail from %q to %q", c.Mail.Old, c.Mail.New))
	}
	return strings.Join(parts, ", ")
}

func inList(values []address.Proxy) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	return strings.Join(words, " and ")
}

// endDryRun lets go what an earlier dry run left in the line: it is tried at once.
func (r *Runner) endDryRun(ctx context.Context) {
	err := Each(ctx, r.store, Filter{State: Queued}, func(q Request) error {
		if q.Cause != nil && q.Cause.Code == cause.DryRun {
			now := r.now()
			r.put(ctx, Transition{ID: q.ID, From: Queued, To: Queued, What: "dry run over", ClearCause: true, NotBefore: &now})
		}
		return ctx.Err()
	})
	if err != nil && ctx.Err() == nil {
		r.log.Error("what a dry run left cannot be read; it is tried within the hour", "error", err)
		return
	}
	r.wake(toWrite)
}
