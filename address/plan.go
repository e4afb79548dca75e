package address

// Role is what an address must be to a holder in the cloud.
type Role string

// The roles. Present is primary or secondary, whichever.
const (
	RolePrimary   Role = "primary"
	RoleSecondary Role = "secondary"
	RolePresent   Role = "present"
	RoleAbsent    Role = "absent"
)

// Want is one thing that the cloud must show.
type Want struct {
	Address Address `json:"address"`
	Role    Role    `json:"role"`
}

// Ask is what a request asks of a holder.
type Ask struct {
	Action  Action
	Address Address // empty for an undo
	Allow   []Allowance
	// Undo is the change that an undo takes back, and UndoBefore the values before it.
	Undo       *Change
	UndoBefore *Values
}

// Situation is what a plan is made from: both sides of one holder.
type Situation struct {
	Holder Holder
	Cloud  CloudView
	// InitialDomain is the tenant's: contoso.onmicrosoft.com.
	InitialDomain string
	// SyncDue says that the cloud has still to catch up with an earlier change of the holder.
	SyncDue bool
	// MailSurvives says that the holder's AD mail, were it the only address, survives the proxy calculation.
	MailSurvives bool
}

// Plan is the exact modification that a request needs now; Change may be empty.
type Plan struct {
	Change Change
	After  Values
	// Wants is what the cloud must show for the request to count as verified.
	Wants []Want
	// Notes are sentences on what is wrong with the holder or worth knowing.
	Notes []string
}
