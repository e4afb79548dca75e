package queue_test

import (
	"strings"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/queue"
)

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
	partner := &hybrid{holder: address.Holder{Kind: address.Contact, Name: "Partner",
		Values: address.Values{Mail: "p@fabrikam.test", Proxies: address.Set{"SMTP:p@fabrikam.test"}}}}
	partner.sync()
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
		{"a contact may have any domain", partner, address.Ask{Action: address.AddAlias, Address: "p@northwind.test"}, "", nil},
		{"but not another tenant's own", partner, address.Ask{Action: address.AddAlias, Address: "p@northwind.mail.onmicrosoft.com"},
			cause.ReservedSuffix, []string{"p@northwind.mail.onmicrosoft.com"}},
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

// Where people sign in with mail, a new mail is a new UPN; an old mail that happens to be the cloud's UPN is none.
func TestGuardKnowsWhoSignsInWithMail(t *testing.T) {
	t.Parallel()
	h := &hybrid{licensed: true, holder: address.Holder{Kind: address.User, Name: "Jane Doe", UPN: "jane@contoso.test",
		Values: address.Values{Mail: "j@contoso.test", Proxies: address.Set{"SMTP:j@contoso.test"}}}}
	h.sync()
	h.object.UPN = "j@contoso.test"
	ask := address.Ask{Action: address.SetPrimary, Address: "a@contoso.test", Allow: []address.Allowance{address.AllowSignInChange}}
	plan := mustPlan(t, h, ask)
	checkRefusal(t, queue.Guard(h.situation(), h.snapshot(), ask, plan), "", nil)
	if after := cloudcheck.PredictWith(h.holder, plan.After, h.snapshot()); len(after.Proxies.Find("jane@contoso.test")) > 0 {
		t.Errorf("the AD UPN is an address in %v", after.Proxies)
	}
	renamed := &hybrid{licensed: true, holder: address.Holder{Kind: address.User, Name: "Jane Doe", UPN: "a@contoso.test"}}
	renamed.sync()
	renamed.holder.UPN = "b@contoso.test"
	plan = mustPlan(t, renamed, address.Ask{Action: address.SetPrimary, Address: "c@contoso.test"})
	plan.After.Mail = "a@contoso.test"
	if after := cloudcheck.PredictWith(renamed.holder, plan.After, renamed.snapshot()); len(after.Proxies.Find("b@contoso.test")) == 0 {
		t.Errorf("the AD UPN is no address in %v", after.Proxies)
	}
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
	unknown := h.situation()
	unknown.SyncUnknown = true
	checkRefusal(t, queue.Guard(unknown, h.snapshot(), ask, plan), cause.PrimaryUnclear, []string{"from a@contoso.onmicrosoft.com to a@contoso.test"})
	h.caughtUp = false
	checkRefusal(t, queue.Guard(h.situation(), h.snapshot(), ask, plan), cause.NotSyncedYet, nil)
}
