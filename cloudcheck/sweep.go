package cloudcheck

import (
	"context"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// Sweep judges many cases, in as few calls as the Reader can; verdicts stand in the order of cases. One that could not
// be looked at is Unknown and spoils nothing. The error is set only when nothing could be asked.
func (c *Checker) Sweep(ctx context.Context, cases []Case) ([]Verdict, error) {
	if len(cases) == 0 {
		return nil, nil
	}
	tenant, tenantErr := c.tenant(ctx, 0)
	sightings, err := c.sightings(ctx, cases, tenantErr)
	if err != nil {
		return nil, err
	}
	now := c.now()
	rulings := make([]ruling, len(cases))
	for i := range cases {
		rulings[i] = rule(cases[i], tenant, sightings[i], now, c.timing)
		rulings[i].doubt(tenantErr)
	}
	c.nameHolders(ctx, rulings)
	verdicts := make([]Verdict, len(cases))
	for i := range rulings {
		verdicts[i] = rulings[i].Verdict
	}
	return verdicts, nil
}

// sightings looks up the holders that the directory could show. Where there are none, the tenant's error is all there is.
func (c *Checker) sightings(ctx context.Context, cases []Case, tenantErr error) ([]Sighting, error) {
	var refs []Ref
	var at []int
	for i := range cases {
		if cases[i].OnPremErr == nil {
			refs, at = append(refs, cases[i].Ref), append(at, i)
		}
	}
	all := make([]Sighting, len(cases))
	if len(refs) == 0 {
		return all, tenantErr
	}
	found, err := c.reader.Objects(ctx, refs)
	if err != nil {
		return nil, err
	}
	for i, s := range found {
		all[at[i]] = s
	}
	return all, nil
}

// rule judges a case that could be looked at from both sides; otherwise it is Unknown, with what stood in the way.
func rule(c Case, t Tenant, s Sighting, now time.Time, timing timing) ruling {
	if s.Err != nil {
		return unknown(c, t, s.Err, cause.CloudUnavailable)
	}
	if c.OnPremErr == nil {
		return judge(c, t, s.Object, now, timing)
	}
	if !goneFromDirectory(c.OnPremErr) {
		return unknown(c, t, c.OnPremErr, cause.DirectoryUnavailable)
	}
	r := judge(c, t, nil, now, timing)
	r.Seen = nil // the cloud was not asked
	return r
}

func unknown(c Case, t Tenant, err error, fallback cause.Code) ruling {
	e, ok := cause.As(err)
	if !ok {
		e = cause.Wait(fallback, "the holder could not be looked at; it is tried again with the next sweep").Because(err)
	}
	r := ruling{Verdict: Verdict{Outcome: Unknown, Cause: &e.Cause}}
	r.LastSyncSeen, r.SyncMoves = countMoves(c, t.LastSync)
	return r
}

// doubt makes a verdict Unknown that was found without knowing what the tenant says of itself. Verified needs only what
// was seen.
func (r *ruling) doubt(tenantErr error) {
	if tenantErr == nil || r.Outcome == Verified || r.Outcome == Unknown {
		return
	}
	seen := r.Seen
	*r = unknown(r.evidence.Case, Tenant{}, tenantErr, cause.CloudUnavailable)
	r.Seen = seen
}

// nameHolders finds out who holds the disputed addresses, all by one call, and says it in the verdicts. Without an answer
// the verdicts stand as they are.
func (c *Checker) nameHolders(ctx context.Context, rulings []ruling) {
	var disputed []address.Address
	asked := map[address.Key]bool{}
	for _, r := range rulings {
		if r.disputed != "" && !asked[r.disputed.Key()] {
			asked[r.disputed.Key()] = true
			disputed = append(disputed, r.disputed)
		}
	}
	if len(disputed) == 0 {
		return
	}
	objects, err := c.reader.HoldersOf(ctx, disputed)
	if err != nil {
		c.log.Warn("the holders of disputed addresses could not be found", "addresses", len(disputed), "error", err)
		return
	}
	for i := range rulings {
		rulings[i].blame(objects)
	}
}

// blame names the object that holds the disputed address. A deleted one explains the conflict better than its effect
// does; a live one that no quarantine tells of points to an export error, which shows nowhere in Graph.
func (r *ruling) blame(objects []Object) {
	if r.disputed == "" {
		return
	}
	self := ""
	if r.evidence.object != nil {
		self = r.evidence.object.ID
	}
	by := holderIn(objects, r.disputed, self)
	switch {
	case by == nil:
	case deletedPrefix(by.Kind) != "":
		r.Cause = heldByDeleted(r.evidence.name(), r.disputed, *by)
	case r.Cause.Code == cause.Quarantined:
		r.Cause = quarantinedBy(r.evidence.name(), r.disputed, by)
	default:
		r.Cause = exportErrorSuspected(r.evidence.name(), "the write", r.disputed, *by)
	}
}
