package queue

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// guard refuses a plan by which the cloud would change in more than was asked for, as far as the proxy calculation can be
// predicted: another primary (primary_unclear), one address less (would_lose_address), or a group that becomes
// mail-enabled (would_mail_enable); and one that would not arrive (domain_not_verified, reserved_suffix). It waits where the cloud has still to catch up with an earlier change. What the cloud
// adds by itself is no harm. It is pure; a plan that changes nothing passes.
func guard(s address.Situation, shown cloudcheck.Snapshot, ask address.Ask, plan address.Plan) error {
	if plan.Change.Empty() {
		return nil
	}
	o := foresee(s, shown, ask, plan)
	for _, refuse := range []func() error{o.refuseMailEnabled, o.refuseVain, o.refuseOtherPrimary, o.refuseLoss} {
		if err := refuse(); err != nil {
			return err
		}
	}
	return nil
}

// outlook is what the cloud makes of a holder as it stands, and with the change.
type outlook struct {
	address.Situation
	shown         cloudcheck.Snapshot
	ask           address.Ask
	before, after address.Values
	// back is what an undo asks for: what the cloud would make of the values from before the undone change.
	back address.Values
}

func foresee(s address.Situation, shown cloudcheck.Snapshot, ask address.Ask, plan address.Plan) outlook {
	o := outlook{Situation: s, shown: shown, ask: ask}
	o.before, o.after = o.predict(s.Holder.Values), o.predict(plan.After)
	if ask.UndoBefore != nil {
		o.back = o.predict(*ask.UndoBefore)
	}
	return o
}

func (o outlook) predict(v address.Values) address.Values {
	return cloudcheck.PredictWith(o.Holder, v, o.shown)
}

// refuseMailEnabled: an undo may give a group the addresses back that it had.
func (o outlook) refuseMailEnabled() error {
	arises := len(o.before.Proxies.SMTP()) == 0 && len(o.after.Proxies.SMTP()) > 0
	allowed := slices.Contains(o.ask.Allow, address.AllowMailEnable) || len(o.back.Proxies.SMTP()) > 0
	if o.Holder.Kind != address.Group || !arises || allowed {
		return nil
	}
	return cause.Refuse(cause.WouldMailEnable,
		`the group %s has no address in the cloud now and would have %s after the change, which makes it mail-enabled: if that is meant, ask again with "allow": ["mail_enable"]`,
		o.Holder.Name, inShort(o.after))
}

// refuseVain: what was asked for would not arrive. An alias may stand on-premises in a domain whose addresses the cloud
// leaves away, and a contact may have any domain, but not another tenant's hybrid coexistence domain.
func (o outlook) refuseVain() error {
	a := o.ask.Address
	if len(o.after.Proxies.Find(a)) > 0 || o.shown.Tenant.Verifies(a.Domain()) {
		return nil
	}
	switch asks := o.ask.Action; {
	case (asks == address.AddAlias || asks == address.SetPrimary) && strings.HasSuffix(a.Domain(), ".onmicrosoft.com"):
		return cause.Refuse(cause.ReservedSuffix,
			"the domain %s of %s is another tenant's, and Entra ID discards such an address when it comes from the directory; choose an address in another domain", a.Domain(), a)
	case asks == address.SetPrimary:
		return refuseDomain(a)
	}
	return nil
}

// refuseOtherPrimary: the predicted mail is the primary's address, "" where there is none.
func (o outlook) refuseOtherPrimary() error {
	now, then := address.Address(o.before.Mail), address.Address(o.after.Mail)
	if o.keepsPrimary(now, then) || o.asksForPrimary(then) {
		return nil
	}
	if o.SyncDue && !now.Equal(o.shownPrimary()) {
		return cause.Wait(cause.NotSyncedYet,
			"the primary of %s in the cloud will be %s by an earlier change, and this one would make it %s: it goes on by itself when the cloud has caught up",
			o.Holder.Name, cmp.Or(now, "none"), cmp.Or(then, "none"))
	}
	return cause.Refuse(cause.PrimaryUnclear,
		"the primary of %s in the cloud would move from %s to %s, which nobody asked for: name the one that is meant by set_primary, or correct what stands on-premises, then ask again",
		o.Holder.Name, cmp.Or(now, "none"), cmp.Or(then, "none"))
}

// keepsPrimary: the primary is what it was. A holder without one has none to lose, and what the cloud shows once it has
// caught up counts more than a prediction.
func (o outlook) keepsPrimary(now, then address.Address) bool {
	if now == "" || o.same(now, then) {
		return true
	}
	caughtUp := !o.SyncDue && !o.SyncUnknown
	return caughtUp && then != "" && then.Equal(o.shownPrimary())
}

func (o outlook) asksForPrimary(a address.Address) bool {
	switch o.ask.Action {
	case address.SetPrimary:
		return a.Equal(o.ask.Address)
	case address.Undo:
		return o.same(a, address.Address(o.back.Mail))
	}
	return false
}

func (o outlook) shownPrimary() address.Address {
	if o.shown.Object == nil {
		return ""
	}
	return address.Address(o.shown.Object.Mail)
}

// same says that two addresses are the same, or both the MOERA that the cloud will make.
func (o outlook) same(a, b address.Address) bool { return a.Equal(b) || o.unborn(a) && o.unborn(b) }

// unborn says that an address is one in the initial domain that the cloud would make but does not show: which one it
// makes in the end is its own affair.
func (o outlook) unborn(a address.Address) bool {
	made := address.EqualFold(a.Domain(), o.InitialDomain)
	return made && (o.shown.Object == nil || len(o.shown.Object.Proxies.Find(a)) == 0)
}

func (o outlook) refuseLoss() error {
	var lost []string
	for _, p := range o.before.Proxies.SMTP() {
		a := p.Address()
		if len(o.after.Proxies.Find(a)) == 0 && !o.unborn(a) && !o.asksToLose(a) {
			lost = append(lost, string(a))
		}
	}
	if len(lost) == 0 {
		return nil
	}
	return cause.Refuse(cause.WouldLoseAddress,
		"%s would lose %s in the cloud, which nobody asked for: it has %s now and would have %s after the change; ask for add_alias of what shall stay, then ask again",
		o.Holder.Name, strings.Join(lost, " and "), inShort(o.before), inShort(o.after))
}

func (o outlook) asksToLose(a address.Address) bool {
	switch o.ask.Action {
	case address.RemoveAlias:
		return a.Equal(o.ask.Address)
	case address.Undo:
		return len(o.back.Proxies.Find(a)) == 0
	}
	return false
}

// listed is how many values a sentence lists.
const listed = 8

// inShort lists the SMTP values for a sentence.
func inShort(v address.Values) string {
	values := v.Proxies.SMTP()
	if len(values) == 0 {
		return "no address"
	}
	more := ""
	if n := len(values) - listed; n > 0 {
		values, more = values[:listed], fmt.Sprintf(" and %d more", n)
	}
	words := make([]string, len(values))
	for i, p := range values {
		words[i] = string(p)
	}
	return strings.Join(words, ", ") + more
}
