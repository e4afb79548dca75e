package address

import (
	"testing"

	"github.com/aliasd/aliasd/cause"
)

func TestRemoveAlias(t *testing.T) {
	t.Parallel()
	gone := want(alias, RoleAbsent)
	for _, k := range []Kind{User, Group, Contact} {
		runPlans(t, []planCase{
			{name: string(k) + ": beside a primary", s: situation(ada, Primary(ada), Secondary(alias), "X500:/o=a").with(kind(k)),
				ask: asked(RemoveAlias, alias), del: []Proxy{Secondary(alias)}, wants: gone},
			{name: string(k) + ": not there", s: situation(ada, Primary(ada)).with(kind(k)), ask: asked(RemoveAlias, alias), wants: gone},
			{name: string(k) + ": the last one, and mail is the primary all the same",
				s: situation(ada, Secondary(alias)).inCloud(Primary(ada), Secondary(alias)).with(kind(k)), ask: asked(RemoveAlias, alias),
				del: []Proxy{Secondary(alias)}, wants: gone, notes: []string{"no primary"}},
		})
	}
	runPlans(t, []planCase{
		{name: "not there, and nothing else is", s: situation(ada).inCloud(Primary(moera)), ask: asked(RemoveAlias, alias), wants: gone},
		{name: "in another case", s: situation(ada, Primary(ada), "smtp:A.LOVELACE@contoso.test"), ask: asked(RemoveAlias, alias),
			del: []Proxy{"smtp:A.LOVELACE@contoso.test"}, wants: gone},
		{name: "every twin", s: situation(ada, Primary(ada), "smtp:A.LOVELACE@contoso.test", "Smtp:"+Proxy(alias)), ask: asked(RemoveAlias, alias),
			del: []Proxy{"smtp:A.LOVELACE@contoso.test", "Smtp:" + Proxy(alias)}, wants: gone, notes: []string{"several values", "mixed case"}},
		{name: "SIP and X500 stay", s: situation(ada, Primary(ada), Secondary(alias), "SIP:"+Proxy(alias)), ask: asked(RemoveAlias, alias),
			del: []Proxy{Secondary(alias)}, wants: gone},
		{name: "mail that says it is left and noted", s: situation(alias, Primary(ada), Secondary(alias)), ask: asked(RemoveAlias, alias),
			del: []Proxy{Secondary(alias)}, wants: gone, notes: []string{"not the primary", "mail still says"}},
		{name: "a malformed one may go", s: situation(ada, Primary(ada), "smtp:a b@contoso.test"), ask: asked(RemoveAlias, "a b@contoso.test"),
			del: []Proxy{"smtp:a b@contoso.test"}, wants: want(Address("a b@contoso.test"), RoleAbsent), notes: []string{"discarded"}},
		{name: "a former primary in the cloud, when the directory names another", s: situation(ada, Primary(ada), Secondary(alias)).
			inCloud(Primary(alias), Secondary(ada)), ask: asked(RemoveAlias, alias), del: []Proxy{Secondary(alias)}, wants: gone},
		{name: "one of two aliases beside the MOERA", s: situation("", Secondary(alias), "smtp:b@contoso.test").inCloud(Primary(moera)),
			ask: asked(RemoveAlias, alias), del: []Proxy{Secondary(alias)}, wants: gone, notes: []string{"no primary"}},
		{name: "the last one of a user who is not in the cloud", s: situation("", Secondary(alias)), ask: asked(RemoveAlias, alias),
			del: []Proxy{Secondary(alias)}, wants: gone, notes: []string{"no primary"}},
		{name: "the last one, and the UPN is the primary all the same", s: situation("", Secondary(alias)).inCloud(Primary(upn)),
			ask: asked(RemoveAlias, alias), del: []Proxy{Secondary(alias)}, wants: gone, notes: []string{"no primary"}},
	})
}

