package store

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) queue.Store { return opened(t, filepath.Join(t.TempDir(), "queue.db")) })
}

// opened opens a store until the test ends.
func opened(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
