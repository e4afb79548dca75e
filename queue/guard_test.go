package queue_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
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

// TestGuard has what MakePlan lets through and the prediction does not, each with both values in its sentence; and beside
// each its twin, which passes.
func TestGuard(t *testing.T) {
	t.Parallel()
	user := func(mail string, proxies ...address.Proxy) *hybrid {
		return &hybrid{licensed: true, holder: address.Holder{Kind: address.User, Name: "Jane Doe", UPN: "jane@contoso.test",
			Values: address.Values{Mail: mail, Proxies: proxies}}}
	}
	// leaver has lost her licence, so the MOERA is her primary, and an alias brought the UPN back (KB 3190357, scenario 4).
	leaver := func(proxies ...address.Proxy) *hybrid {
		h := user("")
		h.sync()
		h.licensed = false
		h.sync()
		h.edit(address.Values{Proxies: proxies})
		h.sync()
		return h
	}
	renamed := func(synced bool) *hybrid {
		h := user("")
		h.sync()
		h.holder.UPN, h.caughtUp = "jane.roe@contoso.test", false
		if synced {
			h.sync()
		}
		return h
	}
	mailbox := user("", "smtp:a@contoso.test")
	mailbox.licensed, mailbox.caughtUp, mailbox.holder.RemoteRecipient, mailbox.holder.Nickname = false, true, true, "jane"
	badAlias := user("b@contoso.test", "SMTP:b@contoso.test", "smtp:a@fabrikam.test")
	badAlias.sync()
	list := &hybrid{caughtUp: true, holder: address.Holder{Kind: address.Group, Name: "Sales",
		Values: address.Values{Mail: "sales@contoso.test", Proxies: address.Set{"X500:/o=Contoso/cn=sales"}}}}
	tests := []struct {
		name   string
		holder *hybrid
		ask    address.Ask
		code   cause.Code // "" where it passes
		says   []string
	}{
		{"the UPN came back with the alias, and goes with it", leaver("smtp:a@contoso.test", "smtp:x@contoso.onmicrosoft.com"),
			address.Ask{Action: address.RemoveAlias, Address: "a@contoso.test"}, cause.WouldLoseAddress,
			[]string{"Jane Doe would lose jane@contoso.test", "smtp:a@contoso.test, smtp:jane@contoso.test", "would have SMTP:jane@contoso.onmicrosoft.com after"}},
		{"another alias keeps the UPN", leaver("smtp:a@contoso.test", "smtp:b@contoso.test"),
			address.Ask{Action: address.RemoveAlias, Address: "a@contoso.test"}, "", nil},
		{"a new UPN is on its way, and the old one would be named", renamed(false),
			address.Ask{Action: address.AddAlias, Address: "a@contoso.test"}, cause.NotSyncedYet, []string{"jane.roe@contoso.test", "would make it jane@contoso.test"}},
		{"the new UPN has arrived", renamed(true), address.Ask{Action: address.AddAlias, Address: "a@contoso.test"}, "", nil},
		{"a mailbox that is not in the cloud yet would fall back on the UPN", mailbox,
			address.Ask{Action: address.RemoveAlias, Address: "a@contoso.test"}, cause.PrimaryUnclear,
			[]string{"from jane@contoso.onmicrosoft.com to jane@contoso.test"}},
		{"the same, given another alias", mailbox, address.Ask{Action: address.SetPrimary, Address: "b@contoso.test"}, "", nil},
		{"an alias in a foreign domain cannot be the primary", badAlias,
			address.Ask{Action: address.SetPrimary, Address: "a@fabrikam.test"}, cause.DomainNotVerified, []string{"fabrikam.test"}},
		{"nor does it hinder another", badAlias, address.Ask{Action: address.SetPrimary, Address: "a@contoso.test"}, "", nil},
		{"a group whose mail does not count would get it as its address", list,
			address.Ask{Action: address.AddAlias, Address: "offers@contoso.test"}, cause.WouldMailEnable,
			[]string{"Sales has no address", "SMTP:sales@contoso.test, smtp:offers@contoso.test"}},
		{"the same, allowed", list,
			address.Ask{Action: address.AddAlias, Address: "offers@contoso.test", Allow: []address.Allowance{address.AllowMailEnable}}, "", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			plan := mustPlan(t, test.holder, test.ask)
			err := queue.Guard(test.holder.situation(), test.holder.snapshot(), test.ask, plan)
			checkRefusal(t, err, test.code, test.says)
		})
	}
}

