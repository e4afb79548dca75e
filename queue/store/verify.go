package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
)

// VerifyChain walks the whole event log. It returns the id of the first entry that is not what was written: changed, left
// out or moved; 0 where every link holds.
func (s *Store) VerifyChain(ctx context.Context) (firstBroken int64, err error) {
	found, err := s.verify(ctx, eventlog.Check{}, false)
	if err != nil || found.Break == nil {
		return 0, err
	}
	return found.Break.ID, nil
}

// Verify compares the schema with what aliasd makes, walks the whole event log, and compares every row that a decision rests on with
// what the log says of it. Where the chain is broken it ends
// there: the entries behind prove nothing. It reads one state of the store, whatever is written meanwhile, and keeps some 400 bytes
// for each request.
func (s *Store) Verify(ctx context.Context, c eventlog.Check) (eventlog.Result, error) {
	return s.verify(ctx, c, true)
}

// Glance is Verify for a start that may not take long: it compares the schema, the requests that are not final with their own entries, the
// tokens and the stop switch. No entry of the log is missing, and those that it reads are whole and fit to their neighbours; the others only
// Verify reads.
func (s *Store) Glance(ctx context.Context) (found eventlog.Result, err error) {
	made, found, err := s.schemaMade(ctx)
	if err == nil {
		err = s.snapshot(ctx, func(v *frozen) error {
			walk := &walking{frozen: v, walker: eventlog.NewWalker(eventlog.Anchor{}, nil), stories: eventlog.NewPartStories(), open: true, found: found}
			found, err = walk.glance(made)
			return err
		})
	}
	if err != nil {
		return found, fmt.Errorf("verify the open requests: %w", ended(ctx, err))
	}
	return found, nil
}

// schemaMade is the schema that the store has to have. Where that cannot be known, it is nil, and the result says why.
func (s *Store) schemaMade(ctx context.Context) (made schema, found eventlog.Result, err error) {
	steps, err := s.dialect.steps()
	if err != nil {
		return nil, found, err
	}
	made, err = s.dialect.made(ctx, s.reads.db, steps)
	if errors.Is(err, errNoScratch) {
		return nil, eventlog.Result{SchemaUnknown: errNoScratch.Error()}, nil
	}
	return made, found, s.inWords(err)
}

func (s *Store) verify(ctx context.Context, c eventlog.Check, rows bool) (found eventlog.Result, err error) {
	var made schema
	if rows {
		made, found, err = s.schemaMade(ctx)
	}
	if err == nil {
		err = s.snapshot(ctx, func(v *frozen) error {
			walk := &walking{frozen: v, check: c, walker: eventlog.NewWalker(eventlog.Anchor{}, c.Expected), found: found}
			if rows {
				walk.stories = eventlog.NewStories()
			}
			if err := walk.compareSchema(made); err != nil {
				return err
			}
			found, err = walk.run()
			return err
		})
	}
	if err != nil {
		return found, fmt.Errorf("verify the event log: %w", ended(ctx, err))
	}
	return found, nil
}

// progressEvery is after how many entries progress is told.
const progressEvery = 2000

// walking is one walk along the log.
type walking struct {
	*frozen
	check   eventlog.Check
	walker  *eventlog.Walker
	stories *eventlog.Stories // nil: rows are not compared
	open    bool              // only the requests that are not final are
	total   int64
	found   eventlog.Result
}

// glance follows the entries that a start needs, and compares.
func (w *walking) glance(made schema) (eventlog.Result, error) {
	if err := w.compareSchema(made); err != nil {
		return w.found, err
	}
	err := w.withoutHoles()
	if err == nil && w.found.Break == nil {
		err = w.openLinks()
	}
	w.found.Entries, _ = w.walker.Passed()
	if err != nil || w.found.Break != nil {
		return w.found, err
	}
	return w.found, w.compare()
}

// withoutHoles counts the entries: the last one says how many there have to be.
func (w *walking) withoutHoles() error {
	var head, entries, removed int64
	err := w.row(`SELECT (SELECT coalesce(max(id), 0) FROM events), (SELECT count(*) FROM events),
		(SELECT coalesce(sum(last_id - first_id + 1), 0) FROM event_gaps)`, nil, &head, &entries, &removed)
	if err == nil {
		w.found.Break = eventlog.Whole(head, entries, removed)
	}
	return err
}

