package address

import (
	"testing"

	"github.com/aliasd/aliasd/cause"
)

// takeBack asks to undo what made before into after.
func takeBack(before, after Values, allow ...Allowance) Ask {
	change := Between(before, after)
	return Ask{Action: Undo, Undo: &change, UndoBefore: &before, Allow: allow}
}

func values(mail Address, proxies ...Proxy) Values { return Values{string(mail), proxies} }

// stands is a situation in which these values stand on-premises.
func stands(v Values) Situation { return situation(Address(v.Mail), v.Proxies...) }

func TestUndoTakesBackExactly(t *testing.T) {
	t.Parallel()
	old := values(ada, Primary(ada), "X500:/o=a")
	withAlias := values(ada, Primary(ada), "X500:/o=a", Secondary(alias))
	moved := values(alias, Primary(alias), "X500:/o=a", Secondary(ada))
	for _, k := range []Kind{User, Group, Contact} {
		runPlans(t, []planCase{
			{name: string(k) + ": of add_alias", s: stands(withAlias).with(kind(k)), ask: takeBack(old, withAlias),
				del: []Proxy{Secondary(alias)}, wants: want(alias, RoleAbsent)},
			{name: string(k) + ": of remove_alias", s: stands(old).with(kind(k)), ask: takeBack(withAlias, old),
				add: []Proxy{Secondary(alias)}, wants: want(alias, RoleSecondary)},
			{name: string(k) + ": of set_primary of an alias", s: stands(moved).with(kind(k)), ask: takeBack(withAlias, moved),
				del: []Proxy{Primary(alias), Secondary(ada)}, add: []Proxy{Secondary(alias), Primary(ada)}, mail: string(ada),
				wants: want(ada, RolePrimary, alias, RoleSecondary)},
			{name: string(k) + ": of set_primary of a new address", s: stands(moved).with(kind(k)), ask: takeBack(old, moved),
				del: []Proxy{Primary(alias), Secondary(ada)}, add: []Proxy{Primary(ada)}, mail: string(ada),
				wants: want(ada, RolePrimary, alias, RoleAbsent)},
		})
	}
	stranger := Secondary("stranger@contoso.test")
	runPlans(t, []planCase{
		{name: "what others added since stays", s: stands(values(ada, append(withAlias.Proxies, stranger)...)), ask: takeBack(old, withAlias),
			del: []Proxy{Secondary(alias)}, wants: want(alias, RoleAbsent)},
		{name: "of an alias beside two primaries", s: stands(values(ada, Primary(ada), Primary(upn), Secondary(alias))),
			ask: takeBack(values(ada, Primary(ada), Primary(upn)), values(ada, Primary(ada), Primary(upn), Secondary(alias))),
			del: []Proxy{Secondary(alias)}, wants: want(alias, RoleAbsent), notes: []string{"2 primaries"}},
		{name: "of nothing", s: stands(old), ask: takeBack(old, old)},
		{name: "of removing twins", s: stands(old), ask: takeBack(values(ada, append(withAlias.Proxies, "smtp:A.LOVELACE@contoso.test")...), old),
			add: []Proxy{Secondary(alias), "smtp:A.LOVELACE@contoso.test"}, wants: want(alias, RoleSecondary)},
		{name: "of moving a primary that has a twin", s: stands(values(alias, Primary(alias), Secondary(ada))),
			ask: takeBack(values(ada, Primary(ada), Secondary(ada)), values(alias, Primary(alias), Secondary(ada))),
			del: []Proxy{Primary(alias)}, add: []Proxy{Primary(ada)}, mail: string(ada), wants: want(ada, RolePrimary, alias, RoleAbsent)},
	})
}

func TestUndoOfAPrimaryThatWasMadeExplicit(t *testing.T) {
	t.Parallel()
	onMail := values(ada)
	named := values(ada, Secondary(alias), Primary(ada))
	nothing := values("")
	namedUPN := values(upn, Secondary(alias), Primary(upn))
	lower := values(ada, Secondary(ada))
	masked := values(ada, "smtp:b@contoso.test")
	runPlans(t, []planCase{
		{name: "it rests on mail again", s: stands(named).inCloud(Primary(ada), Secondary(alias)), ask: takeBack(onMail, named),
			del: []Proxy{Secondary(alias), Primary(ada)}, wants: want(alias, RoleAbsent, ada, RolePrimary)},
		{name: "it rests on the UPN again, and is not waited for", s: stands(namedUPN).inCloud(Primary(upn)).with(func(s *Situation) {
			s.Cloud.UPN = "cloud@contoso.test"
		}), ask: takeBack(nothing, namedUPN), del: []Proxy{Secondary(alias), Primary(upn)}, mail: noMail, wants: want(alias, RoleAbsent)},
		{name: "it is a bare value again", s: stands(named).inCloud(Primary(ada)), ask: takeBack(lower, named),
			del: []Proxy{Secondary(alias), Primary(ada)}, add: []Proxy{Secondary(ada)}, wants: want(ada, RolePresent, alias, RoleAbsent),
		},
		{name: "it rests on a masked mail, and is not waited for", s: stands(values(ada, append(named.Proxies, masked.Proxies...)...)),
			ask: takeBack(masked, values(ada, append(named.Proxies, masked.Proxies...)...)),
			del: []Proxy{Secondary(alias), Primary(ada)}, wants: want(alias, RoleAbsent)},
	})
}

