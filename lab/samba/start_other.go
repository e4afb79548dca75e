//go:build !linux

package samba

import (
	"context"

	"github.com/aliasd/aliasd/lab/site"
)

// Missing says that this system is not Linux: ErrUnsupported.
func Missing() error { return ErrUnsupported }

// Start refuses with ErrUnsupported.
func Start(context.Context, Options) (*site.Site, error) { return nil, ErrUnsupported }
