package main

import (
	"context"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// nothing is the mending of what mends itself.
func nothing(*testing.T, *stack) {}

func waitingVerdicts() []verdict {
	return []verdict{
		{name: "no sync ran", state: queue.Written, code: cause.NotSyncedYet, mend: nothing,
			says: []string{"j.doe@contoso.test", "the next sync"}},
		{name: "switched off", state: queue.Written, code: cause.SyncStopped, says: []string{"Jane Doe", "smtp:j.doe@contoso.test", "onPremisesSyncEnabled"},
			after: func(_ *testing.T, s *stack) { s.Tenant.StopSync() }, mend: func(_ *testing.T, s *stack) { s.Tenant.StartSync() }},
		{name: "too old", state: queue.Written, code: cause.SyncStopped, says: []string{"3 cycles of 1s ago", "Get-ADSyncScheduler"}, mend: nothing,
			settings: func(t *testing.T, s *stack) { s.syncEvery(t, time.Second) }},
		{name: "the calculation takes its time", state: queue.Written, code: cause.NotCalculatedYet, cycles: true,
			tenant: tenant.Options{ManualCalculation: true}, settings: func(_ *testing.T, s *stack) { s.tuning.calculationGrace = time.Hour },
			says: []string{"no j.doe@contoso.test", "Jane Doe", "smtp:j.doe@contoso.test"}, mend: func(_ *testing.T, s *stack) { s.Tenant.Calculate() }},
		{name: "of the sweep", state: queue.Written, code: cause.Throttled, // it waits as long as it was told to
			after: graphFault(tenant.Fault{Times: -1, Status: 429, RetryAfter: time.Hour})},
		{name: "in the sweep", state: queue.Written, code: cause.CloudUnavailable, mend: clearFaults,
			after: graphFault(tenant.Fault{Times: -1, Status: 500})},
		{name: "in the sweep", state: queue.Written, code: cause.DirectoryUnavailable,
			after: func(t *testing.T, s *stack) { fatal(t, s.Embedded.Suspend()) },
			mend:  func(t *testing.T, s *stack) { fatal(t, s.Embedded.Resume()) }},
	}
}

// onPremisesVerdicts are what others do to the holder after the write.
func onPremisesVerdicts() []verdict {
	set := func(attribute string, values ...string) func(*testing.T, *stack) {
		return func(t *testing.T, s *stack) { s.replace(t, "Jane Doe", attribute, values...) }
	}
	all := func(steps ...func(*testing.T, *stack)) func(*testing.T, *stack) {
		return func(t *testing.T, s *stack) {
			for _, step := range steps {
				step(t, s)
			}
		}
	}
	return []verdict{
		{name: "the alias is taken away", state: queue.Mismatched, code: cause.ChangedOnPremises, cycles: true,
			after: set("proxyAddresses", "SMTP:jdoe@contoso.test"), mend: set("proxyAddresses", "SMTP:jdoe@contoso.test", "smtp:j.doe@contoso.test"),
			says: []string{"smtp:j.doe@contoso.test (alias) was written for Jane Doe at", "the directory has no j.doe@contoso.test", "last changed"}},
		{name: "the holder is deleted", state: queue.Mismatched, code: cause.ChangedOnPremises, cycles: true,
			after: func(t *testing.T, s *stack) {
				fatal(t, s.Site.Remove(context.Background(), s.Site.DNOf(site.Object{Kind: site.User, Name: "Jane Doe"})))
			},
			says: []string{"jdoe is no longer in the directory since the write at", "smtp:j.doe@contoso.test"}},
		{name: "the primary turns back", state: queue.Mismatched, code: cause.ExchangePolicy, cycles: true,
			ask: func(t *testing.T, s *stack) requestJSON {
				set("msExchPoliciesIncluded", "9a1b2c3d-0000-4000-8000-000000000001", "{26491CFC-9E50-4857-861B-0CB8DF22B5D7}")(t, s)
				return s.submit(t, address.SetPrimary, "jdoe", "j.doe@contoso.test")
			},
			after: all(set("proxyAddresses", "SMTP:jdoe@contoso.test", "smtp:j.doe@contoso.test"), set("mail", "jdoe@contoso.test")),
			says:  []string{"j.doe@contoso.test was written as the primary of Jane Doe", "turned it back to jdoe@contoso.test"},
			mend:  all(set("proxyAddresses", "smtp:jdoe@contoso.test", "SMTP:j.doe@contoso.test"), set("mail", "j.doe@contoso.test"))},
		{name: "the removed address becomes the UPN", state: queue.Mismatched, code: cause.UPNStays, cycles: true,
			ask: func(t *testing.T, s *stack) requestJSON {
				return s.submit(t, address.RemoveAlias, "carla", "press@contoso.test")
			},
			after: func(t *testing.T, s *stack) { s.replace(t, "Carla Ruiz", "userPrincipalName", "press@contoso.test") },
			mend:  func(t *testing.T, s *stack) { s.replace(t, "Carla Ruiz", "userPrincipalName", "carla@contoso.test") },
			says:  []string{"press@contoso.test is the user principal name of Carla Ruiz"}},
		{name: "left out of the sync", state: queue.Mismatched, code: cause.NotInCloud, cycles: true,
			after: set("isCriticalSystemObject", "TRUE"), mend: set("isCriticalSystemObject", "FALSE"),
			says: []string{"the tenant does not have Jane Doe", "synchronised at", "smtp:j.doe@contoso.test", "critical system object"}},
		{name: "an undo brings back what the cloud never took", state: queue.Mismatched, code: cause.ValueDiscarded, cycles: true,
			ask: undoOfAReservedPrimary, says: []string{"SMTP:old@contoso.onmicrosoft.com of Mo Era", "reserved_suffix", "belong to the cloud"}},
	}
}

// undoOfAReservedPrimary: somebody had written an address of the initial domain as the primary, which the cloud discards.
// Another primary was asked for, and that is taken back.
func undoOfAReservedPrimary(t *testing.T, s *stack) requestJSON {
	t.Helper()
	s.add(t, site.Object{Kind: site.User, Name: "Mo Era", Account: "mo", UPN: "mo@contoso.test", Proxies: []string{"SMTP:old@contoso.onmicrosoft.com"}})
	moved := s.submit(t, address.SetPrimary, "mo", "mo.era@contoso.test")
	s.verify(t, moved.ID)
	undo, err := s.remote.Undo(context.Background(), moved.ID, server.UndoJSON{}, "")
	fatal(t, err)
	return undo
}

// cloudVerdicts are what the tenant is or becomes.
func cloudVerdicts() []verdict {
	return []verdict{
		{name: "a domain is given up", state: queue.Mismatched, code: cause.DomainNotVerified, cycles: true,
			ask: func(t *testing.T, s *stack) requestJSON {
				return s.submit(t, address.AddAlias, "jdoe", "jdoe@contoso.com")
			},
			after: func(_ *testing.T, s *stack) { s.Tenant.UnverifyDomain("contoso.com") },
			mend:  func(_ *testing.T, s *stack) { s.Tenant.VerifyDomain("contoso.com") },
			says:  []string{"the domain contoso.com of jdoe@contoso.com", "Jane Doe"}},
		{name: "moved to the cloud", state: queue.Mismatched, code: cause.CloudManaged, cycles: true,
			after: func(t *testing.T, s *stack) { fatal(t, s.Tenant.MoveToCloud("jdoe@contoso.test")) },
			says:  []string{"Jane Doe is managed in the cloud now", "smtp:j.doe@contoso.test"}},
		{name: "the licence goes", state: queue.Mismatched, code: cause.LicenceMissing, cycles: true, ask: wantTheUPN,
			after: func(t *testing.T, s *stack) { s.Tenant.SetLicence(s.anchor(t, "Una Upn"), false) },
			mend:  func(t *testing.T, s *stack) { s.Tenant.SetLicence(s.anchor(t, "Una Upn"), true) },
			says:  []string{"Una Upn has no Exchange licence", "una@contoso.onmicrosoft.com the primary instead of una@contoso.test"}},
		{name: "the calculation never comes", state: queue.Mismatched, code: cause.CalculatedOtherwise, cycles: true,
			tenant: tenant.Options{ManualCalculation: true}, mend: func(_ *testing.T, s *stack) { s.Tenant.Calculate() },
			says: []string{"no j.doe@contoso.test", "Jane Doe", "smtp:j.doe@contoso.test (alias) was asked for"}},
		{name: "no sync in time", state: queue.Mismatched, code: cause.Deadline, mend: nothing,
			settings: func(t *testing.T, s *stack) {
				file, err := s.WriteSettings(s.dir, lab.Settings{Deadline: time.Second, SyncInterval: testInterval})
				fatal(t, err)
				s.file = file
			},
			says: []string{"the deadline was", "Jane Doe", "smtp:j.doe@contoso.test", "arrives with the next sync"}},
	}
}

// wantTheUPN asks for the address that a licensed user has by the UPN alone: it is the primary already, and nothing is
// written.
func wantTheUPN(t *testing.T, s *stack) requestJSON {
	t.Helper()
	s.add(t, site.Object{Kind: site.User, Name: "Una Upn", Account: "una", UPN: "una@contoso.test"})
	return s.submit(t, address.AddAlias, "una", "una@contoso.test")
}

// conflictVerdicts are what others hold.
func conflictVerdicts() []verdict {
	events := func(t *testing.T, s *stack) requestJSON {
		return s.submit(t, address.AddAlias, "carla", "events@contoso.test")
	}
	giveUp := func(t *testing.T, s *stack) { fatal(t, s.Tenant.Delete("events@contoso.test")) }
	snatched := func(t *testing.T, s *stack) { fatal(t, snatch(context.Background(), &stage{box: s.Lab})) }
	says := []string{"the group Events Team (SMTP:events@contoso.test)", "Carla Ruiz", "events@contoso.test"}
	return []verdict{
		{name: "a group of the cloud takes it", state: queue.Mismatched, code: cause.Quarantined, cycles: true, ask: events, after: snatched,
			says: says, conflict: "Events Team", mend: func(t *testing.T, s *stack) {
				giveUp(t, s)
				s.Tenant.Release()
			}},
		{name: "the export fails", state: queue.Mismatched, code: cause.ExportErrorSuspected, cycles: true, ask: events,
			after: func(t *testing.T, s *stack) {
				s.Tenant.FailKindConflicts(true)
				snatched(t, s)
			},
			says: append(says, "no quarantine is shown"), conflict: "Events Team", mend: giveUp},
		{name: "in quarantine, and who had it is deleted", state: queue.Mismatched, code: cause.HeldByDeleted, cycles: true, ask: events,
			after: func(t *testing.T, s *stack) {
				snatched(t, s)
				s.cycle(t)
				giveUp(t, s)
			},
			says: []string{"the deleted group Events Team", "Carla Ruiz", "events@contoso.test"}, conflict: "Events Team",
			mend: func(_ *testing.T, s *stack) { s.Tenant.Release() }},
		{name: "the export fails, and a deleted user has it", state: queue.Mismatched, code: cause.HeldByDeleted, cycles: true,
			ask: func(t *testing.T, s *stack) requestJSON {
				fatal(t, deleteCloudUser(context.Background(), &stage{box: s.Lab}))
				return s.submit(t, address.AddAlias, "jdoe", "leaver@contoso.test", address.AllowDeletedHolder)
			},
			after: func(t *testing.T, s *stack) { s.Tenant.FailExport(s.anchor(t, "Jane Doe"), true) },
			mend:  func(t *testing.T, s *stack) { s.Tenant.FailExport(s.anchor(t, "Jane Doe"), false) },
			says:  []string{"leaver@contoso.test does not arrive at Jane Doe", "the deleted user Lea Leaver"}, conflict: "Lea Leaver"},
	}
}
