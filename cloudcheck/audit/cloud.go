package audit

import (
	"context"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/tenantfile"
)

// Source reads the tenant; *graph.Client does. Errors are *cause.Error of kind Waiting.
type Source interface {
	tenantfile.Source
	// EachDeleted gives every deleted user and group, a page at a time, from one goroutine.
	EachDeleted(ctx context.Context, take func([]cloudcheck.Object)) error
	// Calls counts the HTTP calls made so far.
	Calls() int
}

// Online is the Cloud of a tenant that is asked. All fields have to be set. The File is made for this audit; the caller closes
// it.
type Online struct {
	Checker *cloudcheck.Checker
	Source  Source
	File    *tenantfile.File
}

var _ Cloud = Online{}

// Tenant is the Checker's.
func (o Online) Tenant(ctx context.Context) (cloudcheck.Tenant, error) { return o.Checker.Tenant(ctx) }

// Read reads the tenant into the File.
func (o Online) Read(ctx context.Context, progress func(objects int)) (Reading, error) {
	began, calls := time.Now(), o.Source.Calls()
	err := o.File.Read(ctx, o.Source, progress)
	return Reading{Full: err == nil, Objects: o.File.Objects(), Calls: o.Source.Calls() - calls, Took: time.Since(began)}, err
}

// Match is the File's.
func (o Online) Match(ctx context.Context, holders []address.Holder) ([]cloudcheck.Sighting, error) {
	return o.File.Match(ctx, holders)
}

// HoldersOf is the File's.
func (o Online) HoldersOf(ctx context.Context, addrs []address.Address) ([]cloudcheck.Object, error) {
	return o.File.HoldersOf(ctx, addrs)
}

// EachDeleted is the Source's.
func (o Online) EachDeleted(ctx context.Context, take func([]cloudcheck.Object)) error {
	return o.Source.EachDeleted(ctx, take)
}

// Diagnose is the Checker's.
func (o Online) Diagnose(h address.Holder, t cloudcheck.Tenant, of *cloudcheck.Object) cloudcheck.Diagnosis {
	return o.Checker.Diagnose(h, t, of)
}
