package address

import (
	"strings"
	"testing"

	"github.com/aliasd/aliasd/cause"
)

func TestAddAliasBesideANamedPrimary(t *testing.T) {
	t.Parallel()
	secondary := want(alias, RoleSecondary)
	for _, k := range []Kind{User, Group, Contact} {
		runPlans(t, []planCase{
			{name: string(k) + ": the alias alone is written",
				s: situation(ada, Primary(ada)).with(kind(k)), ask: asked(AddAlias, alias),
				add: []Proxy{Secondary(alias)}, wants: secondary},
			{name: string(k) + ": whatever the cloud shows",
				s: situation(ada, Primary(ada)).inCloud("SMTP:old@contoso.test").with(kind(k)).with(syncDue), ask: asked(AddAlias, alias),
				add: []Proxy{Secondary(alias)}, wants: secondary},
			{name: string(k) + ": there already",
				s: situation(ada, Primary(ada), Secondary(alias)).with(kind(k)), ask: asked(AddAlias, alias), wants: secondary},
		})
	}
	runPlans(t, []planCase{
		{name: "no mail stays no mail", s: situation("", Primary(ada)), ask: asked(AddAlias, alias),
			add: []Proxy{Secondary(alias)}, wants: secondary},
		{name: "a mail that differs is noted and stays", s: situation("x@contoso.test", Primary(ada)), ask: asked(AddAlias, alias),
			add: []Proxy{Secondary(alias)}, wants: secondary, notes: []string{"mail is"}},
		{name: "it is mail, but no value", s: situation(alias, Primary(ada)), ask: asked(AddAlias, alias),
			add: []Proxy{Secondary(alias)}, wants: secondary, notes: []string{"mail is"}},
		{name: "SIP and X500 of the same address are other things",
			s: situation(ada, Primary(ada), "SIP:"+Proxy(alias), "X500:"+Proxy(alias)), ask: asked(AddAlias, alias),
			add: []Proxy{Secondary(alias)}, wants: secondary},
	})
}

func TestAddAliasThatIsThere(t *testing.T) {
	t.Parallel()
	shouted := Address(strings.ToUpper(string(alias)))
	runPlans(t, []planCase{
		{name: "in another case", s: situation(ada, Primary(ada), Secondary(shouted)), ask: asked(AddAlias, alias),
			wants: want(alias, RoleSecondary)},
		{name: "with a prefix in mixed case", s: situation(ada, Primary(ada), "Smtp:"+Proxy(alias)), ask: asked(AddAlias, alias),
			wants: want(alias, RoleSecondary), notes: []string{"mixed case"}},
		{name: "as the primary", s: situation(ada, Primary(ada)), ask: asked(AddAlias, ada), wants: want(ada, RolePrimary)},
		{name: "as one of two primaries", s: situation(ada, Primary(ada), Primary(alias)), ask: asked(AddAlias, alias),
			wants: want(alias, RolePresent), notes: []string{"2 primaries"}},
		{name: "as a pair of twins", s: situation(ada, Primary(ada), Secondary(alias), Secondary(shouted)), ask: asked(AddAlias, alias),
			wants: want(alias, RoleSecondary), notes: []string{"several values"}},
		{name: "no primary named, the MOERA is it", s: situation("", Secondary(alias)).inCloud(Primary(moera), Secondary(alias)),
			ask: asked(AddAlias, alias), wants: want(alias, RoleSecondary), notes: []string{"no primary"}},
		{name: "no primary named, the cloud took it for one", s: situation(alias, Secondary(alias)).inCloud(Primary(alias)),
			ask: asked(AddAlias, alias), wants: want(alias, RolePresent), notes: []string{"no primary"}},
		{name: "as the implicit primary in the cloud", s: situation(ada).inCloud(Primary(ada)), ask: asked(AddAlias, ada),
			wants: want(ada, RolePrimary)},
		{name: "as the implicit primary before the first sync", s: situation(ada), ask: asked(AddAlias, "ADA@contoso.test"),
			wants: want(Address("ADA@contoso.test"), RolePrimary)},
	})
}

