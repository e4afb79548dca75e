package graph

import (
	"context"
	"fmt"
	"strings"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/contacts"
	"github.com/microsoftgraph/msgraph-sdk-go/directory"
	"github.com/microsoftgraph/msgraph-sdk-go/groups"
	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"github.com/aliasd/aliasd/address"
)

// query is what is asked of a collection.
type query struct {
	filter string
	fields []string
	top    int32 // page size; 0: Graph's own, 100
}

func (q query) filterParam() *string {
	if q.filter == "" {
		return nil
	}
	return &q.filter
}

func (q query) topParam() *int32 {
	if q.top == 0 {
		return nil
	}
	return &q.top
}

// collection is a list of objects in Graph. request makes the SDK's request for it, each time from a builder of its own:
// the SDK writes into a builder's path parameters while it sends.
type collection struct {
	area
	kind    address.Kind
	deleted bool
	request func(c *Client, q query) (*abstractions.RequestInformation, error)
}

// url is the collection's address with the query, relative to the version: /users?$filter=… as $batch takes it.
func (k collection) url(c *Client, q query) (string, error) {
	info, err := k.request(c, q)
	if err != nil {
		return "", fmt.Errorf("request for %s: %w", k.path, err)
	}
	u, err := info.GetUri()
	if err != nil {
		return "", fmt.Errorf("address of %s: %w", k.path, err)
	}
	// The SDK's middleware does the first for calls of their own; the second is the form of a cast that is documented.
	u.RawQuery = strings.ReplaceAll(u.RawQuery, "%24", "$")
	u.Path = strings.Replace(u.Path, "/graph.", "/microsoft.graph.", 1)
	return u.String(), nil
}

// noBase makes the builders give relative addresses.
func noBase() map[string]string { return map[string]string{"baseurl": ""} }

func usersOf() collection {
	return collection{area: usersArea(), kind: address.User, request: func(c *Client, q query) (*abstractions.RequestInformation, error) {
		return users.NewUsersRequestBuilderInternal(noBase(), c.adapter).ToGetRequestInformation(context.Background(),
			&users.UsersRequestBuilderGetRequestConfiguration{QueryParameters: &users.UsersRequestBuilderGetQueryParameters{
				Filter: q.filterParam(), Select: q.fields, Top: q.topParam()}})
	}}
}

func groupsOf() collection {
	return collection{area: groupsArea(), kind: address.Group, request: func(c *Client, q query) (*abstractions.RequestInformation, error) {
		return groups.NewGroupsRequestBuilderInternal(noBase(), c.adapter).ToGetRequestInformation(context.Background(),
			&groups.GroupsRequestBuilderGetRequestConfiguration{QueryParameters: &groups.GroupsRequestBuilderGetQueryParameters{
				Filter: q.filterParam(), Select: q.fields, Top: q.topParam()}})
	}}
}

func contactsOf() collection {
	return collection{area: contactsArea(), kind: address.Contact, request: func(c *Client, q query) (*abstractions.RequestInformation, error) {
		return contacts.NewContactsRequestBuilderInternal(noBase(), c.adapter).ToGetRequestInformation(context.Background(),
			&contacts.ContactsRequestBuilderGetRequestConfiguration{QueryParameters: &contacts.ContactsRequestBuilderGetQueryParameters{
				Filter: q.filterParam(), Select: q.fields, Top: q.topParam()}})
	}}
}

func deletedUsersOf() collection {
	return collection{area: deletedUsersArea(), kind: address.User, deleted: true, request: func(c *Client, q query) (*abstractions.RequestInformation, error) {
		return directory.NewDeletedItemsRequestBuilderInternal(noBase(), c.adapter).GraphUser().ToGetRequestInformation(context.Background(),
			&directory.DeletedItemsGraphUserRequestBuilderGetRequestConfiguration{QueryParameters: &directory.DeletedItemsGraphUserRequestBuilderGetQueryParameters{
				Filter: q.filterParam(), Select: q.fields, Top: q.topParam()}})
	}}
}

func deletedGroupsOf() collection {
	return collection{area: deletedGroupsArea(), kind: address.Group, deleted: true, request: func(c *Client, q query) (*abstractions.RequestInformation, error) {
		return directory.NewDeletedItemsRequestBuilderInternal(noBase(), c.adapter).GraphGroup().ToGetRequestInformation(context.Background(),
			&directory.DeletedItemsGraphGroupRequestBuilderGetRequestConfiguration{QueryParameters: &directory.DeletedItemsGraphGroupRequestBuilderGetQueryParameters{
				Filter: q.filterParam(), Select: q.fields, Top: q.topParam()}})
	}}
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
