package cloudcheck

import (
	"context"
	"log/slog"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// tenantFresh is how long what the tenant says is good enough for a write: a thousand writes read it once.
const tenantFresh = 30 * time.Second

// Options is what a Checker is made from. Only Reader has to be given.
type Options struct {
	Reader Reader
	// SyncInterval is the sync engine's cycle; 30 minutes, Entra Connect's own default, where it is zero. A last sync
	// older than three of them means that the sync has stopped.
	SyncInterval time.Duration
	// CalculationGrace is how long after the write the cloud's asynchronous calculation is waited for even when two
	// syncs ran since; one SyncInterval where it is zero.
	CalculationGrace time.Duration
	Now              func() time.Time
	Logger           *slog.Logger
}

// Checker looks at the cloud before a write and judges after it. Its methods may be called concurrently; its errors are
// *cause.Error of kind Waiting, as the Reader gave them.
type Checker struct {
	reader Reader
	timing timing
	now    func() time.Time
	log    *slog.Logger
	cached chan tenantRead // holds the last reading; whoever has taken it reads for all
}

// tenantRead is the last good reading of the tenant, and when it began.
type tenantRead struct {
	tenant Tenant
	at     time.Time
}

// New makes a Checker. It asks nothing yet.
func New(o Options) *Checker {
	if o.SyncInterval <= 0 {
		o.SyncInterval = 30 * time.Minute
	}
	if o.CalculationGrace <= 0 {
		o.CalculationGrace = o.SyncInterval
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Checker{
		reader: o.Reader,
		timing: timing{cycle: o.SyncInterval, grace: o.CalculationGrace},
		now:    o.Now,
		log:    o.Logger,
		cached: make(chan tenantRead, 1),
	}
	c.cached <- tenantRead{}
	return c
}

// Tenant gives what the organization and its domains say, at most 30 seconds old.
func (c *Checker) Tenant(ctx context.Context) (Tenant, error) {
	return c.tenant(ctx, c.now().Add(-tenantFresh))
}

// Refresh reads the tenant unless a reading began after since; the looks that follow show it as it was then. It is for an answer that
// would be wrong if the tenant had changed a moment before it was asked for.
func (c *Checker) Refresh(ctx context.Context, since time.Time) error {
	_, err := c.tenant(ctx, since)
	return err
}

// tenant reads the tenant unless the last reading began after since. Callers that come meanwhile wait for the one
// that reads, and share it. A reading of a time to come, by a clock that was set back, does not count.
func (c *Checker) tenant(ctx context.Context, since time.Time) (Tenant, error) {
	last, err := c.takeCached(ctx)
	if err != nil {
		return Tenant{}, err
	}
	defer func() { c.cached <- last }()
	began := c.now()
	if !last.at.IsZero() && last.at.After(since) && !last.at.After(began) {
		return last.tenant, nil
	}
	fresh, err := c.reader.Tenant(ctx)
	if err != nil {
		return Tenant{}, err
	}
	last = tenantRead{tenant: fresh, at: began}
	return fresh, nil
}

func (c *Checker) takeCached(ctx context.Context) (tenantRead, error) {
	select {
	case last := <-c.cached:
		return last, nil
	case <-ctx.Done():
		return tenantRead{}, cause.Wait(cause.CloudUnavailable,
			"the tenant was not read in time; it is tried again").Because(context.Cause(ctx))
	}
}

// Look shows the tenant and one holder as they stand before a write. The holder's object is nil where the tenant does
// not have it.
func (c *Checker) Look(ctx context.Context, r Ref) (Snapshot, error) {
	t, err := c.Tenant(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	sightings, err := c.reader.Objects(ctx, []Ref{r})
	if err != nil {
		return Snapshot{}, err
	}
	if err := sightings[0].Err; err != nil {
		return Snapshot{}, err
	}
	o := sightings[0].Object
	return Snapshot{Tenant: t, Object: o, MailSurvives: mailSurvives(r.Holder, t, o)}, nil
}

// HoldersOf finds who in the tenant holds any of the addresses by proxy address, mail or UPN; deleted users and groups
// too, after the live ones. The object exceptID is left out: it is the holder itself.
func (c *Checker) HoldersOf(ctx context.Context, addrs []address.Address, exceptID string) ([]cause.Conflict, error) {
	if len(addrs) == 0 {
		return nil, nil
	}
	objects, err := c.reader.HoldersOf(ctx, addrs)
	if err != nil {
		return nil, err
	}
	return conflicts(objects, addrs, exceptID), nil
}