func TestAddFirstAliasKeepsThePrimary(t *testing.T) {
	t.Parallel()
	both := want(alias, RoleSecondary, ada, RolePrimary)
	named := []string{"is named now"}
	for _, k := range []Kind{User, Group, Contact} {
		runPlans(t, []planCase{
			{name: string(k) + ": it rests on mail", s: situation(ada).inCloud(Primary(ada), Secondary(moera)).with(kind(k)),
				ask: asked(AddAlias, alias), add: []Proxy{Secondary(alias), Primary(ada)}, wants: both, notes: named},
			{name: string(k) + ": it rests on mail, and a sync is due all the same",
				s: situation(ada).inCloud(Primary(ada)).with(kind(k)).with(syncDue), ask: asked(AddAlias, alias),
				add: []Proxy{Secondary(alias), Primary(ada)}, wants: both, notes: named},
			{name: string(k) + ": not in the cloud yet", s: situation(ada).with(kind(k)), ask: asked(AddAlias, alias),
				add: []Proxy{Secondary(alias), Primary(ada)}, wants: both, notes: named},
			{name: string(k) + ": other types stay beside it", s: situation(ada, "X500:/o=Org/cn=ada", "sip:ada@contoso.test").
				inCloud(Primary(ada)).with(kind(k)), ask: asked(AddAlias, alias),
				add: []Proxy{Secondary(alias), Primary(ada)}, wants: both, notes: named},
		})
	}
	runPlans(t, []planCase{
		{name: "it rests on the UPN: mail is written too", s: situation("").inCloud(Primary(upn), Secondary(moera)),
			ask: asked(AddAlias, alias), add: []Proxy{Secondary(alias), Primary(upn)}, mail: string(upn),
			wants: want(alias, RoleSecondary, upn, RolePrimary), notes: named},
		{name: "the directory's spelling of mail is kept", s: situation("Ada@Contoso.test").inCloud(Primary(ada)),
			ask: asked(AddAlias, alias), add: []Proxy{Secondary(alias), "SMTP:Ada@Contoso.test"},
			wants: want(alias, RoleSecondary, Address("Ada@Contoso.test"), RolePrimary), notes: named},
		{name: "it stands there in lower case", s: situation(ada, Secondary(ada)).inCloud(Primary(ada)),
			ask: asked(AddAlias, alias), del: []Proxy{Secondary(ada)}, add: []Proxy{Secondary(alias), Primary(ada)}, wants: both,
			notes: []string{"no primary", "is named now"}},
		{name: "it stands there in lower case and mail is empty", s: situation("", "smtp:ADA@contoso.test").inCloud(Primary(ada)),
			ask: asked(AddAlias, alias), del: []Proxy{"smtp:ADA@contoso.test"}, add: []Proxy{Secondary(alias), "SMTP:ADA@contoso.test"},
			mail: "ADA@contoso.test", wants: want(alias, RoleSecondary, Address("ADA@contoso.test"), RolePrimary),
			notes: []string{"no primary", "is named now"}},
		{name: "it stands there twice", s: situation(ada, Secondary(ada), "smtp:ADA@contoso.test").inCloud(Primary(ada)),
			ask: asked(AddAlias, alias), del: []Proxy{Secondary(ada), "smtp:ADA@contoso.test"},
			add: []Proxy{Secondary(alias), Primary(ada)}, wants: both, notes: []string{"no primary", "several values", "is named now"}},
		{name: "it is in the coexistence domain", s: situation("").inCloud("SMTP:ada@contoso.mail.onmicrosoft.com"),
			ask: asked(AddAlias, alias), add: []Proxy{Secondary(alias), "SMTP:ada@contoso.mail.onmicrosoft.com"},
			mail:  "ada@contoso.mail.onmicrosoft.com",
			wants: want(alias, RoleSecondary, Address("ada@contoso.mail.onmicrosoft.com"), RolePrimary), notes: named},
	})
}

