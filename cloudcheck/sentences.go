package cloudcheck

import (
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

// The causes that verdicts and diagnoses share. Each is about one holder, by the name that people call it.

func managedInCloud(name, wanted string) *cause.Cause {
	return say(cause.CloudManaged,
		"%s is managed in the cloud now (onPremisesSyncEnabled is not true), so %s does not arrive from on-premises; change it in the cloud",
		name, wanted)
}

// quarantinedBy may know who holds the address; by is nil where nobody was found out.
func quarantinedBy(name string, a address.Address, by *cause.Conflict) *cause.Cause {
	holder, where := "another object", ""
	if by != nil {
		holder, where = inWords(*by), by.Where()
	}
	c := say(cause.Quarantined,
		"the tenant synchronised %s without %s, because %s holds it; remove it there%s, and the tenant takes it over within the hour, or ask for another address",
		name, a, holder, where)
	c.Conflict = by
	return c
}

// quarantineOver: the conflict is gone, and its error stands on the object until the tenant's hourly task.
func quarantineOver(name string, a address.Address) *cause.Cause {
	return say(cause.Quarantined,
		"the tenant synchronised %s without %s, which another object held, and nobody is seen to hold it any more; nothing is to be done, the cloud releases it within %d hours",
		name, a, int(releasedWithin.Hours()))
}

// quarantineUnseen: the quarantine is too old to be about to be released, and no object that Graph lists explains it.
func quarantineUnseen(name string, a address.Address, since time.Time) *cause.Cause {
	began := ""
	if !since.IsZero() {
		began = " since " + stamp(since)
	}
	return say(cause.Quarantined,
		"the tenant synchronises %s without %s%s, and no user, group or contact is seen to hold it: it is held by something that Graph does not show, such as a public folder, a dynamic distribution group or an inactive mailbox; an Exchange administrator has to find that with Get-Recipient and take the address from it, unless somebody gave the address up within the last %d hours",
		name, a, began, int(releasedWithin.Hours()))
}

// releasedByDeleted: who held the address is deleted, and the quarantine is about to be released.
func releasedByDeleted(name string, a address.Address, by cause.Conflict) *cause.Cause {
	c := say(cause.HeldByDeleted,
		"the tenant synchronised %s without %s, which nobody but %s is seen to hold; nothing is to be done, the cloud releases it within %d hours",
		name, a, inWords(by), int(releasedWithin.Hours()))
	c.Conflict = &by
	return c
}

// heldByDeleted: a deleted user is no reason as a rule, and a deleted group may be one. Neither is proved, and what is deleted for good
// does not come back, so everything else comes first.
func heldByDeleted(name string, a address.Address, by cause.Conflict) *cause.Cause {
	const first = "look for an export error on the sync server and for something that Graph does not show (a public folder, a dynamic distribution group, an inactive mailbox)"
	advice := "a deleted user keeps no address from others as a rule, so " + first
	if by.Kind != "deleted_"+string(address.User) {
		advice = first + "; if there is none, restore it, take the address from it and delete it again"
	}
	c := say(cause.HeldByDeleted,
		"%s does not arrive at %s, and nobody but %s, which can be restored, is seen to hold it; %s, or ask for another address; what is deleted for good does not come back",
		a, name, inWords(by), advice)
	c.Conflict = &by
	return c
}

// exportErrorSuspected: since names what the tenant was synchronised after.
func exportErrorSuspected(name, since string, a address.Address, by cause.Conflict) *cause.Cause {
	c := say(cause.ExportErrorSuspected,
		"the tenant was synchronised since %s and %s is not at %s, while %s holds it and no quarantine is shown; look for an export error on the sync server, remove the address from that object%s, or ask for another one",
		since, a, name, inWords(by), by.Where())
	c.Conflict = &by
	return c
}

func unverifiedDomain(name string, a address.Address) *cause.Cause {
	return say(cause.DomainNotVerified,
		"the domain %s of %s is not verified in the tenant, so the cloud leaves the address away from %s; verify the domain and it comes by itself, or ask for another address",
		a.Domain(), a, name)
}

func discardedValue(name string, d proxycalc.Discarded) *cause.Cause {
	return say(cause.ValueDiscarded,
		"the cloud discards %s of %s (%s: %s); remove it, and ask for an address that can arrive",
		d.Value, name, d.Reason, discardInWords(d.Reason))
}

func discardInWords(r proxycalc.Reason) string {
	switch r {
	case proxycalc.ReservedSuffix:
		return "addresses in onmicrosoft.com and microsoftonline.com belong to the cloud"
	case proxycalc.LegacyType:
		return "its type is not synchronised any more"
	case proxycalc.CloudX500:
		return "X500 values of /o=MicrosoftOnline belong to the cloud"
	case proxycalc.TooLong:
		return "it is longer than 256 characters"
	case proxycalc.UnverifiedDomain:
		return "its domain is not verified"
	}
	return "it is not a well-formed address"
}

func missingLicence(name string, moera, wanted address.Address) *cause.Cause {
	return say(cause.LicenceMissing,
		"%s has no Exchange licence, so the cloud makes %s the primary instead of %s; assign the licence, and the primary follows",
		name, moera, wanted)
}

// whyNotInCloud says in words why the tenant may lack a holder although it was synchronised.
func whyNotInCloud(h address.Holder) string {
	if why := LeftOut(h); why != "" {
		return why
	}
	return "look at the sync scope (organizational units, attribute and group filters) and at the sync server's errors"
}
