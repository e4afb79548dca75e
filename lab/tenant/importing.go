package tenant

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/aliasd/aliasd/address"
)

// ErrSyncOff says that directory synchronisation is switched off for the tenant.
var ErrSyncOff = errors.New("directory synchronisation is not enabled for the tenant")

// ExportError is what the sync engine's log says of one object that could not be exported. Graph shows it nowhere.
type ExportError struct {
	Anchor string
	Name   string
	Reason string
}

// Import takes the export of one sync cycle: every holder that is in the engine's scope, by its source anchor, as it
// stands on-premises. Holders that changed get new shadow values and, at once or later, a calculation; one that is gone
// from the scope is deleted, one that is back is restored. The organization's last sync moves to at, also when nothing
// changed. It is ErrSyncOff when sync is off; then nothing is taken.
func (t *Tenant) Import(ctx context.Context, holders []address.Holder, at time.Time) ([]ExportError, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.world.syncEnabled {
		return nil, ErrSyncOff
	}
	t.settle()
	present := make(map[string]bool, len(holders))
	var failed []ExportError
	for _, h := range holders {
		if err := ctx.Err(); err != nil {
			return failed, fmt.Errorf("import: %w", err)
		}
		present[h.Anchor] = true
		if problem := t.export(h, at); problem != "" {
			failed = append(failed, ExportError{Anchor: h.Anchor, Name: h.Name, Reason: problem})
		}
	}
	t.removeAbsent(present)
	t.world.lastSync, t.world.everSynced = at, true
	return failed, nil
}

// export takes one holder and says why it could not, "" when it could.
func (t *Tenant) export(h address.Holder, at time.Time) string {
	o := t.world.byAnchor(h.Anchor)
	switch {
	case t.world.exportFails[h.Anchor]:
		return "AttributeValueMustBeUnique"
	case o == nil:
		return t.provision(h, at)
	case o.moved || sameExport(o.shadow, h):
		return ""
	case t.world.kindsClash && t.clashes(o, h):
		return "AttributeValueMustBeUnique"
	}
	t.shadow(o, h, at)
	return ""
}

// sameExport says that nothing changed that is exported: the order of values and whenChanged are not.
func sameExport(a, b address.Holder) bool {
	a.Changed, b.Changed = time.Time{}, time.Time{}
	a.Proxies, b.Proxies = slices.Sorted(slices.Values(a.Proxies)), slices.Sorted(slices.Values(b.Proxies))
	return reflect.DeepEqual(a, b)
}

// provision makes a new object, or brings a deleted one with the same anchor back.
func (t *Tenant) provision(h address.Holder, at time.Time) string {
	if t.world.kindsClash && t.clashes(nil, h) {
		return "AttributeValueMustBeUnique"
	}
	if gone := t.world.gone[h.Kind].find("anchor", h.Anchor); len(gone) > 0 {
		back := gone[0]
		t.restore(back)
		t.shadow(back, h, at)
		return ""
	}
	o := &object{kind: h.Kind, created: at}
	if t.options.ID != nil {
		o.id = t.options.ID(h.Anchor)
	}
	t.world.insert(o)
	licensed, said := t.world.licences[h.Anchor]
	if h.Kind == address.User && (licensed || !said && t.options.LicenceNew) {
		o.plans = t.plans(at, true)
	}
	t.shadow(o, h, at)
	return ""
}

// shadow stores exported values and has them calculated. A new object gets its UPN and mailNickname at once, also when
// the rest comes later, as nothing can exist without them.
func (t *Tenant) shadow(o *object, h address.Holder, at time.Time) {
	t.world.change(o, func() {
		o.shadow, o.name, o.synced, o.lastSync = h, h.Name, true, at
	})
	if !o.calculation.done && t.calculatesLater() {
		first := t.calculate(o)
		t.world.change(o, func() { o.upn, o.nickname = first.UPN, first.Nickname })
		o.calculation.done, o.calculation.upn = true, h.UPN
	}
	t.schedule(o)
}

// clashes says that a user's and a group's address are the same, one of the conflicts that end as an export error (sync
// and duplicate resiliency, "Known issues").
func (t *Tenant) clashes(o *object, h address.Holder) bool {
	values := h.Proxies.SMTP()
	if len(values) == 0 && h.Mail != "" {
		values = append(values, address.Primary(address.Address(h.Mail)))
	}
	for _, p := range values {
		for _, holder := range t.world.holders(p.Address()) {
			if holder != o && holder.kind != h.Kind && holder.kind != address.Contact && h.Kind != address.Contact {
				return true
			}
		}
	}
	return false
}

// removeAbsent deletes the synchronised objects that are in the scope no more. Users go to the deleted items, groups and
// contacts for good.
func (t *Tenant) removeAbsent(present map[string]bool) {
	for _, shelf := range t.world.live {
		var absent []*object
		for _, o := range shelf.rows {
			if o.synced && !o.moved && !present[o.shadow.Anchor] && !t.world.exportFails[o.shadow.Anchor] {
				absent = append(absent, o)
			}
		}
		for _, o := range absent {
			t.remove(o, o.kind == address.User)
		}
	}
}

// remove takes an object out of its set. A deleted user's UPN gets its id in front, so that the name is free again.
func (t *Tenant) remove(o *object, soft bool) {
	t.world.live[o.kind].remove(o)
	o.calculation.waiting = false
	if !soft {
		return
	}
	o.deleted = t.now()
	if o.upn != "" {
		o.upn = compact(o.id) + o.upn
	}
	t.world.gone[o.kind].add(o)
}

// restore brings a deleted object back, without the addresses that somebody else has taken meanwhile. What it shall have
// of them is calculated anew.
func (t *Tenant) restore(o *object) {
	t.world.gone[o.kind].remove(o)
	o.deleted = time.Time{}
	o.upn = withoutID(o)
	o.Proxies = slices.DeleteFunc(slices.Clone(o.Proxies), func(p address.Proxy) bool {
		return p.IsSMTP() && t.world.heldByOther(o, p.Address())
	})
	t.world.live[o.kind].add(o)
}
