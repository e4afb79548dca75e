package cloudcheck

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
)

// Called is what people call the object: its name, else its UPN, its mail, or its id.
func (o *Object) Called() string { return cmp.Or(o.Name, o.UPN, o.Mail, o.ID) }

// CloudManaged says that an object came from on-premises but takes its values from the cloud now: onPremisesSyncEnabled
// is no longer true although an immutable id, a SID or a sync stamp is set (Graph reference, user resource).
func (o *Object) CloudManaged() bool {
	cameFromAD := o.ImmutableID != "" || o.SID != "" || !o.LastSync.IsZero()
	return cameFromAD && !o.synced()
}

// synced says that an object takes its values from on-premises.
func (o *Object) synced() bool { return o.SyncEnabled != nil && *o.SyncEnabled }

// takesMail says that a user is an Exchange recipient: by an Exchange plan, as a shared mailbox, or by a mailbox elsewhere
// (msExchRemoteRecipientType, which flows only with a mailNickname).
func (o *Object) takesMail(h address.Holder) bool {
	in := holderOf(h, o)
	return in.ExchangeLicensed || in.SharedMailbox || in.RemoteRecipient && in.Nickname != ""
}

// Verifies says whether addresses of a domain (in lower case) may arrive in the tenant: its verified domains, and the
// hybrid coexistence domain contoso.mail.onmicrosoft.com, which belongs to the initial one without being listed.
func (t Tenant) Verifies(domain string) bool {
	name, isInitial := strings.CutSuffix(t.InitialDomain, ".onmicrosoft.com")
	return t.Verified[domain] || isInitial && domain == name+".mail.onmicrosoft.com"
}

// Shows says whether an object shows all wants. A nil object shows what has to be absent.
func (o *Object) Shows(wants []address.Want) bool {
	return len(o.missing(wants)) == 0
}

// missing are the wants that an object does not show.
func (o *Object) missing(wants []address.Want) []address.Want {
	return slices.DeleteFunc(slices.Clone(wants), o.shows)
}

// shows says whether an object shows one want. The cloud's mail is the primary's address (KB 3190357), so a primary
// that mail does not follow is not calculated yet.
func (o *Object) shows(w address.Want) bool {
	if o == nil {
		return w.Role == address.RoleAbsent
	}
	if w.Role == address.RolePrimary && !w.Address.Equal(address.Address(o.Mail)) {
		return false
	}
	return hasRole(o.Proxies, w)
}

// hasRole says whether an address has its role in a set: the prefix decides, to the letter.
func hasRole(s address.Set, w address.Want) bool {
	found := s.Find(w.Address)
	isPrimary := slices.ContainsFunc(found, address.Proxy.IsPrimary)
	switch w.Role {
	case address.RoleAbsent:
		return len(found) == 0
	case address.RolePresent:
		return len(found) > 0
	case address.RolePrimary:
		return isPrimary
	case address.RoleSecondary:
		return !isPrimary && slices.ContainsFunc(found, isSecondary)
	}
	return false
}

func isSecondary(p address.Proxy) bool { return p.Type() == "smtp" }

// primary is the address that an object sends from, as far as it is shown.
func (o *Object) primary() address.Address {
	if o == nil {
		return ""
	}
	return primaryOf(o.Values)
}

// primaryOf is the explicit primary, else mail.
func primaryOf(v address.Values) address.Address {
	if primaries := v.Proxies.Primaries(); len(primaries) > 0 {
		return primaries[0].Address()
	}
	return address.Address(v.Mail)
}

// stands says whether a want holds on-premises. Where no SMTP value masks it, mail is the one address and the primary.
func stands(v address.Values, w address.Want) bool {
	if len(v.Proxies.SMTP()) > 0 {
		return hasRole(v.Proxies, w)
	}
	isMail := w.Address.Equal(address.Address(v.Mail))
	switch w.Role {
	case address.RoleAbsent:
		return !isMail
	case address.RolePrimary, address.RolePresent:
		return isMail
	}
	return false
}

// hasAddress says whether a set has an address as an SMTP value, in any case.
func hasAddress(s address.Set, a address.Address) bool {
	for _, p := range s {
		if p.IsSMTP() && p.Address().Equal(a) {
			return true
		}
	}
	return false
}
