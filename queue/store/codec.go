package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/queue"
)

// columns are those of a request, in the order in which scanRequest reads them.
const columns = `id, seq, holder, action, address, undoes, ticket, requester, note, allow, submitted_by,
	state, cause, object, cloud_id, attempts, not_before, owner, lease_until, intent, receipt, expectation,
	seen, last_sync_seen, sync_moves, superseded_by, released_by, notes, created_at, updated_at, written_at, verified_at`

// scanner is a row.
type scanner interface{ Scan(to ...any) error }

func scanRequest(row scanner) (queue.Request, error) {
	var r queue.Request
	err := row.Scan(fields(&r)...)
	return r, err
}

// fields are where the columns of a request go.
func fields(r *queue.Request) []any {
	return []any{
		&r.ID, &r.Seq, &r.Holder, &r.Action, &r.Address, &r.Undoes, &r.Ticket, &r.Requester, &r.Note, list[address.Allowance]{&r.Allow}, &r.SubmittedBy,
		&r.State, document{&r.Cause}, guid{&r.Object}, &r.CloudID, &r.Attempts, instant{&r.NotBefore}, &r.Owner, instant{&r.LeaseUntil},
		document{&r.Intent}, document{&r.Receipt}, document{&r.Expectation}, document{&r.Seen}, instant{&r.LastSyncSeen}, &r.SyncMoves,
		&r.SupersededBy, &r.ReleasedBy, list[string]{&r.Notes}, instant{&r.CreatedAt}, instant{&r.UpdatedAt}, instant{&r.WrittenAt}, instant{&r.VerifiedAt},
	}
}

// fieldsByName are where the columns of a request go that scanRequest reads, in another order; others go nowhere.
func fieldsByName(r *queue.Request, order []string) []any {
	byName := map[string]any{}
	for i, to := range fields(r) {
		byName[strings.TrimSpace(strings.Split(columns, ",")[i])] = to
	}
	at := make([]any, len(order))
	for i, name := range order {
		if at[i] = byName[name]; at[i] == nil {
			at[i] = new(any)
		}
	}
	return at
}

// instant reads a time: microseconds since 1970, 0 is none.
type instant struct{ to *time.Time }

// Scan is sql.Scanner's.
func (i instant) Scan(value any) error {
	switch micros := value.(type) {
	case nil:
		*i.to = time.Time{}
	case int64:
		*i.to = time.Time{}
		if micros != 0 {
			*i.to = time.UnixMicro(micros).UTC()
		}
	default:
		return fmt.Errorf("a time is %T", value)
	}
	return nil
}

// micros writes a time as instant reads it.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func microsOrNull(t *time.Time) any {
	if t == nil {
		return nil
	}
	return micros(*t)
}

// document reads JSON into a pointer to a pointer, or to anything else that JSON fits; NULL leaves it as it is.
type document struct{ to any }

// Scan is sql.Scanner's.
func (d document) Scan(value any) error {
	switch text := value.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(text), d.to)
	default:
		return fmt.Errorf("a document is %T", value)
	}
}

// list reads a JSON array; an empty one is nil.
type list[T any] struct{ to *[]T }

// Scan is sql.Scanner's.
func (l list[T]) Scan(value any) error {
	if text, ok := value.(string); ok && text == "[]" {
		*l.to = nil
		return nil
	}
	return document{l.to}.Scan(value)
}

// guid reads the text form of an objectGUID, or nothing.
type guid struct{ to *address.GUID }

// Scan is sql.Scanner's.
func (g guid) Scan(value any) (err error) {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("an objectGUID is %T", value)
	}
	*g.to = address.GUID{}
	if text != "" {
		*g.to, err = address.ParseGUID(text)
	}
	return err
}

// orNull writes what a pointer points to as JSON, and nil as NULL.
func orNull[T any](v *T) (any, error) {
	if v == nil {
		return nil, nil
	}
	return asJSON(v)
}

func asJSON(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}

// asList writes a JSON array; nil as an empty one.
func asList[T any](values []T) (string, error) {
	if len(values) == 0 {
		return "[]", nil
	}
	return asJSON(values)
}
