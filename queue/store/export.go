package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
)

// Selection is the part of the event log to export: all where it is zero.
type Selection struct {
	// Since and Until bound it by the times of the entries: from the first one that was made at or after Since to the last one that
	// was made before Until, and what stands between them, so that it is a chain. Zero: no bound.
	Since, Until time.Time
	// Request is whose entries alone are exported; empty: everybody's.
	Request queue.RequestID
}

// Export writes a part of the event log as JSON lines, as eventlog.VerifyFile reads them, and gives the last of them. It holds one
// entry at a time. An entry that is none is an error: the export ends there without its summary. queue.ErrNotFound where the log has nothing of the request.
func (s *Store) Export(ctx context.Context, out io.Writer, of Selection) (sum eventlog.Summary, err error) {
	err = s.snapshot(ctx, func(v *frozen) error {
		sum, err = v.export(out, of)
		return err
	})
	if err != nil {
		return sum, fmt.Errorf("export the event log: %w", ended(ctx, err))
	}
	return sum, nil
}

func (v *frozen) export(out io.Writer, of Selection) (eventlog.Summary, error) {
	lines := eventlog.NewWriter(out)
	lines.Summary.RequestID, lines.Summary.Since, lines.Summary.Until = of.Request, orNothing(of.Since), orNothing(of.Until)
	err := v.row(`SELECT id, hash FROM events ORDER BY id DESC LIMIT 1`, nil, &lines.Summary.Head.ID, &lines.Summary.Head.Hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return lines.Summary, err
	}
	part, err := v.spanOf(of)
	if err != nil {
		return lines.Summary, err
	}
	if part.first <= part.last || part.last == 0 {
		err = v.exportLinks(part, lines)
	}
	if err != nil {
		return lines.Summary, err
	}
	if of.Request != "" && lines.Summary.Entries == 0 {
		return lines.Summary, noRequest(of.Request)
	}
	return lines.Summary, lines.Close()
}

func (v *frozen) exportLinks(part span, lines *eventlog.Writer) (err error) {
	stopped := v.links(part, func(r eventlog.Record) bool {
		err = lines.Record(r)
		return err == nil
	}, func(g eventlog.Gap) bool {
		err = lines.Gap(g)
		return err == nil
	})
	return errors.Join(err, stopped)
}

// spanOf finds the entries of a selection. Times are not in order where the clock was set, so all are looked at.
func (v *frozen) spanOf(of Selection) (part span, err error) {
	part.request = of.Request
	if of.Request != "" || of.Since.IsZero() && of.Until.IsZero() {
		return part, nil
	}
	part.first, part.last = 1, -1 // nothing
	begun := false
	err = v.rows(`SELECT id, entry FROM events ORDER BY id`, nil, func(row *sql.Rows) error {
		var id int64
		var entry []byte
		var made struct {
			At time.Time `json:"at"`
		}
		if err := row.Scan(&id, &entry); err != nil {
			return err
		}
		if err := json.Unmarshal(entry, &made); err != nil {
			return fmt.Errorf("entry %d is not what was written and cannot be exported; aliasd log verify says more: %w", id, err)
		}
		if !begun && !made.At.Before(of.Since) {
			begun, part.first = true, id
		}
		if begun && (of.Until.IsZero() || made.At.Before(of.Until)) {
			part.last = id
		}
		return nil
	})
	return part, err
}

func orNothing(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
