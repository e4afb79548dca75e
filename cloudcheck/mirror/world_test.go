package mirror

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// world is a tenant in memory, and a Source that reads it in pages of three.
type world struct {
	objects map[string]cloudcheck.Object
	log     []change // every change there was; a cursor is an index into it
	// what each call does
	expired bool
	// behind is how the replica that answers by id shows some objects, for so many times; nil is not at all.
	behind map[string]*lagging
	// stale are shown as quarantined as well.
	stale []cloudcheck.Object
	// during runs after each page of a full read.
	during func(page int) error
	calls  int
	whole  int // full reads that were begun
	asked  int // ids in a question, at most
}

// lagging is what a replica shows that is behind.
type lagging struct {
	times int
	shows *cloudcheck.Object
}

type change struct {
	kind    address.Kind
	id      string
	removed bool
}

var _ Source = (*world)(nil)

func newWorld(objects ...cloudcheck.Object) *world {
	w := &world{objects: map[string]cloudcheck.Object{}}
	for _, o := range objects {
		w.put(o)
	}
	return w
}

func (w *world) put(o cloudcheck.Object) {
	w.objects[o.ID] = o
	w.log = append(w.log, change{o.Kind, o.ID, false})
}

func (w *world) remove(id string) {
	w.log = append(w.log, change{w.objects[id].Kind, id, true})
	delete(w.objects, id)
}

func (w *world) Calls() int { return w.calls }

func (w *world) Latest(context.Context) (cloudcheck.Cursor, error) {
	w.calls++
	return w.now(), nil
}

func (w *world) now() cloudcheck.Cursor {
	c := cloudcheck.Cursor{}
	for _, k := range kinds() {
		c[k] = strconv.Itoa(len(w.log))
	}
	return c
}

func (w *world) EachObject(ctx context.Context, take func([]cloudcheck.Object) error) error {
	w.whole++
	list := slices.SortedFunc(maps.Values(w.objects), func(a, b cloudcheck.Object) int { return cmp.Compare(a.ID, b.ID) })
	page := 0
	for objects := range slices.Chunk(list, 3) {
		w.calls++
		if err := take(objects); err != nil {
			return err
		}
		if page++; w.during != nil {
			if err := w.during(page); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return cause.Wait(cause.CloudUnavailable, "it ended").Because(ctx.Err())
		}
	}
	return nil
}

func (w *world) Changes(_ context.Context, since cloudcheck.Cursor, most int) (cloudcheck.Changes, error) {
	w.calls++
	if w.expired {
		return cloudcheck.Changes{}, fmt.Errorf("users: %w", cloudcheck.ErrExpired)
	}
	c := cloudcheck.Changes{Changed: map[address.Kind][]string{}, Removed: map[address.Kind][]string{}, Next: w.now()}
	for _, kind := range kinds() {
		from, err := strconv.Atoi(since[kind])
		if err != nil {
			return cloudcheck.Changes{}, err
		}
		if len(w.log)-from > 2*most {
			return cloudcheck.Changes{}, cloudcheck.ErrManyChanges
		}
		for _, e := range w.log[from:] {
			switch {
			case e.kind != kind:
			case e.removed:
				c.Removed[kind] = append(c.Removed[kind], e.id)
			default:
				c.Changed[kind] = append(c.Changed[kind], e.id)
			}
		}
	}
	return c, nil
}

func (w *world) ObjectsByID(_ context.Context, kind address.Kind, ids []string) ([]cloudcheck.Object, error) {
	w.calls++
	w.asked = max(w.asked, len(ids))
	var found []cloudcheck.Object
	for _, id := range ids {
		if old := w.behind[id]; old != nil && old.times > 0 {
			if old.times--; old.shows != nil {
				found = append(found, *old.shows)
			}
			continue
		}
		if o, there := w.objects[id]; there && o.Kind == kind {
			found = append(found, o)
		}
	}
	return found, nil
}

func (w *world) Quarantined(context.Context) ([]cloudcheck.Object, error) {
	w.calls++
	found := slices.Clone(w.stale)
	for _, o := range w.objects {
		if len(o.Errors) > 0 {
			found = append(found, o)
		}
	}
	return found, nil
}

// clock is a clock that stands.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// copied is a mirror in a file of the test's own.
type copied struct {
	*Mirror
	clock *clock
}

func newCopy(t testing.TB, dir string) *copied {
	t.Helper()
	c := &clock{at: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)}
	m, err := Open(Options{Path: filepath.Join(dir, "tenant.db"), TenantID: "contoso", Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return &copied{Mirror: m, clock: c}
}

func (c *copied) refresh(t testing.TB, w *world) Refreshed {
	t.Helper()
	r, err := c.Refresh(context.Background(), w, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// all gives what stands in the copy, and checks that every key leads where it should and nowhere else.
func (c *copied) all(t testing.TB) map[string]cloudcheck.Object {
	t.Helper()
	found := map[string]cloudcheck.Object{}
	want := map[entry]bool{}
	err := queryObjects(context.Background(), c.db, "SELECT 0, n, body FROM objects", nil, func(_ key, n int64, _ []byte, o *cloudcheck.Object) {
		if _, twice := found[o.ID]; twice {
			t.Errorf("%s stands there twice", o.ID)
		}
		found[o.ID] = *o
		for _, k := range keysOf(o) {
			want[entry{k, n}] = true
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[entry]bool{}
	rows, err := c.db.Query("SELECT hash, object FROM keys")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var e entry
		if err := rows.Scan(&e.key, &e.object); err != nil {
			t.Fatal(err)
		}
		got[e] = true
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || !maps.Equal(got, want) {
		t.Errorf("the keys are %v, wanted %v; %v", got, want, err)
	}
	return found
}

// corrupt runs a statement on the file behind the mirror's back.
func corrupt(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
