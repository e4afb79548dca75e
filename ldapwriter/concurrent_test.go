package ldapwriter

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/address"
)

// edits lists what an administrator may do to a holder by one modify: each value spelled otherwise, made the primary (with mail, and
// without), made an alias, taken away; an alias and a primary added; mail spelled otherwise and set to something else.
func edits(v address.Values) map[string]address.Values {
	all := map[string]address.Values{}
	with := func(what string, mail string, proxies ...address.Proxy) {
		all[what] = address.Values{Mail: mail, Proxies: proxies}
	}
	for _, p := range v.Proxies {
		rest, a := v.Proxies.Without(p), p.Address()
		with("respell "+string(p), v.Mail, rest.With(address.Proxy(p.Type()+":"+swapCase(string(a))))...)
		with("remove "+string(p), v.Mail, rest...)
		if p.IsPrimary() {
			with("demote "+string(p), v.Mail, rest.With(address.Secondary(a))...)
			continue
		}
		var moved address.Set
		for _, other := range rest {
			moved = append(moved, address.Secondary(other.Address()))
		}
		with("promote "+string(p), v.Mail, moved.With(address.Primary(a))...)
		with("promote with mail "+string(p), string(a), moved.With(address.Primary(a))...)
	}
	var aliases address.Set
	for _, p := range v.Proxies {
		aliases = append(aliases, address.Secondary(p.Address()))
	}
	with("add an alias", v.Mail, v.Proxies.With("smtp:z@t")...)
	with("another primary", "z@t", aliases.With("SMTP:z@t")...)
	with("a second primary", v.Mail, v.Proxies.With("SMTP:z@t")...)
	with("respell mail", swapCase(v.Mail), v.Proxies...)
	with("another mail", "m@t", v.Proxies...)
	return all
}

func swapCase(s string) string {
	if s == "" {
		return s
	}
	if up := strings.ToUpper(s[:1]); up != s[:1] {
		return up + s[1:]
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// asks are the modifies of every action, on holders of every shape.
func asks() map[string]struct {
	before address.Values
	change address.Change
} {
	type ask = struct {
		before address.Values
		change address.Change
	}
	all := map[string]ask{}
	named := address.Values{Mail: "p@t", Proxies: address.Set{"SMTP:p@t", "smtp:x@t"}}
	only := address.Values{Mail: "p@t", Proxies: address.Set{"SMTP:p@t"}}
	plain := address.Values{Mail: "p@t"}
	both := address.Values{Mail: "p@t", Proxies: address.Set{"smtp:p@t", "SMTP:x@t"}}
	unset := address.Values{Mail: "p@t", Proxies: address.Set{"smtp:p@t", "smtp:x@t"}}
	moved := address.Values{Mail: "x@t", Proxies: address.Set{"smtp:p@t", "SMTP:x@t"}}
	for what, pair := range map[string][2]address.Values{
		"add":                         {only, named},
		"add and name the primary":    {plain, named},
		"remove":                      {named, only},
		"remove without a primary":    {unset, {Mail: "p@t", Proxies: address.Set{"smtp:p@t"}}},
		"new primary":                 {only, moved},
		"alias to primary":            {named, moved},
		"alias to primary, mail left": {named, both},
		"primary of mail alone":       {plain, moved},
		"undo of naming":              {named, plain},
	} {
		all[what] = ask{pair[0], address.Between(pair[0], pair[1])}
	}
	return all
}

// TestEditsAroundAModify tries each action with each edit of an administrator before our modify arrives and after it. Where that is taken
// for a slip, the holder is left as if we had not been there. Two edits may leave the same values, so that nobody can tell which it
// was: then what is left is right for one of them. Where somebody built on what we did, it stays.
func TestEditsAroundAModify(t *testing.T) {
	t.Parallel()
	for name, ask := range asks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tries := 0
			for _, could := range aroundModify(ask.before, ask.change) {
				if Slipped(ask.before, ask.change, could[0].now) == "" {
					mustBeThere(t, ask.before, ask.change, could)
					continue
				}
				tries++
				mustBeTakenBack(t, ask.before, ask.change, could)
			}
			if tries < 3 {
				t.Errorf("%d slips were noticed", tries)
			}
		})
	}
}

// around is one edit around a modify: the values in the end, and what they were without us.
type around struct {
	what       string
	early      bool // it came before the modify
	now, alone address.Values
}

