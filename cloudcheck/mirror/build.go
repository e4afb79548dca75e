package mirror

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/sqlitefile"
)

const schema = `
	CREATE TABLE meta    (tenant TEXT NOT NULL, cursor TEXT NOT NULL, at INTEGER NOT NULL, whole INTEGER NOT NULL, doubts TEXT NOT NULL,
	                      objects INTEGER NOT NULL);
	CREATE TABLE objects (n INTEGER PRIMARY KEY, quarantined INTEGER NOT NULL, body BLOB NOT NULL);
	CREATE TABLE keys    (hash INTEGER NOT NULL, object INTEGER NOT NULL, PRIMARY KEY (hash, object)) WITHOUT ROWID;
	CREATE INDEX quarantined ON objects (n) WHERE quarantined;`

// building is what stands between the name of a copy and the rest of that of one that is being written.
const building = ".new-"

// readAll reads the whole tenant into a new file, which takes the place of the old one when it is complete. The cursor is
// had first, so that what changes meanwhile is not missed.
func (m *Mirror) readAll(ctx context.Context, from Source, progress func(int)) (Refreshed, error) {
	at := m.options.Now()
	cursor, err := from.Latest(ctx)
	if err != nil {
		return Refreshed{}, err
	}
	b, err := newBuild(m.options.Path)
	if err != nil {
		return Refreshed{}, err
	}
	defer b.discard()
	err = from.EachObject(ctx, func(page []cloudcheck.Object) error {
		err := b.add(page)
		progress(int(b.n))
		return err
	})
	if err != nil {
		return Refreshed{}, err
	}
	if err := b.finish(ctx, m.options.TenantID, state{cursor: cursor, at: at, whole: at, objects: int(b.n)}); err != nil {
		return Refreshed{}, err
	}
	return Refreshed{Full: true, Objects: int(b.n)}, m.replace(b.path)
}

// replace puts a new file in the place of the old one, and opens it.
func (m *Mirror) replace(path string) error {
	if err := m.Close(); err != nil {
		return err
	}
	// A journal that a crash left behind belongs to the old file, and must not be rolled back into the new one.
	if err := os.Remove(m.options.Path + "-journal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(path, m.options.Path); err != nil {
		return err
	}
	db, err := connect(m.options.Path)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.db = db
	return nil
}

// build is a copy that is being written. Nobody else knows the file, so it goes without a journal and syncs once, at the end.
type build struct {
	path    string
	db      *sql.DB
	tx      *sql.Tx
	objects *inserter
	n       int64
	entries []entry
	// seen are the ids so far, as hashes of 128 bits: a page that moves while it is read gives an object twice.
	seen map[[16]byte]bool
}

// entry is one row of keys.
type entry struct {
	key    key
	object int64
}

func newBuild(path string) (*build, error) {
	b := &build{path: path + building + uuid.NewString(), seen: map[[16]byte]bool{}}
	err := sqlitefile.Create(b.path)
	if err == nil {
		err = b.begin()
	}
	if err != nil {
		b.discard()
		return nil, fmt.Errorf("make a new copy: %w", err)
	}
	return b, nil
}

// removeLeftovers removes what a crash left behind. Nobody else builds meanwhile.
func removeLeftovers(path string) {
	dir, name := filepath.Split(path)
	files, _ := os.ReadDir(filepath.Clean(dir)) // what cannot be listed cannot be made either, and that is told
	for _, f := range files {
		if strings.HasPrefix(f.Name(), name+building) {
			_ = os.Remove(filepath.Join(dir, f.Name())) // it is tried again the next time
		}
	}
}

func (b *build) begin() (err error) {
	b.db, err = sqlitefile.Connect(b.path, 1, url.Values{
		"_pragma": {"journal_mode(OFF)", "synchronous(OFF)", "locking_mode(EXCLUSIVE)", "temp_store(MEMORY)"}})
	if err != nil {
		return err
	}
	if b.tx, err = b.db.Begin(); err != nil {
		return err
	}
	if _, err = b.tx.Exec(schema); err != nil {
		return err
	}
	b.objects, err = newInserter(b.tx, "objects", 3)
	return err
}

// add puts a page in. The first reading of an object counts: what changed since comes with the next refresh.
func (b *build) add(page []cloudcheck.Object) error {
	for i := range page {
		o := &page[i]
		h := fnv.New128a()
		_, _ = h.Write([]byte(o.ID))
		id := [16]byte(h.Sum(nil))
		if b.seen[id] {
			continue
		}
		b.seen[id] = true
		raw, err := encode(o)
		if err != nil {
			return err
		}
		b.n++
		for _, k := range keysOf(o) {
			b.entries = append(b.entries, entry{k, b.n})
		}
		if err := b.objects.add(b.n, len(o.Errors) > 0, raw); err != nil {
			return err
		}
	}
	return nil
}

// finish writes the keys, sorted, which is several times quicker than as they come, and makes the file durable.
func (b *build) finish(ctx context.Context, tenant string, s state) error {
	if err := b.objects.flush(); err != nil {
		return err
	}
	slices.SortFunc(b.entries, func(a, b entry) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.object, b.object)) })
	keys, err := newInserter(b.tx, "keys", 2)
	if err != nil {
		return err
	}
	for _, e := range b.entries {
		if err := keys.add(int64(e.key), e.object); err != nil {
			return err
		}
	}
	if err := keys.flush(); err != nil {
		return err
	}
	if _, err := b.tx.Exec("INSERT INTO meta VALUES (?, '', 0, ?, '', 0)", tenant, micros(s.whole)); err != nil {
		return err
	}
	if err := s.save(ctx, b.tx); err != nil {
		return err
	}
	return b.seal()
}

// seal commits, closes and syncs.
func (b *build) seal() error {
	if _, err := b.tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
		return err
	}
	if err := b.tx.Commit(); err != nil {
		return err
	}
	err := b.db.Close()
	b.db = nil
	if err != nil {
		return err
	}
	f, err := os.OpenFile(b.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// discard removes what was not put in place.
func (b *build) discard() {
	if b.db != nil {
		_ = b.db.Close() // the file goes anyway
	}
	_ = os.Remove(b.path) // it is not there any more where all went well
}
