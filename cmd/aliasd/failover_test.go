package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
)

// newPair is a stack with two domain controllers in the settings. What is written on one comes to the other when the test says so.
func newPair(t *testing.T) *stack {
	t.Helper()
	s := labSite(t, lab.Options{Replica: true, Tenant: tenant.Options{LicenceNew: true}})
	s.startDaemon(t)
	return s
}

// replicate carries everything over, as often as there is something.
func (s *stack) replicate(t *testing.T) {
	t.Helper()
	for changed := 1; changed > 0; {
		var err error
		changed, err = s.Replication.Step()
		fatal(t, err)
	}
}

// on gives the values that one of the two domain controllers has.
func on(t *testing.T, dc *site.Site, name string) address.Values {
	t.Helper()
	s := &stack{Lab: &lab.Lab{Site: dc}}
	return s.values(t, name, "")
}

// The first domain controller is away: the second one serves reads, and is written to where nothing of ours can be lost there.
func TestFailoverToADCThatIsBehind(t *testing.T) {
	t.Parallel()
	s := newPair(t)
	first, second := s.Embedded, s.Replica
	one := s.submit(t, address.AddAlias, "jdoe", "one@contoso.test")
	s.written(t, one.ID)
	fatal(t, first.Suspend())

	two := s.submit(t, address.AddAlias, "jdoe", "two@contoso.test")
	waiting := s.untilState(t, two.ID, queue.Queued, cause.DCUnavailable)
	contains(t, waiting.Cause.Message, "does not show yet")
	other := s.written(t, s.submit(t, address.AddAlias, "carla", "three@contoso.test").ID)
	if other.Receipt.DC != second.Site().Server {
		t.Errorf("carla was written on %s", other.Receipt.DC)
	}
	if got := on(t, second.Site(), "Jane Doe"); got.Proxies.Has("smtp:two@contoso.test") || got.Proxies.Has("smtp:one@contoso.test") {
		t.Errorf("the second DC has %q before it has replicated", got.Proxies)
	}
	if n := steps(s.get(t, two.ID), "retry"); n > 40 {
		t.Errorf("%d tries", n)
	}

	fatal(t, first.Resume())
	if done := s.written(t, two.ID); done.Receipt.DC != first.Site().Server {
		t.Errorf("it was written on %s", done.Receipt.DC)
	}
	s.replicate(t)
	for _, dc := range []*directory.Directory{first, second} {
		jane, carla := on(t, dc.Site(), "Jane Doe"), on(t, dc.Site(), "Carla Ruiz")
		if !jane.Proxies.Has("smtp:one@contoso.test") || !jane.Proxies.Has("smtp:two@contoso.test") || !carla.Proxies.Has("smtp:three@contoso.test") {
			t.Errorf("%s has %q and %q", dc.Site().Server, jane.Proxies, carla.Proxies)
		}
	}
	for _, id := range []queue.RequestID{one.ID, two.ID, other.ID} {
		s.verify(t, id)
	}
}

// The first domain controller goes after it has replicated; the second one is written to. When the first is back, what was
// written meanwhile is not written over there before it has arrived.
func TestFailoverAndBack(t *testing.T) {
	t.Parallel()
	s := newPair(t)
	one := s.submit(t, address.SetPrimary, "jdoe", "one@contoso.test")
	s.written(t, one.ID)
	s.replicate(t)
	fatal(t, s.Embedded.Suspend())
	misspelt := s.submit(t, address.AddAlias, "jdo", "two@contoso.test") // who knows; the second one need not show it
	two := s.submit(t, address.AddAlias, "jdoe", "two@contoso.test")
	if done := s.written(t, two.ID); done.Receipt.DC != s.Replica.Site().Server {
		t.Errorf("it was written on %s", done.Receipt.DC)
	}
	s.untilState(t, misspelt.ID, queue.Accepted, cause.DCUnavailable)

	fatal(t, s.Embedded.Resume())
	s.untilState(t, misspelt.ID, queue.Refused, cause.UnknownHolder)
	three := s.submit(t, address.AddAlias, "jdoe", "three@contoso.test")
	s.untilState(t, three.ID, queue.Queued, cause.DCUnavailable)
	s.cycle(t) // the sync server reads the first DC, which is behind: nothing may be concluded from that
	s.cycle(t)
	if r := s.get(t, two.ID); r.State != queue.Written {
		t.Errorf("judged from a DC that is behind: %s %+v", r.State, r.Cause)
	}
	s.replicate(t)
	if done := s.written(t, three.ID); done.Receipt.DC != s.Embedded.Site().Server {
		t.Errorf("it was written on %s", done.Receipt.DC)
	}
	s.replicate(t)
	for _, dc := range []*directory.Directory{s.Embedded, s.Replica} {
		got := on(t, dc.Site(), "Jane Doe")
		wantProxies(t, got, "one@contoso.test", "SMTP:one@contoso.test", "smtp:jdoe@contoso.test", "smtp:two@contoso.test", "smtp:three@contoso.test",
			"X500:/o=Contoso/ou=Exchange/cn=Recipients/cn=jdoe", "sip:jdoe@contoso.test")
	}
	s.verify(t, two.ID)
	s.verify(t, three.ID)
}