func TestAddAliasBesideTheMOERA(t *testing.T) {
	t.Parallel()
	secondary := want(alias, RoleSecondary)
	add := []Proxy{Secondary(alias)}
	runPlans(t, []planCase{
		{name: "a bare alias", s: situation("").inCloud(Primary(moera)), ask: asked(AddAlias, alias), add: add, wants: secondary},
		{name: "a bare alias while a sync is due", s: situation("").inCloud(Primary(moera)).with(syncDue), ask: asked(AddAlias, alias),
			add: add, wants: secondary},
		{name: "in another routing domain than the initial one", s: situation("").inCloud("SMTP:ada@old.onmicrosoft.com"),
			ask: asked(AddAlias, alias), add: add, wants: secondary},
		{name: "in the initial domain of another cloud", s: situation("").inCloud("SMTP:ada@contoso.onmicrosoft.us").
			with(func(s *Situation) { s.InitialDomain = "contoso.onmicrosoft.us" }), ask: asked(AddAlias, alias), add: add, wants: secondary},
		{name: "mail is one that Entra discards", s: situation("ada@unverified.test").inCloud(Primary(moera)).with(mailDiscarded),
			ask: asked(AddAlias, alias), add: add, wants: secondary},
		{name: "mail is the MOERA", s: situation(moera).inCloud(Primary(moera)), ask: asked(AddAlias, alias), add: add, wants: secondary},
		{name: "mail is masked", s: situation(ada, "smtp:other@contoso.test").inCloud(Primary(moera)).with(syncDue),
			ask: asked(AddAlias, alias), add: add, wants: secondary, notes: []string{"no primary"}},
		{name: "mail is masked by other types, as the settled cloud shows", s: situation(ada, "X500:/o=a").inCloud(Primary(moera)),
			ask: asked(AddAlias, alias), add: add, wants: secondary},
		{name: "mail would count and the cloud does not know it yet", s: situation(ada).inCloud(Primary(moera)).with(syncDue),
			ask: asked(AddAlias, alias), kind: cause.Waiting, code: cause.NotSyncedYet, says: []string{string(ada), string(moera)}},
		{name: "the same beside other types", s: situation(ada, "X500:/o=a").inCloud(Primary(moera)).with(syncDue),
			ask: asked(AddAlias, alias), kind: cause.Waiting, code: cause.NotSyncedYet},
		{name: "the same, and nobody knows whether a sync is due", s: situation(ada, "X500:/o=a").inCloud(Primary(moera)).with(syncUnknown),
			ask: asked(AddAlias, alias), code: cause.PrimaryUnclear, says: []string{string(ada), string(moera)}},
		{name: "mail would count and the settled cloud does not take it", s: situation(ada).inCloud(Primary(moera)),
			ask: asked(AddAlias, alias), code: cause.PrimaryUnclear, says: []string{string(ada), string(moera)}},
	})
}

func TestAddAliasWhereThePrimaryIsUnclear(t *testing.T) {
	t.Parallel()
	other := Primary("other@contoso.test")
	runPlans(t, []planCase{
		{name: "mail and the cloud differ", s: situation(ada).inCloud(other), ask: asked(AddAlias, alias),
			code: cause.PrimaryUnclear, says: []string{"Ada Lovelace", string(ada), "other@contoso.test", "then ask again"}},
		{name: "nothing speaks for the cloud's primary, and nobody knows whether a sync is due", s: situation("").inCloud(other).with(syncUnknown),
			ask: asked(AddAlias, alias), code: cause.PrimaryUnclear, says: []string{"other@contoso.test"}},
		{name: "mail and the cloud differ, a sync is due", s: situation(ada).inCloud(other).with(syncDue), ask: asked(AddAlias, alias),
			kind: cause.Waiting, code: cause.NotSyncedYet, says: []string{string(ada), "other@contoso.test"}},
		{name: "the alias is mail, and the cloud differs", s: situation(alias).inCloud(other), ask: asked(AddAlias, alias),
			code: cause.PrimaryUnclear},
		{name: "the cloud shows none", s: situation(ada).inCloud(), ask: asked(AddAlias, alias),
			code: cause.PrimaryUnclear, says: []string{"no primary", string(ada)}},
		{name: "the cloud shows none, a sync is due", s: situation(ada).inCloud().with(syncDue), ask: asked(AddAlias, alias),
			kind: cause.Waiting, code: cause.NotSyncedYet},
		{name: "masked mail and the cloud differ", s: situation(ada, "smtp:b@contoso.test").inCloud(other), ask: asked(AddAlias, alias),
			code: cause.PrimaryUnclear},
		{name: "masked mail and the cloud differ, a sync is due", s: situation(ada, "smtp:b@contoso.test").inCloud(other).with(syncDue),
			ask: asked(AddAlias, alias), kind: cause.Waiting, code: cause.NotSyncedYet},
		{name: "nothing speaks for what the cloud shows, a sync is due", s: situation("").inCloud(other).with(syncDue), ask: asked(AddAlias, alias),
			kind: cause.Waiting, code: cause.NotSyncedYet, says: []string{"other@contoso.test", "caught up"}},
		{name: "the cloud shows two", s: situation("").inCloud(other, Primary(ada)), ask: asked(AddAlias, alias),
			code: cause.PrimaryUnclear, says: []string{"2 primaries"}},
		{name: "the cloud shows one that would be discarded", s: situation("").inCloud("SMTP:ada@contoso.microsoftonline.com"),
			ask: asked(AddAlias, alias), code: cause.PrimaryUnclear, says: []string{"discard"}},
		{name: "the cloud shows one that is malformed", s: situation("").inCloud("SMTP:a da@contoso.test"),
			ask: asked(AddAlias, alias), code: cause.PrimaryUnclear, says: []string{"discard"}},
		{name: "the cloud shows one in a deep coexistence domain", s: situation("").inCloud("SMTP:a@x.y.mail.onmicrosoft.com"),
			ask: asked(AddAlias, alias), code: cause.PrimaryUnclear, says: []string{"discard"}},
	})
}

