package queue_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
	"github.com/aliasd/aliasd/queue"
)

// hybrid is one holder on both sides. What the cloud shows came out of the proxy calculation, step by step.
type hybrid struct {
	holder address.Holder
	object *cloudcheck.Object // nil before the first sync
	// licensed is what the cloud says of the licence; caughtUp that it shows what it makes of the holder as it stands.
	licensed, caughtUp bool
}

func verifiedDomains() []string { return []string{"contoso.onmicrosoft.com", "contoso.test"} }

// sync lets the holder arrive in the cloud and be calculated.
func (h *hybrid) sync() {
	in := proxycalc.Of(h.holder, h.licensed)
	var previous *proxycalc.Previous
	if o := h.object; o != nil {
		previous = &proxycalc.Previous{Mail: o.Mail, Nickname: o.Nickname, UPN: o.UPN, OnPremUPN: o.OnPremUPN, Proxies: o.Proxies,
			ExchangeLicensed: o.ExchangeLicensed}
	}
	tenant := proxycalc.Tenant{InitialDomain: "contoso.onmicrosoft.com", VerifiedDomains: verifiedDomains()}
	r := proxycalc.Calculate(tenant, in, previous)
	on := true
	h.object = &cloudcheck.Object{ID: "1", Kind: h.holder.Kind, UPN: r.UPN, OnPremUPN: h.holder.UPN, Nickname: r.Nickname,
		Values: address.Values{Mail: r.Mail, Proxies: r.Proxies}, SyncEnabled: &on, ExchangeLicensed: h.licensed}
	h.caughtUp = true
}

// edit changes the on-premises side.
func (h *hybrid) edit(v address.Values) {
	h.holder.Values, h.caughtUp = v, false
}

// snapshot is what a look at the cloud gives, and situation what planning gets.
func (h *hybrid) snapshot() cloudcheck.Snapshot {
	verified := map[string]bool{}
	for _, d := range verifiedDomains() {
		verified[d] = true
	}
	in := proxycalc.Of(h.holder, h.licensed && h.object != nil)
	return cloudcheck.Snapshot{Object: h.object,
		Tenant:       cloudcheck.Tenant{InitialDomain: "contoso.onmicrosoft.com", Verified: verified, LastSync: time.Unix(1, 0)},
		MailSurvives: proxycalc.MailSurvives(proxycalc.Tenant{InitialDomain: "contoso.onmicrosoft.com", VerifiedDomains: verifiedDomains()}, in)}
}

func (h *hybrid) situation() address.Situation {
	s := address.Situation{Holder: h.holder, InitialDomain: "contoso.onmicrosoft.com", SyncDue: !h.caughtUp, MailSurvives: h.snapshot().MailSurvives}
	if h.object != nil {
		s.Cloud = address.CloudView{InCloud: true, UPN: h.object.UPN, Values: h.object.Values}
	}
	return s
}

// TestWhatPassesChangesOnlyWhatWasAsked: for any holder with any history, a plan passes exactly when a model that looks at
// the two predictions alone finds nothing in their difference that was not asked for.
func TestWhatPassesChangesOnlyWhatWasAsked(t *testing.T) {
	t.Parallel()
	var planned, stopped atomic.Int32
	rapid.Check(t, func(t *rapid.T) {
		h := drawHybrid(t)
		ask := drawAsk(t, &h)
		plan, err := address.MakePlan(h.situation(), ask)
		if err != nil || plan.Change.Empty() || looksAlternate(h) {
			return
		}
		planned.Add(1)
		err = queue.Guard(h.situation(), h.snapshot(), ask, plan)
		if err != nil {
			stopped.Add(1)
		}
		if found := unasked(h, ask, plan); (found != "") != (err != nil) {
			t.Fatalf("the model finds %q, the guard says %v\nholder %+v\ncloud %+v\nask %+v\nplan %+v", found, err, h.holder, h.object, ask, plan.Change)
		}
	})
	t.Logf("%d plans, %d of them stopped by the guard", planned.Load(), stopped.Load())
	if planned.Load() == 0 {
		t.Error("no plan was made: nothing was tested")
	}
}

// looksAlternate: a new AD UPN that has not arrived, beside a mail that is the old one, looks as if people signed in with
// mail. Both worlds are predicted with that; the model knows better.
func looksAlternate(h hybrid) bool {
	return h.object != nil && h.holder.SignsInWithMail(address.Address(h.object.UPN))
}

// unasked says what the cloud would change without being asked to, "" for nothing. It lets two worlds sync, one with the
// change and one without, and compares them.
func unasked(h hybrid, ask address.Ask, plan address.Plan) string {
	now, then, back := h.synced(h.holder.Values), h.synced(plan.After), h.synced(address.Values{})
	if ask.UndoBefore != nil {
		back = h.synced(*ask.UndoBefore)
	}
	if h.holder.Kind == address.Group && len(now) == 0 && len(then) > 0 && len(ask.Allow) == 0 && (ask.Action != address.Undo || len(back) == 0) {
		return "the group is mail-enabled"
	}
	asked := ask.Address.Key()
	if ask.Action == address.SetPrimary && then[asked] == "" {
		return "the primary does not arrive"
	}
	toPrimary := ask.Action == address.SetPrimary && then[asked] == address.RolePrimary ||
		ask.Action == address.Undo && primaryKey(then) == primaryKey(back)
	if primaryKey(now) != "" && primaryKey(now) != primaryKey(then) && !toPrimary {
		return fmt.Sprintf("the primary moves from %s to %s", primaryKey(now), primaryKey(then))
	}
	for a := range now {
		toGo := ask.Action == address.RemoveAlias && a == asked || ask.Action == address.Undo && back[a] == ""
		if then[a] == "" && a != theMOERA && !toGo {
			return fmt.Sprintf("%s goes", a)
		}
	}
	return ""
}

