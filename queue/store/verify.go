package store

import (
	"context"
	"database/sql"
	"fmt"

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

// Verify walks the whole event log, and compares every request with what its entries say. Where the chain is broken it ends
// there: the entries behind prove nothing. It reads one state of the store, whatever is written meanwhile, and keeps some 300 bytes
// for each request.
func (s *Store) Verify(ctx context.Context, c eventlog.Check) (eventlog.Result, error) {
	return s.verify(ctx, c, true)
}

func (s *Store) verify(ctx context.Context, c eventlog.Check, requests bool) (found eventlog.Result, err error) {
	err = s.snapshot(ctx, func(v *frozen) error {
		walk := &walking{frozen: v, check: c, walker: eventlog.NewWalker(eventlog.Anchor{}, c.Expected)}
		if requests {
			walk.stories = eventlog.NewStories()
		}
		found, err = walk.run()
		return err
	})
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
	stories *eventlog.Stories // nil: requests are not compared
	total   int64
	found   eventlog.Result
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

// compare compares every request with what the log says of it.
func (w *walking) compare() error {
	err := w.rows(`SELECT `+columns+` FROM requests ORDER BY seq`, nil, func(row *sql.Rows) error {
		r, err := scanRequest(row)
		w.found.Requests++
		odd := w.stories.Compare(r)
		if err != nil {
			odd = &eventlog.Finding{RequestID: r.ID, Message: "it cannot be read, so it was changed by hand: " + err.Error()}
		}
		if odd != nil {
			w.note(*odd)
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.stories.Left(w.note)
	return nil
}

func (w *walking) note(odd eventlog.Finding) {
	if w.found.Odd++; len(w.found.Findings) < eventlog.MaxFindings {
		w.found.Findings = append(w.found.Findings, odd)
	}
}

// Head is the newest entry of the event log; the zero Anchor where it is empty.
func (s *Store) Head(ctx context.Context) (eventlog.Anchor, error) {
	var a eventlog.Anchor
	if _, err := s.row(ctx, `SELECT id, hash FROM events ORDER BY id DESC LIMIT 1`, nil, &a.ID, &a.Hash); err != nil {
		return a, fmt.Errorf("read the head of the event log: %w", ended(ctx, err))
	}
	return a, nil
}
