package client_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/server"
)

// BenchmarkSubmit is acceptance by REST from 32 clients: through the server and the queue into SQLite, durable.
func BenchmarkSubmit(b *testing.B) {
	k := newStack(b)
	var n atomic.Int64
	b.SetParallelism(16) // times two processors
	b.RunParallel(func(each *testing.PB) {
		for each.Next() {
			body := server.SubmissionJSON{Holder: fmt.Sprintf("user%d", n.Add(1)), Action: address.AddAlias, Address: "j.doe@contoso.test"}
			if _, err := k.Submit(b.Context(), body, ""); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}
