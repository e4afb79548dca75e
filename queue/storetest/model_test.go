package storetest_test

import (
	"testing"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/storetest"
)

// The model passes what it is the measure for.
func TestModel(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) queue.Store { return storetest.NewModel() })
}
