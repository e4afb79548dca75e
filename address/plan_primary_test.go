package address

import (
	"testing"

	"github.com/aliasd/aliasd/cause"
)

func TestSetPrimaryBesideANamedOne(t *testing.T) {
	t.Parallel()
	swapped := want(alias, RolePrimary, ada, RoleSecondary)
	for _, k := range []Kind{User, Group, Contact} {
		runPlans(t, []planCase{
			{name: string(k) + ": an alias is made the primary", s: situation(ada, Primary(ada), Secondary(alias), "X500:/o=a").with(kind(k)),
				ask: asked(SetPrimary, alias), del: []Proxy{Primary(ada), Secondary(alias)}, add: []Proxy{Primary(alias), Secondary(ada)},
				mail: string(alias), wants: swapped},
			{name: string(k) + ": a new address", s: situation(ada, Primary(ada)).with(kind(k)).inCloud(Primary("b@contoso.test")),
				ask: asked(SetPrimary, alias), del: []Proxy{Primary(ada)}, add: []Proxy{Primary(alias), Secondary(ada)},
				mail: string(alias), wants: swapped},
			{name: string(k) + ": it is the primary", s: situation(ada, Primary(ada), Secondary(alias)).with(kind(k)),
				ask: asked(SetPrimary, ada), wants: want(ada, RolePrimary)},
		})
	}
}

func TestSetPrimaryKeepsStoredSpelling(t *testing.T) {
	t.Parallel()
	runPlans(t, []planCase{
		{name: "of an alias", s: situation(ada, Primary(ada), "smtp:A.Lovelace@Contoso.test"), ask: asked(SetPrimary, alias),
			del: []Proxy{Primary(ada), "smtp:A.Lovelace@Contoso.test"}, add: []Proxy{"SMTP:A.Lovelace@Contoso.test", Secondary(ada)},
			mail: "A.Lovelace@Contoso.test", wants: want(Address("A.Lovelace@Contoso.test"), RolePrimary, ada, RoleSecondary)},
		{name: "of the primary, which mail gets too", s: situation(alias, "SMTP:ADA@contoso.test", Secondary(alias)), ask: asked(SetPrimary, ada),
			mail: "ADA@contoso.test", wants: want(ada, RolePrimary), notes: []string{"not the primary"}},
		{name: "of the primary, while there is no mail", s: situation("", Primary(ada)), ask: asked(SetPrimary, ada), wants: want(ada, RolePrimary)},
		{name: "of the primary", s: situation(ada, "SMTP:ADA@contoso.test"), ask: asked(SetPrimary, ada), wants: want(ada, RolePrimary)},
		{name: "of the old primary", s: situation(ada, "SMTP:ADA@contoso.test"), ask: asked(SetPrimary, alias),
			del: []Proxy{"SMTP:ADA@contoso.test"}, add: []Proxy{Primary(alias), "smtp:ADA@contoso.test"}, mail: string(alias),
			wants: want(alias, RolePrimary, Address("ADA@contoso.test"), RoleSecondary)},
		{name: "of mail that differs in case alone", s: situation("ADA@contoso.test", Primary(alias), Secondary(ada)),
			ask: asked(SetPrimary, ada), del: []Proxy{Primary(alias), Secondary(ada)}, add: []Proxy{Primary(ada), Secondary(alias)},
			wants: want(ada, RolePrimary, alias, RoleSecondary), notes: []string{"mail is"}},
		{name: "but not of a prefix in mixed case", s: situation(ada, Primary(ada), "Smtp:A.Lovelace@contoso.test"), ask: asked(SetPrimary, alias),
			del: []Proxy{Primary(ada), "Smtp:A.Lovelace@contoso.test"}, add: []Proxy{"SMTP:A.Lovelace@contoso.test", Secondary(ada)},
			mail: "A.Lovelace@contoso.test", wants: want(Address("A.Lovelace@contoso.test"), RolePrimary, ada, RoleSecondary),
			notes: []string{"mixed case"}},
	})
}

