package tenant

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aliasd/aliasd/address"
)

// ErrNoObject says that no live object goes by that name.
var ErrNoObject = errors.New("no such object in the tenant")

// CloudObject is a user, group or contact that is made in the cloud and not synchronised.
type CloudObject struct {
	Name string
	UPN  string // users only
	// Proxies are shown as they are; mail becomes their primary.
	Proxies  []string
	Licensed bool
}

// AddCloudUser makes a cloud-only user and gives its id.
func (t *Tenant) AddCloudUser(c CloudObject) string { return t.addCloud(address.User, c) }

// AddCloudGroup makes a cloud-only, mail-enabled group and gives its id.
func (t *Tenant) AddCloudGroup(c CloudObject) string { return t.addCloud(address.Group, c) }

// AddCloudContact makes a cloud-only contact and gives its id.
func (t *Tenant) AddCloudContact(c CloudObject) string { return t.addCloud(address.Contact, c) }

func (t *Tenant) addCloud(kind address.Kind, c CloudObject) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := &object{kind: kind, name: c.Name, created: t.now(), mailEnabled: len(c.Proxies) > 0}
	if kind == address.User {
		o.upn = c.UPN
		o.plans = t.plans(t.now(), c.Licensed)
	}
	for _, p := range c.Proxies {
		o.Proxies = append(o.Proxies, address.Proxy(p))
	}
	for _, p := range o.Proxies.Primaries() {
		o.Mail = string(p.Address())
	}
	o.nickname, _, _ = strings.Cut(firstOf(o.Mail, o.upn, c.Name), "@")
	t.world.insert(o)
	return o.id
}

func firstOf(values ...string) string {
	at := slices.IndexFunc(values, func(s string) bool { return s != "" })
	if at < 0 {
		return ""
	}
	return values[at]
}

// SetLicence gives or takes the Exchange licence of the synchronised user with an anchor; before the user is there it is
// kept for when it comes. A licence that is taken leaves its plan behind as deleted.
func (t *Tenant) SetLicence(anchor string, licensed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.world.licences[anchor] = licensed
	if o := t.world.byAnchor(anchor); o != nil {
		t.world.change(o, func() { o.plans = t.plans(t.now(), licensed) })
		t.schedule(o)
	}
}

// SetPlans replaces assignedPlans of a user, found by id, anchor, UPN or address.
func (t *Tenant) SetPlans(identity string, plans ...Plan) error {
	return t.with(identity, func(o *object) {
		t.world.change(o, func() { o.plans = slices.Clone(plans) })
		t.schedule(o)
	})
}

// plans are those of a user with or without an Exchange licence; either has MyAnalytics, which is none.
func (t *Tenant) plans(at time.Time, licensed bool) []Plan {
	status := "Deleted"
	if licensed {
		status = "Enabled"
	}
	return []Plan{
		{Service: "exchange", ID: MyAnalyticsPlan, Status: "Enabled", Assigned: at},
		{Service: "exchange", ID: ExchangePlan, Status: status, Assigned: at},
	}
}

// Delete soft-deletes a user or group, found by id, anchor, UPN or address: it moves to the deleted items with its
// addresses. A contact is gone for good.
func (t *Tenant) Delete(identity string) error {
	return t.with(identity, func(o *object) { t.remove(o, o.kind != address.Contact) })
}

// MoveToCloud makes the cloud the owner of a synchronised object: it keeps its anchor, onPremisesSyncEnabled is null,
// and what AD holds flows no more.
func (t *Tenant) MoveToCloud(identity string) error {
	return t.with(identity, func(o *object) {
		t.world.change(o, func() { o.moved = true })
	})
}

// with runs do on a live object.
func (t *Tenant) with(identity string, do func(*object)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := t.world.lookUp(identity)
	if o == nil {
		return fmt.Errorf("%w: %s", ErrNoObject, identity)
	}
	do(o)
	return nil
}

// ID gives the id of a live object, found by anchor, UPN or address; "" where there is none.
func (t *Tenant) ID(identity string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if o := t.world.lookUp(identity); o != nil {
		return o.id
	}
	return ""
}

// Values gives mail and proxyAddresses of a live object as Graph would show them now.
func (t *Tenant) Values(identity string) (address.Values, error) {
	var v address.Values
	err := t.with(identity, func(o *object) {
		t.settle()
		v = address.Values{Mail: o.Mail, Proxies: slices.Clone(o.Proxies)}
	})
	return v, err
}

// VerifyDomain adds a domain, or verifies it again; every object is then calculated anew.
func (t *Tenant) VerifyDomain(name string) { t.setDomain(name, true) }

// UnverifyDomain takes the verification of a domain away. It stays in the list, unverified.
func (t *Tenant) UnverifyDomain(name string) { t.setDomain(name, false) }

func (t *Tenant) setDomain(name string, verified bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.IndexFunc(t.world.domains, func(d domain) bool { return strings.EqualFold(d.name, name) })
	if at < 0 {
		t.world.domains = append(t.world.domains, domain{name: strings.ToLower(name)})
		at = len(t.world.domains) - 1
	}
	t.world.domains[at].verified = verified
	t.recalculateAll()
}

// StopSync switches directory synchronisation off for the tenant: imports are refused, and the organization says so.
func (t *Tenant) StopSync() { t.setSync(false) }

// StartSync switches it on again.
func (t *Tenant) StartSync() { t.setSync(true) }

func (t *Tenant) setSync(enabled bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.world.syncEnabled = enabled
}

// FailExport makes every export of the holder with an anchor fail, as some conflicts do: Graph shows nothing of it.
func (t *Tenant) FailExport(anchor string, fails bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.world.exportFails[anchor] = fails
}

// HoldUnseen gives an address to something that Graph does not list, as a public folder or a dynamic distribution group, or takes it
// away again.
func (t *Tenant) HoldUnseen(a address.Address, holds bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.world.unseen[a.Key()] = holds
}

// FailKindConflicts makes a conflict between a user's and a group's address an export error instead of a quarantine.
func (t *Tenant) FailKindConflicts(fails bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.world.kindsClash = fails
}
