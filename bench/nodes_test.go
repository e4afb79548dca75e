package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/postgres"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/store"
)

// nodeRequests is how many requests are written, one for each user.
const nodeRequests = 1000

// BenchmarkNodes writes the same requests with one node on SQLite, and with 1, 2 and 4 nodes on PostgreSQL, each with a store and
// LDAP connections of its own, on the embedded directory, which is quicker than Samba. All of them share the machine with the
// directory and the database.
func BenchmarkNodes(b *testing.B) {
	if missing := postgres.Missing(); missing != nil {
		b.Skipf("several nodes are measured on PostgreSQL: %v", missing)
	}
	box := waitingLab(b, nodeRequests)
	server, err := postgres.Start(context.Background(), postgres.Options{Fsync: true})
	must(b, err)
	b.Cleanup(func() { must(b, server.Stop()) })
	runs := 0
	for b.Loop() {
		runs++
		alone := writtenBy(b, box, 1, fmt.Sprintf("sqlite%d", runs), sqliteIn(b))
		b.ReportMetric(alone, "sqlite-req/s")
		for _, n := range []int{1, 2, 4} {
			got := writtenBy(b, box, n, fmt.Sprintf("pg%d-%d", n, runs), postgresOn(b, server))
			b.ReportMetric(got, strconv.Itoa(n)+"-nodes-req/s")
			b.ReportMetric(got/alone, strconv.Itoa(n)+"-nodes/sqlite")
		}
		b.ReportMetric(0, "ns/op")
	}
}

// opener opens one more handle on the same store.
type opener func() *store.Store

func sqliteIn(b *testing.B) opener {
	path := filepath.Join(b.TempDir(), "aliasd.db")
	return func() *store.Store {
		s, err := store.Open(context.Background(), path)
		must(b, err)
		return s
	}
}

func postgresOn(b *testing.B, server *postgres.Server) opener {
	database, err := server.NewDatabase(context.Background(), "")
	must(b, err)
	return func() *store.Store {
		s, err := store.OpenPostgres(context.Background(), server.URL(database))
		must(b, err)
		return s
	}
}

// writtenBy has so many nodes write a request for each user, and returns how many they wrote a second.
func writtenBy(b *testing.B, box *lab.Lab, nodes int, contender string, open opener) float64 {
	b.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	written := &counter{left: nodeRequests, done: make(chan struct{})}
	var runners []*queue.Runner
	for i := range nodes {
		s := open()
		defer s.Close()
		runners = append(runners, queue.NewRunner(queue.Options{Store: s, Directory: waitingDirectory(b, box.Site), Cloud: emptyCloud{},
			Observer: written, Node: fmt.Sprintf("node%d", i), Workers: 2 * connections}))
	}
	service := queue.NewService(runners[0])
	for i := range nodeRequests {
		_, _, err := service.Submit(ctx, queue.Submission{Holder: name(i), Action: address.AddAlias, Address: address.Address(alias(contender, i))}, "")
		must(b, err)
	}
	began := time.Now()
	var running sync.WaitGroup
	for _, r := range runners {
		running.Go(func() { _ = r.Run(ctx) })
	}
	select {
	case <-written.done:
	case <-time.After(5 * time.Minute):
		b.Fatalf("%s: %d of %d requests were not written in five minutes", contender, written.left, nodeRequests)
	}
	took := time.Since(began)
	stop()
	running.Wait()
	return nodeRequests / took.Seconds()
}
