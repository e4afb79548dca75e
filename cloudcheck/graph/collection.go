package graph

import "github.com/aliasd/aliasd/address"

// collection is a list of holders in Graph.
type collection struct {
	area
	kind    address.Kind
	deleted bool
}

func usersOf() collection    { return collection{area: usersArea(), kind: address.User} }
func groupsOf() collection   { return collection{area: groupsArea(), kind: address.Group} }
func contactsOf() collection { return collection{area: contactsArea(), kind: address.Contact} }
func deletedUsersOf() collection {
	return collection{area: deletedUsersArea(), kind: address.User, deleted: true}
}
func deletedGroupsOf() collection {
	return collection{area: deletedGroupsArea(), kind: address.Group, deleted: true}
}

// collectionOf is the live collection of a kind.
func collectionOf(kind address.Kind) collection {
	switch kind {
	case address.Group:
		return groupsOf()
	case address.Contact:
		return contactsOf()
	}
	return usersOf()
}

// shown is what a holder's check needs of an object. Graph leaves proxyAddresses and the on-premises properties of users
// away unless they are selected.
func shown(kind address.Kind) []string {
	fields := []string{"id", "displayName", "mail", "mailNickname", "proxyAddresses",
		"onPremisesSyncEnabled", "onPremisesLastSyncDateTime", "onPremisesProvisioningErrors"}
	switch kind {
	case address.User:
		return append(fields, "userPrincipalName", "onPremisesUserPrincipalName", "onPremisesImmutableId",
			"onPremisesSecurityIdentifier", "assignedPlans")
	case address.Group:
		return append(fields, "onPremisesSecurityIdentifier")
	}
	return fields
}

// named is what naming a conflict needs of an object: who it is, what it holds, and which object on-premises it comes from.
func named(kind address.Kind) []string {
	fields := []string{"id", "displayName", "mail", "proxyAddresses", "onPremisesSyncEnabled", "onPremisesLastSyncDateTime"}
	switch kind {
	case address.User:
		return append(fields, "userPrincipalName", "onPremisesImmutableId", "onPremisesSecurityIdentifier")
	case address.Group:
		return append(fields, "onPremisesSecurityIdentifier")
	}
	return fields
}
