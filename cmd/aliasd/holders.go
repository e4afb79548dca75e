package main

import (
	"context"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/server"
)

// holders shows one holder on both sides.
type holders struct {
	directory *ldapwriter.Directory
	cloud     *cloudcheck.Checker
}

var _ server.Holders = (*holders)(nil)

// Show looks at the directory and, where it can be asked, at the cloud.
func (h *holders) Show(ctx context.Context, identity string) (server.HolderView, error) {
	entry, err := h.directory.Find(ctx, identity)
	if err != nil {
		return server.HolderView{}, err
	}
	snapshot, err := h.cloud.Look(ctx, entry.Holder, "")
	if e, ok := cause.As(err); ok {
		return server.HolderViewOf(entry.Holder, nil, nil, &e.Cause), nil
	}
	if err != nil {
		return server.HolderView{}, err
	}
	predicted := cloudcheck.Predict(entry.Holder, snapshot)
	return server.HolderViewOf(entry.Holder, &predicted, seenOf(snapshot), nil), nil
}

func seenOf(s cloudcheck.Snapshot) *cloudcheck.Seen {
	if s.Object == nil {
		return nil
	}
	return &cloudcheck.Seen{ID: s.Object.ID, CheckedAt: s.Tenant.ReadAt,
		Values: address.Values{Mail: s.Object.Mail, Proxies: s.Object.Proxies}}
}
