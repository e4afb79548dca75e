package audit

import (
	"context"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/mirror"
)

// DeletedReader reads the tenant's deleted objects. Errors are *cause.Error of kind Waiting.
type DeletedReader interface {
	// EachDeleted gives every deleted user and group, a page at a time, from one goroutine.
	EachDeleted(ctx context.Context, take func([]cloudcheck.Object)) error
}

// Copied is the Cloud of a tenant with a local copy. All fields have to be set.
type Copied struct {
	Checker *cloudcheck.Checker
	Mirror  *mirror.Mirror
	Source  mirror.Source
	Deleted DeletedReader
}

var _ Cloud = Copied{}

// Tenant is the Checker's.
func (c Copied) Tenant(ctx context.Context) (cloudcheck.Tenant, error) { return c.Checker.Tenant(ctx) }

// Refresh is the Mirror's.
func (c Copied) Refresh(ctx context.Context, progress func(objects int)) (Refreshed, error) {
	return c.Mirror.Refresh(ctx, c.Source, progress)
}

// Match is the Mirror's.
func (c Copied) Match(ctx context.Context, holders []address.Holder) ([]cloudcheck.Sighting, error) {
	return c.Mirror.Match(ctx, holders)
}

// HoldersOf is the Mirror's.
func (c Copied) HoldersOf(ctx context.Context, addrs []address.Address) ([]cloudcheck.Object, error) {
	return c.Mirror.HoldersOf(ctx, addrs)
}

// EachDeleted is the DeletedReader's.
func (c Copied) EachDeleted(ctx context.Context, take func([]cloudcheck.Object)) error {
	return c.Deleted.EachDeleted(ctx, take)
}

// Diagnose is the Checker's.
func (c Copied) Diagnose(h address.Holder, t cloudcheck.Tenant, o *cloudcheck.Object) cloudcheck.Diagnosis {
	return c.Checker.Diagnose(h, t, o)
}
