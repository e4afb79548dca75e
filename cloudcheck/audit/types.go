package audit

import (
	"context"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// Directory is the on-premises side.
type Directory interface {
	// EachHolder gives every holder below the base DN, a page at a time; the next page is read while take works on one.
	// Pages come in no order, and a holder comes once. An error of take ends it and is returned as it is; others are
	// *cause.Error: Wait(directory_unavailable). A connection that breaks midway is an error too: what was given then is
	// not everything.
	EachHolder(ctx context.Context, take func([]address.Holder) error) error
	// Holders reads some holders again, by objectGUID, in the order of ids.
	Holders(ctx context.Context, ids []address.GUID) ([]address.Holder, []error)
}

// Cloud is the tenant's side.
type Cloud interface {
	// Tenant gives what the organization and its domains say.
	Tenant(ctx context.Context) (cloudcheck.Tenant, error)
	// Read reads every user, group and contact of the tenant; it is called once, before Match and HoldersOf. progress is told
	// how many objects were read so far. Errors are *cause.Error of kind Waiting.
	Read(ctx context.Context, progress func(objects int)) (Reading, error)
	// Match finds each holder's object among those that were read; nil where the tenant has none, and Err where it cannot be
	// said which object it is. The answers stand in the order of holders.
	Match(ctx context.Context, holders []address.Holder) ([]cloudcheck.Sighting, error)
	// HoldersOf finds which of the objects that were read hold any of the addresses.
	HoldersOf(ctx context.Context, addrs []address.Address) ([]cloudcheck.Object, error)
	// EachDeleted gives every deleted user and group of the tenant, a page at a time, from one goroutine. It is asked once, and
	// an error costs nothing but names.
	EachDeleted(ctx context.Context, take func([]cloudcheck.Object)) error
	// Diagnose compares a holder with its object. It is pure.
	Diagnose(h address.Holder, t cloudcheck.Tenant, o *cloudcheck.Object) cloudcheck.Diagnosis
}

// Reading is what was read of the tenant.
type Reading struct {
	// Full says that every object was read: it is false where the reading failed.
	Full    bool `json:"full"`
	Objects int  `json:"objects"`
	// Changed and Removed are 0. They stand in the JSON for those who read them when audits still read changes alone.
	Changed int `json:"changed"`
	Removed int `json:"removed"`
	// Calls are the HTTP calls to Graph that it took.
	Calls int           `json:"calls"`
	Took  time.Duration `json:"-"`
}

// Item is one finding about one holder: a line of the audit's output.
type Item struct {
	ObjectGUID string       `json:"object_guid"`
	Kind       address.Kind `json:"kind"`
	Name       string       `json:"name"`
	DN         address.DN   `json:"dn"`
	UPN        string       `json:"user_principal_name,omitempty"`
	CloudID    string       `json:"cloud_id,omitempty"`
	cloudcheck.Finding
	OnPremises address.Values `json:"on_premises"`
	// Predicted and Cloud are what the cloud should show and what it shows; Cloud is absent where it does not have the holder.
	Predicted *address.Values `json:"predicted,omitempty"`
	Cloud     *address.Values `json:"cloud,omitempty"`
}

// Sink takes the items while the audit runs. It is called from one goroutine; an error ends the audit.
type Sink interface {
	Take(Item) error
}

// Phase is what an audit does now.
type Phase string

// The phases, in their order.
const (
	ReadingCloud     Phase = "cloud"
	ReadingDirectory Phase = "directory"
	NamingConflicts  Phase = "conflicts"
)

// Progress is told now and then, from one goroutine at a time.
type Progress struct {
	Phase Phase
	// Done and Expected count objects or holders of the phase; Expected is an estimate, 0 where there is none.
	Done, Expected int
	// Findings so far that are wrong.
	Wrong int
}

// Summary is what an audit covered and found. Its JSON is a contract (docs/audit.md).
type Summary struct {
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended"`
	// Complete says that every holder was compared. Where it is false, Stopped says why, in a sentence, and the numbers
	// are of what was covered.
	Complete bool   `json:"complete"`
	Stopped  string `json:"stopped,omitempty"`
	// BaseDN is what was audited; TenantDomain the tenant's initial domain; LastSync the organization's last sync.
	BaseDN       string    `json:"base_dn"`
	TenantDomain string    `json:"tenant_domain"`
	LastSync     time.Time `json:"last_sync,omitzero"`
	Cloud        Reading   `json:"cloud"`
	// Holders were compared; InOrder had no finding that is wrong or pending, Wrong at least one that is wrong, Pending
	// others.
	Holders int `json:"holders"`
	InOrder int `json:"in_order"`
	Wrong   int `json:"wrong"`
	Pending int `json:"pending"`
	// Kinds, Codes and Units count by kind of holder, by code of finding and by organizational unit.
	Kinds []KindCount `json:"kinds"`
	Codes []CodeCount `json:"codes"`
	Units []UnitCount `json:"units"`
}

// KindCount is how the holders of one kind stand.
type KindCount struct {
	Kind    address.Kind `json:"kind"`
	Holders int          `json:"holders"`
	Wrong   int          `json:"wrong"`
	Pending int          `json:"pending"`
}

// CodeCount is how often a code was found, and on how many holders.
type CodeCount struct {
	Code     cause.Code          `json:"code"`
	Severity cloudcheck.Severity `json:"severity"`
	Findings int                 `json:"findings"`
	Holders  int                 `json:"holders"`
}

// UnitCount is how the holders directly in one container (the parent DN) stand; the worst first, at most 50.
type UnitCount struct {
	Unit    string `json:"unit"`
	Holders int    `json:"holders"`
	Wrong   int    `json:"wrong"`
}
