package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/eventlog"
)

func backedUp(t *testing.T, s *Store, path string) BackedUp {
	t.Helper()
	c, err := s.Backup(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A backup that is made while the store is written to has all that was acknowledged before, is whole, and takes the store's place.
func TestBackupUnderLoadAndRestore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "queue.db"), filepath.Join(dir, "copy.db")
	s := opened(t, path)
	ctx, stop := context.WithCancel(context.Background())
	progress, done := make(chan int64, 1<<16), make(chan error, 1)
	go func() {
		var err error
		for n := int64(1); err == nil && ctx.Err() == nil; n++ {
			err = live(s, n)
			progress <- n
		}
		done <- err
	}()
	for range 100 {
		<-progress
	}
	before := wantSound(t, s)
	c := backedUp(t, s, copied)
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	after := wantSound(t, s)
	if c.Head.ID < before.Head.ID || c.Head.ID > after.Head.ID || c.Requests < 99 {
		t.Errorf("the copy ends at %d, the store was at %d and then at %d", c.Head.ID, before.Head.ID, after.Head.ID)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	restored, err := Restore(context.Background(), Restoring{From: copied, Path: path, By: "root", Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if restored.Lost != after.Head.ID-c.Head.ID || restored.Unreadable || restored.Requests != c.Requests {
		t.Errorf("restored %+v", restored)
	}
	again := opened(t, path)
	found := verified(t, again, eventlog.Check{Expected: &c.Head})
	if !found.OK() || found.Requests != c.Requests || found.Head.ID != c.Head.ID+1 {
		t.Errorf("after the restore: %v, %+v", found.Err(), found)
	}
	since, by, err := again.Paused(context.Background())
	if err != nil || since.IsZero() || !strings.Contains(by, "restore of a backup from 20") {
		t.Errorf("paused since %v by %q, %v", since, by, err)
	}
	if got := wantSound(t, opened(t, restored.Replaced)); got.Head != after.Head {
		t.Errorf("the replaced store ends at %v, it ended at %v", got.Head, after.Head)
	}
	onlyFiles(t, dir, "copy.db", "queue.db", "queue.db-shm", "queue.db-wal", filepath.Base(restored.Replaced), filepath.Base(restored.Replaced)+"-shm", filepath.Base(restored.Replaced)+"-wal")
}

// onlyFiles looks that nothing else is left in a folder.
func onlyFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.Contains(" "+strings.Join(names, " ")+" ", " "+f.Name()+" ") {
			t.Errorf("%s is left", f.Name())
		}
	}
}

func TestBackupBelongsToItsOwnerAndOverwritesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "copy.db")
	s := opened(t, livedIn(t, 1))
	if err := os.WriteFile(path+".part", []byte("left behind"), 0o644); err != nil {
		t.Fatal(err)
	}
	backedUp(t, s, path)
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	onlyFiles(t, dir, "copy.db")
	was := sumOf(t, path)
	if _, err := s.Backup(context.Background(), path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second one: %v", err)
	}
	if sumOf(t, path) != was {
		t.Error("the first one was changed")
	}
}

func sumOf(t *testing.T, path string) [sha256.Size]byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(data)
}

// What retention removed is not in a backup that is made afterwards, not even in its free pages.
func TestBackupLeavesOutWhatIsRemoved(t *testing.T) {
	t.Parallel()
	s := opened(t, livedIn(t, 1))
	wrote := past(t, s, [16]byte{5}, 2)
	prune(t, s)
	path := filepath.Join(t.TempDir(), "copy.db")
	backedUp(t, s, path)
	data, err := os.ReadFile(path)
	if err != nil || bytes.Contains(data, []byte(wrote[0].ID)) || !bytes.Contains(data, []byte(wrote[1].ID)) {
		t.Errorf("the copy has what was removed, or not what stayed: %v", err)
	}
}

// A backup of a store whose log does not hold is none.
func TestBackupOfABrokenLog(t *testing.T) {
	t.Parallel()
	s := tampered(t, livedIn(t, 1), []string{`UPDATE events SET entry = replace(entry, 'node', 'x') WHERE id = 3`})
	dir := t.TempDir()
	if _, err := s.Backup(context.Background(), filepath.Join(dir, "copy.db")); !errors.Is(err, ErrAltered) || !strings.Contains(err.Error(), "entry 3") {
		t.Errorf("got %v", err)
	}
	onlyFiles(t, dir)
}

