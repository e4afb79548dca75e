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
func openStore(ctx context.Context, s *config.Settings, options ...store.Option) (*store.Store, error) {
	if s.Database == "" {
		return store.Open(ctx, filepath.Join(s.DataDir, storeFile), options...)
	}
	return store.OpenPostgres(ctx, s.Database, append(postgresOptions(s), options...)...)
}

func postgresOptions(s *config.Settings) []store.Option {
	if !s.DatabasePassword.Set() {
		return nil
	}
	return []store.Option{store.Password(s.DatabasePassword.Value)}
}