func TestSetPrimaryMendsWrongSets(t *testing.T) {
	t.Parallel()
	runPlans(t, []planCase{
		{name: "two primaries, one is asked for", s: situation(ada, Primary(ada), Primary(alias)), ask: asked(SetPrimary, alias),
			del: []Proxy{Primary(ada)}, add: []Proxy{Secondary(ada)}, mail: string(alias),
			wants: want(alias, RolePrimary, ada, RoleSecondary), notes: []string{"2 primaries"}},
		{name: "two primaries, another is asked for", s: situation(ada, Primary(ada), Primary(alias)), ask: asked(SetPrimary, "new@contoso.test"),
			del: []Proxy{Primary(ada), Primary(alias)}, add: []Proxy{"SMTP:new@contoso.test", Secondary(ada), Secondary(alias)},
			mail: "new@contoso.test", wants: want(Address("new@contoso.test"), RolePrimary, ada, RoleSecondary, alias, RoleSecondary),
			notes: []string{"2 primaries"}},
		{name: "two primaries that are twins", s: situation(ada, Primary(ada), "SMTP:ADA@contoso.test"), ask: asked(SetPrimary, alias),
			del: []Proxy{Primary(ada), "SMTP:ADA@contoso.test"}, add: []Proxy{Primary(alias), Secondary(ada)}, mail: string(alias),
			wants: want(alias, RolePrimary, ada, RoleSecondary), notes: []string{"2 primaries", "several values"}},
		{name: "twins of what is asked for", s: situation(ada, Primary(ada), "smtp:A.LOVELACE@contoso.test", Secondary(alias)),
			ask: asked(SetPrimary, alias), del: []Proxy{Primary(ada), "smtp:A.LOVELACE@contoso.test", Secondary(alias)},
			add: []Proxy{Primary(alias), Secondary(ada)}, mail: string(alias), wants: want(alias, RolePrimary, ada, RoleSecondary),
			notes: []string{"several values"}},
		{name: "the old primary has a twin", s: situation(ada, Primary(ada), Secondary(ada)), ask: asked(SetPrimary, alias),
			del: []Proxy{Primary(ada)}, add: []Proxy{Primary(alias)}, mail: string(alias),
			wants: want(alias, RolePrimary, ada, RoleSecondary), notes: []string{"several values"}},
		{name: "mail differed, its address is gone", s: situation("x@contoso.test", Primary(ada)), ask: asked(SetPrimary, alias),
			del: []Proxy{Primary(ada)}, add: []Proxy{Primary(alias), Secondary(ada)}, mail: string(alias),
			wants: want(alias, RolePrimary, ada, RoleSecondary), notes: []string{"not the primary", "not kept as an alias"}},
		{name: "mail differed, and it is the only primary already", s: situation("x@contoso.test", Primary(ada)), ask: asked(SetPrimary, ada),
			mail: string(ada), wants: want(ada, RolePrimary), notes: []string{"not the primary", "not kept as an alias"}},
		{name: "a primary that the cloud discards is kept but not waited for", s: situation("", "SMTP:a da@contoso.test"),
			ask: asked(SetPrimary, alias), del: []Proxy{"SMTP:a da@contoso.test"}, add: []Proxy{Primary(alias), "smtp:a da@contoso.test"},
			mail: string(alias), wants: want(alias, RolePrimary), notes: []string{"discarded"}},
	})
}

