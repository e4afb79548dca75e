package tenant

import (
	"cmp"
	"slices"

	"github.com/aliasd/aliasd/address"
)

// trackedCount is how many properties the lab can change.
const trackedCount = 18

// tracked is one property that can change, and how to see that two states of an object agree in it.
type tracked struct {
	name string
	same func(a, b *object) bool
}

// trackedProperties are all that delta queries can tell a change of. What the lab never changes is not among them.
func trackedProperties() [trackedCount]tracked {
	return [trackedCount]tracked{
		{"displayName", func(a, b *object) bool { return a.name == b.name }},
		{"mail", func(a, b *object) bool { return a.Mail == b.Mail }},
		{"mailNickname", func(a, b *object) bool { return a.nickname == b.nickname }},
		{"mailEnabled", func(a, b *object) bool { return a.mailEnabled == b.mailEnabled }},
		{"userPrincipalName", func(a, b *object) bool { return a.upn == b.upn }},
		{"proxyAddresses", func(a, b *object) bool { return slices.Equal(a.Proxies, b.Proxies) }},
		{"assignedPlans", func(a, b *object) bool { return slices.Equal(a.plans, b.plans) }},
		{"createdDateTime", func(a, b *object) bool { return a.created.Equal(b.created) }},
		{"deletedDateTime", func(a, b *object) bool { return a.deleted.Equal(b.deleted) }},
		{"onPremisesProvisioningErrors", func(a, b *object) bool { return slices.Equal(a.errors, b.errors) }},
		{"onPremisesSyncEnabled", func(a, b *object) bool { return a.flows() == b.flows() }},
		{"onPremisesLastSyncDateTime", func(a, b *object) bool { return a.lastSync.Equal(b.lastSync) }},
		{"onPremisesImmutableId", func(a, b *object) bool { return a.shadow.Anchor == b.shadow.Anchor }},
		{"onPremisesDistinguishedName", func(a, b *object) bool { return a.shadow.DN == b.shadow.DN }},
		{"onPremisesDomainName", func(a, b *object) bool { return a.shadow.DN == b.shadow.DN }},
		{"onPremisesSecurityIdentifier", func(a, b *object) bool { return a.shadow.SID == b.shadow.SID }},
		{"onPremisesSamAccountName", func(a, b *object) bool { return a.shadow.Account == b.shadow.Account }},
		{"onPremisesUserPrincipalName", func(a, b *object) bool { return a.shadow.UPN == b.shadow.UPN }},
	}
}

// history is when an object changed, in versions of the world.
type history struct {
	// by are the versions of the last change of each tracked property; 0 where it never had a value.
	by [trackedCount]int64
	// last is the version of the last change of all, before the one that preceded it.
	last, before int64
}

// since says whether a property changed after a version; one that is not tracked never does.
func (w *world) since(o *object, property string, version int64) bool {
	i := slices.IndexFunc(w.tracked[:], func(p tracked) bool { return p.name == property })
	return i >= 0 && o.history.by[i] > version
}

// change lets do change a live object, keeps the index right and notes what changed.
func (w *world) change(o *object, do func()) {
	before := *o
	w.live[o.kind].change(o, do)
	w.note(&before, o)
}

// note notes which properties differ from an earlier state.
func (w *world) note(before, o *object) {
	changed := false
	for i, p := range w.tracked {
		if !p.same(before, o) {
			o.history.by[i], changed = w.version, true
		}
	}
	if changed && o.history.last != w.version {
		o.history.before, o.history.last = o.history.last, w.version
	}
}

// nextVersion gives the version that stands now and begins another: what changes from here on is later.
func (w *world) nextVersion() int64 {
	w.version++
	return w.version - 1
}

// tombstone is what is left of an object that is gone from its set.
type tombstone struct {
	id      string
	seq     int64
	version int64
	// reason is "changed" for what is among the deleted items and can be restored, else "deleted".
	reason string
}

// bury notes that an object is gone from its set.
func (w *world) bury(o *object, soft bool) {
	grave := tombstone{id: o.id, seq: o.seq, version: w.version, reason: "deleted"}
	if soft {
		grave.reason = "changed"
	}
	graves := w.graves[o.kind]
	at, _ := findGrave(graves, o.seq)
	w.graves[o.kind] = slices.Insert(graves, at, grave)
}

// unbury forgets the tombstone of an object that is back.
func (w *world) unbury(o *object) {
	if at, found := findGrave(w.graves[o.kind], o.seq); found {
		w.graves[o.kind] = slices.Delete(w.graves[o.kind], at, at+1)
	}
}

func findGrave(graves []tombstone, seq int64) (int, bool) {
	return slices.BinarySearchFunc(graves, seq, func(g tombstone, seq int64) int { return cmp.Compare(g.seq, seq) })
}

// change is one object that changed, or what is left of it.
type change struct {
	seq     int64
	live    *object // nil: removed
	removed tombstone
}

// changedSince gives the first changes of a kind after a version and behind a place in the order, limit at most, and
// whether there are more. Since version 0 that is everything that lives.
func (w *world) changedSince(kind address.Kind, version, after int64, limit int) (found []change, more bool) {
	for _, o := range w.live[kind].behind(after) {
		if o.history.last > version {
			found = append(found, change{seq: o.seq, live: o})
		}
		if len(found) > limit {
			break
		}
	}
	if graves := w.graves[kind]; version > 0 {
		at, _ := findGrave(graves, after+1)
		for _, g := range graves[at:] {
			if g.version > version {
				found = append(found, change{seq: g.seq, removed: g})
			}
		}
	}
	slices.SortFunc(found, func(a, b change) int { return cmp.Compare(a.seq, b.seq) })
	return found[:min(limit, len(found))], len(found) > limit
}
