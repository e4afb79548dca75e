package queue

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
)

// checks are what has to hold before anything is written: both sides are looked at, the change is planned, and nobody
// else may hold what it adds.
type checks struct {
	directory Directory
	cloud     Cloud
	// syncInterval is the sync engine's cycle, and grace the time that the asynchronous calculation is given after it.
	syncInterval, grace time.Duration
	now                 func() time.Time
}

// assessment is what the checks found.
type assessment struct {
	snapshot cloudcheck.Snapshot
	plan     address.Plan
	// standing says why nothing has to be written; "" where something has to be.
	standing string
}

// cloudID is the holder's id in Graph, "" when it is not there.
func (a assessment) cloudID() string {
	if a.snapshot.Object == nil {
		return ""
	}
	return a.snapshot.Object.ID
}

// assess looks at the cloud, plans, checks that what the plan adds is free, and that the cloud will change only in what
// was asked. Its errors are *cause.Error; a refusal is final, a waiting is tried again.
//
// moved is what earlier attempts may have written, oldest first: an address that one took out of mail is wanted still, as long as
// nobody else has taken it.
//
// A look may show the tenant as it was some seconds before. No refusal rests on that: an administrator who has just verified a
// domain asks again at once. So the tenant is read anew before one is final.
func (c checks) assess(ctx context.Context, ref cloudcheck.Ref, ask address.Ask, moved []address.Change) (assessment, error) {
	began := c.now()
	a, err := c.assessOnce(ctx, ref, ask, moved)
	if refusal, ok := cause.As(err); !ok || refusal.Kind != cause.Refusal || !a.snapshot.Tenant.ReadAt.Before(began) {
		return a, err
	}
	if err := c.cloud.Refresh(ctx, began); err != nil {
		return a, err
	}
	return c.assessOnce(ctx, ref, ask, moved)
}

func (c checks) assessOnce(ctx context.Context, ref cloudcheck.Ref, ask address.Ask, moved []address.Change) (assessment, error) {
	a, err := c.weigh(ctx, ref, ask, moved)
	return a, c.sayWhoEndsIt(err, ref.Holder, a.snapshot.Tenant)
}

// weigh makes the checks one after the other.
func (c checks) weigh(ctx context.Context, ref cloudcheck.Ref, ask address.Ask, moved []address.Change) (assessment, error) {
	a, holder := assessment{}, ref.Holder
	var err error
	if a.snapshot, err = c.cloud.Look(ctx, ref); err != nil {
		return a, err
	}
	if err := c.mustBeTheOnly(ctx, holder, a.snapshot.Object); err != nil {
		return a, err
	}
	if err := refuseCloudManaged(a.snapshot.Object); err != nil {
		return a, err
	}
	situation := c.situation(holder, a.snapshot)
	if a.plan, err = address.MakePlan(situation, ask); err != nil {
		return a, err
	}
	if len(moved) == 0 {
		err = c.mustBeFree(ctx, holder, a, ask)
	}
	for _, earlier := range moved {
		if err == nil {
			a, err = c.restored(ctx, holder, a, ask, earlier)
		}
	}
	if err != nil {
		return a, err
	}
	if a.plan.Change.Empty() {
		a.standing = situation.Standing(ask)
	}
	return a, guard(situation, a.snapshot, ask, a.plan)
}

// restored joins the plan with an earlier modify; where what would be put back is held by somebody else by now, it is
// left with them.
func (c checks) restored(ctx context.Context, holder address.Holder, a assessment, ask address.Ask, earlier address.Change) (assessment, error) {
	joined := a
	joined.plan = a.plan.Restore(holder.Values, earlier)
	err := c.mustBeFree(ctx, holder, joined, ask)
	refusal, ok := cause.As(err)
	if !ok || refusal.Kind != cause.Refusal {
		return joined, err
	}
	a.plan.Notes = append(a.plan.Notes, "what an earlier try of this request moved is not put back: "+refusal.Cause.Message)
	return a, c.mustBeFree(ctx, holder, a, ask)
}

// situation lays both sides out for planning.
func (c checks) situation(holder address.Holder, s cloudcheck.Snapshot) address.Situation {
	situation := address.Situation{
		Holder:        holder,
		InitialDomain: s.Tenant.InitialDomain,
		SyncDue:       c.syncDue(holder, s.Tenant),
		SyncUnknown:   s.Tenant.LastSync.IsZero() || holder.AddressesSince().IsZero(),
		MailSurvives:  s.MailSurvives,
	}
	if s.Object != nil {
		situation.Cloud = address.CloudView{InCloud: true, UPN: s.Object.UPN, Values: s.Object.Values}
	}
	return situation
}

// replaced are the values that the last write to a holder replaced.
func replaced(prior ldapwriter.Prior) []address.Values {
	last := prior.Last()
	if last == nil {
		return nil
	}
	return []address.Values{last.Before}
}

