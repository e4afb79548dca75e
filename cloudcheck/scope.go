package cloudcheck

import (
	"context"
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

// The values of msExchRecipientTypeDetails that no sync takes: those that the rule "In from AD - User Join" masks
// (&H21C07000: public folders, system attendants, system, arbitration and discovery mailboxes, mailbox plans), and the
// monitoring mailboxes (HealthMailbox…), each of which serves one Exchange server.
const (
	maskedRecipients  = 0x21C07000
	monitoringMailbox = 1 << 39
)

// LeftOut says in words why the default sync rules never take a holder, whatever the scope is; "" where they take it. The
// rules are those of "Microsoft Entra Connect Sync: Understanding the default configuration".
func LeftOut(h address.Holder) string {
	switch {
	case h.Critical:
		return "it is a critical system object, and those are never synchronised"
	case conflicting(h.DN):
		return "it is what a replication conflict left (CNF in its name), and such objects are never synchronised"
	case exchangesOwn(h):
		return "it is one of Exchange's own mailboxes, and those are not synchronised"
	case serviceAccount(h):
		return "it is an account of the sync or of the system, and those are not synchronised"
	case !proxycalc.Syncs(holderOf(h, nil)):
		return "a contact is synchronised only with mail, proxyAddresses and an address with @, under the default rules; give it a primary if it is meant to be there"
	}
	return ""
}

// Unmanned says that a holder is no person's and no group's: the default sync rules leave it out since it belongs to
// Exchange or to the sync, or is what a replication conflict left.
func Unmanned(h address.Holder) bool {
	return conflicting(h.DN) || exchangesOwn(h) || serviceAccount(h)
}

// Unsynced says of each of some holders whether the tenant surely does not have it, and no sync is due that may bring it: what it holds
// is in nobody's way there. It is false for all where that cannot be found out.
func (c *Checker) Unsynced(ctx context.Context, t Tenant, holders []address.Holder) []bool {
	unsynced := make([]bool, len(holders))
	if len(holders) == 0 {
		return unsynced
	}
	refs := make([]Ref, len(holders))
	for i, h := range holders {
		refs[i] = Ref{Holder: h}
	}
	sightings, err := c.reader.Objects(ctx, refs)
	if err != nil {
		c.log.Warn("whether the tenant has some holders could not be found out", "holders", len(holders), "error", err)
		return unsynced
	}
	for i, s := range sightings {
		e := examination{holder: &holders[i], tenant: &t, now: c.now(), timing: c.timing}
		unsynced[i] = s.Object == nil && s.Err == nil && (LeftOut(holders[i]) != "" || !t.LastSync.IsZero() && e.settled())
	}
	return unsynced
}

// OutOfScope is the one finding for a holder that the tenant does not have, where it has nobody else of its container.
func OutOfScope(h address.Holder) Finding {
	c := say(cause.NotInCloud, "the tenant does not have %s, and nobody else who stands directly in %s: that container seems to be out of the scope of the sync; nothing is to be done unless somebody of it is meant to be there",
		nameOf(h), h.DN.Parent())
	return Finding{Severity: Notice, Cause: *c}
}

// conflicting knows the name that a replication conflict gives to one of two objects (MS-ADTS 3.1.1.1.6.1).
func conflicting(dn address.DN) bool {
	own := strings.ToUpper(strings.TrimSuffix(string(dn), dn.Parent()))
	return strings.Contains(own, `\0ACNF:`) || strings.Contains(own, "\nCNF:")
}

func exchangesOwn(h address.Holder) bool {
	if h.Kind != address.User {
		return false
	}
	masked := h.RecipientTypeDetails&maskedRecipients != 0 || h.RecipientTypeDetails == monitoringMailbox
	return masked || startsWith(h.Nickname, "SystemMailbox{") || clientAccess(h.Nickname) || clientAccess(h.Account)
}

// clientAccess knows the test users of old Exchange servers (CAS_{…}).
func clientAccess(name string) bool { return startsWith(name, "CAS_") && strings.Contains(name, "}") }

func serviceAccount(h address.Holder) bool {
	own := strings.EqualFold(h.Account, "SUPPORT_388945a0") || startsWith(h.Account, "AAD_") || startsWith(h.Account, "MSOL_")
	return h.Kind == address.User && own
}

// startsWith compares as the sync rules do, without case.
func startsWith(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
