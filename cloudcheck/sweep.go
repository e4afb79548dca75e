package cloudcheck

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// addressesAtOnce is how many disputed addresses are looked up by one call to the Reader: one that fails leaves the others
// their names.
const addressesAtOnce = 20

// Survey is what a sweep begins with: the tenant as it is now, or why it could not be read.
type Survey struct {
	Tenant Tenant
	Err    error
}

// Survey reads the tenant afresh.
func (c *Checker) Survey(ctx context.Context) Survey {
	t, err := c.tenant(ctx, c.now())
	return Survey{Tenant: t, Err: err}
}

// Sweep judges many cases of the tenant that s shows, in as few calls as the Reader can; verdicts stand in the order of
// cases. One that could not be looked at is Unknown, one that the context's Budget did not reach is Unasked, and neither
// spoils another. The error is set only when nothing could be asked.
func (c *Checker) Sweep(ctx context.Context, s Survey, cases []Case) ([]Verdict, error) {
	if len(cases) == 0 {
		return nil, nil
	}
	sightings, err := c.sightings(ctx, cases, s.Err)
	if err != nil {
		return nil, err
	}
	now := c.tenantTime(s.Tenant)
	rulings := make([]ruling, len(cases))
	for i := range cases {
		rulings[i] = rule(cases[i], s.Tenant, sightings[i], now, c.timing)
		rulings[i].doubt(s.Err)
	}
	c.lookForUnfound(ctx, s, rulings)
	c.nameHolders(ctx, rulings)
	verdicts := make([]Verdict, len(cases))
	for i := range rulings {
		verdicts[i] = rulings[i].Verdict
	}
	return verdicts, nil
}

// tenantTime is the time by which is judged what became of a write. A clock that jumps makes nothing late.
func (c *Checker) tenantTime(t Tenant) time.Time {
	now := c.now()
	then := t.Time(now)
	if !then.Equal(now) {
		c.log.Warn("this machine's clock and the tenant's are apart; deadlines go by the tenant's until it is set right", "ahead", t.Ahead.Round(time.Second))
	}
	return then
}

// sightings looks up the holders that the directory could show, each once, however many cases there are about it. Where
// there are none, the tenant's error is all there is.
func (c *Checker) sightings(ctx context.Context, cases []Case, tenantErr error) ([]Sighting, error) {
	refs, at := holdersIn(cases)
	all := make([]Sighting, len(cases))
	if len(refs) == 0 {
		return all, tenantErr
	}
	found, err := c.reader.Objects(ctx, refs)
	if err != nil {
		return nil, err
	}
	for i, ref := range at {
		if ref >= 0 {
			all[i] = found[ref]
		}
	}
	return all, nil
}

// holdersIn gives the holders of cases that the directory could show, and at which of them each case finds its own; -1
// where the directory could not show it. What one case of a holder knows of it in the cloud serves all.
func holdersIn(cases []Case) (refs []Ref, at []int) {
	at = make([]int, len(cases))
	known := map[string]int{}
	for i, c := range cases {
		if c.OnPremErr != nil {
			at[i] = -1
			continue
		}
		anchor := c.Ref.Holder.Anchor
		ref, again := known[anchor]
		if anchor == "" || !again {
			ref = len(refs)
			known[anchor] = ref
			refs = append(refs, Ref{Holder: c.Ref.Holder})
		}
		at[i], refs[ref].CloudID = ref, cmp.Or(refs[ref].CloudID, c.Ref.CloudID)
		refs[ref].Before = append(refs[ref].Before, c.Ref.Before...)
	}
	return refs, at
}

