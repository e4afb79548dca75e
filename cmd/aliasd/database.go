package main

import (
	"context"
	"path/filepath"

	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/queue/store"
)

// storeFile is the name of the SQLite store in the data folder.
const storeFile = "aliasd.db"

// openStore opens the store that the settings name: SQLite in the data folder, or a PostgreSQL database that nodes share.
func openStore(ctx context.Context, s *config.Settings) (*store.Store, error) {
	if s.Database == "" {
		return store.Open(ctx, filepath.Join(s.DataDir, storeFile))
	}
	return store.OpenPostgres(ctx, s.Database, postgresOptions(s)...)
}

func postgresOptions(s *config.Settings) []store.PostgresOption {
	if !s.DatabasePassword.Set() {
		return nil
	}
	return []store.PostgresOption{store.Password(s.DatabasePassword.Value)}
}