// A modify whose answer was lost with its domain controller is in doubt there, and nowhere else: the second DC serves, and waits.
func TestDoubtHoldsOffTheOtherDC(t *testing.T) {
	t.Parallel()
	s := newPair(t)
	gone := make(chan struct{})
	s.Embedded.OnModify(func(context.Context, string, []wire.Change) directory.Fault {
		go func() {
			if err := s.Embedded.Suspend(); err != nil {
				t.Error(err)
			}
			close(gone)
		}()
		return directory.Fault{Drop: directory.After}
	})
	r := s.submit(t, address.AddAlias, "jdoe", "one@contoso.test")
	<-gone
	s.Embedded.OnModify(nil)
	waiting := s.until(t, r.ID, "in doubt", func(r requestJSON) bool {
		return codeOf(r) == cause.DCUnavailable && strings.Contains(r.Cause.Message, "outcome is not known")
	})
	if waiting.State != queue.Writing {
		t.Errorf("in doubt it is %s", waiting.State)
	}
	if done := s.written(t, s.submit(t, address.AddAlias, "carla", "two@contoso.test").ID); done.Receipt.DC != s.Replica.Site().Server {
		t.Errorf("carla was written on %s", done.Receipt.DC)
	}
	if got := on(t, s.Replica.Site(), "Jane Doe"); got.Proxies.Has("smtp:one@contoso.test") {
		t.Errorf("the second DC has %q", got.Proxies)
	}
	fatal(t, s.Embedded.Resume())
	done := s.written(t, r.ID)
	if done.Receipt.DC != s.Embedded.Site().Server || !slices.Contains(done.Receipt.After.ProxyAddresses, "smtp:one@contoso.test") {
		t.Errorf("the receipt is %+v", done.Receipt)
	}
	s.replicate(t)
	s.verify(t, r.ID)
}

// Somebody's edit of the same holder on the other domain controller wins, as AD has it: ours is gone as a whole. It is found
// out, said, and never called verified.
func TestTheLastWriterIsSomebodyElse(t *testing.T) {
	t.Parallel()
	s := newPair(t)
	r := s.written(t, s.submit(t, address.AddAlias, "jdoe", "one@contoso.test").ID)
	theirs := site.Changes{Replace: map[string][]string{"proxyAddresses": {"SMTP:jdoe@contoso.test", "smtp:theirs@contoso.test"}}}
	for range 2 { // written more often: it wins whatever the second
		fatal(t, s.Replica.Site().Modify(context.Background(), s.Site.DNOf(site.Object{Kind: site.User, Name: "Jane Doe"}), theirs))
		theirs.Replace["proxyAddresses"] = append(theirs.Replace["proxyAddresses"], "smtp:more@contoso.test")
	}
	s.replicate(t)
	wantProxies(t, on(t, s.Site, "Jane Doe"), "jdoe@contoso.test", "SMTP:jdoe@contoso.test", "smtp:theirs@contoso.test", "smtp:more@contoso.test")
	found := s.until(t, r.ID, "a contradiction", func(r requestJSON) bool {
		s.cycle(t)
		return r.State == queue.Mismatched
	})
	if codeOf(found) != cause.ChangedOnPremises {
		t.Errorf("the cause is %+v", found.Cause)
	}
}
