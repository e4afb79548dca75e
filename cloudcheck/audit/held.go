package audit

import (
	"context"
	"fmt"
	"slices"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
)

// maxAsked is for how many addresses an audit asks Graph whether a deleted object holds them: five in an HTTP call.
const maxAsked = 200

// heldBack are diagnoses that wait for the names of deleted objects: those are asked for together, at the end.
type heldBack struct {
	diagnoses []heldDiagnosis
	addresses int
}

// heldDiagnosis is one that waits, with its holder's number, the live objects that hold some of what it disputes, and the
// addresses that none does.
type heldDiagnosis struct {
	cloudcheck.Diagnosis
	number uint32
	live   []cloudcheck.Object
	open   []address.Address
}

// holding are objects by the addresses that they hold.
type holding map[address.Key][]cloudcheck.Object

// holdingOf sorts objects by those of the addresses that they hold, so that each diagnosis is shown its own alone.
func holdingOf(objects []cloudcheck.Object, addrs []address.Address) holding {
	wanted := make(map[address.Key]bool, len(addrs))
	for _, a := range addrs {
		wanted[a.Key()] = true
	}
	found := holding{}
	for _, o := range objects {
		keys := []address.Key{address.Address(o.Mail).Key(), address.Address(o.UPN).Key()}
		for _, p := range o.Proxies.SMTP() {
			keys = append(keys, p.Address().Key())
		}
		slices.Sort(keys)
		for _, k := range slices.Compact(keys) {
			if wanted[k] {
				found[k] = append(found[k], o)
			}
		}
	}
	return found
}

// of gives the objects that hold any of the addresses.
func (held holding) of(addrs []address.Address) []cloudcheck.Object {
	var objects []cloudcheck.Object
	for _, a := range addrs {
		objects = append(objects, held[a.Key()]...)
	}
	return objects
}

// liveHolders finds who holds what the diagnoses of a page dispute, among the live objects.
func (r *run) liveHolders(ctx context.Context, diagnoses []cloudcheck.Diagnosis) (holding, error) {
	var all []address.Address
	for i := range diagnoses {
		all = append(all, diagnoses[i].Disputed()...)
	}
	if len(all) == 0 {
		return nil, nil
	}
	live, err := r.Cloud.HoldersOf(ctx, all)
	if err != nil {
		return nil, &stopped{"the copy of the tenant could not be read", err}
	}
	return holdingOf(live, all), nil
}

// settle delivers a diagnosis, or holds it back where a deleted object may explain it.
func (r *run) settle(number uint32, d *cloudcheck.Diagnosis, live holding) error {
	disputed := d.Disputed()
	if len(disputed) == 0 {
		return r.deliver(number, d)
	}
	objects := live.of(disputed)
	open := slices.DeleteFunc(disputed, func(a address.Address) bool { return isAnothers(live[a.Key()], d.Object) })
	if len(open) > 0 && r.held.addresses+len(open) <= maxAsked {
		r.held.addresses += len(open)
		r.held.diagnoses = append(r.held.diagnoses, heldDiagnosis{*d, number, objects, open})
		return nil
	}
	d.Blame(objects)
	tell(d, open, fmt.Sprintf("whether a deleted object holds it was not looked up, since %d others were; ask for this holder alone", r.held.addresses))
	return r.deliver(number, d)
}

// isAnothers says whether one of the objects is another one than the holder's own.
func isAnothers(objects []cloudcheck.Object, own *cloudcheck.Object) bool {
	return slices.ContainsFunc(objects, func(o cloudcheck.Object) bool { return own == nil || o.ID != own.ID })
}

// tell adds a half sentence to the findings that dispute one of the addresses.
func tell(d *cloudcheck.Diagnosis, open []address.Address, what string) {
	for i := range d.Findings {
		one := *d
		one.Findings = d.Findings[i : i+1]
		if slices.ContainsFunc(one.Disputed(), func(a address.Address) bool { return slices.ContainsFunc(open, a.Equal) }) {
			d.Findings[i].Message += " (" + what + ")"
		}
	}
}

// nameDeleted asks which deleted objects hold what is still disputed, and delivers what waited for that. An answer that
// does not come spoils nothing but the names.
func (r *run) nameDeleted(ctx context.Context) error {
	var all []address.Address
	for _, d := range r.held.diagnoses {
		all = append(all, d.open...)
	}
	if len(all) == 0 {
		return nil
	}
	deleted, err := r.Cloud.DeletedHoldersOf(ctx, all)
	if ctx.Err() != nil {
		return fmt.Errorf("look for deleted objects: %w", context.Cause(ctx))
	}
	if err != nil {
		r.Logger.Warn("deleted objects that hold disputed addresses could not be looked up", "addresses", len(all), "error", err)
		return r.deliverHeld(nil)
	}
	return r.deliverHeld(holdingOf(deleted, all))
}

// deliverHeld delivers what waited, with the deleted objects; nil where nobody could be asked.
func (r *run) deliverHeld(deleted holding) error {
	waiting := r.held.diagnoses
	r.held.diagnoses = nil
	for i := range waiting {
		d := &waiting[i]
		d.Blame(append(d.live, deleted.of(d.open)...))
		if deleted == nil {
			tell(&d.Diagnosis, d.open, "whether a deleted object holds it could not be looked up")
		}
		if err := r.deliver(d.number, &d.Diagnosis); err != nil {
			return err
		}
	}
	return nil
}