func checkRefusal(t *testing.T, err error, code cause.Code, says []string) {
	t.Helper()
	e, refused := cause.As(err)
	if !refused {
		if code != "" || err != nil {
			t.Errorf("it gave %v, want %q", err, code)
		}
		return
	}
	if e.Cause.Code != code {
		t.Errorf("refused as %v, want %q", e, code)
	}
	for _, s := range says {
		if !strings.Contains(e.Cause.Message, s) {
			t.Errorf("%q does not say %q", e.Cause.Message, s)
		}
	}
}

// What others did to a holder since can make an undo go further than back.
func TestGuardOfAnUndo(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		licensed bool
		proxies  address.Set // at first
		ask      address.Ask
		others   func(address.Set) address.Set
		code     cause.Code // "" where it passes
	}{
		{"nobody edited: the UPN is the primary again", true, nil, address.Ask{Action: address.SetPrimary, Address: "a@contoso.test"}, nil, ""},
		{"an X500 value hides the UPN now", true, nil, address.Ask{Action: address.SetPrimary, Address: "a@contoso.test"},
			func(s address.Set) address.Set { return s.With("X500:/o=Contoso/cn=jane") }, cause.PrimaryUnclear},
		{"the UPN goes as it came", false, nil, address.Ask{Action: address.AddAlias, Address: "a@contoso.test"}, nil, ""},
		{"the UPN came with an alias that others took away", false, address.Set{"smtp:b@contoso.test"}, address.Ask{Action: address.AddAlias, Address: "a@contoso.test"},
			func(s address.Set) address.Set { return s.Without("smtp:b@contoso.test") }, cause.WouldLoseAddress},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := &hybrid{licensed: true, holder: address.Holder{Kind: address.User, Name: "Jane Doe", UPN: "jane@contoso.test"}}
			h.sync()
			h.licensed = test.licensed
			h.sync()
			h.edit(address.Values{Proxies: test.proxies})
			h.sync()
			before := h.holder.Values
			done := mustPlan(t, h, test.ask)
			after := done.After
			if test.others != nil {
				after.Proxies = test.others(after.Proxies)
			}
			h.edit(after)
			h.sync()
			undo := address.Ask{Action: address.Undo, Undo: &done.Change, UndoBefore: &before}
			checkRefusal(t, queue.Guard(h.situation(), h.snapshot(), undo, mustPlan(t, h, undo)), test.code, nil)
		})
	}
}

func mustPlan(t *testing.T, h *hybrid, ask address.Ask) address.Plan {
	t.Helper()
	plan, err := address.MakePlan(h.situation(), ask)
	if err != nil || plan.Change.Empty() {
		t.Fatalf("the plan is %+v, %v", plan, err)
	}
	return plan
}

// What the cloud shows counts more than a prediction that rests on assumptions, once it has caught up.
func TestGuardBelievesTheCloud(t *testing.T) {
	t.Parallel()
	h := &hybrid{licensed: true, holder: address.Holder{Kind: address.User, Name: "Jane Doe", UPN: "jane@contoso.test",
		Values: address.Values{Mail: "a@contoso.test"}}}
	h.sync()
	h.edit(address.Values{Mail: "a@contoso.test", Proxies: address.Set{"X500:/o=Contoso/cn=jane"}}) // predicted to hide mail
	h.caughtUp = true                                                                               // and here it did not
	ask := address.Ask{Action: address.AddAlias, Address: "b@contoso.test"}
	plan := mustPlan(t, h, ask)
	checkRefusal(t, queue.Guard(h.situation(), h.snapshot(), ask, plan), "", nil)
	unknown := h.snapshot()
	unknown.Tenant.LastSync = time.Time{}
	checkRefusal(t, queue.Guard(h.situation(), unknown, ask, plan), cause.PrimaryUnclear, []string{"from a@contoso.onmicrosoft.com to a@contoso.test"})
	h.caughtUp = false
	checkRefusal(t, queue.Guard(h.situation(), h.snapshot(), ask, plan), cause.NotSyncedYet, nil)
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
		if err != nil || plan.Change.Empty() {
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