func TestSetPrimaryKeepsTheImplicitOne(t *testing.T) {
	t.Parallel()
	both := want(alias, RolePrimary, ada, RoleSecondary)
	for _, k := range []Kind{User, Group, Contact} {
		runPlans(t, []planCase{
			{name: string(k) + ": it rested on mail", s: situation(ada).inCloud(Primary(ada)).with(kind(k)), ask: asked(SetPrimary, alias),
				add: []Proxy{Primary(alias), Secondary(ada)}, mail: string(alias), wants: both},
			{name: string(k) + ": not in the cloud yet", s: situation(ada).with(kind(k)), ask: asked(SetPrimary, alias),
				add: []Proxy{Primary(alias), Secondary(ada)}, mail: string(alias), wants: both},
			{name: string(k) + ": it is asked for itself", s: situation(ada).inCloud(Primary(ada)).with(kind(k)), ask: asked(SetPrimary, ada),
				add: []Proxy{Primary(ada)}, wants: want(ada, RolePrimary)},
		})
	}
	runPlans(t, []planCase{
		{name: "it rested on the UPN", s: situation("").inCloud(Primary(upn)), ask: asked(SetPrimary, alias),
			add: []Proxy{Primary(alias), Secondary(upn)}, mail: string(alias), wants: want(alias, RolePrimary, upn, RoleSecondary)},
		{name: "it stands there in lower case", s: situation(ada, "smtp:ADA@contoso.test").inCloud(Primary(ada)), ask: asked(SetPrimary, alias),
			add: []Proxy{Primary(alias)}, mail: string(alias), wants: want(alias, RolePrimary, Address("ADA@contoso.test"), RoleSecondary),
			notes: []string{"no primary"}},
		{name: "it is the MOERA", s: situation("").inCloud(Primary(moera)), ask: asked(SetPrimary, alias),
			add: []Proxy{Primary(alias)}, mail: string(alias), wants: want(alias, RolePrimary)},
		{name: "it is the MOERA, and a discarded mail goes", s: situation("a@unverified.test").inCloud(Primary(moera)).with(mailDiscarded),
			ask: asked(SetPrimary, alias), add: []Proxy{Primary(alias)}, mail: string(alias), wants: want(alias, RolePrimary),
			notes: []string{`mail was "a@unverified.test"`}},
		{name: "it is the MOERA, and mail that the cloud did not take is asked for", s: situation(ada, "X500:/o=a").inCloud(Primary(moera)).with(syncDue),
			ask: asked(SetPrimary, ada), add: []Proxy{Primary(ada)}, wants: want(ada, RolePrimary)},
		{name: "it is the MOERA, and mail that the cloud did not take would be lost", s: situation(ada).inCloud(Primary(moera)),
			ask: asked(SetPrimary, alias), code: cause.PrimaryUnclear, says: []string{string(ada), string(moera)}},
		{name: "mail is asked for, and the cloud shows two", s: situation(ada).inCloud(Primary(moera), Primary(alias)),
			ask: asked(SetPrimary, ada), code: cause.PrimaryUnclear, says: []string{"2 primaries"}},
		{name: "mail is asked for, and the cloud shows another that would be lost", s: situation(ada).inCloud(Primary(alias)),
			ask: asked(SetPrimary, ada), code: cause.PrimaryUnclear, says: []string{string(ada), string(alias)}},
		{name: "mail and the cloud differ", s: situation(ada).inCloud(Primary("b@contoso.test")), ask: asked(SetPrimary, alias),
			code: cause.PrimaryUnclear, says: []string{string(ada), "b@contoso.test"}},
		{name: "what the cloud shows was just taken away", s: situation("").inCloud(Primary("b@contoso.test")).with(syncDue),
			ask: asked(SetPrimary, alias), kind: cause.Waiting, code: cause.NotSyncedYet, says: []string{"b@contoso.test"}},
		{name: "mail and the cloud differ, a sync is due", s: situation(ada).inCloud(Primary("b@contoso.test")).with(syncDue),
			ask: asked(SetPrimary, alias), kind: cause.Waiting, code: cause.NotSyncedYet},
	})
}

