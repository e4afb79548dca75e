package cloudcheck

import "github.com/aliasd/aliasd/address"

// CloudManaged says that an object came from on-premises but takes its values from the cloud now: onPremisesSyncEnabled
// is no longer true although an immutable id, a SID or a sync stamp is set (Graph reference, user resource).
func (o *Object) CloudManaged() bool {
	cameFromAD := o.ImmutableID != "" || o.SID != "" || !o.LastSync.IsZero()
	return cameFromAD && (o.SyncEnabled == nil || !*o.SyncEnabled)
}

// Shows says whether an object shows all wants. A nil object shows what has to be absent.
func (o *Object) Shows(wants []address.Want) bool {
	for _, w := range wants {
		if !o.shows(w) {
			return false
		}
	}
	return true
}

func (o *Object) shows(w address.Want) bool {
	if o == nil {
		return w.Role == address.RoleAbsent
	}
	found := o.Proxies.Find(w.Address)
	switch w.Role {
	case address.RoleAbsent:
		return len(found) == 0
	case address.RolePresent:
		return len(found) > 0
	case address.RolePrimary:
		return len(found) > 0 && found[0].IsPrimary() && w.Address.Equal(address.Address(o.Mail))
	case address.RoleSecondary:
		return len(found) > 0 && !found[0].IsPrimary()
	}
	return false
}
