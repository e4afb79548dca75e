package audit

import (
	"context"
	"errors"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/mirror"
)

// readCloud reads the tenant, and then brings the copy up to date: what the copy shows is never older than the tenant.
func (r *run) readCloud(ctx context.Context, progress func(objects int)) error {
	var err error
	if r.tenant, err = r.Cloud.Tenant(ctx); err != nil {
		return &stopped{"the tenant could not be read", err}
	}
	r.summary.TenantDomain, r.summary.LastSync = r.tenant.InitialDomain, r.tenant.LastSync
	before := r.summary.Cloud
	r.summary.Cloud, err = r.Cloud.Refresh(ctx, progress)
	r.summary.Cloud.Calls += before.Calls
	r.summary.Cloud.Took += before.Took
	if err != nil {
		return &stopped{"the tenant could not be read", err}
	}
	return nil
}

// match finds each holder's object in the copy of the tenant.
func (r *run) match(ctx context.Context, holders []address.Holder) (found []cloudcheck.Sighting, err error) {
	err = r.look(ctx, func() error {
		found, err = r.Cloud.Match(ctx, holders)
		return err
	})
	return found, err
}

// look looks at the copy of the tenant. Where it turns out to be damaged, the tenant is read anew and looked at again, once.
func (r *run) look(ctx context.Context, at func() error) error {
	err := at()
	if errors.Is(err, mirror.ErrDamaged) && !r.mended {
		r.mended = true
		if err := r.readCloud(ctx, func(int) {}); err != nil {
			return err
		}
		err = at()
	}
	if err != nil {
		return &stopped{"the copy of the tenant could not be read", err}
	}
	return nil
}