func TestUndoOfABareAlias(t *testing.T) {
	t.Parallel()
	bare := values("", Secondary(alias))
	runPlans(t, []planCase{
		{name: "beside the MOERA", s: stands(bare).inCloud(Primary(moera), Secondary(alias)), ask: takeBack(values(""), bare),
			del: []Proxy{Secondary(alias)}, wants: want(alias, RoleAbsent), notes: []string{"no primary"}},
		{name: "mail was set since and would be unmasked", s: stands(values(ada, Secondary(alias))).inCloud(Primary(moera)),
			ask: takeBack(values(""), bare), code: cause.ChangedSince, says: []string{string(ada), "would come from it"}},
		{name: "mail was re-spelled since", s: stands(values("ADA@contoso.test", Secondary(alias))),
			ask: takeBack(values(ada), values(ada, Secondary(alias))), del: []Proxy{Secondary(alias)}, wants: want(alias, RoleAbsent),
			notes: []string{"no primary"}},
		{name: "what stood there before is not known", s: stands(values(ada, Secondary(alias))),
			ask: Ask{Action: Undo, Undo: &Change{Add: []Proxy{Secondary(alias)}}}, del: []Proxy{Secondary(alias)},
			wants: want(alias, RoleAbsent), notes: []string{"no primary"}},
	})
}

func TestUndoOfWhatChangedSince(t *testing.T) {
	t.Parallel()
	old := values(ada, Primary(ada))
	withAlias := values(ada, Primary(ada), Secondary(alias))
	moved := values(alias, Primary(alias), Secondary(ada))
	named := values(ada, Secondary(alias), Primary(ada))
	third := Address("third@contoso.test")
	changed := func(name string, now Values, ask Ask, says ...string) planCase {
		return planCase{name: name, s: stands(now), ask: ask, code: cause.ChangedSince, says: append(says, "Ada Lovelace")}
	}
	runPlans(t, []planCase{
		changed("nothing is known", old, Ask{Action: Undo}, "nothing can be taken back"),
		changed("the added value is gone", old, takeBack(old, withAlias), string(alias), "not there any more"),
		changed("the added value has another case", values(ada, Primary(ada), "smtp:A.Lovelace@contoso.test"), takeBack(old, withAlias),
			"not there any more"),
		changed("the added alias is the primary now", moved, takeBack(old, withAlias), "not there any more"),
		changed("the deleted value is back", withAlias, takeBack(withAlias, old), string(alias), "is there again"),
		changed("the deleted value is back in another case", values(ada, Primary(ada), "smtp:A.LOVELACE@contoso.test"), takeBack(withAlias, old),
			"A.LOVELACE@contoso.test"),
		changed("the deleted value is back as the primary", values(ada, Primary(alias), Secondary(ada)), takeBack(withAlias, old), "is there again"),
		changed("mail was changed", values(third, moved.Proxies...), takeBack(old, moved), string(third)),
		changed("mail was re-spelled", values("A.Lovelace@contoso.test", moved.Proxies...), takeBack(old, moved), "A.Lovelace@contoso.test"),
		changed("another primary was added", values(alias, Primary(alias), Secondary(ada), Primary(third)), takeBack(old, moved), "2 primaries"),
		changed("another alias rests on the named primary", values(ada, append(named.Proxies, Secondary(third))...), takeBack(values(ada), named),
			"without a primary", string(third)),
		changed("another primary was added beside an alias of two",
			values(ada, Primary(ada), Primary(third), Secondary(alias), Primary("fourth@contoso.test")),
			takeBack(values(ada, Primary(ada), Primary(third)), values(ada, Primary(ada), Primary(third), Secondary(alias))), "3 primaries"),
		changed("two primaries were mended", moved, takeBack(values(ada, Primary(ada), Primary(alias)), moved), "2 primaries"),
		changed("the change is none", values(ada, Primary(ada)),
			Ask{Action: Undo, Undo: &Change{Add: []Proxy{Primary(ada), Primary(ada)}}}, "cannot be taken back"),
	})
}

func TestUndoChangesTheSignInOnlyWhenAllowed(t *testing.T) {
	t.Parallel()
	old, moved := values(ada, Primary(ada)), values(alias, Primary(alias), Secondary(ada))
	s := stands(moved).inCloud(Primary(alias)).with(signsInWithMail)
	runPlans(t, []planCase{
		{name: "refused", s: s, ask: takeBack(old, moved), code: cause.SignInChange},
		{name: "allowed", s: s, ask: takeBack(old, moved, AllowSignInChange), del: moved.Proxies, add: old.Proxies, mail: string(ada),
			wants: want(ada, RolePrimary)},
	})
}