func TestRemoveAliasRefusals(t *testing.T) {
	t.Parallel()
	runPlans(t, []planCase{
		{name: "the primary", s: situation(ada, Primary(ada)), ask: asked(RemoveAlias, "ADA@contoso.test"),
			code: cause.IsPrimary, says: []string{"set another primary first"}},
		{name: "one of two primaries", s: situation(ada, Primary(ada), Primary(alias)), ask: asked(RemoveAlias, alias), code: cause.IsPrimary},
		{name: "an alias that is the primary too", s: situation(ada, Secondary(ada), "SMTP:ADA@contoso.test"), ask: asked(RemoveAlias, ada),
			code: cause.IsPrimary},
		{name: "the primary that the cloud shows", s: situation("", Secondary(alias), Secondary(ada)).inCloud(Primary(alias)),
			ask: asked(RemoveAlias, alias), code: cause.IsPrimary},
		{name: "the primary that rests on mail", s: situation(ada).inCloud(Primary(ada)), ask: asked(RemoveAlias, ada), code: cause.IsPrimary},
		{name: "the primary that mail will be", s: situation(ada), ask: asked(RemoveAlias, ada), code: cause.IsPrimary},
		{name: "the MOERA that is the primary", s: situation("").inCloud(Primary(moera)), ask: asked(RemoveAlias, moera), code: cause.IsPrimary},
		{name: "the UPN", s: situation(ada, Primary(ada), Secondary(upn)), ask: asked(RemoveAlias, upn),
			code: cause.IsUPN, says: []string{"would stay", "change the UPN first"}},
		{name: "the UPN, not on-premises", s: situation(ada, Primary(ada)), ask: asked(RemoveAlias, upn), code: cause.IsUPN},
		{name: "the UPN in the cloud", s: situation(ada, Primary(ada), Secondary(alias)).inCloud(Primary(ada)).
			with(func(s *Situation) { s.Cloud.UPN = string(alias) }), ask: asked(RemoveAlias, alias), code: cause.IsUPN},
		{name: "the last one: mail would be unmasked", s: situation(ada, Secondary(alias)).inCloud(Primary(moera)), ask: asked(RemoveAlias, alias),
			code: cause.PrimaryUnclear, says: []string{string(alias), string(ada), "may become the primary"}},
		{name: "the last one is mail, which would be unmasked", s: situation(alias, Secondary(alias)).inCloud(Primary(moera)),
			ask: asked(RemoveAlias, alias), code: cause.PrimaryUnclear, says: []string{"may become the primary"}},
		{name: "the last one before the first sync", s: situation(ada, Secondary(alias)), ask: asked(RemoveAlias, alias), code: cause.PrimaryUnclear},
		{name: "the last twins: mail would be unmasked", s: situation(ada, Secondary(alias), "smtp:A.LOVELACE@contoso.test", "X500:/o=a").
			inCloud(Primary(moera)), ask: asked(RemoveAlias, alias), code: cause.PrimaryUnclear},
		{name: "the last one of a group: mail would be unmasked", s: situation(ada, Secondary(alias)).inCloud(Primary(moera)).with(kind(Group)),
			ask: asked(RemoveAlias, alias), code: cause.PrimaryUnclear},
		{name: "the last one: the UPN in the cloud would be unmasked", s: situation("", Secondary(alias)).inCloud(Primary(moera)).
			with(func(s *Situation) { s.Cloud.UPN = "cloud@contoso.test" }), ask: asked(RemoveAlias, alias),
			code: cause.PrimaryUnclear, says: []string{"cloud@contoso.test", "may become"}},
		{name: "the last one: the UPN on-premises would be unmasked", s: situation("", Secondary(alias)).inCloud(Primary(moera)).
			with(func(s *Situation) { s.Cloud.UPN = "" }), ask: asked(RemoveAlias, alias), code: cause.PrimaryUnclear, says: []string{string(upn)}},
		{name: "the last one: the UPN may count beside a discarded mail", s: situation(moera, Secondary(alias)).inCloud(Primary(moera)).
			with(mailDiscarded), ask: asked(RemoveAlias, alias), code: cause.PrimaryUnclear, says: []string{string(upn)}},
		{name: "the only address of a contact", s: situation("", Secondary(alias)).inCloud().with(kind(Contact)), ask: asked(RemoveAlias, alias),
			code: cause.IsPrimary, says: []string{"only address", "set a primary first"}},
		{name: "the only address of a group beside its MOERA", s: situation("", Secondary(alias)).inCloud(Primary(moera)).with(kind(Group)),
			ask: asked(RemoveAlias, alias), code: cause.IsPrimary, says: []string{"the group Ada Lovelace", "would lose its mail"}},
		{name: "a value that is no UTF-8", s: situation(ada, Primary(ada), "smtp:\xff@contoso.test"), ask: asked(RemoveAlias, "\xff@contoso.test"),
			code: cause.InvalidAddress, says: []string{"correct it in the directory"}},
	})
}

func TestRemoveAliasOfGroupAndContactIgnoresTheUPN(t *testing.T) {
	t.Parallel()
	for _, k := range []Kind{Group, Contact} {
		runPlans(t, []planCase{{name: string(k), s: situation(ada, Primary(ada), Secondary(upn)).with(kind(k)), ask: asked(RemoveAlias, upn),
			del: []Proxy{Secondary(upn)}, wants: want(upn, RoleAbsent)}})
	}
}
