package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliasd/aliasd/lab/loopback"
	"github.com/aliasd/aliasd/lab/pki"
	pglab "github.com/aliasd/aliasd/lab/postgres"
	"github.com/aliasd/aliasd/queue"
)

// patience bounds every wait of a test. A busy machine does not use it up: only what never happens does.
const patience = 5 * time.Minute

// marked is a password that must not come to light.
const marked = "Tr0ub4dor-and-3"

func hidden(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s was taken", what)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if strings.Contains(fmt.Sprintf("%v %+v %#v", e, e, e), marked) {
			t.Errorf("%s tells the password: %v", what, err)
		}
	}
}

func TestPasswordIsNeverTold(t *testing.T) {
	t.Parallel()
	ctx, wrong := context.Background(), func() (string, error) { return marked, nil }
	guarded := strings.Replace(lab.place(t), pglab.User+"@", pglab.Guarded+"@", 1)
	for _, url := range []string{
		"postgres://u:" + marked + "@localhost:port/db", "postgres://u:" + marked + "%zz@localhost/db", "postgres://u:" + marked + "@[::1/db",
		"host=localhost password=" + marked + " port=x", "postgres://u:" + marked + "@db.contoso.test/db", "postgres://u:" + marked + "@127.0.0.1:1/db",
		"postgres://u@127.0.0.1:1/db?sslmode=nonsense&password=" + marked,
		strings.Replace(guarded, "@", ":"+marked+"@", 1),
	} {
		_, err := OpenPostgres(ctx, url)
		hidden(t, url, err)
		_, err = ProbePostgres(ctx, url, time.Now)
		hidden(t, url, err)
	}
	_, err := OpenPostgres(ctx, guarded, Password(wrong))
	hidden(t, "a wrong password", err)
	if !strings.Contains(err.Error(), "database_password") {
		t.Errorf("a wrong password gives %v", err)
	}
}

func TestPassword(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	guarded := strings.Replace(lab.place(t), pglab.User+"@", pglab.Guarded+"@", 1)
	s, err := OpenPostgres(ctx, guarded, Password(func() (string, error) { return pglab.Password, nil }))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := accept(s, 1); err != nil {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "pass")
	if err := os.WriteFile(file, []byte("*:*:*:"+pglab.Guarded+":"+pglab.Password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ProbePostgres(ctx, guarded+"&passfile="+file, time.Now); err != nil {
		t.Errorf("a password file: %v", err)
	}
	_, err = OpenPostgres(ctx, guarded, Password(func() (string, error) { return "", os.ErrNotExist }))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a password that is not there gives %v", err)
	}
}

func TestOpenPostgresRefuses(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"postgres://db.contoso.test/aliasd":                                                 "sslmode=verify-full",
		"postgres://db.contoso.test/aliasd?sslmode=require":                                 "sslmode=verify-full",
		"postgres://db.contoso.test/aliasd?sslmode=disable":                                 "sslmode=verify-full",
		"postgres:///aliasd?host=/tmp,db.contoso.test":                                      "sslmode=verify-full",
		"postgres://db.contoso.test/aliasd?sslmode=verify-full&sslrootcert=/nowhere/ca.pem": "sslrootcert",
		lab.need(t).URL("nowhere"):                                                          "CREATE DATABASE nowhere",
	} {
		if _, err := OpenPostgres(context.Background(), url); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v, want %q", url, err, want)
		}
	}
	for _, url := range []string{"postgres://db.contoso.test/aliasd?sslmode=verify-full", "postgres://db.contoso.test/aliasd?sslmode=verify-ca", "postgres://127.0.0.1/aliasd", "postgres:///aliasd?host=/tmp"} {
		if _, err := newPools(url, options{}); err != nil {
			t.Errorf("%s gives %v", url, err)
		}
	}
}

// A database of another encoding would spoil text.
func TestEncodingIsChecked(t *testing.T) {
	t.Parallel()
	server := lab.need(t)
	if _, err := server.Admin().Exec(`CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0`); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPostgres(context.Background(), server.URL("latin")); err == nil || !strings.Contains(err.Error(), "LATIN1") {
		t.Errorf("got %v", err)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	lab.need(t)
	authority, err := pki.NewAuthority("right")
	if err != nil {
		t.Fatal(err)
	}
	address, err := loopback.Address()
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ := net.SplitHostPort(address)
	pair, err := authority.Issue(pki.Leaf{Names: []string{host}})
	if err != nil {
		t.Fatal(err)
	}
	other, err := pki.NewAuthority("wrong")
	if err != nil {
		t.Fatal(err)
	}
	ownServer(t, pglab.Options{Listen: address, TLS: &pair})
	url := "postgres://" + pglab.Guarded + "@" + address + "/postgres?sslmode=verify-full&sslrootcert="
	password := Password(func() (string, error) { return pglab.Password, nil })
	right, wrong := filepath.Join(t.TempDir(), "right.pem"), filepath.Join(t.TempDir(), "wrong.pem")
	if err := errors.Join(os.WriteFile(right, authority.PEM(), 0o600), os.WriteFile(wrong, other.PEM(), 0o600)); err != nil {
		t.Fatal(err)
	}
	if found, err := ProbePostgres(context.Background(), url+right, time.Now, password); err != nil || found.ClockAhead.Abs() > time.Minute {
		t.Errorf("the right CA: %v, %v", found, err)
	}
	if _, err := ProbePostgres(context.Background(), url+wrong, time.Now, password); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("the wrong CA: %v", err)
	}
}

