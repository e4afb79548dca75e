package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server/token"
)

// reader is a client whose token may do no more than submit and read.
func (s *stack) reader(t *testing.T, name string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{URL: s.daemon.URL(), Token: s.token(t, name), Timeout: patience})
	fatal(t, err)
	t.Cleanup(c.Close)
	return c
}

// holdSearches has the directory keep searches for names that hold a text until the test ends or lets them go; entered is told of them.
func (s *stack) holdSearches(t *testing.T, text string) (entered <-chan struct{}, letGo func()) {
	t.Helper()
	held, answer := make(chan struct{}, 100), make(chan struct{})
	letGo = sync.OnceFunc(func() { close(answer) })
	t.Cleanup(letGo)
	s.Embedded.OnOperation(func(_ context.Context, o directory.Operation) directory.Fault {
		search, ok := o.Request.(*wire.Search)
		if !ok {
			return directory.Fault{}
		}
		if filter, err := ldap.DecompileFilter(search.Filter); err == nil && strings.Contains(filter, text) {
			held <- struct{}{}
			<-answer
		}
		return directory.Fault{}
	})
	return held, letGo
}

// TestWritesGoBeforeReadsThatWait: the directory takes its time over people who are explained, and a hundred more wait. A request is
// looked up, checked in both places and written meanwhile, before any of them is answered.
func TestWritesGoBeforeReadsThatWait(t *testing.T) {
	t.Parallel()
	s := brokenStack(t, func(t *testing.T, s *stack) {
		// Half of them are for people: these four are not what the others wait for.
		replaceInFile(t, s.file, "  timeout: ", "  connections: 16\n  timeout: ")
	})
	s.cycle(t)
	ctx, stop := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	var answered atomic.Int32
	explain := func(by *client.Client, name string) {
		asking.Go(func() {
			if _, _ = by.Holder(ctx, name); ctx.Err() == nil {
				answered.Add(1)
			}
		})
	}
	one, other := s.reader(t, "one"), s.reader(t, "other")
	entered, letGo := s.holdSearches(t, "twin")
	began := time.Now()
	for range 2 {
		explain(one, "twin1@contoso.test")
		explain(one, "twin2@contoso.test")
	}
	for range 4 {
		<-entered
	}
	for range 50 {
		explain(one, "locked@contoso.test")
		explain(other, "carla@contoso.test")
	}
	r := s.submit(t, "add_alias", "bob@contoso.test", "b1@contoso.test")
	s.until(t, r.ID, "written", func(r requestJSON) bool { return r.State == queue.Written })
	done, took := answered.Load(), time.Since(began)
	stop()
	letGo()
	asking.Wait()
	switch {
	case took > 9*time.Second: // whoever waits for ten is refused, and makes room: a machine so slow shows nothing
		t.Logf("the request took %v", took)
	case done > 0:
		t.Errorf("%d explains that waited were answered before the request was written", done)
	}
}

// BenchmarkExplainFlood has 32 connections explain quarantined holders for ten seconds with a token that may read, and says what of
// Graph's resource units that cost: one holder again and again, and a hundred in turn.
func BenchmarkExplainFlood(b *testing.B) {
	for name, holders := range map[string]int{"one": 1, "hundred": 100} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				floodExplain(b, holders)
			}
		})
	}
}

func floodExplain(b *testing.B, holders int) {
	const contested = "events@contoso.test"
	objects := []site.Object{{Kind: site.Group, Name: "Events Team", Account: "events", Mail: contested, Proxies: []string{"SMTP:" + contested}}}
	for i := range holders {
		name := fmt.Sprintf("flood%d", i)
		objects = append(objects, site.Object{Kind: site.User, Name: name, Account: name, UPN: name + "@contoso.test", Mail: name + "@contoso.test",
			Proxies: []string{"SMTP:" + name + "@contoso.test", "smtp:" + contested}})
	}
	box, err := lab.Start(context.Background(), lab.Options{Directory: lab.Embedded, Objects: objects,
		Tenant: tenant.Options{LicenceNew: true, Registered: oneRegistration}})
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	check(err)
	defer box.Close()
	check(box.Engine.Cycle(context.Background()))
	file, err := box.WriteSettings(b.TempDir(), lab.Settings{SyncInterval: testInterval})
	check(err)
	settings, err := config.Load(file, os.LookupEnv)
	check(err)
	ctx, stop := context.WithCancel(context.Background())
	d, err := openDaemon(ctx, settings, newLogger(&safeBuffer{}, settings.Log), tuning{})
	check(err)
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	defer func() {
		stop()
		check(errors.Join(<-ended, d.Close()))
	}()
	var ok, refused, other atomic.Int32
	secret := readToken(b, d)
	box.Tenant.ResetCalls()
	var all sync.WaitGroup
	end := time.Now().Add(10 * time.Second)
	for i := range 32 {
		all.Go(func() {
			for n := i; time.Now().Before(end); n++ {
				r, err := http.NewRequest(http.MethodGet, fmt.Sprintf("%s/v1/holders/flood%d", d.URL(), n%holders), nil)
				if err != nil {
					continue
				}
				r.Header.Set("Authorization", "Bearer "+secret)
				got, err := http.DefaultClient.Do(r)
				switch {
				case err != nil:
					other.Add(1)
					continue
				case got.StatusCode == http.StatusOK:
					ok.Add(1)
				case got.StatusCode == http.StatusTooManyRequests:
					refused.Add(1)
				default:
					other.Add(1)
				}
				got.Body.Close()
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(box.Tenant.Calls().Units), "units/10s")
	b.ReportMetric(float64(ok.Load()), "answered")
	b.ReportMetric(float64(refused.Load()), "refused")
	b.ReportMetric(float64(other.Load()), "failed")
}

// readToken makes a token that may read.
func readToken(b *testing.B, d *daemon) string {
	b.Helper()
	secret := token.New()
	if err := d.store.CreateToken(context.Background(), "reader", []string{"read"}, []byte(secret.Hash()), time.Now()); err != nil {
		b.Fatal(err)
	}
	return secret.Reveal()
}