func TestAddAliasWhereThereIsNoPrimary(t *testing.T) {
	t.Parallel()
	runPlans(t, []planCase{
		{name: "in the cloud, nothing anywhere", s: situation("").inCloud(), ask: asked(AddAlias, alias),
			code: cause.NoPrimary, says: []string{"set_primary", string(alias)}},
		{name: "in the cloud, mail is masked", s: situation(ada, "smtp:b@contoso.test").inCloud("smtp:b@contoso.test"),
			ask: asked(AddAlias, alias), code: cause.NoPrimary, says: []string{"the cloud shows none"}},
		{name: "not in the cloud, no mail", s: situation(""), ask: asked(AddAlias, alias),
			code: cause.NoPrimary, says: []string{"mail on-premises is empty"}},
		{name: "not in the cloud, mail is discarded", s: situation(ada).with(mailDiscarded), ask: asked(AddAlias, alias),
			code: cause.NoPrimary, says: []string{"would discard its mail", string(ada)}},
		{name: "not in the cloud, mail is malformed", s: situation("a da@contoso.test"), ask: asked(AddAlias, alias),
			code: cause.NoPrimary, says: []string{"would discard its mail"}},
		{name: "not in the cloud, mail is masked", s: situation(ada, "smtp:b@contoso.test"), ask: asked(AddAlias, alias),
			code: cause.NoPrimary, says: []string{"does not count"}},
		{name: "a contact without anything", s: situation("").inCloud().with(kind(Contact)), ask: asked(AddAlias, alias),
			code: cause.NoPrimary},
		{name: "a group, mail-enabling allowed", s: situation("").inCloud().with(kind(Group)), ask: asked(AddAlias, alias, AllowMailEnable),
			code: cause.NoPrimary, says: []string{"set_primary"}},
	})
}

func TestAddAliasRefusals(t *testing.T) {
	t.Parallel()
	runPlans(t, []planCase{
		{name: "malformed", s: situation(ada, Primary(ada)), ask: asked(AddAlias, "a b@contoso.test"), code: cause.InvalidAddress},
		{name: "reserved", s: situation(ada, Primary(ada)), ask: asked(AddAlias, moera), code: cause.ReservedSuffix},
		{name: "first address of a group", s: situation("").inCloud().with(kind(Group)), ask: asked(AddAlias, alias),
			code: cause.WouldMailEnable, says: []string{`"allow": ["mail_enable"]`, "set_primary"}},
		{name: "first address of a group that is not in the cloud", s: situation("", "X500:/o=a").with(kind(Group)),
			ask: asked(AddAlias, alias, AllowSignInChange), code: cause.WouldMailEnable},
	})
}