// ownServer starts a server for one test alone.
func ownServer(t *testing.T, o pglab.Options) *pglab.Server {
	t.Helper()
	server, err := pglab.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// Nodes that start together on a new database make its schema once.
func TestMigrationsAtOnce(t *testing.T) {
	t.Parallel()
	url := lab.database(t)
	var starting sync.WaitGroup
	for n := range 6 {
		starting.Go(func() {
			s, err := OpenPostgres(context.Background(), url)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := accept(s, n); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	starting.Wait()
	if n := accepted(t, openedPostgres(t, url)); n != 6 {
		t.Errorf("%d requests are there", n)
	}
}

// Two nodes whose transactions are in each other's way both succeed in the end.
func TestDeadlock(t *testing.T) {
	t.Parallel()
	url := lab.place(t)
	one, other := openedPostgres(t, url), openedPostgres(t, url)
	for _, key := range []string{"a", "b"} {
		if err := one.SetMeta(context.Background(), key, ""); err != nil {
			t.Fatal(err)
		}
	}
	var met sync.WaitGroup
	met.Add(2)
	var both sync.WaitGroup
	for node, order := range map[*Store][2]string{one: {"a", "b"}, other: {"b", "a"}} {
		meet := sync.OnceFunc(func() { met.Done(); met.Wait() }) // in the first run only
		both.Go(func() {
			err := node.write(context.Background(), func(t *txn) error {
				for _, key := range order {
					if _, err := t.exec(`UPDATE meta SET value = value || 'x' WHERE key = ?`, key); err != nil {
						return err
					}
					meet()
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	for _, key := range []string{"a", "b"} {
		if got, err := one.Meta(context.Background(), key); err != nil || got != "xx" {
			t.Errorf("%s is %q: %v", key, got, err)
		}
	}
}

// A database that goes away under load: what was acknowledged is there, what was not stored says so, and it goes on by itself.
func TestDatabaseGoesAway(t *testing.T) {
	t.Parallel()
	lab.need(t)
	server := ownServer(t, pglab.Options{})
	name, err := server.NewDatabase(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	s := openedPostgres(t, server.URL(name))
	w := &weather{store: s, over: make(chan struct{}), told: map[string]error{}}
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() { w.submit(t, caller) })
	}
	w.await(t, func() bool { return w.count(nil) > 100 })
	if err := server.Down(); err != nil {
		t.Fatal(err)
	}
	w.await(t, func() bool { return w.count(queue.ErrStoreAway) > 20 })
	if _, err := s.Get(context.Background(), "x"); !errors.Is(err, queue.ErrStoreAway) {
		t.Errorf("a read gives %v", err)
	}
	if _, _, err := s.Turn(context.Background(), "sweep"); !errors.Is(err, queue.ErrStoreAway) {
		t.Errorf("a turn gives %v", err)
	}
	if err := server.Up(context.Background()); err != nil {
		t.Fatal(err)
	}
	before := w.count(nil)
	w.await(t, func() bool { return w.count(nil) > before+100 })
	close(w.over)
	callers.Wait()
	w.check(t)
	intact(t, s)
}

// weather is what callers were told while a database came and went.
type weather struct {
	store *Store
	over  chan struct{} // closed when it is enough

	mu   sync.Mutex
	told map[string]error // by the submission's ticket
}

func (w *weather) submit(t *testing.T, caller int) {
	for n := 0; ; n++ {
		select {
		case <-w.over:
			return
		default:
		}
		sub := submission(int64(caller*1_000_000 + n))
		_, _, err := w.store.Accept(context.Background(), sub, queue.Idempotency{}, time.Now())
		if err != nil && !errors.Is(err, queue.ErrStoreAway) && !errors.Is(err, queue.ErrStoreUnsure) {
			t.Errorf("a caller was told %v", err)
			return
		}
		w.mu.Lock()
		w.told[sub.Ticket] = err
		w.mu.Unlock()
	}
}

// count is how many were told so.
func (w *weather) count(what error) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, err := range w.told {
		if errors.Is(err, what) {
			n++
		}
	}
	return n
}

func (w *weather) await(t *testing.T, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) || t.Failed() {
			t.Fatal("it does not come to that")
		}
	}
}

// check compares what callers were told with what is there.
func (w *weather) check(t *testing.T) {
	t.Helper()
	for ticket, err := range w.told {
		page, _, listErr := w.store.List(context.Background(), queue.Filter{Ticket: ticket})
		if listErr != nil {
			t.Fatal(listErr)
		}
		switch {
		case err == nil && len(page) != 1, errors.Is(err, queue.ErrStoreAway) && len(page) != 0, len(page) > 1:
			t.Errorf("%d requests are there, and the caller was told %v", len(page), err)
		}
	}
}
