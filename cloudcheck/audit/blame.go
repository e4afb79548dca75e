package audit

import (
	"context"
	"hash/maphash"
	"iter"
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

// deletedHolding are deleted objects by the addresses that they hold. Of each only what names it is kept: thousands may have
// left within the 30 days that they stay.
type deletedHolding struct {
	seed   maphash.Seed
	byHash map[uint64][]deletedValue
}

// deletedValue is one value in which a deleted object holds an address.
type deletedValue struct {
	of    *deletedObject
	value string
}

type deletedObject struct {
	id, name string
	kind     address.Kind
}

func (d *deletedHolding) add(objects []cloudcheck.Object) {
	for i := range objects {
		o := &objects[i]
		kept := &deletedObject{id: o.ID, name: o.Called(), kind: o.Kind}
		for a, value := range valuesOf(o) {
			h := maphash.String(d.seed, string(a.Key()))
			d.byHash[h] = append(d.byHash[h], deletedValue{kept, value})
		}
	}
}

// holding gives the deleted objects that hold an address, with the value in which they do. It may be called on nil.
func (d *deletedHolding) holding(a address.Address) []cloudcheck.Object {
	if d == nil {
		return nil
	}
	var found []cloudcheck.Object
	for _, v := range d.byHash[maphash.String(d.seed, string(a.Key()))] {
		o := cloudcheck.Object{ID: v.of.id, Name: v.of.name, Kind: v.of.kind, Deleted: true}
		if p := address.Proxy(v.value); p.IsSMTP() {
			o.Proxies = address.Set{p}
		} else {
			o.Mail = v.value
		}
		twice := slices.ContainsFunc(found, func(other cloudcheck.Object) bool { return other.ID == o.ID })
		if !twice && o.Holds(a) { // hashes collide
			found = append(found, o)
		}
	}
	return found
}

// valuesOf goes through the addresses that an object holds, each with the value that holds it.
func valuesOf(o *cloudcheck.Object) iter.Seq2[address.Address, string] {
	return addressesOf(&address.Holder{Values: o.Values, UPN: o.UPN})
}

// readDeleted reads the deleted objects, which may explain what live ones do not. Without them the audit goes on, and says
// so where it matters.
func (r *run) readDeleted(ctx context.Context) {
	deleted := &deletedHolding{seed: maphash.MakeSeed(), byHash: map[uint64][]deletedValue{}}
	err := r.Cloud.EachDeleted(ctx, deleted.add)
	if err != nil && ctx.Err() != nil {
		return // the audit ends, and says so itself
	}
	if err != nil {
		r.Logger.Warn("deleted objects could not be read, so they are not named where they hold disputed addresses", "error", err)
		return
	}
	r.deleted = deleted
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
	live, err := r.holdersOf(ctx, all)
	if err != nil {
		return err
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
		for _, o := range live[a.Key()] {
			objects = append(objects, *o)
		}
		objects = append(objects, r.deleted.holding(a)...)
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
