//go:build !linux

package postgres

import (
	"context"
	"database/sql"
)

// Server is a PostgreSQL server of the lab; there is none on this system.
type Server struct{}

// Missing says that this system is not Linux: ErrUnsupported.
func Missing() error { return ErrUnsupported }

// Start refuses with ErrUnsupported.
func Start(context.Context, Options) (*Server, error) { return nil, ErrUnsupported }

// URL is empty.
func (*Server) URL(string) string { return "" }

// NewDatabase refuses with ErrUnsupported.
func (*Server) NewDatabase(context.Context, string) (string, error) { return "", ErrUnsupported }

// DropDatabase refuses with ErrUnsupported.
func (*Server) DropDatabase(context.Context, string) error { return ErrUnsupported }

// Admin is nil.
func (*Server) Admin() *sql.DB { return nil }

// Up refuses with ErrUnsupported.
func (*Server) Up(context.Context) error { return ErrUnsupported }

// Down refuses with ErrUnsupported.
func (*Server) Down() error { return ErrUnsupported }

// Stop does nothing.
func (*Server) Stop() error { return nil }
