package main

import (
	"context"
	"errors"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// The main job: a first alias arrives, and the primary that only mail gave stays the primary.
func TestAddAliasEndToEnd(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, kind lab.Kind) {
		s := newStack(t, kind, tenant.Options{})
		r := s.submit(t, address.AddAlias, "bob@contoso.test", "robert@contoso.test")
		s.untilState(t, r.ID, queue.Written, cause.NotSyncedYet)
		wantProxies(t, s.values(t, "Bob Fox", ""), "bob@contoso.test", "SMTP:bob@contoso.test", "smtp:robert@contoso.test")
		verified := s.verify(t, r.ID)
		if verified.Cause != nil || verified.Cloud == nil || verified.Cloud.Mail != "bob@contoso.test" {
			t.Errorf("verified as %+v with the cloud showing %+v", verified.Cause, verified.Cloud)
		}
		if got, err := s.Tenant.Values("bob@contoso.test"); err != nil || !got.Proxies.Has("smtp:robert@contoso.test") {
			t.Errorf("the tenant has %v, %v", got, err)
		}
	})
}

func TestPrimaryRemoveUndoEndToEnd(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, kind lab.Kind) {
		s := newStack(t, kind, tenant.Options{})
		primary := s.submit(t, address.SetPrimary, "carla", "carla.ruiz@contoso.test")
		s.verify(t, primary.ID)
		wantProxies(t, s.values(t, "Carla Ruiz", ""), "carla.ruiz@contoso.test",
			"SMTP:carla.ruiz@contoso.test", "smtp:carla@contoso.test", "smtp:press@contoso.test")
		removed := s.submit(t, address.RemoveAlias, "carla.ruiz@contoso.test", "press@contoso.test")
		s.verify(t, removed.ID)
		undo, err := s.remote.Undo(context.Background(), removed.ID, server.UndoJSON{Ticket: "INC9"}, "")
		if err != nil {
			t.Fatal(err)
		}
		s.verify(t, undo.ID)
		wantProxies(t, s.values(t, "Carla Ruiz", ""), "carla.ruiz@contoso.test",
			"SMTP:carla.ruiz@contoso.test", "smtp:carla@contoso.test", "smtp:press@contoso.test")
		original, err := s.remote.Get(context.Background(), removed.ID)
		if err != nil || original.State != queue.Verified || original.SupersededBy != undo.ID {
			t.Errorf("the undone request is %s, superseded by %q, %v", original.State, original.SupersededBy, err)
		}
	})
}

func TestGroupsAndContactsEndToEnd(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, kind lab.Kind) {
		s := newStack(t, kind, tenant.Options{})
		group := s.submit(t, address.SetPrimary, "Sales", "offers@contoso.test")
		contact := s.submit(t, address.AddAlias, "partner@fabrikam.test", "partner@northwind.test")
		s.verify(t, group.ID)
		s.verify(t, contact.ID)
		wantProxies(t, s.values(t, "Sales", ""), "offers@contoso.test", "SMTP:offers@contoso.test", "smtp:sales@contoso.test")
		wantProxies(t, s.values(t, "Partner", ""), "partner@fabrikam.test", "SMTP:partner@fabrikam.test", "smtp:partner@northwind.test")
	})
}

