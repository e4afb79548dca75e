package graph

import (
	"context"
	"strings"
	"time"

	"github.com/aliasd/aliasd/cloudcheck"
)

// Tenant reads the organization and its domains. What the organization does not tell (null, which too little permission
// gives as well) stays unknown.
func (c *Client) Tenant(ctx context.Context) (cloudcheck.Tenant, error) {
	var said note
	began := c.now()
	t, err := c.organization(ctx, &said)
	if err != nil {
		return cloudcheck.Tenant{}, err
	}
	t.Ahead = said.ahead()
	list, err := c.domains(ctx)
	if err != nil {
		return cloudcheck.Tenant{}, err
	}
	t.Verified = map[string]bool{}
	for _, d := range list {
		noteDomain(&t, d)
	}
	if t.InitialDomain == "" {
		return cloudcheck.Tenant{}, away("the tenant shows no initial domain among its domains",
			"check that "+domainsArea().permission+" is granted to the application", nil).cause()
	}
	t.ReadAt = began
	return t, nil
}

// organization and domain are what is read of the two. A sync state that is null is unknown; a domain whose isVerified is null
// counts as not verified.
type organization struct {
	SyncEnabled *bool     `json:"onPremisesSyncEnabled"`
	LastSync    time.Time `json:"onPremisesLastSyncDateTime"`
}

type domain struct {
	ID       string `json:"id"`
	Verified bool   `json:"isVerified"`
	Initial  bool   `json:"isInitial"`
}

// noteDomain adds a verified domain to the tenant.
func noteDomain(t *cloudcheck.Tenant, d domain) {
	name := strings.ToLower(d.ID)
	if name == "" || !d.Verified {
		return
	}
	t.Verified[name] = true
	if d.Initial {
		t.InitialDomain = name
	}
}

// organization reads the sync state. n receives what the server's answer says beside it; it may be nil.
func (c *Client) organization(ctx context.Context, n *note) (cloudcheck.Tenant, error) {
	var t cloudcheck.Tenant
	list, err := readList[organization](ctx, c, organizationArea(), n, "id", "onPremisesSyncEnabled", "onPremisesLastSyncDateTime")
	for _, o := range list {
		t.SyncEnabled, t.LastSync = o.SyncEnabled, o.LastSync
	}
	return t, err
}

// domains reads all pages of the tenant's domains.
func (c *Client) domains(ctx context.Context) ([]domain, error) {
	return readList[domain](ctx, c, domainsArea(), nil, "id", "isVerified", "isInitial")
}

// readList reads all pages of a list by calls of their own. n receives what the last answer says beside its values; it may be nil.
func readList[T any](ctx context.Context, c *Client, what area, n *note, fields ...string) ([]T, error) {
	at, err := what.url(query{fields: fields})
	if err != nil {
		return nil, unmade(err).cause()
	}
	var list []T
	var passed trail
	for at != "" {
		var p page[T]
		err := c.get(ctx, what, at, n, func(body []byte) (err error) {
			p, err = parsePage[T](body, what)
			return err
		})
		if err != nil {
			return nil, err
		}
		list = append(list, p.Value...)
		if at, err = passed.follow(at, p.NextLink); err != nil {
			return nil, unreadable(what, err).cause()
		}
	}
	return list, nil
}
