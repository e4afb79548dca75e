package mirror

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/sqlitefile"
)

func kinds() []address.Kind { return []address.Kind{address.User, address.Group, address.Contact} }

// news is what changed in the tenant since a cursor.
type news struct {
	objects []cloudcheck.Object
	gone    []string // ids
	next    cloudcheck.Cursor
	at      time.Time
}

// catchUp reads what changed since, and writes it together with the new cursor.
func (m *Mirror) catchUp(ctx context.Context, from Source, since state) (Refreshed, error) {
	n, err := m.readNews(ctx, from, since.cursor)
	if err != nil {
		return Refreshed{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	r := Refreshed{Objects: since.objects}
	err = sqlitefile.InTx(ctx, m.db, func(tx *sql.Tx) error { return n.write(ctx, tx, &r) })
	return r, err
}

// readNews asks for the changes, for what is quarantined now, and for what was: an error that went away may be no change.
func (m *Mirror) readNews(ctx context.Context, from Source, since cloudcheck.Cursor) (news, error) {
	n := news{at: m.options.Now()}
	changes, err := from.Changes(ctx, since)
	if err != nil {
		return news{}, err
	}
	n.next = changes.Next
	if n.objects, err = from.Quarantined(ctx); err != nil {
		return news{}, err
	}
	wanted, err := m.wasQuarantined(ctx)
	if err != nil {
		return news{}, err
	}
	read := idsOf(n.objects)
	for _, kind := range kinds() {
		n.gone = append(n.gone, changes.Removed[kind]...)
		ids := missing(append(wanted[kind], changes.Changed[kind]...), read)
		if len(ids) == 0 {
			continue
		}
		fresh, err := from.ObjectsByID(ctx, kind, ids)
		if err != nil {
			return news{}, err
		}
		n.objects = append(n.objects, fresh...)
		n.gone = append(n.gone, ids...)
	}
	n.gone = missing(n.gone, idsOf(n.objects))
	return n, nil
}

// wasQuarantined gives the ids of the copy's objects with a provisioning error, by kind.
func (m *Mirror) wasQuarantined(ctx context.Context) (map[address.Kind][]string, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	ids := map[address.Kind][]string{}
	err := queryObjects(ctx, m.db, "SELECT 0, n, body FROM objects WHERE quarantined", nil,
		func(_ key, _ int64, _ []byte, o *cloudcheck.Object) { ids[o.Kind] = append(ids[o.Kind], o.ID) })
	return ids, err
}

func idsOf(objects []cloudcheck.Object) map[string]bool {
	ids := make(map[string]bool, len(objects))
	for _, o := range objects {
		ids[strings.ToLower(o.ID)] = true
	}
	return ids
}

// missing are the ids, each once, that are not among some.
func missing(ids []string, among map[string]bool) []string {
	slices.Sort(ids)
	return slices.DeleteFunc(slices.Compact(ids), func(id string) bool { return among[strings.ToLower(id)] })
}

// write puts the news into the copy and counts what differs from what stood there.
func (n *news) write(ctx context.Context, tx *sql.Tx, r *Refreshed) error {
	for i := range n.objects {
		had, changed, err := put(ctx, tx, &n.objects[i])
		if err != nil {
			return err
		}
		if changed {
			r.Changed++
		}
		if !had {
			r.Objects++
		}
	}
	for _, id := range n.gone {
		old, err := find(ctx, tx, id)
		if err != nil {
			return err
		}
		if old == nil {
			continue
		}
		r.Objects--
		r.Removed++
		if err := old.remove(ctx, tx); err != nil {
			return err
		}
	}
	cursor, err := json.Marshal(n.next)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE meta SET cursor = ?, at = ?, objects = ?", string(cursor), micros(n.at), r.Objects)
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
