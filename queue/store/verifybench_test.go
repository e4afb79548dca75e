package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
)

// BenchmarkVerify walks a log of a million entries, with and without comparing the requests, against the bare reading of the same
// rows, with and without hashing them.
func BenchmarkVerify(b *testing.B) {
	const requests = 1_000_000 / 6
	s := fresh(b)
	crowd(b, s, requests)
	ctx := context.Background()
	for name, do := range map[string]func() (int64, error){
		"verify": func() (int64, error) {
			found, err := s.Verify(ctx, eventlog.Check{})
			return found.Entries, errors.Join(err, found.Err())
		},
		"chain": func() (int64, error) {
			found, err := s.verify(ctx, eventlog.Check{}, false)
			return found.Entries, errors.Join(err, found.Err())
		},
		"export":                  func() (int64, error) { sum, err := s.Export(ctx, io.Discard, Selection{}); return sum.Entries, err },
		"bare-reading":            func() (int64, error) { return bareReading(s, func(eventlog.Record) {}) },
		"bare-reading-and-sha256": func() (int64, error) { return bareHash(s) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				begun := time.Now()
				n, err := do()
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(n)/time.Since(begun).Seconds(), "entries/s")
			}
		})
	}
}

// crowd makes so many requests that went all the way, many in a transaction.
func crowd(b *testing.B, s *Store, requests int) {
	b.Helper()
	const each = 500
	for n := 0; n < requests; n += each {
		err := s.write(context.Background(), func(t *txn) error {
			return t.lives(int64(n+1), each, address.GUID{byte(n), byte(n >> 8), byte(n >> 16), 1})
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// lives makes so many requests of one holder that went all the way, one after the other.
func (t *txn) lives(first int64, n int, holder address.GUID) error {
	for i := range n {
		if err := t.wholeLife(first+int64(i), holder, queue.Instant(time.Now())); err != nil {
			return err
		}
	}
	return nil
}

func (t *txn) wholeLife(n int64, holder address.GUID, now time.Time) error {
	sub := submission(n)
	r, _, err := t.accept(acceptance{Submission: sub, digest: sub.Digest(), now: now})
	if err == nil {
		_, err = t.resolve(r.ID, holder, nil, now)
	}
	if err == nil {
		_, err = t.lease(leasing{owner: "node", now: now, until: now.Add(time.Minute)}, 1)
	}
	for _, step := range steps(r, now) {
		if err != nil {
			return err
		}
		var values []any
		step = step.Kept()
		if values, err = valuesOf(step); err == nil {
			_, err = t.advance(step, values)
		}
	}
	return err
}

// bareReading reads the log and does nothing with it.
func bareReading(s *Store, each func(eventlog.Record)) (n int64, err error) {
	err = s.snapshot(context.Background(), func(v *frozen) error {
		return v.links(span{}, func(r eventlog.Record) bool { n++; each(r); return true }, func(eventlog.Gap) bool { return true })
	})
	return n, err
}

// bareHash reads the log and hashes it.
func bareHash(s *Store) (n int64, err error) {
	sum := sha256.New()
	return bareReading(s, func(r eventlog.Record) {
		sum.Reset()
		sum.Write([]byte(r.PrevHash))
		sum.Write(r.Entry)
		sum.Sum(nil)
	})
}

// BenchmarkStart is what a start has of a log of 100,000 entries, with 200 requests that are not final: to open the store and to compare
// what it works on, and beside that to verify all of it.
func BenchmarkStart(b *testing.B) {
	const requests, waiting = 100_000 / 6, 200
	path := emptyFile(b)
	s := opened(b, path)
	crowd(b, s, requests)
	for n := range waiting {
		if err := halfway(s, int64(requests+n)); err != nil {
			b.Fatal(err)
		}
	}
	ctx := context.Background()
	verify := func(how func(*Store) (eventlog.Result, error)) func() error {
		return func() error {
			found, err := how(s)
			return errors.Join(err, found.Err())
		}
	}
	for name, do := range map[string]func() error{
		"open": func() error {
			again, err := Open(ctx, path)
			if err != nil {
				return err
			}
			return again.Close()
		},
		"glance": verify(func(s *Store) (eventlog.Result, error) { return s.Glance(ctx) }),
		"verify": verify(func(s *Store) (eventlog.Result, error) { return s.Verify(ctx, eventlog.Check{}) }),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