// rule judges a case that could be looked at from both sides; otherwise it is Unknown, with what stood in the way.
func rule(c Case, t Tenant, s Sighting, now time.Time, timing timing) ruling {
	if errors.Is(s.Err, ErrUnasked) {
		return ruling{Verdict: Verdict{Outcome: Unasked}}
	}
	if s.Err != nil {
		return unknown(c, t, s.Err, now, cause.CloudUnavailable)
	}
	if c.OnPremErr == nil {
		return judge(c, t, s.Object, now, timing)
	}
	if !goneFromDirectory(c.OnPremErr) {
		return unknown(c, t, c.OnPremErr, now, cause.DirectoryUnavailable)
	}
	r := judge(c, t, nil, now, timing)
	r.Seen = nil // the cloud was not asked
	return r
}

func unknown(c Case, t Tenant, err error, now time.Time, fallback cause.Code) ruling {
	e, ok := cause.As(err)
	if !ok {
		e = cause.Wait(fallback, "the holder could not be looked at; it is tried again with the next sweep").Because(err)
	}
	r := ruling{Verdict: Verdict{Outcome: Unknown, Cause: &e.Cause}}
	r.LastSyncSeen, r.SyncMoves = countMoves(c, t.LastSync, now)
	return r
}

// doubt makes a verdict Unknown that was found without knowing what the tenant says of itself. Verified needs only what
// was seen.
func (r *ruling) doubt(tenantErr error) {
	if tenantErr == nil || r.Outcome == Verified || r.Outcome == Unknown || r.Outcome == Unasked {
		return
	}
	seen := r.Seen
	*r = unknown(r.evidence.Case, Tenant{}, tenantErr, r.evidence.now, cause.CloudUnavailable)
	r.Seen = seen
}

// nameHolders finds out who holds the disputed addresses, many by one call, and says it in the verdicts. Without an answer
// the verdicts stand as they are; the next look asks again.
func (c *Checker) nameHolders(ctx context.Context, rulings []ruling) {
	var disputed []address.Address
	for i := range rulings {
		if a := rulings[i].disputed; a != "" {
			disputed = append(disputed, a)
		}
	}
	objects, asked, err := c.holdersOfAll(ctx, disputed)
	if err != nil {
		c.log.Warn("the holders of disputed addresses could not be found", "addresses", len(disputed)-len(asked), "error", err)
	}
	for i := range rulings {
		rulings[i].blame(objects, asked[rulings[i].disputed.Key()])
	}
}

// self is the id that the holder has or had in the cloud. A contact is never deleted there for a while: an object that it was
// once taken for, and is not any more, is another one.
func (e evidence) self() string {
	switch {
	case e.object != nil:
		return e.object.ID
	case e.Ref.Holder.Kind == address.Contact:
		return ""
	}
	return e.Ref.CloudID
}

// blame names the object that holds the disputed address. A deleted one is named, though it may not be the reason,
// unless it may be the holder itself, which left the cloud; a live one that no quarantine tells of points to an
// export error, which shows nowhere in Graph. Where it was asked who holds it and nobody does, a quarantine is over or has an unseen cause.
func (r *ruling) blame(objects []Object, asked bool) {
	if r.disputed == "" {
		return
	}
	by := holderIn(objects, r.disputed, r.evidence.self())
	since := time.Time{}
	if r.Cause.Code == cause.Quarantined {
		since, _ = r.evidence.object.quarantined(r.disputed)
	}
	switch {
	case by == nil && asked && r.Cause.Code == cause.Quarantined:
		r.Cause = unexplained(r.evidence.name(), r.disputed, since, r.evidence.now)
	case by == nil:
	case r.Cause.Code == cause.NotInCloud && deletedPrefix(by.Kind) != "":
	case deletedPrefix(by.Kind) != "" && ends(since, r.evidence.now):
		r.Cause = releasedByDeleted(r.evidence.name(), r.disputed, *by)
	case deletedPrefix(by.Kind) != "":
		r.Cause = heldByDeleted(r.evidence.name(), r.disputed, *by)
	case r.Cause.Code == cause.Quarantined:
		r.Cause = quarantinedBy(r.evidence.name(), r.disputed, by)
	default:
		r.Cause = exportErrorSuspected(r.evidence.name(), r.evidence.since(), r.disputed, *by)
	}
}
