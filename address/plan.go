package address

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aliasd/aliasd/cause"
)

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
	// SyncUnknown says that nobody can tell whether it has: SyncDue is false then. Nothing is waited for, but what the cloud shows is not
	// the last word either.
	SyncUnknown bool
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

// MakePlan says exactly what to write so that the cloud changes only in what was asked. It never makes a set worse than
// it is, and touches no value that the ask does not need.
//
// The tenant's verified domains and other holders are not looked at here. Every error is a *cause.Error: a refusal, or
// Wait(not_synced_yet) where the cloud has to catch up before the primary can be told.
func MakePlan(s Situation, a Ask) (Plan, error) {
	p := &planner{Situation: s, ask: a, target: s.Holder.Values}
	for _, problem := range s.Holder.Problems() {
		p.note("%s", problem.Message)
	}
	for _, step := range []func() error{p.refuseUnreadable, p.draft} {
		if err := step(); err != nil {
			return Plan{}, err
		}
	}
	return p.finish()
}

// planner is a plan while it is made: the target moves from the holder's values to what they shall be.
type planner struct {
	Situation
	ask    Ask
	target Values
	wants  []Want
	notes  []string
}

func (p *planner) draft() error {
	switch p.ask.Action {
	case AddAlias:
		return p.addAlias()
	case RemoveAlias:
		return p.removeAlias()
	case SetPrimary:
		return p.setPrimary()
	case Undo:
		return p.undo()
	}
	return cause.Refuse(cause.InvalidAddress, "the action %q of %q is not known: ask for add_alias, remove_alias or set_primary",
		p.ask.Action, p.ask.Address)
}

// finish turns the target into a change, and looks at what concerns every action.
func (p *planner) finish() (Plan, error) {
	change := Between(p.Holder.Values, p.target)
	if err := p.refuseSignInChange(change); err != nil {
		return Plan{}, err
	}
	return Plan{Change: change, After: p.target, Wants: p.wants, Notes: p.notes}, nil
}

// refuseSignInChange: where people sign in with mail, another mail is another logon.
func (p *planner) refuseSignInChange(c Change) error {
	if c.Mail == nil || c.Mail.Old == "" || p.Holder.Kind != User || p.allows(AllowSignInChange) {
		return nil
	}
	if !p.Holder.SignsInWithMail(Address(p.Cloud.UPN)) || Address(c.Mail.Old).Equal(Address(c.Mail.New)) {
		return nil
	}
	return cause.Refuse(cause.SignInChange,
		`%s signs in with mail %q, which would become %q: ask again with "allow": ["sign_in_change"] if the sign-in name shall change too`,
		p.name(), c.Mail.Old, c.Mail.New)
}

// refuseUnreadable: a value that is no UTF-8 does not come through JSON unharmed, in no intent and no receipt, so that nobody could
// tell any more what stood there. It counts whether the change touches it or not.
func (p *planner) refuseUnreadable() error {
	for _, v := range append(p.Holder.Proxies.Without(), Proxy(p.Holder.Mail)) {
		if !utf8.ValidString(string(v)) {
			return cause.Refuse(cause.InvalidAddress,
				"%s has the value %q, which is no UTF-8 text, so that what stands there cannot be kept: correct it in the directory first",
				p.name(), v)
		}
	}
	return nil
}

func (p *planner) allows(a Allowance) bool { return slices.Contains(p.ask.Allow, a) }

// want adds what the cloud must show; the first word on an address counts.
func (p *planner) want(a Address, role Role) { p.wants = withWant(p.wants, Want{a, role}) }

func (p *planner) note(format string, args ...any) {
	p.notes = append(p.notes, fmt.Sprintf(format, args...))
}

// name is what a person calls the holder.
func (s Situation) name() string {
	h := s.Holder
	for _, name := range []string{h.Name, h.UPN, string(h.DN)} {
		if name != "" {
			return name
		}
	}
	return strings.TrimSpace(string(h.Kind) + " " + h.GUID.String())
}

func withWant(wants []Want, w Want) []Want {
	if wanted(wants, w.Address) != "" {
		return wants
	}
	return append(wants, w)
}

// wanted gives the role that is wanted of an address, "" where none is.
func wanted(wants []Want, a Address) Role {
	for _, w := range wants {
		if w.Address.Equal(a) {
			return w.Role
		}
	}
	return ""
}

// roleIn is what an address is by the directory's values alone; present where they leave it open.
func roleIn(s Set, a Address) Role {
	found, primaries := s.Find(a), s.Primaries()
	switch {
	case len(found) == 0:
		return RoleAbsent
	case !slices.ContainsFunc(found, Proxy.IsPrimary):
		return RoleSecondary
	case len(primaries) > 1:
		return RolePresent // which of several wins is not documented
	}
	return RolePrimary
}

// role is roleIn, told by the cloud where the values name no primary and the cloud took this address for it.
func (p *planner) role(s Set, a Address) Role {
	if len(s.Primaries()) == 0 && len(s.Find(a)) > 0 && p.shownPrimary().Equal(a) {
		return RolePresent
	}
	return roleIn(s, a)
}
