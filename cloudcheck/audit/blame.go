package audit

import (
	"context"
	"slices"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
)

// holding are objects by the addresses that they hold.
type holding map[address.Key][]*cloudcheck.Object

func holdingOf(objects []cloudcheck.Object) holding {
	found := holding{}
	for i := range objects {
		o := &objects[i]
		keys := []address.Key{address.Address(o.Mail).Key(), address.Address(o.UPN).Key()}
		for _, p := range o.Proxies.SMTP() {
			keys = append(keys, p.Address().Key())
		}
		slices.Sort(keys)
		for _, k := range slices.Compact(keys) {
			found[k] = append(found[k], o)
		}
	}
	return found
}

// readDeleted reads the deleted objects, which may explain what live ones do not. Without them the audit goes on, and says
// so where it matters.
func (r *run) readDeleted(ctx context.Context) {
	deleted, err := r.Cloud.DeletedObjects(ctx)
	if err != nil && ctx.Err() != nil {
		return // the audit ends, and says so itself
	}
	if err != nil {
		r.Logger.Warn("deleted objects could not be read, so they are not named where they hold disputed addresses", "error", err)
		return
	}
	r.deleted = holdingOf(deleted)
}

// blameAll names, in the findings of a page, the objects that hold what they dispute.
func (r *run) blameAll(ctx context.Context, diagnoses []cloudcheck.Diagnosis) error {
	var all []address.Address
	for i := range diagnoses {
		all = append(all, diagnoses[i].Disputed()...)
	}
	if len(all) == 0 {
		return nil
	}
	live, err := r.Cloud.HoldersOf(ctx, all)
	if err != nil {
		return &stopped{"the copy of the tenant could not be read", err}
	}
	byAddress := holdingOf(live)
	for i := range diagnoses {
		r.blame(&diagnoses[i], byAddress)
	}
	return nil
}

// blame shows a diagnosis the objects that hold what it disputes, and no others: a page has hundreds of them.
func (r *run) blame(d *cloudcheck.Diagnosis, live holding) {
	disputed := d.Disputed()
	if len(disputed) == 0 {
		return
	}
	var objects []cloudcheck.Object
	for _, a := range disputed {
		for _, o := range slices.Concat(live[a.Key()], r.deleted[a.Key()]) {
			objects = append(objects, *o)
		}
	}
	if r.deleted == nil {
		tellUnasked(d, objects)
	}
	d.Blame(objects, r.deleted != nil)
}

// tellUnasked says in the findings that dispute an address which none of the objects but the holder's own holds, that
// deleted objects were not looked at.
func tellUnasked(d *cloudcheck.Diagnosis, objects []cloudcheck.Object) {
	for i := range d.Findings {
		one := *d
		one.Findings = d.Findings[i : i+1]
		for _, a := range one.Disputed() {
			named := slices.ContainsFunc(objects, func(o cloudcheck.Object) bool { return o.Holds(a) && (d.Object == nil || o.ID != d.Object.ID) })
			if !named {
				d.Findings[i].Message += " (whether a deleted object holds " + string(a) + " could not be looked up)"
			}
		}
	}
}
