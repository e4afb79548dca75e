package graph

import (
	"context"
	"strings"

	"github.com/microsoftgraph/msgraph-sdk-go/domains"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/organization"

	"github.com/aliasd/aliasd/cloudcheck"
)

// Tenant reads the organization and its domains. What the organization does not tell (null, which too little permission
// gives as well) stays unknown.
func (c *Client) Tenant(ctx context.Context) (cloudcheck.Tenant, error) {
	var said note
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
	t.ReadAt = c.now()
	return t, nil
}

func noteDomain(t *cloudcheck.Tenant, d models.Domainable) {
	name := strings.ToLower(deref(d.GetId()))
	if name == "" || !deref(d.GetIsVerified()) {
		return
	}
	t.Verified[name] = true
	if deref(d.GetIsInitial()) {
		t.InitialDomain = name
	}
}

// organization reads the sync state. n is told what the server said beside; it may be nil.
func (c *Client) organization(ctx context.Context, n *note) (cloudcheck.Tenant, error) {
	var t cloudcheck.Tenant
	err := c.call(ctx, organizationArea(), n, func(ctx context.Context) error {
		builder := organization.NewOrganizationRequestBuilderInternal(c.base(), c.adapter)
		answer, err := builder.Get(ctx, &organization.OrganizationRequestBuilderGetRequestConfiguration{
			QueryParameters: &organization.OrganizationRequestBuilderGetQueryParameters{
				Select: []string{"id", "onPremisesSyncEnabled", "onPremisesLastSyncDateTime"}}})
		if err != nil || answer == nil {
			return err
		}
		for _, o := range answer.GetValue() {
			t.SyncEnabled, t.LastSync = o.GetOnPremisesSyncEnabled(), deref(o.GetOnPremisesLastSyncDateTime())
		}
		return nil
	})
	return t, err
}

// domains reads all pages of the tenant's domains.
func (c *Client) domains(ctx context.Context) ([]models.Domainable, error) {
	var list []models.Domainable
	builder := domains.NewDomainsRequestBuilderInternal(c.base(), c.adapter)
	parameters := &domains.DomainsRequestBuilderGetRequestConfiguration{QueryParameters: &domains.DomainsRequestBuilderGetQueryParameters{
		Select: []string{"id", "isVerified", "isInitial"}}}
	for builder != nil {
		var answer models.DomainCollectionResponseable
		err := c.call(ctx, domainsArea(), nil, func(ctx context.Context) (err error) {
			answer, err = builder.Get(ctx, parameters)
			return err
		})
		if err != nil {
			return nil, err
		}
		if builder, err = c.nextDomains(answer); err != nil {
			return nil, away("Microsoft Graph's answer to /domains could not be read", "it is tried again", err).cause()
		}
		parameters = nil
		if answer != nil {
			list = append(list, answer.GetValue()...)
		}
	}
	return list, nil
}

// nextDomains is the builder for the page after an answer, nil after the last one.
func (c *Client) nextDomains(answer models.DomainCollectionResponseable) (*domains.DomainsRequestBuilder, error) {
	if answer == nil || deref(answer.GetOdataNextLink()) == "" {
		return nil, nil
	}
	link, err := relative(*answer.GetOdataNextLink())
	if err != nil {
		return nil, err
	}
	return domains.NewDomainsRequestBuilder(c.adapter.GetBaseUrl()+link, c.adapter), nil
}

// base is the path parameter that makes a builder's calls go to our server.
func (c *Client) base() map[string]string {
	return map[string]string{"baseurl": c.adapter.GetBaseUrl()}
}

func deref[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}
