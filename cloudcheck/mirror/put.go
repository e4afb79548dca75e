package mirror

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"strings"

	"github.com/aliasd/aliasd/cloudcheck"
)

// save writes where a copy stands; its tenant and when the whole was read stand there already.
func (s *state) save(ctx context.Context, tx *sql.Tx) error {
	cursor, err := json.Marshal(s.cursor)
	if err != nil {
		return err
	}
	doubts, err := json.Marshal(s.doubts)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE meta SET cursor = ?, at = ?, doubts = ?, objects = ?", string(cursor), micros(s.at), string(doubts), s.objects)
	return err
}

// stored is an object as it stands in the copy.
type stored struct {
	n    int64
	body []byte
	keys []key
}

// find gives the object with an id; nil where there is none.
func find(ctx context.Context, tx *sql.Tx, id string) (*stored, error) {
	var found *stored
	err := queryObjects(ctx, tx, "SELECT k.hash, o.n, o.body FROM keys AS k JOIN objects AS o ON o.n = k.object WHERE k.hash = ?",
		[]any{int64(keyOfID(id))}, func(_ key, n int64, raw []byte, o *cloudcheck.Object) {
			if strings.EqualFold(o.ID, id) {
				found = &stored{n: n, body: bytes.Clone(raw), keys: keysOf(o)}
			}
		})
	return found, err
}

func (s *stored) remove(ctx context.Context, tx *sql.Tx) error {
	for _, k := range s.keys {
		if _, err := tx.ExecContext(ctx, "DELETE FROM keys WHERE hash = ? AND object = ?", int64(k), s.n); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM objects WHERE n = ?", s.n)
	return err
}

// put writes an object in place of what stood there; had says whether anything did, changed whether it differed.
func put(ctx context.Context, tx *sql.Tx, o *cloudcheck.Object) (had, changed bool, err error) {
	raw, err := encode(o)
	if err != nil {
		return false, false, err
	}
	old, err := find(ctx, tx, o.ID)
	if err != nil {
		return false, false, err
	}
	if old != nil {
		if bytes.Equal(old.body, raw) {
			return true, false, nil
		}
		if err := old.remove(ctx, tx); err != nil {
			return true, true, err
		}
	}
	return old != nil, true, insert(ctx, tx, o, raw)
}

func insert(ctx context.Context, tx *sql.Tx, o *cloudcheck.Object, raw []byte) error {
	made, err := tx.ExecContext(ctx, "INSERT INTO objects (quarantined, body) VALUES (?, ?)", len(o.Errors) > 0, raw)
	if err != nil {
		return err
	}
	n, err := made.LastInsertId()
	if err != nil {
		return err
	}
	for _, k := range keysOf(o) {
		if _, err := tx.ExecContext(ctx, "INSERT INTO keys VALUES (?, ?)", int64(k), n); err != nil {
			return err
		}
	}
	return nil
}
