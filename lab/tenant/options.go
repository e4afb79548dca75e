package tenant

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Options say what the tenant shall be. The zero value is a tenant contoso.onmicrosoft.com that has verified
// contoso.com and contoso.test and grants its app all that aliasd needs.
type Options struct {
	// InitialDomain is the first domain; empty means contoso.onmicrosoft.com.
	InitialDomain string
	// Domains are the verified domains beside it; nil means contoso.com and contoso.test.
	Domains []string
	// Permissions are the application permissions that the app has; nil means ReadPermissions.
	Permissions []string
	// TokenLife is how long an access token holds; 0 means an hour.
	TokenLife time.Duration
	// Budget is how many resource units the app may spend in ten seconds; 0 means that nothing is throttled.
	Budget int
	// CalculationDelay is how long after an export the proxy calculation runs; 0 means at once.
	CalculationDelay time.Duration
	// ManualCalculation leaves the calculation to the method Calculate.
	ManualCalculation bool
	// ReleaseEvery is how often the task runs that releases quarantined values; 0 leaves it to the method Release. In the
	// real tenant it is an hour.
	ReleaseEvery time.Duration
	// LicenceNew gives each newly synchronised user an Exchange licence.
	LicenceNew bool
	// IgnoreCase makes eq on proxyAddresses ignore case. It is not documented; the default is the stricter.
	IgnoreCase bool
	// FilterGroupsBySID lets groups be filtered by onPremisesSecurityIdentifier, which is disputed.
	FilterGroupsBySID bool
	// Registered gives the certificate that is registered with the app; nil makes one by NewRegistration when it is first asked for.
	// Making one costs as much as thousands of calls: tenants may share one.
	Registered func() (Registration, error)
	// ID gives the object id of a synchronised holder by its source anchor, for a tenant that has to be the same again; nil draws
	// random ones.
	ID func(anchor string) string
	// Now is the tenant's clock; nil means time.Now. Tokens and assertions go by the wall clock, as their clients do.
	Now func() time.Time
}

// The application permissions that the tenant knows.
const (
	UserRead         = "User.Read.All"
	GroupMemberRead  = "GroupMember.Read.All"
	GroupRead        = "Group.Read.All"
	ContactRead      = "OrgContact.Read.All"
	OrganizationRead = "Organization.Read.All"
	DomainRead       = "Domain.Read.All"
	DirectoryRead    = "Directory.Read.All"
	UserWrite        = "User.ReadWrite.All"
	GroupWrite       = "Group.ReadWrite.All"
	DirectoryWrite   = "Directory.ReadWrite.All"
)

// ReadPermissions are what aliasd needs, and nothing more.
func ReadPermissions() []string {
	return []string{UserRead, GroupRead, ContactRead, OrganizationRead, DomainRead}
}

func (o Options) withDefaults() Options {
	o.InitialDomain = cmp.Or(o.InitialDomain, "contoso.onmicrosoft.com")
	o.TokenLife = cmp.Or(o.TokenLife, time.Hour)
	if o.Domains == nil {
		o.Domains = []string{"contoso.com", "contoso.test"}
	}
	if o.Permissions == nil {
		o.Permissions = ReadPermissions()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Registered == nil {
		o.Registered = sync.OnceValues(NewRegistration)
	}
	o.Permissions = slices.Clone(o.Permissions)
	return o
}

func newID() string { return uuid.NewString() }
