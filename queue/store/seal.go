package store

import (
	"database/sql"
	"fmt"
	"time"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
)

const (
	// sealedSince is the step of the schema from which on each entry of the log says what rows its step left.
	sealedSince = 4
	// sealedAtOnce is how many requests one entry seals.
	sealedAtOnce = 1000
	// lookedBack is in how many of the newest entries it is looked whether they say it already. Those that do not, prunings, are few.
	lookedBack = 100
)

// seal puts into the log what stands in a store that an earlier version wrote, so that what is changed by hand from now on is found. A new
// store has nothing to seal.
func (t *txn) seal(now time.Time) error {
	if err := t.lock(chainLock); err != nil {
		return err
	}
	if err := t.mustBeUnsealed(); err != nil {
		return err
	}
	var rest eventlog.Sealing
	err := t.sealRequests(now)
	if err == nil {
		rest.Tokens, err = t.sealTokens()
	}
	if err == nil {
		rest.Pause, err = t.oneDigest(`SELECT ` + pauseColumns + ` FROM pause`)
	}
	if err != nil || len(rest.Tokens) == 0 && rest.Pause == "" {
		return err
	}
	return t.tell(eventlog.Sealed, now, rest, "")
}

// mustBeUnsealed refuses a store whose newest entries say already what rows are kept: somebody set the number of its schema back, so that
// what was changed by hand would be sealed.
func (t *txn) mustBeUnsealed() error {
	return t.rows(`SELECT id, entry FROM events ORDER BY id DESC LIMIT ?`, []any{lookedBack}, func(row *sql.Rows) error {
		var id int64
		var entry string
		if err := row.Scan(&id, &entry); err != nil {
			return err
		}
		// An entry that cannot be read is for verify to name.
		if e, err := queue.ParseEvent([]byte(entry), "", ""); err != nil || e.Kept == (queue.Kept{}) && e.What != eventlog.Sealed {
			return nil
		}
		return eventlog.Altered(eventlog.Finding{Row: "the number of the schema",
			Message: fmt.Sprintf("it says that an earlier version wrote the store, and entry %d of the log that this one did: it was set back by hand", id)})
	})
}

func (t *txn) sealRequests(now time.Time) error {
	keys, err := t.digests(`SELECT ` + keyColumns + ` FROM idempotency_keys`)
	if err != nil {
		return err
	}
	spent, err := t.digests(`SELECT ` + spentColumns + ` FROM spent`)
	if err != nil {
		return err
	}
	part := map[queue.RequestID]queue.Kept{}
	put := func() error {
		if len(part) == 0 {
			return nil
		}
		err := t.tell(eventlog.Sealed, now, eventlog.Sealing{Requests: part}, "")
		clear(part)
		return err
	}
	var read rawRows
	err = t.rows(requestRows+` ORDER BY r.seq`, nil, func(row *sql.Rows) error {
		if err := read.scan(row); err != nil {
			return err
		}
		seq, id := read.column("seq").(int64), queue.RequestID(read.column("id").(string))
		part[id] = queue.Kept{Row: read.sum(), Key: keys[seq], Spent: spent[seq]}
		if len(part) < sealedAtOnce {
			return nil
		}
		return put()
	})
	if err != nil {
		return err
	}
	return put()
}

func (t *txn) sealTokens() (tokens map[int64]string, err error) {
	tokens = map[int64]string{}
	var read rawRows
	return tokens, t.rows(`SELECT * FROM tokens`, nil, func(row *sql.Rows) error {
		if err := read.scan(row); err != nil {
			return err
		}
		tokens[read.column("id").(int64)] = read.sum()
		return nil
	})
}

// digests are those of rows that belong to requests, by their numbers.
func (t *txn) digests(query string) (map[int64]string, error) {
	all := digestsBySeq{}
	return all, t.rows(query, nil, all.add())
}
