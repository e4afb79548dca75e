package mirror

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/sqlitefile"
)

// Mirror is the copy of one tenant in one file. Its methods may be called concurrently; several processes may use the
// same file, of which only one refreshes it at a time: the caller holds a lock. Its errors are *cause.Error of kind Waiting,
// and wrap ErrDamaged where the file is damaged, or they wrap the context's.
type Mirror struct {
	options Options
	turn    sync.Mutex // one refresh at a time

	mu sync.RWMutex // guards db: readers hold it while they read
	db *sql.DB      // nil where there is no copy
}

// Close closes the file. A later refresh opens it again; closing twice is harmless.
func (m *Mirror) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.db == nil {
		return nil
	}
	db := m.db
	m.db = nil
	return db.Close()
}

// Match finds which object of the copy each holder is, as cloudcheck.Ref.Match decides. The answers stand in the order of
// holders; Err is set where it cannot be decided for that one.
func (m *Mirror) Match(ctx context.Context, holders []address.Holder) ([]cloudcheck.Sighting, error) {
	sightings := make([]cloudcheck.Sighting, len(holders))
	for _, keys := range []func(address.Holder) []key{keysOfHolder, otherKeysOfHolder} {
		if err := m.matchBy(ctx, holders, keys, sightings); err != nil {
			return nil, err
		}
	}
	return sightings, nil
}

// matchBy looks for those that are not found yet under some keys of theirs. Each way costs as much as all before it, so
// those that are found are not looked for again.
func (m *Mirror) matchBy(ctx context.Context, holders []address.Holder, keys func(address.Holder) []key, sightings []cloudcheck.Sighting) error {
	wanted := make([][]key, len(holders))
	var all []key
	for i, h := range holders {
		if s := sightings[i]; s.Object == nil && s.Err == nil {
			wanted[i] = keys(h)
			all = append(all, wanted[i]...)
		}
	}
	found, err := m.lookUp(ctx, all)
	if err != nil {
		return err
	}
	var candidates []cloudcheck.Object
	for i, h := range holders {
		candidates = candidates[:0]
		for _, k := range wanted[i] {
			for _, o := range found[k] {
				if o.Kind == h.Kind {
					candidates = append(candidates, *o)
				}
			}
		}
		if len(candidates) > 0 {
			sightings[i] = sight(h, candidates)
		}
	}
	return nil
}

func sight(h address.Holder, candidates []cloudcheck.Object) cloudcheck.Sighting {
	o, err := cloudcheck.Ref{Holder: h}.Match(candidates)
	if o == nil {
		return cloudcheck.Sighting{Err: err}
	}
	matched := *o // the candidates' memory is used again
	return cloudcheck.Sighting{Object: &matched, Err: err}
}

// HoldersOf finds the objects of the copy that hold any of the addresses, each once: as proxy address, mail or UPN.
func (m *Mirror) HoldersOf(ctx context.Context, addrs []address.Address) ([]cloudcheck.Object, error) {
	keys := make([]key, len(addrs))
	for i, a := range addrs {
		keys[i] = keyOfAddress(a)
	}
	found, err := m.lookUp(ctx, keys)
	if err != nil {
		return nil, err
	}
	var holders []cloudcheck.Object
	seen := map[string]bool{}
	for i, a := range addrs {
		for _, o := range found[keys[i]] {
			if o.Holds(a) && !seen[o.ID] {
				seen[o.ID] = true
				holders = append(holders, *o)
			}
		}
	}
	return holders, nil
}

// lookUp gives the objects that have any of the keys, by key. Keys are hashes: whether an object has the value itself is
// for the caller to see.
func (m *Mirror) lookUp(ctx context.Context, keys []key) (map[key][]*cloudcheck.Object, error) {
	keys = slices.Clone(keys)
	slices.Sort(keys)
	keys = slices.Compact(keys)
	list, err := json.Marshal(keys)
	if err != nil {
		return nil, fmt.Errorf("look up keys: %w", err)
	}
	found := make(map[key][]*cloudcheck.Object, len(keys))
	err = m.read(ctx, `SELECT k.hash, o.n, o.body FROM json_each(?) AS w
		CROSS JOIN keys AS k ON k.hash = w.value CROSS JOIN objects AS o ON o.n = k.object`, []any{string(list)},
		func(k key, _ int64, _ []byte, o *cloudcheck.Object) { found[k] = append(found[k], o) })
	if err != nil {
		m.noteDamage(err)
		return nil, m.inWords(ctx, err)
	}
	return found, nil
}

func (m *Mirror) read(ctx context.Context, query string, args []any, each func(key, int64, []byte, *cloudcheck.Object)) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.db == nil {
		return errors.New("it was not read yet")
	}
	return queryObjects(ctx, m.db, query, args, each)
}

// querier is a pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// queryObjects calls each for every row that a query gives: a key, an object's number and its body.
func queryObjects(ctx context.Context, from querier, query string, args []any, each func(key, int64, []byte, *cloudcheck.Object)) error {
	rows, err := from.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var k key
		var n int64
		var raw sql.RawBytes
		if err := rows.Scan(&k, &n, &raw); err != nil {
			return err
		}
		o, err := decode(raw)
		if err != nil {
			return err
		}
		each(k, n, raw, o)
	}
	return rows.Err()
}

// ErrDamaged says that what stands in the file cannot be read. The next refresh reads the tenant anew.
var ErrDamaged = errors.New("the file is damaged")

// damaged says whether an error means that the file is of no more use.
func damaged(err error) bool { return errors.Is(err, ErrDamaged) || sqlitefile.Damaged(err) }

// inWords is an error of the file as a cause. The context's own stays what it is.
func (m *Mirror) inWords(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("the copy of the tenant: %w", context.Cause(ctx))
	}
	if known, ok := cause.As(err); ok {
		return known
	}
	if damaged(err) {
		return cause.Wait(cause.CloudUnavailable, "the copy of the tenant in %s is damaged; start again, and the tenant is read anew",
			m.options.Path).Because(errors.Join(ErrDamaged, err))
	}
	return cause.Wait(cause.CloudUnavailable, "the copy of the tenant in %s cannot be used: %v", m.options.Path, err).Because(err)
}