func TestSetPrimaryWhereThereIsNone(t *testing.T) {
	t.Parallel()
	first := want(alias, RolePrimary)
	add := []Proxy{Primary(alias)}
	runPlans(t, []planCase{
		{name: "in the cloud, nothing anywhere", s: situation("").inCloud(), ask: asked(SetPrimary, alias), add: add,
			mail: string(alias), wants: first},
		{name: "not in the cloud, nothing anywhere", s: situation(""), ask: asked(SetPrimary, alias), add: add, mail: string(alias), wants: first},
		{name: "not in the cloud, a discarded mail goes", s: situation(ada).with(mailDiscarded), ask: asked(SetPrimary, alias), add: add,
			mail: string(alias), wants: first, notes: []string{"not kept as an alias"}},
		{name: "not in the cloud, a masked mail goes", s: situation(ada, "smtp:b@contoso.test"), ask: asked(SetPrimary, alias), add: add,
			mail: string(alias), wants: first, notes: []string{"no primary", "not kept as an alias"}},
		{name: "aliases alone", s: situation("", Secondary(alias), "smtp:b@contoso.test").inCloud(), ask: asked(SetPrimary, alias),
			del: []Proxy{Secondary(alias)}, add: add, mail: string(alias), wants: first, notes: []string{"no primary"}},
		{name: "a contact", s: situation("").inCloud().with(kind(Contact)), ask: asked(SetPrimary, alias), add: add,
			mail: string(alias), wants: first},
		{name: "a group that may be mail-enabled", s: situation("").inCloud().with(kind(Group)), ask: asked(SetPrimary, alias, AllowMailEnable),
			add: add, mail: string(alias), wants: first},
		{name: "a group that may not", s: situation("").inCloud().with(kind(Group)), ask: asked(SetPrimary, alias),
			code: cause.WouldMailEnable, says: []string{"mail_enable"}},
	})
}

func TestSetPrimaryRefusals(t *testing.T) {
	t.Parallel()
	runPlans(t, []planCase{
		{name: "malformed", s: situation(ada, Primary(ada)), ask: asked(SetPrimary, "no at"), code: cause.InvalidAddress},
		{name: "reserved", s: situation(ada, Primary(ada)), ask: asked(SetPrimary, moera), code: cause.ReservedSuffix},
		{name: "a value that is no UTF-8 would be rewritten", s: situation("", "SMTP:\xff@contoso.test"), ask: asked(SetPrimary, alias),
			code: cause.InvalidAddress, says: []string{`\xff`, "UTF-8"}},
		{name: "a mail that is no UTF-8 would be rewritten", s: situation("\xff@contoso.test", Primary(ada)), ask: asked(SetPrimary, alias),
			code: cause.InvalidAddress, says: []string{`\xff`}},
	})
}

func TestSetPrimaryNotesThePolicy(t *testing.T) {
	t.Parallel()
	owned := func(s *Situation) { s.Holder.PolicyOwned = true }
	runPlans(t, []planCase{
		{name: "it may turn the primary back", s: situation("", Primary(ada)).with(owned), ask: asked(SetPrimary, ada),
			wants: want(ada, RolePrimary), notes: []string{"msExchPoliciesExcluded"}},
		{name: "it leaves an alias alone", s: situation("", Primary(ada)).with(owned), ask: asked(AddAlias, alias),
			add: []Proxy{Secondary(alias)}, wants: want(alias, RoleSecondary)},
	})
}

// signsInWithMail makes the cloud UPN come from AD mail (alternate login ID).
func signsInWithMail(s *Situation) { s.Cloud.UPN = s.Holder.Mail }

func TestSignInChange(t *testing.T) {
	t.Parallel()
	byMail := situation("Ada@contoso.test", Primary(ada)).inCloud(Primary(ada)).with(signsInWithMail)
	moved := planCase{ask: asked(SetPrimary, alias), del: []Proxy{Primary(ada)}, add: []Proxy{Primary(alias), Secondary(ada)},
		mail: string(alias), wants: want(alias, RolePrimary, ada, RoleSecondary)}
	passes := func(name string, s Situation, allow ...Allowance) planCase {
		moved.name, moved.s, moved.ask.Allow = name, s, allow
		return moved
	}
	runPlans(t, []planCase{
		{name: "refused", s: byMail, ask: asked(SetPrimary, alias, AllowMailEnable), code: cause.SignInChange,
			says: []string{"Ada@contoso.test", string(alias), `"allow": ["sign_in_change"]`}},
		passes("allowed", byMail, AllowSignInChange),
		passes("a contact signs in nowhere", byMail.with(kind(Contact))),
		passes("the UPN is the UPN on-premises", byMail.with(func(s *Situation) { s.Holder.UPN = string(ada) })),
		passes("the UPN is another one", byMail.with(func(s *Situation) { s.Cloud.UPN = string(upn) })),
		{name: "mail stays", s: byMail, ask: asked(AddAlias, alias), add: []Proxy{Secondary(alias)}, wants: want(alias, RoleSecondary)},
	})
}
