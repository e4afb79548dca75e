package audit

import (
	"context"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
)

// scope is what an audit learns of the sync's scope, which nothing tells: a container (parent DN) is in it where somebody
// directly in it is synchronised. So it is known at the end only who is missing in the tenant, and who is not meant to be
// there; until then such holders are kept as numbers, and read again.
type scope struct {
	containers map[string]bool
	undecided  []uint32 // the numbers of holders
}

func newScope() *scope { return &scope{containers: map[string]bool{}} }

// learn notes the containers of those holders that are synchronised. An object that the cloud manages by itself was
// perhaps restored after its container had left the scope, so it tells nothing.
func (s *scope) learn(holders []address.Holder, sightings []cloudcheck.Sighting) {
	for i, h := range holders {
		o := sightings[i].Object
		if o == nil || o.CloudManaged() {
			continue
		}
		if name := h.DN.Parent(); !s.containers[name] {
			s.containers[strings.Clone(name)] = true // else it would keep the whole DN
		}
	}
}

// has says whether a holder's container is in the scope. Where nobody at all is synchronised, something else is wrong,
// and every container counts.
func (s *scope) has(h *address.Holder) bool {
	return len(s.containers) == 0 || s.containers[h.DN.Parent()]
}

// known says the same before all holders were seen: what is not known to be in the scope may still be.
func (s *scope) known(h *address.Holder) bool { return s.containers[h.DN.Parent()] }

// missing says that what a diagnosis finds is for want of an object in the tenant, or may be.
func missing(d *cloudcheck.Diagnosis, seen cloudcheck.Sighting) bool {
	return d.Object == nil && seen.Err == nil && !d.InOrder()
}

// judgeUndecided says of the holders that the tenant does not have, once all were seen, whether they are missing there.
func (r *run) judgeUndecided(ctx context.Context) error {
	for len(r.scope.undecided) > 0 {
		lot := r.scope.undecided[:min(len(r.scope.undecided), readAgain)]
		again, err := r.again(ctx, lot, "holders that the tenant does not have")
		if err != nil {
			return err
		}
		var page []address.Holder
		numbers := slices.DeleteFunc(slices.Clone(lot), func(n uint32) bool { return again[n] == nil })
		for _, n := range numbers {
			page = append(page, *again[n])
		}
		if err := r.judgeAbsent(ctx, numbers, page); err != nil {
			return err
		}
		r.scope.undecided = r.scope.undecided[len(lot):]
		r.pace.at(len(r.index.guids), r.counts.wrong)
	}
	return nil
}

func (r *run) judgeAbsent(ctx context.Context, numbers []uint32, page []address.Holder) error {
	sightings, err := r.match(ctx, page)
	if err != nil {
		return err
	}
	diagnoses := r.diagnoseAll(page, sightings)
	for i := range diagnoses {
		if d := &diagnoses[i]; missing(d, sightings[i]) && !r.scope.has(&d.Holder) {
			d.Findings = []cloudcheck.Finding{cloudcheck.OutOfScope(d.Holder)}
		}
	}
	return r.judge(ctx, numbers, diagnoses)
}

// meant says of each holder whether it is in the tenant, or ought to be.
func (r *run) meant(holders []address.Holder, sightings []cloudcheck.Sighting) []bool {
	meant := make([]bool, len(holders))
	for i := range holders {
		there := sightings[i].Object != nil || sightings[i].Err != nil
		meant[i] = there || cloudcheck.LeftOut(holders[i]) == "" && r.scope.has(&holders[i])
	}
	return meant
}