// aroundModify makes a modify with each edit before and after it, and sorts the outcomes by what is seen in the end.
func aroundModify(before address.Values, c address.Change) map[string][]around {
	all := map[string][]around{}
	put := func(a around) {
		key := seen(a.now)
		all[key] = append(all[key], a)
	}
	for what, edited := range edits(before) {
		m := &model{Values: edited, strict: true}
		if m.modify(c) {
			put(around{what + " before", true, m.Values, edited})
		}
	}
	m := &model{Values: before, strict: true}
	m.modify(c)
	for what, edited := range edits(m.Values) {
		put(around{what + " after", false, edited, merged(before, m.Values, edited)})
	}
	return all
}

// seen tells values apart as a reader does: without their order.
func seen(v address.Values) string {
	sorted := slices.Sorted(slices.Values(v.Proxies))
	return fmt.Sprintf("%q mail %q", sorted, v.Mail)
}

// mustBeThere: an edit that was not noticed is there beside ours. One of a value that our modify deleted cannot be.
func mustBeThere(t *testing.T, before address.Values, c address.Change, could []around) {
	t.Helper()
	was := roles(before)
	for _, one := range could {
		if !one.early {
			continue
		}
		is := roles(one.now)
		if len(c.Onto(before).Proxies.Primaries()) > 0 && len(one.alone.Proxies.Primaries()) > 0 && len(one.now.Proxies.Primaries()) == 0 {
			t.Errorf("after %s there is no primary, and it was not noticed: %+v", one.what, one.now)
		}
		for k, r := range roles(one.alone) {
			if was[k] != r && is[k] != r && len(address.Set(c.Delete).Find(address.Address(k))) == 0 {
				t.Errorf("%s is lost and was not noticed: %+v", one.what, one.now)
			}
		}
	}
}

func mustBeTakenBack(t *testing.T, before address.Values, c address.Change, could []around) {
	t.Helper()
	now := could[0].now
	back := ours(address.Holder{Values: before}, c, now)
	left := &model{Values: now, strict: true}
	if !left.modify(back) {
		t.Fatalf("%s: %+v cannot be taken back from %+v", could[0].what, back, now)
	}
	for _, one := range could {
		if sameRoles(one.alone, left.Values) || remains(before, c, left.Values) && keepsAll(one, left.Values) {
			return
		}
	}
	t.Errorf("%s: %+v is left of %+v", could[0].what, left.Values, now)
	for _, one := range could {
		t.Logf("without us it were %+v (%s)", one.alone, one.what)
	}
}

// keepsAll says whether all that would be there without us is there.
func keepsAll(one around, left address.Values) bool {
	is := roles(left)
	for k := range roles(one.alone) {
		if is[k] == absent {
			return false
		}
	}
	return len(left.Proxies.Primaries()) >= min(1, len(one.alone.Proxies.Primaries()))
}

// merged is what an edit that led from one to another makes of other values: what it did not change is theirs, and who chose a primary
// has chosen.
func merged(values, from, to address.Values) address.Values {
	after := address.Values{Mail: values.Mail}
	if !strings.EqualFold(from.Mail, to.Mail) {
		after.Mail = to.Mail
	}
	was, did, all := roles(from), roles(to), roles(values)
	chose := false
	for k := range union(was, did) {
		if was[k] != did[k] {
			all[k] = did[k]
			chose = chose || did[k] == primary
		}
	}
	for k, r := range all {
		switch {
		case r == primary && chose && did[k] != primary, r == alias:
			after.Proxies = append(after.Proxies, address.Secondary(address.Address(k)))
		case r == primary:
			after.Proxies = append(after.Proxies, address.Primary(address.Address(k)))
		}
	}
	return after
}

func union(a, b map[address.Key]role) map[address.Key]bool {
	all := map[address.Key]bool{}
	for _, m := range []map[address.Key]role{a, b} {
		for k := range m {
			all[k] = true
		}
	}
	return all
}

func sameRoles(a, b address.Values) bool {
	return strings.EqualFold(a.Mail, b.Mail) && fmt.Sprint(roles(a)) == fmt.Sprint(roles(b))
}

func roles(v address.Values) map[address.Key]role {
	all := map[address.Key]role{}
	for _, p := range v.Proxies {
		all[p.Address().Key()] = max(all[p.Address().Key()], roleOf(v.Proxies, p.Address()))
	}
	return all
}
