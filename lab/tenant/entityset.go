package tenant

import "github.com/aliasd/aliasd/address"

// entitySet is one collection of Graph: its type, who may read it, and what comes without $select.
type entitySet struct {
	name    string // users
	entity  string // user
	kind    address.Kind
	deleted bool
	// needs are the permissions of which one is enough.
	needs []string
	// defaults are the properties that come without $select; nil means all.
	defaults []string
	// cost are the resource units of one GET (Graph, "Identity and access service limits").
	cost int
}

func usersSet() entitySet {
	return entitySet{
		name: "users", entity: "user", kind: address.User, cost: 2,
		needs: []string{UserRead, UserWrite, DirectoryRead, DirectoryWrite},
		defaults: []string{
			"businessPhones", "displayName", "givenName", "id", "jobTitle", "mail", "mobilePhone", "officeLocation",
			"preferredLanguage", "surname", "userPrincipalName",
		},
	}
}

func groupsSet() entitySet {
	return entitySet{
		name: "groups", entity: "group", kind: address.Group, cost: 1,
		needs: []string{GroupMemberRead, GroupRead, GroupWrite, DirectoryRead, DirectoryWrite},
		defaults: []string{
			"classification", "createdDateTime", "deletedDateTime", "description", "displayName", "expirationDateTime",
			"groupTypes", "id", "isAssignableToRole", "mail", "mailEnabled", "mailNickname", "membershipRule",
			"membershipRuleProcessingState", "onPremisesDomainName", "onPremisesLastSyncDateTime", "onPremisesNetBiosName",
			"onPremisesProvisioningErrors", "onPremisesSamAccountName", "onPremisesSecurityIdentifier",
			"onPremisesSyncEnabled", "preferredDataLocation", "preferredLanguage", "proxyAddresses", "renewedDateTime",
			"resourceBehaviorOptions", "resourceProvisioningOptions", "securityEnabled", "securityIdentifier",
			"serviceProvisioningErrors", "theme", "uniqueName", "visibility",
		},
	}
}

func contactsSet() entitySet {
	return entitySet{
		name: "contacts", entity: "orgContact", kind: address.Contact, cost: 1,
		needs: []string{ContactRead, DirectoryRead, DirectoryWrite},
	}
}

func deletedUsersSet() entitySet {
	set := usersSet()
	set.name, set.deleted, set.cost = "directory/deletedItems/microsoft.graph.user", true, 1
	return set
}

// deletedGroupsSet is readable with less permissions than the groups are: GroupMember.Read.All is not enough.
func deletedGroupsSet() entitySet {
	set := groupsSet()
	set.name, set.deleted = "directory/deletedItems/microsoft.graph.group", true
	set.needs = []string{GroupRead, GroupWrite, DirectoryRead, DirectoryWrite}
	return set
}

func organizationSet() entitySet {
	return entitySet{name: "organization", entity: "organization", cost: 1, needs: []string{OrganizationRead, DirectoryRead, DirectoryWrite}}
}

func domainsSet() entitySet {
	return entitySet{name: "domains", entity: "domain", cost: 1, needs: []string{DomainRead, DirectoryRead, DirectoryWrite}}
}