// openLinks follows the entries of the requests that are not final, and those of no request, each with the links to its neighbours.
func (w *walking) openLinks() error {
	err := w.rows(`SELECT e.id, e.request_id, e.entry, e.prev_hash, e.hash,
			coalesce((SELECT hash FROM events WHERE id = e.id - 1), (SELECT hash FROM event_gaps WHERE last_id = e.id - 1), ''),
			coalesce((SELECT prev_hash FROM events WHERE id = e.id + 1), (SELECT prev_hash FROM event_gaps WHERE first_id = e.id + 1), e.hash)
		FROM events AS e WHERE e.request_id IN (SELECT '' UNION ALL SELECT id FROM requests WHERE `+isOpen+`) ORDER BY e.id`, nil, func(row *sql.Rows) error {
		var r eventlog.Record
		var entry, before, next string
		if err := row.Scan(&r.ID, &r.RequestID, &entry, &r.PrevHash, &r.Hash, &before, &next); err != nil {
			return err
		}
		r.Entry = []byte(entry)
		w.walker.Leap(eventlog.Anchor{ID: r.ID - 1, Hash: before})
		if w.found.Break = w.follow(r); w.found.Break == nil {
			w.found.Break = w.walker.Before(next)
		}
		if w.found.Break != nil {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// isOpen is the condition on requests that are not final.
const isOpen = `state IN ('accepted', 'queued', 'held', 'writing', 'written', 'mismatched')`

// compareSchema compares the schema, where it is known how it has to be.
func (w *walking) compareSchema(made schema) error {
	if made == nil {
		return nil
	}
	is, err := readSchema(w.tx.QueryContext(w.ctx, w.dialect.schema))
	if err != nil {
		return err
	}
	compareSchema(is, made, w.found.Note)
	return nil
}

func (w *walking) run() (eventlog.Result, error) {
	if err := w.count(); err != nil {
		return w.found, err
	}
	var broken *eventlog.Break
	err := w.links(span{}, func(r eventlog.Record) bool {
		broken = w.follow(r)
		return broken == nil
	}, func(g eventlog.Gap) bool {
		broken = w.walker.Skip(g)
		return broken == nil
	})
	if err != nil {
		return w.found, err
	}
	if broken == nil {
		broken = w.walker.End(true)
	}
	w.found.Break, w.found.HeadRemoved = broken, w.walker.Lost()
	w.found.Entries, w.found.Removed = w.walker.Passed()
	w.found.Head = w.walker.Head()
	if broken != nil || w.stories == nil {
		return w.found, nil
	}
	return w.found, w.compare()
}

func (w *walking) follow(r eventlog.Record) *eventlog.Break {
	e, broken := w.walker.Follow(r)
	if broken != nil {
		return broken
	}
	w.found.HeadAt = e.At
	if w.stories != nil {
		w.stories.Tell(e)
	}
	if done, _ := w.walker.Passed(); w.check.Progress != nil && done%progressEvery == 0 {
		w.check.Progress(done, w.total)
	}
	return nil
}

// count is how many entries there are, where somebody wants to know how far the walk is.
func (w *walking) count() error {
	if w.check.Progress == nil {
		return nil
	}
	return w.row(`SELECT count(*) FROM events`, nil, &w.total)
}

// compare compares every row that a decision rests on with what the log says of it.
func (w *walking) compare() error {
	for _, compare := range []func() error{w.compareRequests, w.compareTokens, w.compareStop, w.orphans} {
		if err := compare(); err != nil {
			return err
		}
	}
	w.stories.Left(w.found.Note)
	return nil
}

func (w *walking) compareRequests() error {
	keys, err := w.beside(`SELECT ` + keyColumns + ` FROM idempotency_keys`)
	if err != nil {
		return err
	}
	spent, err := w.beside(`SELECT ` + spentColumns + ` FROM spent`)
	if err != nil {
		return err
	}
	query := requestRows
	if w.open {
		query += ` WHERE r.` + isOpen
	}
	var read rawRows
	return w.rows(query+` ORDER BY r.seq`, nil, func(row *sql.Rows) error {
		if err := read.scan(row); err != nil {
			return err
		}
		w.found.Requests++
		var r queue.Request
		err := row.Scan(fieldsByName(&r, read.digest.columns)...)
		odd := w.stories.Compare(r, queue.Kept{Row: read.sum(), Key: keys[r.Seq], Spent: spent[r.Seq]})
		if err != nil {
			odd = &eventlog.Finding{RequestID: queue.RequestID(fmt.Sprint(read.column("id"))), Message: "it cannot be read, so it was changed by hand: " + err.Error()}
		}
		if odd != nil {
			w.found.Note(*odd)
		}
		return nil
	})
}

// beside reads the digests of rows that belong to requests, by their numbers.
func (w *walking) beside(query string) (map[int64]string, error) {
	if w.open {
		query += ` WHERE seq IN (SELECT seq FROM requests WHERE ` + isOpen + `)`
	}
	all := digestsBySeq{}
	return all, w.rows(query, nil, all.add())
}

func (w *walking) compareTokens() error {
	var read rawRows
	return w.rows(`SELECT * FROM tokens`, nil, func(row *sql.Rows) error {
		if err := read.scan(row); err != nil {
			return err
		}
		id, _ := read.column("id").(int64)
		if odd := w.stories.CompareToken(id, fmt.Sprint(read.column("name")), read.sum()); odd != nil {
			w.found.Note(*odd)
		}
		return nil
	})
}

func (w *walking) compareStop() error {
	is := queue.Gone
	var read rawRows
	err := w.rows(`SELECT `+pauseColumns+` FROM pause`, nil, func(row *sql.Rows) error {
		err := read.scan(row)
		if err == nil {
			is = read.sum()
		}
		return err
	})
	if odd := w.stories.CompareStop(is); err == nil && odd != nil {
		w.found.Note(*odd)
	}
	return err
}

// orphans are rows that belong to a request that there is not.
func (w *walking) orphans() error {
	for _, table := range []string{"claims", "spent", "idempotency_keys"} {
		err := w.rows(`SELECT seq FROM `+table+` AS t WHERE NOT EXISTS (SELECT 1 FROM requests AS r WHERE r.seq = t.seq)`, nil, func(row *sql.Rows) error {
			var seq any
			err := row.Scan(&seq)
			w.found.Note(eventlog.Finding{Row: fmt.Sprintf("%s of request number %v", table, seq), Message: "there is no such request: it was put in by hand"})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Head is the newest entry of the event log; the zero Anchor where it is empty.
func (s *Store) Head(ctx context.Context) (eventlog.Anchor, error) {
	var a eventlog.Anchor
	if _, err := s.row(ctx, `SELECT id, hash FROM events ORDER BY id DESC LIMIT 1`, nil, &a.ID, &a.Hash); err != nil {
		return a, fmt.Errorf("read the head of the event log: %w", ended(ctx, err))
	}
	return a, nil
}
