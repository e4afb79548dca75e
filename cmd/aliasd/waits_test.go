package main

import (
	"context"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
)

// What is away before the write makes a request wait with its cause; nothing is written blind, and it goes on by itself.
func TestWaitsBeforeTheWriteEndToEnd(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		state       queue.State
		code        cause.Code
		spoil, mend func(*testing.T, *stack)
	}{
		{"directory away", queue.Accepted, cause.DirectoryUnavailable,
			func(t *testing.T, s *stack) { fatal(t, s.Embedded.Suspend()) },
			func(t *testing.T, s *stack) { fatal(t, s.Embedded.Resume()) }},
		{"Graph answers 500", queue.Queued, cause.CloudUnavailable, graphFault(tenant.Fault{Times: -1, Status: 500}), clearFaults},
		{"Graph answers 403", queue.Queued, cause.CloudUnavailable, graphFault(tenant.Fault{Times: -1, Status: 403}), clearFaults},
		{"Graph answers 401", queue.Queued, cause.CloudUnavailable, graphFault(tenant.Fault{Times: -1, Status: 401}), clearFaults},
		{"Graph throttles for minutes", queue.Queued, cause.Throttled,
			graphFault(tenant.Fault{Times: -1, Status: 429, RetryAfter: 5 * time.Minute}), clearFaults},
		{"Graph drops connections", queue.Queued, cause.CloudUnavailable, graphFault(tenant.Fault{Times: -1, Drop: true}), clearFaults},
		{"Graph cuts its answers short", queue.Queued, cause.CloudUnavailable, graphFault(tenant.Fault{Times: -1, Truncate: true}), clearFaults},
		{"paused", queue.Queued, cause.Paused,
			func(t *testing.T, s *stack) { _, err := s.remote.Pause(context.Background()); fatal(t, err) },
			func(t *testing.T, s *stack) { _, err := s.remote.Resume(context.Background()); fatal(t, err) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, lab.Embedded, tenant.Options{})
			test.spoil(t, s)
			r := s.submit(t, address.AddAlias, "jdoe", "j.doe@contoso.test")
			waiting := s.untilState(t, r.ID, test.state, test.code)
			if waiting.Receipt != nil || len(waiting.Cause.Message) < 20 {
				t.Errorf("receipt %+v, message %q", waiting.Receipt, waiting.Cause.Message)
			}
			test.mend(t, s)
			if test.code == cause.Throttled {
				return // it waits as long as it was told to
			}
			s.until(t, r.ID, "written", func(r requestJSON) bool { return r.State == queue.Written })
		})
	}
}

func graphFault(f tenant.Fault) func(*testing.T, *stack) {
	return func(_ *testing.T, s *stack) {
		for _, path := range []string{"/organization", "/domains", "/users", "/$batch"} {
			f.Path = path
			s.Tenant.Faults(f)
		}
	}
}

func clearFaults(_ *testing.T, s *stack) { s.Tenant.ClearFaults() }

// An address that we are taking away from somebody is given to the next one only when the cloud has let it go.
func TestAddressIsReleasedFirst(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	removed := s.submit(t, address.RemoveAlias, "carla", "press@contoso.test")
	moved := s.submit(t, address.AddAlias, "jdoe", "press@contoso.test")
	waiting := s.untilState(t, moved.ID, queue.Queued, cause.AddressReleasing)
	if waiting.Cause.Conflict == nil || waiting.Cause.Conflict.ID != string(removed.ID) {
		t.Errorf("conflict %+v does not name %s", waiting.Cause.Conflict, removed.ID)
	}
	s.verify(t, removed.ID)
	s.verify(t, moved.ID)
}

// A busy address names the request that has it.
func TestAddressIsBusy(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	first := s.submit(t, address.AddAlias, "carla", "team@contoso.test")
	second := s.submit(t, address.AddAlias, "jdoe", "team@contoso.test")
	busy := s.untilState(t, second.ID, queue.Refused, cause.AddressBusy)
	if busy.Cause.Conflict == nil || busy.Cause.Conflict.ID != string(first.ID) {
		t.Errorf("conflict %+v does not name %s", busy.Cause.Conflict, first.ID)
	}
}

