package graph

import (
	"cmp"
	"context"
	"slices"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
)

// HoldersOf finds the users, groups and contacts that hold any of the addresses as proxy address or mail, users by UPN
// too, and the deleted users and groups that hold one as proxy address. One address is one HTTP call. An address is
// free only when every question was answered, so one that was not is the error.
func (c *Client) HoldersOf(ctx context.Context, addrs []address.Address) ([]cloudcheck.Object, error) {
	var questions []*question
	for _, a := range addrs {
		questions = append(questions, c.whoHolds(a)...)
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

// EachDeleted gives every deleted user and group, a page of at most 999 at a time, from one goroutine: those of the last 30
// days, so they are few beside the live ones (Graph reference, directory resource). Up to 999 of each are one HTTP call.
func (c *Client) EachDeleted(ctx context.Context, take func([]cloudcheck.Object)) error {
	var questions []*question
	for _, of := range []collection{deletedUsersOf(), deletedGroupsOf()} {
		q := c.question(of, query{fields: named(of.kind), top: bigPage})
		q.read = func(body []byte) (string, error) {
			objects, link, err := readObjects(body, of)
			if err == nil {
				take(objects)
			}
			return link, err
		}
		questions = append(questions, q)
	}
	c.ask(ctx, questions) // both fit into one call at a time, so that their pages come one after another
	return cmp.Or(questions[0].err, questions[1].err)
}

// whoHolds asks every collection for one address. Each filter is a question of its own: combined with or, Graph refuses
// some as too complex.
func (c *Client) whoHolds(a address.Address) []*question {
	var questions []*question
	ask := func(of collection, filters ...string) {
		for _, f := range filters {
			if f != "" {
				questions = append(questions, c.question(of, query{filter: f, fields: named(of.kind)}))
			}
		}
	}
	proxies := byProxy(a)
	ask(usersOf(), append(proxies, byMail(a), byUPN(a))...)
	ask(groupsOf(), append(proxies, byMail(a))...)
	ask(contactsOf(), append(proxies, byMail(a))...)
	ask(deletedUsersOf(), proxies...)
	ask(deletedGroupsOf(), proxies...)
	return questions
}