// mustBeTheOnly makes a contact wait that was found in the cloud by what another contact of the directory is called as well:
// which of the two is there, nobody can tell.
func (c checks) mustBeTheOnly(ctx context.Context, holder address.Holder, o *cloudcheck.Object) error {
	if o == nil || o.Mail == "" || holder.Kind != address.Contact {
		return nil
	}
	others, err := c.directory.HoldersOf(ctx, []address.Address{address.Address(o.Mail)}, holder.GUID)
	if err != nil {
		return err
	}
	for _, other := range others {
		isAlias := address.Proxy(other.Address).IsSMTP() && !address.Proxy(other.Address).IsPrimary()
		if other.Kind == string(address.Contact) && !isAlias {
			return cause.Wait(cause.CloudUnavailable,
				"the tenant has a contact %s, and on-premises %s and %s (%s) are both called so, so it is not known which one it is; remove the address from one of them",
				o.Mail, holder.Name, other.Name, other.Address).WithConflict(other)
		}
	}
	return nil
}

// refuseCloudManaged refuses a holder whose attributes the cloud owns: the AD value does not flow any more.
func refuseCloudManaged(o *cloudcheck.Object) error {
	if o == nil || !o.CloudManaged() {
		return nil
	}
	return cause.Refuse(cause.CloudManaged,
		"%s is managed in the cloud now (onPremisesSyncEnabled is not true), so what is written on-premises does not arrive; change the address in the cloud", o.Name)
}

// mustBeFree checks the domain of what was asked for, and that nobody else holds what the plan adds.
func (c checks) mustBeFree(ctx context.Context, holder address.Holder, a assessment, ask address.Ask) error {
	added := newAddresses(holder.Values, a.plan.Change)
	if len(added) == 0 {
		return nil
	}
	if err := refuseUnverified(holder, a.snapshot.Tenant, ask, added); err != nil {
		return err
	}
	if err := c.refuseHeldOnPremises(ctx, holder, added); err != nil {
		return err
	}
	return c.refuseHeldInCloud(ctx, a.cloudID(), added, ask.Allow)
}

// newAddresses are the SMTP addresses that a change gives to a holder and that it does not have yet: in proxyAddresses, or as mail.
func newAddresses(before address.Values, change address.Change) []address.Address {
	var added []address.Address
	for _, p := range change.Add {
		if p.IsSMTP() && len(before.Proxies.Find(p.Address())) == 0 {
			added = append(added, p.Address())
		}
	}
	if change.Mail == nil || change.Mail.New == "" {
		return added
	}
	mail := address.Address(change.Mail.New)
	if len(before.Proxies.Find(mail)) == 0 && !mail.Equal(address.Address(before.Mail)) && !slices.ContainsFunc(added, mail.Equal) {
		added = append(added, mail)
	}
	return added
}

// refuseUnverified refuses the address that was asked for where its domain is not verified in the tenant. Contacts keep
// any domain; a primary that the plan only makes explicit is what the cloud shows already.
func refuseUnverified(holder address.Holder, t cloudcheck.Tenant, ask address.Ask, added []address.Address) error {
	if holder.Kind == address.Contact || ask.Action == address.Undo {
		return nil
	}
	for _, a := range added {
		if a.Equal(ask.Address) && !t.Verifies(a.Domain()) {
			return refuseDomain(a)
		}
	}
	return nil
}

func refuseDomain(a address.Address) error {
	return cause.Refuse(cause.DomainNotVerified,
		"the domain %s of %s is not verified in the tenant; verify it there first, or choose an address in a verified domain", a.Domain(), a)
}

func (c checks) refuseHeldOnPremises(ctx context.Context, holder address.Holder, added []address.Address) error {
	conflicts, err := c.directory.HoldersOf(ctx, added, holder.GUID)
	if err != nil || len(conflicts) == 0 {
		return err
	}
	first := conflicts[0]
	return cause.Refuse(cause.HeldOnPremises, "%s is held on-premises by the %s %s (%s); remove it there first, or choose another address",
		contested(added, first), first.Kind, first.Name, first.Address).WithConflict(first)
}

// refuseHeldInCloud refuses what another object of the tenant holds. A deleted one can be allowed; a live one comes first
// in the answer.
func (c checks) refuseHeldInCloud(ctx context.Context, self string, added []address.Address, allow []address.Allowance) error {
	conflicts, err := c.cloud.HoldersOf(ctx, added, self)
	if err != nil {
		return err
	}
	var deleted *cause.Conflict
	for _, found := range conflicts {
		if strings.HasPrefix(found.Kind, "deleted_") {
			deleted = &found
			continue
		}
		return cause.Refuse(cause.HeldInCloud, "%s is held in the cloud by the %s %s (%s); remove it there first%s, or choose another address",
			contested(added, found), found.Kind, found.Name, found.Address, found.Where()).WithConflict(found)
	}
	if deleted == nil || slices.Contains(allow, address.AllowDeletedHolder) {
		return nil
	}
	return cause.Refuse(cause.HeldByDeleted,
		`%s still belongs to the %s %s, which is deleted and can be restored; ask again with "allow": ["deleted_holder"] to take it all the same`,
		contested(added, *deleted), strings.TrimPrefix(deleted.Kind, "deleted_"), deleted.Name).WithConflict(*deleted)
}

// contested is which of the addresses somebody else holds: a plan may add the primary that it makes explicit as well.
func contested(added []address.Address, by cause.Conflict) address.Address {
	for _, a := range added {
		if a.Equal(address.Address(by.Address)) || a.Equal(address.Proxy(by.Address).Address()) {
			return a
		}
	}
	return added[0]
}
