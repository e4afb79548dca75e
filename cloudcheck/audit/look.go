package audit

import (
	"context"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
)

// readCloud reads the organization and then its objects, which are therefore never older than the last sync that it names.
func (r *run) readCloud(ctx context.Context) error {
	var err error
	if r.tenant, err = r.Cloud.Tenant(ctx); err != nil {
		return &stopped{"the tenant could not be read", err}
	}
	r.summary.TenantDomain, r.summary.LastSync = r.tenant.InitialDomain, r.tenant.LastSync
	if r.summary.Cloud, err = r.Cloud.Read(ctx, func(objects int) { r.pace.at(objects, 0) }); err != nil {
		return &stopped{"the tenant could not be read", err}
	}
	return nil
}

// match finds each holder's object in what was read of the tenant.
func (r *run) match(ctx context.Context, holders []address.Holder) ([]cloudcheck.Sighting, error) {
	found, err := r.Cloud.Match(ctx, holders)
	return found, lookFailed(err)
}

// holdersOf finds who holds addresses in what was read of the tenant.
func (r *run) holdersOf(ctx context.Context, addrs []address.Address) ([]cloudcheck.Object, error) {
	found, err := r.Cloud.HoldersOf(ctx, addrs)
	return found, lookFailed(err)
}

func lookFailed(err error) error {
	if err == nil {
		return nil
	}
	return &stopped{"what was read of the tenant could not be looked at", err}
}
