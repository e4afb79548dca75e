package cloudcheck

import (
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// Disputed gives the addresses whose other holder would explain a finding, each once, in the order of the findings.
func (d Diagnosis) Disputed() []address.Address {
	var disputed []address.Address
	seen := map[address.Key]bool{}
	for _, f := range d.Findings {
		if a := d.disputes(f); a != "" && !seen[a.Key()] {
			seen[a.Key()] = true
			disputed = append(disputed, a)
		}
	}
	return disputed
}

// disputes is the address that somebody else may hold, "" where a finding is not about one.
func (d Diagnosis) disputes(f Finding) address.Address {
	switch {
	case f.Severity != Wrong:
		return ""
	case f.Code == cause.NotInCloud:
		return address.Address(d.Predicted.Mail)
	case f.Code == cause.Quarantined && f.Value == d.Predicted.UPN:
		return address.Address(f.Value)
	case f.Code == cause.Quarantined, f.Code == cause.CalculatedOtherwise && d.lacks(address.Proxy(f.Value)):
		return address.Proxy(f.Value).Address()
	}
	return ""
}

// lacks says that the cloud lacks the address of a predicted SMTP value altogether.
func (d Diagnosis) lacks(p address.Proxy) bool {
	return p.IsSMTP() && !hasAddress(d.Object.Proxies, p.Address())
}

// Blame says in the findings who holds the disputed addresses. The objects are those of the tenant that hold one of them,
// deleted ones included, in any order; the holder itself may be among them. A deleted one is named, though it may not be the
// reason; a live one that no quarantine tells of points to an export error, which shows nowhere in Graph. Where
// everybody who holds one is among them and nobody does, a young quarantine only waits for the tenant's hourly task.
func (d *Diagnosis) Blame(objects []Object, everybody bool) {
	self := ""
	if d.Object != nil {
		self = d.Object.ID
	}
	for i := range d.Findings {
		f := &d.Findings[i]
		a := d.disputes(*f)
		if a == "" {
			continue
		}
		by := holderIn(objects, a, self)
		unheld := by == nil && everybody || by != nil && deletedPrefix(by.Kind) != ""
		since := time.Time{}
		if unheld && f.Code == cause.Quarantined {
			if since = d.quarantinedSince(*f, a); ends(since, d.asOf) {
				f.Severity = Pending
			}
		}
		switch {
		case by != nil:
			f.Cause = *d.blamed(*f, a, *by)
		case everybody && f.Code == cause.Quarantined:
			f.Cause = *unexplained(nameOf(d.Holder), a, since, d.asOf)
		}
	}
	d.Add()
}

// quarantinedSince is since when the value of a finding is in quarantine; zero where it is in none, or Graph does not tell.
func (d *Diagnosis) quarantinedSince(f Finding, a address.Address) time.Time {
	since, is := d.Object.quarantined(a)
	if !is {
		since, _ = d.Object.quarantinedUPN(f.Value)
	}
	return since
}

func (d *Diagnosis) blamed(f Finding, a address.Address, by cause.Conflict) *cause.Cause {
	name := nameOf(d.Holder)
	deleted := deletedPrefix(by.Kind) != ""
	switch {
	case deleted && f.Code == cause.NotInCloud:
		return notInCloudButDeleted(f, a, by)
	case deleted && f.Severity == Pending:
		return releasedByDeleted(name, a, by)
	case deleted:
		return heldByDeleted(name, a, by)
	case f.Code == cause.Quarantined:
		return quarantinedBy(name, a, &by)
	}
	return exportErrorSuspected(name, "the last change of the holder's addresses", a, by)
}

// notInCloudButDeleted: what left the sync scope is deleted in the cloud, and so still holds the holder's own address.
func notInCloudButDeleted(f Finding, a address.Address, by cause.Conflict) *cause.Cause {
	c := say(cause.NotInCloud, "%s; %s holds %s, which the holder itself may have been before it left the scope",
		f.Message, inWords(by), a)
	c.Conflict = &by
	return c
}

// DuplicateOnPremises is the finding for an address that another object on-premises holds too.
func DuplicateOnPremises(a address.Address, with cause.Conflict) Finding {
	c := say(cause.DuplicateOnPremises,
		"%s is held on-premises by %s too, and the tenant gives it to one of them only; decide whose it is, and remove it from the other",
		a, inWords(with))
	c.Conflict = &with
	return Finding{Severity: Wrong, Cause: *c, Value: string(a)}
}

// UnsyncedDuplicate is the finding for an address of a holder that another object on-premises has too which the tenant does not have.
func UnsyncedDuplicate(a address.Address, with cause.Conflict) Finding {
	c := say(cause.DuplicateOnPremises,
		"%s is held on-premises by %s too, which the tenant does not have: as long as that one is not synchronised it is in nobody's way; if it is meant to be there, its export may fail because of this, so decide then whose the address is",
		a, inWords(with))
	c.Conflict = &with
	return Finding{Severity: Notice, Cause: *c, Value: string(a)}
}

// HarmlessDuplicate is the finding for an address that another object on-premises holds too, where not both are meant to be
// in the tenant.
func HarmlessDuplicate(a address.Address, with cause.Conflict) Finding {
	c := say(cause.DuplicateOnPremises,
		"%s is held on-premises by %s too; not both of them are synchronised, so neither stands in the other's way in the tenant; remove it from one before both are",
		a, inWords(with))
	c.Conflict = &with
	return Finding{Severity: Notice, Cause: *c, Value: string(a)}
}
