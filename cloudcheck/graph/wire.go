package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
)

// page is what a list answers: its values, or an error (OData JSON 4.01).
type page[T any] struct {
	Value    []T    `json:"value"`
	NextLink string `json:"@odata.nextLink"`
	pageError
}

// pageError is what stands in the place of a list.
type pageError struct {
	Error *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// incomplete says why an answer is not the page that its status promises; nil where it is.
func (e pageError) incomplete(listed bool) error {
	switch {
	case e.Error != nil:
		return fmt.Errorf("it holds the error %q: %s", e.Error.Code, e.Error.Message)
	case !listed:
		return errors.New("it holds no list")
	}
	return nil
}

// object is a user, group or contact; what a kind does not have stays empty.
type object struct {
	ID            string              `json:"id"`
	Name          string              `json:"displayName"`
	UPN           string              `json:"userPrincipalName"`
	OnPremUPN     string              `json:"onPremisesUserPrincipalName"`
	Nickname      string              `json:"mailNickname"`
	Mail          string              `json:"mail"`
	Proxies       address.Set         `json:"proxyAddresses"`
	ImmutableID   string              `json:"onPremisesImmutableId"`
	SID           string              `json:"onPremisesSecurityIdentifier"`
	SyncEnabled   *bool               `json:"onPremisesSyncEnabled"`
	LastSync      time.Time           `json:"onPremisesLastSyncDateTime"`
	Errors        []provisioningError `json:"onPremisesProvisioningErrors"`
	AssignedPlans []assignedPlan      `json:"assignedPlans"`
}

type provisioningError struct {
	Category string    `json:"category"`
	Property string    `json:"propertyCausingError"`
	Value    string    `json:"value"`
	Occurred time.Time `json:"occurredDateTime"`
}

type assignedPlan struct {
	Service string `json:"service"`
	PlanID  string `json:"servicePlanId"`
	Status  string `json:"capabilityStatus"`
}

// parsePage parses one answer of a list. An answer without a list, or with an error in it, is not an empty page: taken for
// one, it would make every holder absent and every address free.
func parsePage[T any](body []byte, what area) (page[T], error) {
	var p page[T]
	if err := json.Unmarshal(body, &p); err != nil {
		return page[T]{}, fmt.Errorf("parse a page of %s: %w", what.path, err)
	}
	if err := p.incomplete(p.Value != nil); err != nil {
		return page[T]{}, fmt.Errorf("a page of %s: %w", what.path, err)
	}
	return p, nil
}

// readObjects parses one answer of a collection and makes its objects; link leads to the next page, "" after the last one.
func readObjects(body []byte, of collection) (objects []cloudcheck.Object, link string, err error) {
	p, err := parsePage[object](body, of.area)
	if err != nil {
		return nil, "", err
	}
	objects = make([]cloudcheck.Object, 0, len(p.Value))
	for _, o := range p.Value {
		if o.ID == "" {
			return nil, "", fmt.Errorf("a page of %s: %w", of.path, errNameless)
		}
		objects = append(objects, o.toObject(of))
	}
	return objects, p.NextLink, nil
}

// errNameless says that a page shows something that nobody could ask for again, and that no check may rest on.
var errNameless = errors.New("it holds an object without an id")

func (o object) toObject(of collection) cloudcheck.Object {
	made := cloudcheck.Object{
		ID: o.ID, Kind: of.kind, Deleted: of.deleted, Name: o.Name,
		UPN: o.UPN, OnPremUPN: o.OnPremUPN, Nickname: o.Nickname,
		Values:      address.Values{Mail: o.Mail, Proxies: filled(o.Proxies)},
		ImmutableID: o.ImmutableID, SID: o.SID,
		SyncEnabled: o.SyncEnabled, LastSync: o.LastSync,
		ExchangeLicensed: slices.ContainsFunc(o.AssignedPlans, assignedPlan.givesMailbox),
	}
	for _, e := range o.Errors {
		made.Errors = append(made.Errors, cloudcheck.ProvisioningError(e))
	}
	return made
}

// filled leaves empty values out, which are nobody's addresses.
func filled(s address.Set) address.Set {
	if s.Has("") {
		return s.Without("")
	}
	return s
}

// givesMailbox says whether a plan makes its user an Exchange recipient: one of Exchange that is not switched off.
// MyAnalytics belongs to that service by name and does not count.
func (p assignedPlan) givesMailbox() bool {
	on := p.Status == "Enabled" || p.Status == "Warning"
	return on && strings.EqualFold(p.Service, "exchange") && !isMyAnalytics(p.PlanID)
}

// isMyAnalytics knows EXCHANGE_ANALYTICS, MYANALYTICS_P2 and INSIGHTS_BY_MYANALYTICS (Microsoft's list of product names
// and service plan identifiers).
func isMyAnalytics(planID string) bool {
	switch strings.ToLower(planID) {
	case "34c0d7a0-a70f-4668-9238-47f9fc208882", "33c4f319-9bdd-48d6-9c4d-410b750a4a5a", "b088306e-925b-44ab-baa0-63291c629a91":
		return true
	}
	return false
}
