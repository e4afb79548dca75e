package cloudcheck

import (
	"context"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// Tenant is what the organization and its domains say.
type Tenant struct {
	// InitialDomain is the first domain: contoso.onmicrosoft.com.
	InitialDomain string
	// Verified are the verified domains in lower case, the initial one among them.
	Verified map[string]bool
	// SyncEnabled is the organization's onPremisesSyncEnabled; nil is unknown (null, or too little permission).
	SyncEnabled *bool
	// LastSync is the organization's onPremisesLastSyncDateTime; zero is unknown.
	LastSync time.Time
	ReadAt   time.Time
	// Ahead is how far this machine's clock is ahead of the tenant's, less than nothing where it is behind; 0 where the tenant
	// told no time.
	Ahead time.Duration
}

// clockTolerance is how far this machine's clock may be off before deadlines and ages go by the tenant's: sign-ins are refused
// beyond that, too.
const clockTolerance = 5 * time.Minute

// Time is now on this machine's clock, or on the tenant's where ours is off: what has passed since the tenant was read comes from
// the steady clock, so that a jump meanwhile is none.
func (t Tenant) Time(now time.Time) time.Time {
	if t.ReadAt.IsZero() {
		return now
	}
	tenants := t.ReadAt.Round(0).Add(now.Sub(t.ReadAt) - t.Ahead)
	if tenants.Sub(now.Round(0)).Abs() <= clockTolerance {
		return now
	}
	return tenants
}

// Object is a holder as Graph shows it.
type Object struct {
	ID             string
	Kind           address.Kind
	Name           string
	UPN            string
	OnPremUPN      string // onPremisesUserPrincipalName
	Nickname       string
	address.Values        // mail and proxyAddresses
	ImmutableID    string // onPremisesImmutableId; users only
	SID            string // onPremisesSecurityIdentifier; users and groups
	SyncEnabled    *bool  // onPremisesSyncEnabled; nil is null
	LastSync       time.Time
	Errors         []ProvisioningError
	// ExchangeLicensed says that an Exchange plan is enabled (assignedPlans; MyAnalytics does not count).
	ExchangeLicensed bool
	Deleted          bool
}

// ProvisioningError is one entry of onPremisesProvisioningErrors.
type ProvisioningError struct {
	Category string
	Property string // propertyCausingError: ProxyAddresses, UserPrincipalName
	Value    string
	Occurred time.Time
}

// Ref names a holder for a look-up: by its cloud id once that is known, else by its anchor, SID or addresses.
type Ref struct {
	CloudID string
	Holder  address.Holder
	// Before are the values that writes of ours replaced. The cloud may show them still, and a contact may be known by them
	// alone until a new primary has arrived.
	Before []address.Values
}

// Sighting is the answer to one Ref. Object is nil when the cloud does not have the holder; Err is set when this one
// look-up failed (throttled, 5xx) and the others did not.
type Sighting struct {
	Object *Object
	Err    error
}

// Reader reads the tenant. Every error is a *cause.Error: Wait(throttled) for 429s past the limit of patience, else
// Wait(cloud_unavailable) saying what to do (permission that is missing, clock, credential, network). All methods may
// be called concurrently, change nothing, honour Retry-After, and keep within the context's Budget: what it does not reach
// fails with an error that is ErrUnasked.
type Reader interface {
	// Tenant reads organization and domains.
	Tenant(ctx context.Context) (Tenant, error)
	// Objects looks refs up, in as few calls as it can; the answers stand in the order of refs. The error is set
	// only when nothing could be asked.
	Objects(ctx context.Context, refs []Ref) ([]Sighting, error)
	// HoldersOf finds who in the tenant holds any of the addresses: users, groups, contacts, deleted users and
	// groups, by proxy address, mail and UPN.
	HoldersOf(ctx context.Context, addrs []address.Address) ([]Object, error)
}

// Snapshot is the cloud as it stood before a write.
type Snapshot struct {
	Tenant Tenant
	// Object is the holder in the cloud, nil when it is not there.
	Object *Object
	// MailSurvives says that the holder's AD mail, were it the only address, survives the proxy calculation.
	MailSurvives bool
}

// Expectation is what the cloud must show for a request to count as verified, and what is needed to believe it.
type Expectation struct {
	Wants []address.Want `json:"wants"`
	// ShownAtWrite says that the cloud showed all of it already when it was written; then the organization's last
	// sync must have moved twice before it counts.
	ShownAtWrite bool `json:"shown_at_write"`
	// SyncAtWrite is the organization's last sync as known right before the write.
	SyncAtWrite time.Time `json:"sync_at_write"`
}

// Case is one request that waits for the cloud.
type Case struct {
	Ref         Ref // Ref.Holder is the holder as the directory shows it now
	OnPremErr   error
	Expectation Expectation
	// WrittenAt is when it stood on-premises; Unwritten says that it did so already then, and nothing was written.
	WrittenAt time.Time
	Unwritten bool
	Deadline  time.Time
	// LookedAt is when the cloud was looked at for it, as the last verdict that was stored says; zero: not yet.
	LookedAt time.Time
	// LastSyncSeen and SyncMoves are what earlier sweeps noted: the organization's last sync, and how often it moved
	// since the write.
	LastSyncSeen time.Time
	SyncMoves    int
	// After are the values of the receipt. Its primary helps to tell exchange_policy from changed_on_premises.
	After address.Values
}

// Outcome is what a check found.
type Outcome string

// The outcomes. Unknown: this one could not be looked at now. Unasked: the sweep's budget was spent before its turn came,
// and nothing else is said of it. Both are carried to the next sweep.
const (
	Verified     Outcome = "verified"
	NotYet       Outcome = "not_yet"
	Contradicted Outcome = "contradicted"
	Unknown      Outcome = "unknown"
	Unasked      Outcome = "unasked"
)

// Verdict is the outcome of one case. Cause is nil only when it is verified, or unasked.
type Verdict struct {
	Outcome      Outcome
	Cause        *cause.Cause
	Seen         *Seen // nil when the cloud could not be looked at
	LastSyncSeen time.Time
	SyncMoves    int
}

// Seen is what the cloud showed of the holder.
type Seen struct {
	ID string `json:"id"`
	address.Values
	CheckedAt time.Time `json:"checked_at"`
}