// What is no sound copy is refused, and the store stays as it is.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	good := filepath.Join(t.TempDir(), "copy.db")
	source := opened(t, livedIn(t, 30))
	backedUp(t, source, good)
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(whole)
	for i := len(damaged) / 2; i < len(damaged)/2+4096; i++ {
		damaged[i] ^= 0x55
	}
	copies := map[string]struct {
		data []byte
		want error
	}{
		"damaged":    {damaged, ErrNoStore},
		"cut off":    {whole[:len(whole)/2], ErrNoStore},
		"empty":      {nil, ErrNoStore},
		"no SQLite":  {bytes.Repeat([]byte("no database "), 1000), ErrNoStore},
		"a header":   {whole[:100], ErrNoStore},
		"foreign":    {altered(t, good, `DROP TRIGGER events_stay`, `DROP TABLE events`), ErrNoStore},
		"newer":      {altered(t, good, `PRAGMA user_version = 99`), ErrNewer},
		"broken log": {altered(t, good, `DROP TRIGGER events_keep`, `UPDATE events SET hash = 'x' WHERE id = 9`), ErrAltered},
		"edited":     {altered(t, good, `UPDATE requests SET requester = 'x' WHERE seq = 3`), ErrAltered},
	}
	for name, c := range copies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := livedIn(t, 1)
			from := filepath.Join(t.TempDir(), "from.db")
			if err := os.WriteFile(from, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			was, given := sumOf(t, path), sumOf(t, from)
			if _, err := Restore(context.Background(), Restoring{From: from, Path: path, Now: time.Now()}); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if sumOf(t, path) != was || sumOf(t, from) != given {
				t.Error("a file was changed")
			}
			onlyFiles(t, filepath.Dir(path), filepath.Base(path))
		})
	}
}

// altered is a copy of a file after some statements.
func altered(t *testing.T, path string, statements ...string) []byte {
	t.Helper()
	twin := filepath.Join(t.TempDir(), "twin.db")
	if err := copyFile(path, twin); err != nil {
		t.Fatal(err)
	}
	db, err := connect(twin, 1, "query_only(0)")
	for _, statement := range append(statements, `PRAGMA journal_mode = DELETE`) {
		if err == nil {
			_, err = db.Exec(statement)
		}
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(twin)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A store that another process works on is not replaced.
func TestRestoreBesideAnother(t *testing.T) {
	t.Parallel()
	path := livedIn(t, 1)
	good := filepath.Join(t.TempDir(), "copy.db")
	s := opened(t, path)
	backedUp(t, s, good)
	if _, err := Restore(context.Background(), Restoring{From: good, Path: path, Now: time.Now()}); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v", err)
	}
	if err := live(s, 77); err != nil {
		t.Fatal(err)
	}
	wantSound(t, s)
}

// A store that cannot be read any more, or is not there, is replaced too; what stood beside it is kept with it.
func TestRestoreOverALostStore(t *testing.T) {
	t.Parallel()
	good := filepath.Join(t.TempDir(), "copy.db")
	backedUp(t, opened(t, livedIn(t, 2)), good)
	dir := t.TempDir()
	path := filepath.Join(dir, "queue.db")
	for name, data := range map[string]string{path: strings.Repeat("garbage", 1000), path + "-wal": "leftover"} {
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	done, err := Restore(context.Background(), Restoring{From: good, Path: path, Now: time.Now()})
	if err != nil || !done.Unreadable {
		t.Fatalf("%+v, %v", done, err)
	}
	if data, err := os.ReadFile(done.Replaced); err != nil || !bytes.HasPrefix(data, []byte("garbage")) {
		t.Errorf("the old store is not kept: %v", err)
	}
	wantSound(t, opened(t, path))
	elsewhere := filepath.Join(t.TempDir(), "queue.db")
	if done, err = Restore(context.Background(), Restoring{From: good, Path: elsewhere, Now: time.Now()}); err != nil || done.Replaced != "" {
		t.Fatalf("%+v, %v", done, err)
	}
	wantSound(t, opened(t, elsewhere))
}

// A copy of the first schema is brought up to date.
func TestRestoreAnOlderSchema(t *testing.T) {
	t.Parallel()
	older := filepath.Join(t.TempDir(), "older.db")
	first, err := migrations.ReadFile("migrations/sqlite/0001_requests.sql")
	if err != nil {
		t.Fatal(err)
	}
	db, err := connect(older, 1, "query_only(0)")
	if err == nil {
		_, err = db.Exec(string(first) + `; PRAGMA user_version = 1; PRAGMA journal_mode = DELETE`)
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "queue.db")
	if _, err := Restore(context.Background(), Restoring{From: older, Path: path, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	s := opened(t, path)
	if since, _, err := s.Paused(context.Background()); err != nil || since.IsZero() {
		t.Errorf("writing is not stopped: %v", err)
	}
	if err := s.SetPaused(context.Background(), false, "root", time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := accept(s, 2); err != nil {
		t.Fatal(err)
	}
	wantSound(t, s)
}

// What was open when the backup was made does not run by itself after a restore.
func TestNothingIsClaimedAfterARestore(t *testing.T) {
	t.Parallel()
	path := livedIn(t, 1)
	good := filepath.Join(t.TempDir(), "copy.db")
	s := opened(t, path)
	c := backedUp(t, s, good)
	if c.Open[queue.Queued] != 1 || s.Close() != nil {
		t.Fatalf("open: %v", c.Open)
	}
	if _, err := Restore(context.Background(), Restoring{From: good, Path: path, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	again := opened(t, path)
	later := time.Now().Add(48 * time.Hour)
	if leased, err := again.Claim(context.Background(), "node", later, time.Minute, 10); err != nil || len(leased) != 0 {
		t.Errorf("claimed %v, %v", leased, err)
	}
	if err := again.SetPaused(context.Background(), false, "root", later); err != nil {
		t.Fatal(err)
	}
	if leased, err := again.Claim(context.Background(), "node", later, time.Minute, 10); err != nil || len(leased) != 1 {
		t.Errorf("claimed %v, %v", leased, err)
	}
}