// Every refusal that a lab can be brought to, through the API, with nothing written.
func TestRefusalsEndToEnd(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		action address.Action
		holder string
		addr   string
		code   cause.Code
		set    func(*testing.T, *stack)
	}{
		{"unknown", address.AddAlias, "who@contoso.test", "a1@contoso.test", cause.UnknownHolder, nil},
		{"ambiguous", address.AddAlias, "Twin", "a2@contoso.test", cause.AmbiguousHolder, nil},
		{"unverified domain", address.AddAlias, "jdoe", "jdoe@fabrikam.test", cause.DomainNotVerified, nil},
		{"held on-premises", address.AddAlias, "jdoe", "carla@contoso.test", cause.HeldOnPremises, nil},
		{"held by a cloud group", address.AddAlias, "jdoe", "allhands@contoso.test", cause.HeldInCloud, func(t *testing.T, s *stack) {
			fatal(t, addCloudGroup(context.Background(), &stage{box: s.Lab}))
		}},
		{"held by a deleted user", address.AddAlias, "jdoe", "leaver@contoso.test", cause.HeldByDeleted, func(t *testing.T, s *stack) {
			fatal(t, deleteCloudUser(context.Background(), &stage{box: s.Lab}))
		}},
		{"the primary", address.RemoveAlias, "jdoe", "jdoe@contoso.test", cause.IsPrimary, nil},
		{"the UPN", address.RemoveAlias, "twin2", "twin2@contoso.test", cause.IsUPN, func(t *testing.T, s *stack) {
			moved := s.submit(t, address.SetPrimary, "twin2", "zwei@contoso.test")
			s.verify(t, moved.ID)
		}},
		{"no primary", address.AddAlias, "nobody", "somebody@contoso.test", cause.NoPrimary, func(t *testing.T, s *stack) {
			fatal(t, s.Site.Populate(context.Background(), []site.Object{{Kind: site.User, Name: "Nobody Yet", Account: "nobody", UPN: "nobody@contoso.test"}}))
			s.Tenant.SetLicence(s.anchor(t, "Nobody Yet"), false) // never had one
			s.cycle(t)
		}},
		{"would mail-enable", address.AddAlias, "plain", "plain@contoso.test", cause.WouldMailEnable, nil},
		{"cloud managed", address.AddAlias, "old", "older@contoso.test", cause.CloudManaged, func(t *testing.T, s *stack) {
			fatal(t, s.Tenant.MoveToCloud("old@contoso.test"))
		}},
		{"no rights", address.AddAlias, "locked", "locked2@contoso.test", cause.NoRights, nil},
	}
	onBoth(t, func(t *testing.T, kind lab.Kind) {
		s := newStack(t, kind, tenant.Options{})
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				if test.set != nil {
					test.set(t, s)
				}
				r := s.submit(t, test.action, test.holder, test.addr)
				refused := s.untilState(t, r.ID, queue.Refused, test.code)
				if refused.Receipt != nil || len(refused.Cause.Message) < 20 {
					t.Errorf("receipt %+v, message %q", refused.Receipt, refused.Cause.Message)
				}
				if test.code == cause.AmbiguousHolder && len(refused.Cause.Candidates) != 2 {
					t.Errorf("candidates %+v, want two", refused.Cause.Candidates)
				}
			})
		}
	})
}

func TestWhatCanBeSeenAtOnceIsNotStored(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	tests := []struct {
		addr string
		code server.Code
	}{
		{"no-at-sign", server.Code(cause.InvalidAddress)},
		{"jürgen@contoso.test", server.Code(cause.InvalidAddress)},
		{"a@contoso.onmicrosoft.com", server.Code(cause.ReservedSuffix)},
	}
	for _, test := range tests {
		_, err := s.remote.Submit(context.Background(), server.SubmissionJSON{Holder: "jdoe", Action: address.AddAlias, Address: test.addr}, "")
		var problem *client.Problem
		if !errors.As(err, &problem) || problem.Status != 422 || problem.Code != test.code {
			t.Errorf("%s: %v, want 422 %s", test.addr, err, test.code)
		}
	}
	page, err := s.remote.List(context.Background(), client.Query{})
	if err != nil || len(page.Items) != 0 {
		t.Errorf("stored %v, %v", page.Items, err)
	}
}

// anchor is the source anchor of an object in People.
func (s *stack) anchor(t *testing.T, name string) string {
	t.Helper()
	guid, err := s.Site.GUID(context.Background(), s.Site.DN("CN="+name+",OU=People"))
	fatal(t, err)
	return address.GUID(guid).Anchor()
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