// The connection is cut around the modify: it is found out whether it landed, and there is one effect.
func TestDCGoneMidWrite(t *testing.T) {
	t.Parallel()
	for name, moment := range map[string]directory.Drop{"before": directory.Before, "after": directory.After} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, lab.Embedded, tenant.Options{})
			var modifies atomic.Int32
			s.Embedded.OnModify(func(context.Context, string, []wire.Change) directory.Fault {
				if modifies.Add(1) == 1 {
					return directory.Fault{Drop: moment}
				}
				return directory.Fault{}
			})
			r := s.submit(t, address.AddAlias, "jdoe", "j.doe@contoso.test")
			written := s.until(t, r.ID, "written", func(r requestJSON) bool { return r.State == queue.Written })
			if want := map[directory.Drop]int32{directory.Before: 2, directory.After: 1}[moment]; modifies.Load() != want {
				t.Errorf("%d modifies, want %d", modifies.Load(), want)
			}
			if got := s.values(t, "Jane Doe", ""); !got.Proxies.Has("smtp:j.doe@contoso.test") || written.Receipt == nil {
				t.Errorf("the directory has %v, receipt %+v", got, written.Receipt)
			}
			s.verify(t, r.ID)
		})
	}
}

// Somebody edits the holder between our read and our modify: their edit stays, and ours is planned anew.
func TestConcurrentEditIsNotLost(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	dn := s.Site.DNOf(site.Object{Kind: site.User, Name: "Carla Ruiz"})
	var once atomic.Bool
	s.Embedded.OnModify(func(ctx context.Context, _ string, _ []wire.Change) directory.Fault {
		if once.CompareAndSwap(false, true) {
			if err := s.Site.Modify(ctx, dn, site.Changes{Replace: map[string][]string{"mail": {"hand@contoso.test"}}}); err != nil {
				t.Error(err)
			}
		}
		return directory.Fault{}
	})
	r := s.submit(t, address.SetPrimary, "carla", "carla.ruiz@contoso.test")
	written := s.until(t, r.ID, "written", func(r requestJSON) bool { return r.State == queue.Written })
	if written.Receipt.Before.Mail != "hand@contoso.test" || written.Receipt.After.Mail != "carla.ruiz@contoso.test" {
		t.Errorf("receipt %+v does not start from the other's edit", written.Receipt)
	}
	if notes := strings.Join(written.Notes, " "); !strings.Contains(notes, "hand@contoso.test") {
		t.Errorf("the notes %q do not tell of the mail that was there", notes)
	}
}

// A wrong password is tried once, for however many requests, and said in words: nobody's account is locked.
func TestWrongPasswordIsTriedOnce(t *testing.T) {
	t.Parallel()
	s := brokenStack(t, func(t *testing.T, s *stack) {
		fatal(t, os.WriteFile(s.dir+"/password.txt", []byte("wrong\n"), 0o600))
	})
	for _, addr := range []string{"a1@contoso.test", "a2@contoso.test", "a3@contoso.test"} {
		s.submit(t, address.AddAlias, "jdoe", addr)
	}
	r := s.submit(t, address.AddAlias, "carla", "a4@contoso.test")
	first := s.until(t, r.ID, "directory_unavailable on the oldest", func(requestJSON) bool {
		page, err := s.remote.List(context.Background(), queryAll())
		fatal(t, err)
		return codeOf(page.Items[len(page.Items)-1]) == cause.DirectoryUnavailable
	})
	if first.State != queue.Accepted {
		t.Errorf("the last request is %s", first.State)
	}
	page, err := s.remote.List(context.Background(), queryAll())
	fatal(t, err)
	contains(t, page.Items[len(page.Items)-1].Cause.Message, "password")
	if tries := s.Embedded.WrongPasswords(site.ServiceAccount); tries != 1 {
		t.Errorf("the password was tried %d times", tries)
	}
}

// A DC whose certificate nobody vouches for is not written to.
func TestWrongCertificate(t *testing.T) {
	t.Parallel()
	s := brokenStack(t, func(t *testing.T, s *stack) {
		fatal(t, os.WriteFile(s.dir+"/directory-ca.pem", s.Tenant.CA, 0o600))
	})
	r := s.submit(t, address.AddAlias, "jdoe", "j.doe@contoso.test")
	waiting := s.untilState(t, r.ID, queue.Accepted, cause.DirectoryUnavailable)
	contains(t, waiting.Cause.Message, "certificate")
}
