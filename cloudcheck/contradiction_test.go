package cloudcheck

import (
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

func contradictedBranches() []branch {
	unlicensed := func(w *world) {
		w.promote()
		w.settle()
		w.object.ExchangeLicensed = false
		w.object.Values = address.Values{Mail: "jdoe@contoso.onmicrosoft.com", Proxies: address.Set{"SMTP:jdoe@contoso.onmicrosoft.com", "smtp:j.doe@contoso.com", "smtp:jdoe@contoso.com"}}
	}
	return []branch{
		{name: "managed in the cloud", outcome: Contradicted, code: cause.CloudManaged, says: []string{"onPremisesSyncEnabled", "John Doe"},
			change: func(w *world) { w.arriving(); w.object.SyncEnabled = nil }},
		{name: "domain not verified", outcome: Contradicted, code: cause.DomainNotVerified, says: []string{"contoso.com"},
			change: func(w *world) { w.arriving(); delete(w.fake.tenant.Verified, "contoso.com") }},
		{name: "domain not verified, of one who is no recipient", outcome: NotYet, code: cause.NotCalculatedYet,
			change: func(w *world) {
				w.arriving()
				delete(w.fake.tenant.Verified, "contoso.com")
				w.object.ExchangeLicensed = false
			}},
		{name: "the same, once it had its time", outcome: Contradicted, code: cause.DomainNotVerified,
			change: func(w *world) {
				w.arriving()
				w.settle()
				delete(w.fake.tenant.Verified, "contoso.com")
				w.object.ExchangeLicensed = false
			}},
		{name: "domains unknown say nothing", outcome: NotYet, code: cause.NotCalculatedYet,
			change: func(w *world) { w.arriving(); w.fake.tenant.Verified = nil; w.object.ExchangeLicensed = false }},
		{name: "contacts keep any domain", outcome: NotYet, code: cause.NotCalculatedYet, change: func(w *world) {
			w.arriving()
			w.c.Ref.Holder.Kind, w.object.Kind = address.Contact, address.Contact
			delete(w.fake.tenant.Verified, "contoso.com")
		}},
		{name: "a value that the calculation discards", outcome: Contradicted, code: cause.ValueDiscarded,
			says: []string{"smtp:j@contoso.onmicrosoft.com", "reserved_suffix"},
			change: func(w *world) {
				w.c.Expectation.Wants = []address.Want{{Address: "j@contoso.onmicrosoft.com", Role: address.RoleSecondary}}
				w.c.After.Proxies = w.c.After.Proxies.With("smtp:j@contoso.onmicrosoft.com")
				w.c.Ref.Holder.Values = w.c.After
			}},
		{name: "a value whose legacy twin is discarded is on its way", outcome: NotYet, code: cause.NotCalculatedYet,
			change: func(w *world) {
				w.arriving()
				w.c.Ref.Holder.Proxies = w.c.Ref.Holder.Proxies.With("MSMAIL:j.doe@contoso.com")
				w.c.After = w.c.Ref.Holder.Values
			}},
		{name: "the UPN stays", outcome: Contradicted, code: cause.UPNStays, says: []string{"j.doe@contoso.com", "user principal name"},
			change: func(w *world) {
				w.remove("j.doe@contoso.com")
				w.c.Ref.Holder.UPN, w.object.UPN = "j.doe@contoso.com", "j.doe@contoso.com"
			}},
		{name: "the UPN is about to be another", outcome: NotYet, code: cause.NotCalculatedYet,
			change: func(w *world) { w.remove("j.doe@contoso.com"); w.object.UPN = "j.doe@contoso.com" }},
		{name: "the UPN was to be another, but the cloud keeps it", outcome: Contradicted, code: cause.UPNStays,
			change: func(w *world) { w.remove("j.doe@contoso.com"); w.object.UPN = "j.doe@contoso.com"; w.settle() }},
		{name: "the UPN is about to become what was removed", outcome: Contradicted, code: cause.UPNStays,
			change: func(w *world) {
				w.remove("j.doe@contoso.com")
				w.c.Ref.Holder.UPN, w.object.UPN = "J.Doe@contoso.com", "john@contoso.com"
			}},
		{name: "the UPN of somebody without a licence may still go", outcome: NotYet, code: cause.NotCalculatedYet,
			change: func(w *world) {
				w.remove("j.doe@contoso.com")
				w.c.Ref.Holder.UPN, w.object.UPN, w.object.ExchangeLicensed = "j.doe@contoso.com", "j.doe@contoso.com", false
				w.object.Proxies = w.object.Proxies.Without("smtp:jdoe@contoso.onmicrosoft.com") // never had one
			}},
		{name: "not in the cloud", outcome: Contradicted, code: cause.NotInCloud, says: []string{"John Doe", "sync scope"},
			change: func(w *world) { w.vanish(); w.settle() }},
		{name: "not in the cloud, and never will be", outcome: Contradicted, code: cause.NotInCloud, says: []string{"critical system object"},
			change: func(w *world) { w.vanish(); w.settle(); w.c.Ref.Holder.Critical = true }},
		{name: "not in the cloud at the deadline, one sync seen", outcome: Contradicted, code: cause.NotInCloud,
			change: func(w *world) { w.vanish(); w.now = deadline().Add(time.Minute) }},
		{name: "the licence is missing", outcome: Contradicted, code: cause.LicenceMissing,
			says:   []string{"jdoe@contoso.onmicrosoft.com", "j.doe@contoso.com"},
			change: unlicensed},
		{name: "a shared mailbox needs no licence", outcome: Contradicted, code: cause.CalculatedOtherwise,
			change: func(w *world) { unlicensed(w); w.c.Ref.Holder.RecipientTypeDetails = 34359738368 }},
		{name: "a mailbox elsewhere needs no licence", outcome: Contradicted, code: cause.CalculatedOtherwise,
			change: func(w *world) {
				unlicensed(w)
				w.c.Ref.Holder.RemoteRecipient, w.c.Ref.Holder.Nickname = true, "jdoe"
			}},
		{name: "a mailbox elsewhere that does not flow to the cloud", outcome: Contradicted, code: cause.LicenceMissing,
			change: func(w *world) { unlicensed(w); w.c.Ref.Holder.RemoteRecipient = true }},
		{name: "the same with a licence is calculated otherwise", outcome: Contradicted, code: cause.CalculatedOtherwise,
			says: []string{"SMTP:j.doe@contoso.com", "smtp:j.doe@contoso.com", "2 times"},
			change: func(w *world) {
				w.promote()
				w.settle()
				w.object.Values = address.Values{Mail: "jdoe@contoso.com", Proxies: address.Set{"SMTP:jdoe@contoso.com", "smtp:j.doe@contoso.com"}}
			}},
		{name: "calculated otherwise", outcome: Contradicted, code: cause.CalculatedOtherwise, says: []string{"no j.doe@contoso.com", "smtp:j.doe@contoso.com"},
			change: func(w *world) { w.arriving(); w.settle() }},
		{name: "what was removed stays", outcome: Contradicted, code: cause.CalculatedOtherwise,
			says:   []string{"smtp:j.doe@contoso.com", "the removal of j.doe@contoso.com"},
			change: func(w *world) { w.remove("j.doe@contoso.com"); w.settle() }},
		{name: "deadline with the sync stopped", outcome: Contradicted, code: cause.Deadline, says: []string{"2026-03-03 09:10:00 UTC", "Get-ADSyncScheduler"},
			change: func(w *world) { w.arriving(); w.fake.tenant.LastSync, w.now = before(), deadline().Add(time.Second) }},
		{name: "deadline after one sync", outcome: Contradicted, code: cause.Deadline,
			change: func(w *world) { w.arriving(); w.c.Deadline = first(); w.now = first().Add(time.Minute) }},
		{name: "the deadline itself is still in time", outcome: NotYet, code: cause.NotCalculatedYet,
			change: func(w *world) { w.arriving(); w.c.Deadline = w.now }},
	}
}

func conflictBranches() []branch {
	bob := Object{ID: "id-bob", Kind: address.User, Name: "Bob", Values: address.Values{Proxies: address.Set{"smtp:J.Doe@contoso.com"}}}
	synced := bob
	synced.SyncEnabled = ptr(true)
	gone := bob
	gone.ID, gone.Deleted = "id-gone", true
	quarantine := func(property, value string) func(*world) {
		return func(w *world) {
			w.arriving()
			w.object.Errors = []ProvisioningError{{Category: "PropertyConflict", Property: property, Value: value, Occurred: first()}}
		}
	}
	with := func(change func(*world), others ...Object) func(*world) {
		return func(w *world) {
			change(w)
			for _, o := range others {
				w.other(o)
			}
		}
	}
	settled := func(w *world) { w.arriving(); w.settle() }
	return []branch{
		{name: "quarantined", change: with(quarantine("ProxyAddresses", "SMTP:j.doe@contoso.com"), bob), outcome: Contradicted, code: cause.Quarantined,
			says: []string{"the user Bob (smtp:J.Doe@contoso.com)", "j.doe@contoso.com", "John Doe"}, blames: "id-bob"},
		{name: "quarantined, the bare address named", change: with(quarantine("ProxyAddress", "j.doe@CONTOSO.com"), bob), outcome: Contradicted, code: cause.Quarantined, blames: "id-bob"},
		{name: "quarantined by one that is only in the cloud", change: with(quarantine("ProxyAddresses", "SMTP:j.doe@contoso.com"), bob), outcome: Contradicted, code: cause.Quarantined,
			says: []string{"remove it there (a cloud-only object, not synchronised: in the Microsoft 365 or Exchange admin centre), and"}, blames: "id-bob"},
		{name: "quarantined by one that is synchronised", change: with(quarantine("ProxyAddresses", "SMTP:j.doe@contoso.com"), synced), outcome: Contradicted, code: cause.Quarantined,
			says: []string{"remove it there, and"}, blames: "id-bob"},
		{name: "quarantined, and nobody holds it any more", change: quarantine("ProxyAddresses", "smtp:j.doe@contoso.com"), outcome: Contradicted, code: cause.Quarantined,
			says: []string{"nobody is seen to hold it any more; nothing is to be done, the cloud releases it within 3 hours"}},
		{name: "quarantined for days, and nobody that Graph shows holds it", outcome: Contradicted, code: cause.Quarantined,
			says: []string{"something that Graph does not show", "2026-03-02 09:30:00 UTC", "an Exchange administrator"}, change: func(w *world) {
				quarantine("ProxyAddresses", "smtp:j.doe@contoso.com")(w)
				w.fake.tenant.LastSync, w.now = first().Add(48*time.Hour), first().Add(48*time.Hour)
			}},
		{name: "quarantined, and nobody can be asked", outcome: Contradicted, code: cause.Quarantined, says: []string{"because another object holds it; remove it there"}, change: func(w *world) {
			quarantine("ProxyAddresses", "smtp:j.doe@contoso.com")(w)
			w.fake.noHolder = cause.Wait(cause.Throttled, "later")
		}},
		{name: "another address is quarantined", change: with(quarantine("ProxyAddresses", "smtp:x@contoso.com"), bob), outcome: NotYet, code: cause.NotCalculatedYet},
		{name: "the UPN is in conflict", change: with(quarantine("UserPrincipalName", "j.doe@contoso.com"), bob), outcome: NotYet, code: cause.NotCalculatedYet},
		{name: "quarantined because of a deleted object", change: with(quarantine("ProxyAddresses", "smtp:j.doe@contoso.com"), gone), outcome: Contradicted,
			code: cause.HeldByDeleted, says: []string{"the deleted user Bob", "the cloud releases it within 3 hours"}, blames: "id-gone"},
		{name: "quarantined for days because of a deleted object", outcome: Contradicted, code: cause.HeldByDeleted, blames: "id-gone",
			says: []string{"the deleted user Bob", "as a rule, so look for an export error", "something that Graph does not show"}, change: with(func(w *world) {
				quarantine("ProxyAddresses", "smtp:j.doe@contoso.com")(w)
				w.fake.tenant.LastSync, w.now = first().Add(48*time.Hour), first().Add(48*time.Hour)
			}, gone)},
		{name: "a live holder counts before a deleted one", change: with(quarantine("ProxyAddresses", "smtp:j.doe@contoso.com"), gone, bob), outcome: Contradicted,
			code: cause.Quarantined, blames: "id-bob"},
		{name: "no quarantine, but another object holds it", change: with(settled, bob), outcome: Contradicted, code: cause.ExportErrorSuspected,
			says: []string{"the user Bob", "export error"}, blames: "id-bob"},
		{name: "no quarantine, but a deleted object holds it", change: with(settled, gone), outcome: Contradicted, code: cause.HeldByDeleted, blames: "id-gone",
			says: []string{"a deleted user keeps no address from others as a rule"}},
		{name: "not in the cloud, and another object holds what it brings", change: with(func(w *world) { w.vanish(); w.settle() }, bob), outcome: Contradicted,
			code: cause.ExportErrorSuspected, says: []string{"the user Bob", "export error"}, blames: "id-bob"},
		{name: "not in the cloud, and a deleted object has it: that may be itself", change: with(func(w *world) { w.vanish(); w.settle() }, gone), outcome: Contradicted,
			code: cause.NotInCloud},
		{name: "left out for what it is, whoever has the address", outcome: Contradicted, code: cause.NotInCloud,
			change: with(func(w *world) { w.vanish(); w.settle(); w.c.Ref.Holder.Critical = true }, bob)},
		{name: "absent and settled, nobody holds it", change: settled, outcome: Contradicted, code: cause.CalculatedOtherwise},
	}
}
