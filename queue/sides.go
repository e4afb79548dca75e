package queue

import (
	"context"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
)

// Directory is the on-premises side. Its errors are *cause.Error, but for the three of Write that ask for another plan.
// All methods may be called concurrently.
type Directory interface {
	// Find finds the one holder that an identity names: refuses unknown_holder and ambiguous_holder.
	Find(ctx context.Context, identity string) (ldapwriter.Entry, error)
	// Read reads a holder from the DC that its next write may go to.
	Read(ctx context.Context, id address.GUID, prior ldapwriter.Prior) (ldapwriter.Entry, error)
	// ReadAll reads many holders; entries and errors stand in the order of ids.
	ReadAll(ctx context.Context, ids []address.GUID) ([]ldapwriter.Entry, []error)
	// HoldersOf finds who else in the forest holds any of the addresses.
	HoldersOf(ctx context.Context, addrs []address.Address, except address.GUID) ([]cause.Conflict, error)
	// Write sends one modify and reads it back, or reads back one that landed: ldapwriter.ErrConflict, *ldapwriter.UnknownOutcomeError and
	// *ldapwriter.SlippedError ask for another plan.
	Write(ctx context.Context, job ldapwriter.Job) (ldapwriter.Receipt, error)
}

// Cloud is the tenant's side. Its errors are *cause.Error of kind Waiting. All methods may be called concurrently.
type Cloud interface {
	// Look shows the tenant and the holder as they stand before a write.
	Look(ctx context.Context, holder cloudcheck.Ref) (cloudcheck.Snapshot, error)
	// Refresh has the looks that follow show a tenant whose reading began after since.
	Refresh(ctx context.Context, since time.Time) error
	// HoldersOf finds who in the tenant holds any of the addresses, deleted objects included, but for exceptID.
	HoldersOf(ctx context.Context, addrs []address.Address, exceptID string) ([]cause.Conflict, error)
	// Survey reads the tenant as it is now.
	Survey(ctx context.Context) cloudcheck.Survey
	// Sweep judges many cases at once within the context's cloudcheck.Budget; the verdicts stand in the order of the cases.
	// The error is set only when nothing could be asked.
	Sweep(ctx context.Context, s cloudcheck.Survey, cases []cloudcheck.Case) ([]cloudcheck.Verdict, error)
}

// Observer is told what happened, for metrics. Its methods return at once.
type Observer interface {
	// RequestWritten is told how long a request took from accepted to written.
	RequestWritten(took time.Duration)
	// RequestVerified is told how long it took from written to verified.
	RequestVerified(took time.Duration)
	// SweepDone is told what a sweep on schedule did.
	SweepDone(Swept)
	// SyncSeen is told the organization's last sync.
	SyncSeen(last time.Time)
}

// Swept is what one sweep on schedule did.
type Swept struct {
	// Requests were looked at; Carried could not be, or the budget did not reach them, and their turn comes in the next sweep.
	Requests, Carried int
	// Units are Graph's resource units that it cost.
	Units int
	Took  time.Duration
	Err   error // the cloud could not be asked, or the store not be read
}

var (
	_ Directory = (*ldapwriter.Directory)(nil)
	_ Cloud     = (*cloudcheck.Checker)(nil)
)
