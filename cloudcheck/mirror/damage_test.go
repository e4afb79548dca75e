package mirror

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// TestDamage: what cannot be read any more is said, and mended by the next refresh, also where that would not touch it, and
// in another process.
func TestDamage(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		spoil func(t *testing.T, path string)
		found bool // by a refresh, else by a look at the object
	}{
		"a body":         {statement("UPDATE objects SET body = 'x' WHERE NOT quarantined"), false},
		"a page":         {overwritten("objects"), false},
		"a page of keys": {overwritten("keys"), false},
		"a quarantine":   {statement("UPDATE objects SET body = 'x' WHERE quarantined"), true},
		"no place":       {statement("DELETE FROM meta"), true},
		"a cursor":       {statement("UPDATE meta SET cursor = '{'"), true},
		"doubts":         {statement("UPDATE meta SET doubts = '['"), true},
		"half a file":    {func(t *testing.T, path string) { must(t, os.Truncate(path, 5000)) }, true},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(user(1))
			if what != "a page" && what != "a page of keys" { // else the refresh would touch them
				w.put(quarantined(user(2)))
			}
			dir := t.TempDir()
			first := newCopy(t, dir)
			first.refresh(t, w)
			must(t, first.Close())
			c.spoil(t, first.options.Path)
			second := newCopy(t, dir)
			if !c.found {
				if r, err := second.Refresh(t.Context(), w, func(int) {}); err != nil || r.Full {
					t.Fatalf("the refresh touches it: %+v, %v", r, err)
				}
				_, err := second.Match(t.Context(), []address.Holder{{Kind: address.User, Anchor: "anchor1=="}})
				if e, ok := cause.As(err); !ok || e.Cause.Code != cause.CloudUnavailable || !errors.Is(err, ErrDamaged) || !strings.Contains(e.Cause.Message, "damaged") {
					t.Fatalf("got %v", err)
				}
				second = newCopy(t, dir)
			}
			if r := second.refresh(t, w); r.Why != "the copy was damaged" && r.Why != "there was no copy" || !r.Full {
				t.Errorf("%+v", r)
			}
			same(t, second, w)
		})
	}
}

func statement(sql string) func(*testing.T, string) {
	return func(t *testing.T, path string) { corrupt(t, path, sql) }
}

// overwritten puts nonsense over the root page of a table.
func overwritten(table string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		db, err := connect(path)
		must(t, err)
		var root, size int64
		must(t, db.QueryRow("SELECT rootpage FROM sqlite_schema WHERE name = ?", table).Scan(&root))
		must(t, db.QueryRow("PRAGMA page_size").Scan(&size))
		must(t, db.Close())
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		must(t, err)
		_, err = f.WriteAt([]byte(strings.Repeat("nonsense", int(size/8))), (root-1)*size)
		must(t, errors.Join(err, f.Close()))
	}
}
