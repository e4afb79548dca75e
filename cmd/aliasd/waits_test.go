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

// After the write: each waiting and each contradiction that the lab can be brought to, read back through the API.
func TestCausesAfterTheWrite(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		tenant tenant.Options
		ask    func(*testing.T, *stack) requestJSON
		after  func(*testing.T, *stack) // after the write
		cycles bool                     // sync cycles run until the end is there
		grace  time.Duration            // for the calculation after a sync; 0 is the demo's
		state  queue.State
		code   cause.Code
	}{
		{name: "not synced yet", state: queue.Written, code: cause.NotSyncedYet},
		{name: "sync switched off", state: queue.Written, code: cause.SyncStopped,
			after: func(_ *testing.T, s *stack) { s.Tenant.StopSync() }},
		{name: "not calculated yet", tenant: tenant.Options{CalculationDelay: time.Hour}, grace: time.Hour, cycles: true,
			state: queue.Written, code: cause.NotCalculatedYet},
		{name: "calculated otherwise", tenant: tenant.Options{CalculationDelay: time.Hour}, cycles: true,
			state: queue.Mismatched, code: cause.CalculatedOtherwise},
		{name: "domain not verified any more", cycles: true, state: queue.Mismatched, code: cause.DomainNotVerified,
			after: func(t *testing.T, s *stack) { s.Tenant.UnverifyDomain("contoso.com") },
			ask: func(t *testing.T, s *stack) requestJSON {
				return s.submit(t, address.AddAlias, "jdoe", "jdoe@contoso.com")
			}},
		{name: "not in the cloud any more", cycles: true, state: queue.Mismatched, code: cause.NotInCloud,
			after: func(t *testing.T, s *stack) { s.leaveScope(t) }},
		{name: "cloud managed meanwhile", cycles: true, state: queue.Mismatched, code: cause.CloudManaged,
			after: func(t *testing.T, s *stack) { fatal(t, s.Tenant.MoveToCloud("jdoe@contoso.test")) }},
		{name: "changed on-premises", cycles: true, state: queue.Mismatched, code: cause.ChangedOnPremises,
			after: func(t *testing.T, s *stack) { s.handEdit(t) }},
		{name: "an e-mail address policy turns the primary back", cycles: true, state: queue.Mismatched, code: cause.ExchangePolicy,
			ask: func(t *testing.T, s *stack) requestJSON {
				s.replace(t, "msExchPoliciesIncluded", "9a1b2c3d-0000-4000-8000-000000000001", "{26491CFC-9E50-4857-861B-0CB8DF22B5D7}")
				return s.submit(t, address.SetPrimary, "jdoe", "j.doe@contoso.test")
			},
			after: func(t *testing.T, s *stack) {
				s.replace(t, "proxyAddresses", "SMTP:jdoe@contoso.test", "smtp:j.doe@contoso.test")
				s.replace(t, "mail", "jdoe@contoso.test")
			}},
		{name: "Graph throttles the sweep", state: queue.Written, code: cause.Throttled,
			after: graphFault(tenant.Fault{Times: -1, Status: 429, RetryAfter: time.Hour})},
		{name: "Graph is away", state: queue.Written, code: cause.CloudUnavailable,
			after: graphFault(tenant.Fault{Times: -1, Status: 500})},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, lab.Embedded, test.tenant)
			if test.grace != 0 {
				s.pace.calculationGrace = test.grace
			}
			s.startDaemon(t)
			var r requestJSON
			if test.ask != nil {
				r = test.ask(t, s)
			} else {
				r = s.submit(t, address.AddAlias, "jdoe", "j.doe@contoso.test")
			}
			s.until(t, r.ID, "written", func(r requestJSON) bool { return r.State == queue.Written })
			if test.after != nil {
				test.after(t, s)
			}
			got := s.until(t, r.ID, string(test.code), func(r requestJSON) bool {
				if test.cycles {
					s.cycle(t)
				}
				return r.State == test.state && codeOf(r) == test.code
			})
			if len(got.Cause.Message) < 20 {
				t.Errorf("message %q says too little", got.Cause.Message)
			}
		})
	}
}

// leaveScope takes the holder out of the sync engine's scope: it stays on-premises and leaves the cloud.
func (s *stack) leaveScope(t *testing.T) {
	t.Helper()
	fatal(t, s.Site.Modify(context.Background(), s.Site.DNOf(site.Object{Kind: site.User, Name: "Jane Doe"}),
		site.Changes{Replace: map[string][]string{"isCriticalSystemObject": {"TRUE"}}}))
}

// replace sets an attribute of the holder as the administrator would.
func (s *stack) replace(t *testing.T, attribute string, values ...string) {
	t.Helper()
	fatal(t, s.Site.Modify(context.Background(), s.Site.DNOf(site.Object{Kind: site.User, Name: "Jane Doe"}),
		site.Changes{Replace: map[string][]string{attribute: values}}))
}

// handEdit takes the new alias away as somebody with ADUC would.
func (s *stack) handEdit(t *testing.T) {
	t.Helper()
	fatal(t, s.Site.Modify(context.Background(), s.Site.DNOf(site.Object{Kind: site.User, Name: "Jane Doe"}),
		site.Changes{Delete: map[string][]string{"proxyAddresses": {"smtp:j.doe@contoso.test"}}}))
}

// What the cloud does not show in time is mismatched with the deadline as its cause, and may still be verified later.
func TestDeadline(t *testing.T) {
	t.Parallel()
	s := brokenStack(t, func(t *testing.T, s *stack) {
		file, err := s.WriteSettings(s.dir, lab.Settings{Deadline: time.Second})
		fatal(t, err)
		s.file = file
	})
	r := s.submit(t, address.AddAlias, "jdoe", "j.doe@contoso.test")
	s.untilState(t, r.ID, queue.Mismatched, cause.Deadline)
	s.until(t, r.ID, "verified", func(r requestJSON) bool {
		s.cycle(t)
		if r.State == queue.Mismatched {
			// A sweep may verify it between the look and this call, which then says 409.
			_, _ = s.remote.Recheck(context.Background(), r.ID)
		}
		return r.State == queue.Verified
	})
}
