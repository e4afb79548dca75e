package mirror

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/sqlitefile"
)

const (
	// askAtOnce is how many objects are asked for, and held in memory, at a time: ten calls.
	askAtOnce = 3000
	// manyShare and manyAtLeast are the share of all objects (a twentieth) above which to ask for those that changed, fifteen
	// in a question, costs more than to read all, 999 on a page; and what never is too many.
	manyShare   = 20
	manyAtLeast = 1000
)

func kinds() []address.Kind { return []address.Kind{address.User, address.Group, address.Contact} }

// doubts are ids, by kind, that the next refresh asks for once more, since the replica that tells what changed need not be
// the one that shows it: those that were told as changed, and those that were not shown. True means that it was told as
// removed too, so that it is gone where it is not shown then either; else only the word that it was removed makes it gone.
type doubts map[address.Kind]map[string]bool

// manyError says that more changed than is worth asking for.
type manyError struct{ most, objects int }

// Error gives the numbers.
func (e *manyError) Error() string {
	return fmt.Sprintf("more than %d of %d objects had changed", e.most, e.objects)
}

// news is what changed in the tenant since a cursor, as far as it was told.
type news struct {
	quarantined []cloudcheck.Object
	ask         doubts
	gone        map[string]bool // ids in lower case
	next        state
}

// catchUp reads what changed since, and writes it together with the new cursor.
func (m *Mirror) catchUp(ctx context.Context, from Source, since state) (Refreshed, error) {
	n, err := m.readNews(ctx, from, since)
	if err != nil {
		return Refreshed{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	r := Refreshed{Objects: since.objects}
	err = sqlitefile.InTx(ctx, m.db, func(tx *sql.Tx) error { return n.write(ctx, tx, from, &r) })
	return r, err
}

// readNews asks what changed, and for what is quarantined now. What was quarantined is to be asked for as well: an error that
// went away may be no change.
func (m *Mirror) readNews(ctx context.Context, from Source, since state) (*news, error) {
	n := &news{ask: doubts{}, gone: map[string]bool{}, next: state{at: m.options.Now(), doubts: doubts{}}}
	many := &manyError{most: max(manyAtLeast, since.objects/manyShare), objects: since.objects}
	changes, err := from.Changes(ctx, since.cursor, many.most)
	if errors.Is(err, cloudcheck.ErrManyChanges) {
		return nil, many
	}
	if err != nil {
		return nil, err
	}
	n.next.cursor = changes.Next
	if n.quarantined, err = from.Quarantined(ctx); err != nil {
		return nil, err
	}
	if n.ask, err = m.wasQuarantined(ctx); err != nil {
		return nil, err
	}
	told := 0
	for _, kind := range kinds() {
		told += n.sort(kind, since.doubts[kind], changes)
	}
	if told > many.most {
		return nil, many
	}
	return n, nil
}

// wasQuarantined gives the ids of the copy's objects with a provisioning error.
func (m *Mirror) wasQuarantined(ctx context.Context) (doubts, error) {
	ids := doubts{}
	for _, kind := range kinds() {
		ids[kind] = map[string]bool{}
	}
	err := m.read(ctx, "SELECT 0, n, body FROM objects WHERE quarantined", nil,
		func(_ key, _ int64, _ []byte, o *cloudcheck.Object) { ids[o.Kind][o.ID] = false })
	return ids, err
}

// sort parts the ids of one kind into those to ask for and those that are gone, and counts those that were told.
func (n *news) sort(kind address.Kind, before map[string]bool, changes cloudcheck.Changes) int {
	ask, again := n.ask[kind], map[string]bool{}
	maps.Copy(ask, before)
	for _, id := range changes.Changed[kind] {
		again[id] = false
	}
	told := len(again) - len(n.gone)
	for _, id := range changes.Removed[kind] {
		if _, both := again[id]; both {
			again[id] = true // which came last is not told
			continue
		}
		delete(ask, id)
		n.gone[strings.ToLower(id)] = true
	}
	maps.Copy(ask, again)
	n.next.doubts[kind] = again
	return told + len(n.gone)
}

// write puts the news into the copy, some at a time, and counts what differs from what stood there.
func (n *news) write(ctx context.Context, tx *sql.Tx, from Source, r *Refreshed) error {
	n.quarantined = slices.DeleteFunc(n.quarantined, func(o cloudcheck.Object) bool { return n.gone[strings.ToLower(o.ID)] })
	if err := r.putAll(ctx, tx, n.quarantined); err != nil {
		return err
	}
	shown := idsOf(n.quarantined)
	for _, kind := range kinds() {
		ids := slices.Sorted(maps.Keys(n.ask[kind]))
		ids = slices.DeleteFunc(ids, func(id string) bool { return shown[strings.ToLower(id)] })
		for some := range slices.Chunk(ids, askAtOnce) {
			if err := n.askFor(ctx, tx, from, kind, some, r); err != nil {
				return err
			}
		}
	}
	if err := r.removeAll(ctx, tx, n.gone); err != nil {
		return err
	}
	n.next.objects = r.Objects
	return n.next.save(ctx, tx)
}

// askFor asks for some objects. One that is not shown is gone where that was told, else it is asked for again.
func (n *news) askFor(ctx context.Context, tx *sql.Tx, from Source, kind address.Kind, ids []string, r *Refreshed) error {
	fresh, err := from.ObjectsByID(ctx, kind, ids)
	if err != nil {
		return err
	}
	shown := idsOf(fresh)
	for _, id := range ids {
		switch {
		case shown[strings.ToLower(id)]:
		case n.ask[kind][id]:
			n.gone[strings.ToLower(id)] = true
		default:
			n.next.doubts[kind][id] = false
		}
	}
	return r.putAll(ctx, tx, fresh)
}

func idsOf(objects []cloudcheck.Object) map[string]bool {
	ids := make(map[string]bool, len(objects))
	for _, o := range objects {
		ids[strings.ToLower(o.ID)] = true
	}
	return ids
}

func (r *Refreshed) putAll(ctx context.Context, tx *sql.Tx, objects []cloudcheck.Object) error {
	for i := range objects {
		had, changed, err := put(ctx, tx, &objects[i])
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
	return nil
}

func (r *Refreshed) removeAll(ctx context.Context, tx *sql.Tx, ids map[string]bool) error {
	for id := range ids {
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
	return nil
}
