package bench

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the floor is measured with the driver that the store uses

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/store"
	"github.com/aliasd/aliasd/server"
	"github.com/aliasd/aliasd/server/metrics"
	"github.com/aliasd/aliasd/server/token"
)

const (
	// clients post at the same time, for as long as acceptFor.
	clients   = 32
	acceptFor = 5 * time.Second
)

// BenchmarkAccept posts requests by REST from 32 clients, each answered once it is durable, against the same SQLite's own
// single-row commits by one writer with the same pragmas.
func BenchmarkAccept(b *testing.B) {
	for b.Loop() {
		floor := commits(b)
		ours := accepted(b)
		b.ReportMetric(ours, "accepted/s")
		b.ReportMetric(floor, "commits/s")
		b.ReportMetric(ours/floor, "accepted/commits")
	}
}

// commits counts single-row commits a second.
func commits(b *testing.B) float64 {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "floor.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	must(b, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err = db.Exec("CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT)")
	must(b, err)
	row := string(bytes.Repeat([]byte("x"), 200))
	began, n := time.Now(), 0
	for ; time.Since(began) < acceptFor; n++ {
		_, err := db.Exec("INSERT INTO rows (text) VALUES (?)", row)
		must(b, err)
	}
	return float64(n) / time.Since(began).Seconds()
}

// oneToken lets one token in.
type oneToken struct{ hash token.Hash }

func (t oneToken) TokenByHash(_ context.Context, hash token.Hash) (token.Identity, error) {
	if hash != t.hash {
		return token.Identity{}, token.ErrUnknown
	}
	return token.Identity{Name: "bench", Scopes: []token.Scope{token.Submit}}, nil
}

// noHolders stands where the bench asks for no holder.
type noHolders struct{}

func (noHolders) Show(context.Context, string) (server.HolderView, error) {
	return server.HolderView{}, nil
}

// accepted counts requests that were answered 202 a second.
func accepted(b *testing.B) float64 {
	b.Helper()
	ctx, stop := context.WithCancel(context.Background())
	requests, err := store.Open(ctx, filepath.Join(b.TempDir(), "aliasd.db"))
	must(b, err)
	quiet := slog.New(slog.DiscardHandler)
	secret := token.New()
	api, err := server.New(server.Options{
		Service: queue.NewService(queue.NewRunner(queue.Options{Store: requests})), Archive: requests, Holders: noHolders{},
		Tokens: oneToken{secret.Hash()}, Metrics: metrics.New(metrics.Options{Source: requests, Logger: quiet, Now: time.Now}),
		Logger: quiet, Now: time.Now,
	})
	must(b, err)
	listener, err := server.Listen(ctx, server.Endpoint{Address: "127.0.0.1:0"})
	must(b, err)
	ended := make(chan error)
	go func() { ended <- api.Serve(ctx, listener) }()
	defer func() {
		stop()
		must(b, <-ended)
		must(b, requests.Close())
	}()
	return post(b, "http://"+listener.Addr().String()+"/v1/requests", secret)
}

func post(b *testing.B, url string, secret token.Secret) float64 {
	b.Helper()
	var done atomic.Int64
	var running sync.WaitGroup
	began := time.Now()
	for c := range clients {
		running.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for i := 0; time.Since(began) < acceptFor; i++ {
				if err := postOne(client, url, secret, fmt.Sprintf("c%d-%d", c, i)); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	running.Wait()
	return float64(done.Load()) / time.Since(began).Seconds()
}

func postOne(client *http.Client, url string, secret token.Secret, name string) error {
	body := fmt.Sprintf(`{"holder":"%s@contoso.test","action":"add_alias","address":"%s.alias@contoso.test","ticket":"INC1"}`, name, name)
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+secret.Reveal())
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("answered %s", answer.Status)
	}
	return nil
}
