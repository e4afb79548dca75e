package store

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
	pglab "github.com/aliasd/aliasd/lab/postgres"
	"github.com/aliasd/aliasd/ldapwriter"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/sqlitefile"
)

// callers is how many clients ask at once.
const callers = 32

// crowded runs do so many times in as many goroutines as there are callers, and says how often per second.
func crowded(b *testing.B, times int, do func(n int64) error) (perSecond float64) {
	b.Helper()
	var next atomic.Int64
	var running sync.WaitGroup
	begun := time.Now()
	for range callers {
		running.Go(func() {
			for n := next.Add(1); n <= int64(times); n = next.Add(1) {
				if err := do(n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	return float64(times) / time.Since(begun).Seconds()
}

func submission(n int64) queue.Submission {
	return queue.Submission{Holder: fmt.Sprintf("user%d@contoso.test", n), Action: address.AddAlias,
		Address: address.Address(fmt.Sprintf("alias%d@contoso.test", n)), Ticket: fmt.Sprintf("INC%07d", n), Requester: "helpdesk@contoso.test",
		SubmittedBy: "helpdesk"}
}

// measured are the databases that benches run on; PostgreSQL commits with fsync here.
func measured(b *testing.B, bench func(b *testing.B, d database, floor func(*testing.B) float64)) {
	b.Run("sqlite", func(b *testing.B) { bench(b, onSQLite(), floor) })
	b.Run("postgres", func(b *testing.B) {
		if err := pglab.Missing(); err != nil {
			b.Skip(err)
		}
		server, err := pglab.Start(context.Background(), pglab.Options{Fsync: true})
		if err != nil {
			b.Fatal(err)
		}
		defer func() {
			if err := server.Stop(); err != nil {
				b.Error(err)
			}
		}()
		place := func(t testing.TB) string {
			name, err := server.NewDatabase(context.Background(), "")
			if err != nil {
				t.Fatal(err)
			}
			return server.URL(name)
		}
		bench(b, database{name: "postgres", place: place, open: openedPostgres}, func(b *testing.B) float64 { return floorOf(b, place(b)) })
	})
}

// floorOf is what a PostgreSQL server gives: 32 connections, each row of 200 bytes committed by itself.
func floorOf(b *testing.B, url string) (perSecond float64) {
	b.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxIdleConns(callers)
	db.SetMaxOpenConns(callers)
	if _, err := db.Exec(`CREATE TABLE rows (n BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body BYTEA NOT NULL)`); err != nil {
		b.Fatal(err)
	}
	insert, err := db.Prepare(`INSERT INTO rows (body) VALUES ($1)`)
	if err != nil {
		b.Fatal(err)
	}
	body := make([]byte, 200)
	return crowded(b, b.N, func(int64) error {
		_, err := insert.Exec(body)
		return err
	})
}

// BenchmarkAccept is the durable acceptance by 32 callers at once, without and with a key, against the floor in the same run.
func BenchmarkAccept(b *testing.B) {
	measured(b, benchmarkAccept)
}

func benchmarkAccept(b *testing.B, d database, floor func(*testing.B) float64) {
	for _, keyed := range []bool{false, true} {
		b.Run(fmt.Sprintf("keyed=%v", keyed), func(b *testing.B) {
			s := d.fresh(b)
			b.ResetTimer()
			got := crowded(b, b.N, func(n int64) error {
				key := queue.Idempotency{}
				if keyed {
					key.Key = fmt.Sprint(n)
				}
				_, _, err := s.Accept(context.Background(), submission(n), key, time.Now())
				return err
			})
			b.StopTimer()
			least := floor(b)
			b.ReportMetric(got, "requests/s")
			b.ReportMetric(least, "floor/s")
			b.ReportMetric(got/least, "times-floor")
		})
	}
}

// floor is what the machine gives: 32 callers, each row of 200 bytes committed by itself with an fsync.
func floor(b *testing.B) (perSecond float64) {
	b.Helper()
	db, err := connect(filepath.Join(b.TempDir(), "floor.db"), 1, "query_only(0)")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE rows (n INTEGER PRIMARY KEY, body BLOB NOT NULL)`); err != nil {
		b.Fatal(err)
	}
	insert, err := db.Prepare(`INSERT INTO rows (body) VALUES (?)`)
	if err != nil {
		b.Fatal(err)
	}
	body := make([]byte, 200)
	return crowded(b, b.N, func(int64) error {
		return sqlitefile.InTx(context.Background(), db, func(tx *sql.Tx) error {
			_, err := tx.Stmt(insert).Exec(body)
			return err
		})
	})
}

// BenchmarkLifecycle brings requests from accepted to verified, all six steps durable, by 32 callers at once.
func BenchmarkLifecycle(b *testing.B) {
	measured(b, func(b *testing.B, d database, _ func(*testing.B) float64) {
		s := d.fresh(b)
		b.ResetTimer()
		b.ReportMetric(crowded(b, b.N, func(n int64) error { return live(s, n) }), "requests/s")
	})
}

// live brings one request to verified. Claim hands out whatever is queued: each caller goes on with what it got.
func live(s *Store, n int64) error {
	ctx, now := context.Background(), time.Now()
	r, _, err := s.Accept(ctx, submission(n), queue.Idempotency{}, now)
	if err != nil {
		return err
	}
	if _, err = s.Resolve(ctx, r.ID, address.GUID{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}, []queue.Claim{{Address: r.Address.Key(), Kind: queue.Take}}, now); err != nil {
		return err
	}
	leased, err := s.Claim(ctx, "node", now, time.Minute, 2)
	if err != nil {
		return err
	}
	for _, r := range leased {
		if err := writeAndVerify(s, r, now); err != nil {
			return err
		}
	}
	return nil
}

func writeAndVerify(s *Store, r queue.Request, now time.Time) error {
	for _, t := range steps(r, now) {
		if _, err := s.Advance(context.Background(), t); err != nil {
			return err
		}
	}
	return nil
}

// steps bring a leased request to verified.
func steps(r queue.Request, now time.Time) []queue.Transition {
	change := address.Change{Add: address.Set{address.Secondary(r.Address)}}
	expected := cloudcheck.Expectation{Wants: []address.Want{{Address: r.Address, Role: address.RoleSecondary}}}
	intent := queue.Intent{DC: "ldaps://dc1.contoso.test:636", Change: change, Sent: true, At: now, Expectation: expected}
	receipt := ldapwriter.Receipt{DC: intent.DC, Change: change, At: now}
	all := []queue.Transition{
		{From: queue.Writing, To: queue.Writing, What: "intent", Detail: intent, Intent: &intent},
		{From: queue.Writing, To: queue.Written, Receipt: &receipt, Detail: receipt, Expectation: &expected, Supersedes: []address.Key{r.Address.Key()}},
		{From: queue.Written, To: queue.Verified},
	}
	for i := range all {
		all[i].ID, all[i].Owner, all[i].Now = r.ID, "node", now
	}
	return all
}

// BenchmarkClaim is one claim while 10,000 requests wait: all for their turn, all for their retry, or all for one holder.
func BenchmarkClaim(b *testing.B) {
	const waiting = 10_000
	now := time.Now()
	for name, c := range map[string]struct {
		holder    func(n int) address.GUID
		notBefore time.Time
	}{
		"due":        {func(n int) address.GUID { return address.GUID{byte(n), byte(n >> 8), 1} }, time.Time{}},
		"delayed":    {func(n int) address.GUID { return address.GUID{byte(n), byte(n >> 8), 1} }, now.Add(time.Hour)},
		"one holder": {func(int) address.GUID { return address.GUID{1} }, time.Time{}},
	} {
		b.Run(name, func(b *testing.B) {
			s := onSQLite().fresh(b)
			err := s.write(context.Background(), func(t *txn) error {
				for n := range waiting {
					if err := t.wait(n, c.holder(n), now, c.notBefore); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := s.Claim(context.Background(), "node", now, time.Hour, 4); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// wait puts a queued request into the store.
func (t *txn) wait(n int, holder address.GUID, now, notBefore time.Time) error {
	sub := submission(int64(n))
	r, _, err := t.accept(acceptance{Submission: sub, digest: sub.Digest(), now: now})
	if err != nil {
		return err
	}
	if _, err := t.resolve(r.ID, holder, nil, now); err != nil {
		return err
	}
	_, err = t.exec(`UPDATE requests SET not_before = ? WHERE id = ?`, micros(notBefore), r.ID)
	return err
}
