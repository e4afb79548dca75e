package syncengine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/lab/tenant"
)

// Importer takes the export of a cycle; the lab's tenant is one.
type Importer interface {
	Import(ctx context.Context, holders []address.Holder, at time.Time) ([]tenant.ExportError, error)
}

var _ Importer = (*tenant.Tenant)(nil)

// Options say how the engine synchronises. The zero value synchronises the whole domain.
type Options struct {
	// OUs are the organizational units in scope with everything below them, relative to the base DN ("OU=People"); nil
	// means the whole domain.
	OUs []string
	// SignInWithMail exports mail as the UPN of users who have one (alternate login ID).
	SignInWithMail bool
	// PageSize is how many entries one LDAP page has; 0 means 500.
	PageSize uint32
	// Now stamps the cycles; nil means time.Now.
	Now func() time.Time
	// Logger gets the failures of Run; nil discards them.
	Logger *slog.Logger
}

// Engine synchronises one directory with one tenant. Its methods may be called concurrently; cycles run one at a time.
type Engine struct {
	site    *site.Site
	tenant  Importer
	options Options

	cycle sync.Mutex // held during a cycle

	mu        sync.Mutex
	staging   bool
	suspended bool
	last      Report
}

// Report is what the last cycle that reached the tenant did.
type Report struct {
	At      time.Time
	Holders int
	// Failed are the exports that the tenant refused; Graph shows nothing of them.
	Failed []tenant.ExportError
}

// New makes an engine. It connects to nobody.
func New(s *site.Site, t Importer, o Options) (*Engine, error) {
	if s == nil || t == nil {
		return nil, errors.New("a sync engine needs a directory and a tenant")
	}
	if o.PageSize == 0 {
		o.PageSize = 500
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Engine{site: s, tenant: t, options: o}, nil
}

// SetStaging lets the engine read and export nothing, as a staging server does.
func (e *Engine) SetStaging(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.staging = on
}

// SetSuspended stops the scheduler: cycles do nothing at all until it is lifted.
func (e *Engine) SetSuspended(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.suspended = on
}

// Last gives the report of the last cycle that reached the tenant.
func (e *Engine) Last() Report {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last
}

// Cycle runs one full cycle now: it reads everything in scope and imports it. When the directory cannot be read to the
// end, nothing is imported. Suspended it does nothing; in staging mode it reads and does not export. Neither is an error.
func (e *Engine) Cycle(ctx context.Context) error {
	e.cycle.Lock()
	defer e.cycle.Unlock()
	e.mu.Lock()
	staging, suspended := e.staging, e.suspended
	e.mu.Unlock()
	if suspended {
		return nil
	}
	holders, err := e.read(ctx)
	if err != nil || staging {
		return err
	}
	at := e.options.Now()
	failed, err := e.tenant.Import(ctx, holders, at)
	if err != nil {
		return fmt.Errorf("export to the tenant: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = Report{At: at, Holders: len(holders), Failed: failed}
	return nil
}

// Run runs a cycle now and then each interval until the context ends, which is not an error. A cycle that fails is logged
// and tried again at its next time.
func (e *Engine) Run(ctx context.Context, every time.Duration) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := e.Cycle(ctx); err != nil && ctx.Err() == nil {
			e.options.Logger.Warn("sync cycle failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
