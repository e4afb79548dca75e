package main

import (
	"context"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// A contact is known in the cloud by its primary alone. It is found all the same while that changes: with a sync between the
// requests, and without.
func TestAContactsPrimaryEndToEnd(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, kind lab.Kind) {
		s := newStack(t, kind, tenant.Options{})
		old, changed := address.Proxy("SMTP:partner@fabrikam.test"), address.Proxy("SMTP:partner@northwind.test")
		moved := s.submit(t, address.SetPrimary, "Partner", "partner@northwind.test")
		id := s.verify(t, moved.ID).Cloud.ID
		wantProxies(t, s.values(t, "Partner", ""), "partner@northwind.test", changed, "smtp:partner@fabrikam.test")
		s.undo(t, moved.ID, id)
		wantProxies(t, s.values(t, "Partner", ""), "partner@fabrikam.test", old)

		again := s.submit(t, address.SetPrimary, "Partner", "partner@northwind.test")
		s.untilState(t, again.ID, queue.Written, cause.NotSyncedYet)
		alias := s.submit(t, address.AddAlias, "Partner", "p@fabrikam.test")
		s.untilState(t, alias.ID, queue.Written, cause.NotSyncedYet)
		view, err := s.remote.Holder(context.Background(), "Partner")
		if err != nil || view.Cloud.ID != id {
			t.Errorf("explained as %+v, %v", view.Cloud, err)
		}
		for _, r := range []queue.RequestID{again.ID, alias.ID} {
			if verified := s.verify(t, r); verified.Cloud.ID != id {
				t.Errorf("verified by %s, want %s", verified.Cloud.ID, id)
			}
		}
		third := s.submit(t, address.SetPrimary, "Partner", "p3@fabrikam.test")
		s.untilState(t, third.ID, queue.Written, cause.NotSyncedYet)
		s.undo(t, third.ID, id)
	})
}

// undo takes a request back and waits until the object that has the id shows it.
func (s *stack) undo(t *testing.T, r queue.RequestID, id string) {
	t.Helper()
	undo, err := s.remote.Undo(context.Background(), r, server.UndoJSON{}, "")
	if err != nil {
		t.Fatal(err)
	}
	if verified := s.verify(t, undo.ID); verified.Cloud.ID != id {
		t.Errorf("verified by %s, want %s", verified.Cloud.ID, id)
	}
}

// Two contacts that are called the same are one in the cloud at best: nothing is written until it is known which one.
func TestTwoContactsCalledTheSameWait(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	twin := site.Object{Kind: site.Contact, Name: "Partner Twin", Mail: "partner@fabrikam.test", Proxies: []string{"SMTP:partner@fabrikam.test"}}
	fatal(t, s.Site.Populate(context.Background(), []site.Object{twin}))
	r := s.submit(t, address.AddAlias, "Partner Twin", "twin@fabrikam.test")
	waiting := s.untilState(t, r.ID, queue.Queued, cause.CloudUnavailable)
	contains(t, waiting.Cause.Message, "not known which one it is")
	if c := waiting.Cause.Conflict; c == nil || c.Name != "Partner" {
		t.Errorf("it waits because of %+v", c)
	}
	fatal(t, s.Site.Modify(context.Background(), s.Site.DNOf(twin), site.Changes{Replace: map[string][]string{
		"mail": {"twin2@fabrikam.test"}, "proxyAddresses": {"SMTP:twin2@fabrikam.test"}}}))
	s.cycle(t)
	s.verify(t, r.ID)
}