// theMOERA stands for whichever address in the initial domain the cloud will make.
const theMOERA = "the MOERA"

// synced are the roles of the addresses that the cloud would show if these were the values on-premises.
func (h hybrid) synced(v address.Values) map[address.Key]address.Role {
	before := h.object
	h.edit(v)
	h.sync()
	found := map[address.Key]address.Role{}
	for _, p := range h.object.Proxies.SMTP() {
		key := p.Address().Key()
		if p.Address().Domain() == "contoso.onmicrosoft.com" && (before == nil || len(before.Proxies.Find(p.Address())) == 0) {
			key = theMOERA
		}
		found[key] = address.RoleSecondary
		if p.IsPrimary() {
			found[key] = address.RolePrimary
		}
	}
	return found
}

func primaryKey(roles map[address.Key]address.Role) address.Key {
	for a, role := range roles {
		if role == address.RolePrimary {
			return a
		}
	}
	return ""
}

// The generators draw from few addresses, so that sets, mail, UPNs and asks meet often.

func drawAddress(t *rapid.T, label string) address.Address {
	return rapid.SampledFrom([]address.Address{"a@contoso.test", "b@contoso.test", "c@contoso.test", "jane@contoso.test", "a@fabrikam.test"}).Draw(t, label)
}

func drawValues(t *rapid.T) address.Values {
	var v address.Values
	if rapid.Bool().Draw(t, "mail is set") {
		v.Mail = string(drawAddress(t, "mail"))
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "values") {
		kind := rapid.SampledFrom([]string{"smtp:", "smtp:", "SMTP:", "X500:"}).Draw(t, "type")
		if kind == "SMTP:" && i > 0 {
			kind = "smtp:"
		}
		v.Proxies = v.Proxies.With(address.Proxy(kind) + address.Proxy(drawAddress(t, "value")))
	}
	if rapid.IntRange(0, 4).Draw(t, "discarded") == 0 {
		v.Proxies = v.Proxies.With("smtp:x@contoso.onmicrosoft.com")
	}
	return v
}

// drawHybrid draws a holder with a history: values, UPN and licence change, and mostly the cloud follows.
func drawHybrid(t *rapid.T) hybrid {
	h := hybrid{caughtUp: true}
	h.holder = address.Holder{Name: "Jane Doe", Kind: rapid.SampledFrom([]address.Kind{address.User, address.User, address.User, address.Group, address.Contact}).Draw(t, "kind"),
		Nickname: rapid.SampledFrom([]string{"", "jane"}).Draw(t, "nickname"), RemoteRecipient: rapid.Bool().Draw(t, "remote")}
	h.editAnything(t)
	for range rapid.IntRange(0, 3).Draw(t, "syncs") {
		h.licensed = h.holder.Kind == address.User && rapid.Bool().Draw(t, "licensed")
		h.sync()
		if rapid.Bool().Draw(t, "edited since") {
			h.editAnything(t)
		}
	}
	return h
}

func (h *hybrid) editAnything(t *rapid.T) {
	h.edit(drawValues(t))
	if h.holder.Kind == address.User {
		h.holder.UPN = string(drawAddress(t, "upn"))
	}
}

// drawAsk draws what is asked of a holder. An undo follows a request that was written, a sync perhaps, and others' edits.
func drawAsk(t *rapid.T, h *hybrid) address.Ask {
	ask := address.Ask{Action: rapid.SampledFrom([]address.Action{address.AddAlias, address.RemoveAlias, address.SetPrimary}).Draw(t, "action"),
		Address: drawAddress(t, "asked")}
	if rapid.IntRange(0, 3).Draw(t, "allow") == 0 {
		ask.Allow = []address.Allowance{address.AllowMailEnable}
	}
	if rapid.IntRange(0, 3).Draw(t, "undo") > 0 {
		return ask
	}
	before := h.holder.Values
	done, err := address.MakePlan(h.situation(), ask)
	if err != nil || done.Change.Empty() {
		return ask
	}
	after := done.After
	switch rapid.IntRange(0, 3).Draw(t, "others edit too") {
	case 0:
		after.Proxies = after.Proxies.With(rapid.SampledFrom([]address.Proxy{"smtp:c@contoso.test", "X500:/o=Contoso/cn=jane"}).Draw(t, "they add"))
	case 1:
		after.Proxies = after.Proxies.Without(rapid.SampledFrom([]address.Proxy{"smtp:b@contoso.test", "smtp:c@contoso.test"}).Draw(t, "they take away"))
	}
	h.edit(after)
	if rapid.Bool().Draw(t, "synced since") {
		h.sync()
	}
	return address.Ask{Action: address.Undo, Undo: &done.Change, UndoBefore: &before}
}
