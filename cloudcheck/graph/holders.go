package graph

import (
	"context"
	"slices"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
)

// HoldersOf finds the users, groups and contacts that hold any of the addresses as proxy address or mail, users by UPN
// too, and the deleted users and groups that hold one as proxy address. One address is one HTTP call. An address is
// free only when every question was answered, so one that was not is the error.
func (c *Client) HoldersOf(ctx context.Context, addrs []address.Address) ([]cloudcheck.Object, error) {
	return c.holdersOf(ctx, addrs, whoHolds)
}

// DeletedHoldersOf finds the deleted users and groups that hold any of the addresses as proxy address. Five addresses are
// one HTTP call.
func (c *Client) DeletedHoldersOf(ctx context.Context, addrs []address.Address) ([]cloudcheck.Object, error) {
	return c.holdersOf(ctx, addrs, whoDeletedHolds)
}

// asking is one collection and a filter.
type asking struct {
	of     collection
	filter string
}

func (c *Client) holdersOf(ctx context.Context, addrs []address.Address, who func(address.Address) []asking) ([]cloudcheck.Object, error) {
	var questions []*question
	for _, a := range addrs {
		for _, q := range who(a) {
			questions = append(questions, c.question(q.of, query{filter: q.filter, fields: named(q.of.kind)}))
		}
	}
	c.ask(ctx, questions)
	var holders []cloudcheck.Object
	seen := map[string]bool{}
	for _, q := range questions {
		if q.err != nil {
			return nil, q.err
		}
		for _, o := range q.found {
			// Whole addresses are compared: a long one is asked for by its beginning only.
			if !seen[o.ID] && slices.ContainsFunc(addrs, o.Holds) {
				seen[o.ID] = true
				holders = append(holders, o)
			}
		}
	}
	return holders, nil
}

// whoHolds asks every collection for one address. Each filter is a question of its own: combined with or, Graph refuses
// some as too complex.
func whoHolds(a address.Address) []asking {
	proxies := byProxy(a)
	return slices.Concat(
		eachOf(usersOf(), append(proxies, byMail(a), byUPN(a))),
		eachOf(groupsOf(), append(proxies, byMail(a))),
		eachOf(contactsOf(), append(proxies, byMail(a))),
		whoDeletedHolds(a))
}

func whoDeletedHolds(a address.Address) []asking {
	proxies := byProxy(a)
	return append(eachOf(deletedUsersOf(), proxies), eachOf(deletedGroupsOf(), proxies)...)
}

// eachOf are the filters that there are, each with the collection.
func eachOf(of collection, filters []string) []asking {
	var list []asking
	for _, f := range filters {
		if f != "" {
			list = append(list, asking{of, f})
		}
	}
	return list
}
