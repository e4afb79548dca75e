package ldapwriter

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-ldap/ldap/v3"
	"github.com/jackc/puddle/v2"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// addressAttributes are the attributes in which an object may hold an address, the telling ones first.
func addressAttributes() []string { return []string{attrProxies, attrMail, attrUPN, attrTarget} }

// HoldersOf finds who in the whole forest holds any of the addresses, in proxyAddresses, mail, userPrincipalName or
// (where the schema has it) targetAddress, whatever kind of object it is; the object `except` is left out. There is one
// conflict for each object and address, in the order of addrs. Errors are Wait(directory_unavailable): as long as one
// domain cannot be searched, nobody knows.
//
// Our own domain is searched on a DC, in one round trip: a global catalog is behind it. The other domains of the forest are
// searched in the global catalog for the attributes that it carries, and domain by domain for those that it does not, or
// where the settings name no global catalog.
func (d *Directory) HoldersOf(ctx context.Context, addrs []address.Address, except address.GUID) ([]cause.Conflict, error) {
	if len(addrs) == 0 {
		return nil, nil
	}
	f, err := d.forestNow(ctx)
	if err != nil {
		return nil, err
	}
	searches, err := d.searches(f, addrs)
	if err != nil {
		return nil, err
	}
	found, err := d.runAll(ctx, searches)
	if err != nil {
		return nil, err
	}
	return conflicts(found, addrs, except), nil
}

// addressSearch is one search for addresses.
type addressSearch struct {
	servers []*server
	base    string
	filter  string
	// skip leaves out what another of the searches knows better.
	skip func(dn string) bool
}

// searches are all that must be searched to cover the forest.
func (d *Directory) searches(f *forest, addrs []address.Address) ([]addressSearch, error) {
	all := func(attribute) bool { return true }
	list := across(addressSearch{servers: d.servers, base: f.own.dn}, f.filters(addrs, all))
	if len(f.others) == 0 {
		return list, nil
	}
	apart := all
	if len(d.catalogs) > 0 {
		carried := func(a attribute) bool { return a.inCatalog }
		apart = func(a attribute) bool { return !a.inCatalog }
		whole := addressSearch{servers: d.catalogs, base: "", skip: f.inOwn}
		list = append(list, across(whole, f.filters(addrs, carried))...)
	}
	filters := f.filters(addrs, apart)
	if len(filters) == 0 {
		return list, nil
	}
	for _, other := range f.others {
		s, err := d.domainServer(other)
		if err != nil {
			return nil, err
		}
		list = append(list, across(addressSearch{servers: []*server{s}, base: other.dn}, filters)...)
	}
	return list, nil
}

// across is one search with each of the filters.
func across(s addressSearch, filters []string) []addressSearch {
	var list []addressSearch
	for _, s.filter = range filters {
		list = append(list, s)
	}
	return list
}

// filters cover the attributes that pass. Indexed ones share one filter: one search is as quick as the first of four
// (measured: 2,100 a second against 620 for four apart). One that is not indexed would make the server read all objects
// for the others too, so it gets a search of its own.
func (f *forest) filters(addrs []address.Address, pass func(attribute) bool) []string {
	var shared, own []string
	for _, name := range addressAttributes() {
		a, known := f.schema[name]
		switch {
		case !known || !pass(a):
		case a.indexed:
			shared = append(shared, holding(name, addrs)...)
		default:
			own = append(own, anyOf(holding(name, addrs)...))
		}
	}
	if len(shared) > 0 {
		own = append([]string{anyOf(shared...)}, own...)
	}
	return own
}

// holding are the filters for the addresses in one attribute: proxyAddresses always has a prefix, targetAddress may have
// one, the others have none. The directory compares without case.
func holding(name string, addrs []address.Address) []string {
	var parts []string
	for _, a := range addrs {
		if name == attrProxies || name == attrTarget {
			parts = append(parts, equals(name, string(address.Secondary(a))))
		}
		if name != attrProxies {
			parts = append(parts, equals(name, string(a)))
		}
	}
	return parts
}

// domainServer is a DC of another domain of the forest, found by the domain's DNS name.
func (d *Directory) domainServer(other domain) (*server, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, puddle.ErrClosedPool
	}
	if s := d.domains[other.dns]; s != nil {
		return s, nil
	}
	s, err := d.newServer("ldaps://"+other.dns, ldapsPort)
	if err != nil {
		return nil, fmt.Errorf("domain %s of the forest: %w", other.dn, err)
	}
	d.domains[other.dns] = s
	return s, nil
}

// runAll runs searches side by side and gives all that they found.
func (d *Directory) runAll(ctx context.Context, searches []addressSearch) ([]*ldap.Entry, error) {
	found, errs := make([][]*ldap.Entry, len(searches)), make([]error, len(searches))
	var running sync.WaitGroup
	for i, s := range searches[1:] {
		running.Go(func() { found[i+1], errs[i+1] = s.run(ctx) })
	}
	found[0], errs[0] = searches[0].run(ctx)
	running.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return slices.Concat(found...), nil
}

// run searches on the first server that serves.
func (s addressSearch) run(ctx context.Context) (found []*ldap.Entry, err error) {
	_, err = firstOf(ctx, s.servers, func(at *server, c *session) error {
		var err error
		found, err = c.search(s.base, ldap.ScopeWholeSubtree, s.filter,
			append(addressAttributes(), attrGUID, attrClass, attrName, attrCN, attrUSN))
		if notHere(err) {
			return &awayError{url: at.url, why: plain{what: fmt.Sprintf("it does not hold %q", s.base)}, err: err}
		}
		for i := 0; err == nil && i < len(found); i++ {
			found[i], err = c.complete(found[i])
		}
		return err
	})
	if s.skip != nil {
		found = slices.DeleteFunc(found, func(e *ldap.Entry) bool { return s.skip(e.DN) })
	}
	return found, err
}

// conflicts names each object once for each address that it holds. An object that two searches found counts once.
func conflicts(found []*ldap.Entry, addrs []address.Address, except address.GUID) []cause.Conflict {
	seen := map[string]bool{string(except[:]): true}
	var others []*ldap.Entry
	for _, e := range found {
		guid := string(raw(e, attrGUID))
		if !seen[guid] {
			others = append(others, e)
		}
		seen[guid] = true
	}
	slices.SortStableFunc(others, func(a, b *ldap.Entry) int { return strings.Compare(a.DN, b.DN) })
	var list []cause.Conflict
	for _, a := range addrs {
		for _, e := range others {
			if held := heldAs(e, a); held != "" {
				list = append(list, conflict(e, held))
			}
		}
	}
	return list
}

// heldAs is the address as an object holds it, prefix included where it has one; "" where it does not. AD compares more
// loosely than mail does, so a hit is not proof.
func heldAs(e *ldap.Entry, a address.Address) string {
	for _, name := range addressAttributes() {
		for _, v := range values(e, name) {
			if address.Bare(v).Equal(a) {
				return v
			}
		}
	}
	return ""
}

func conflict(e *ldap.Entry, held string) cause.Conflict {
	classes := values(e, attrClass)
	c := cause.Conflict{Name: nameOf(e), Address: held}
	if kind, ok := kindOf(classes); ok {
		c.Kind = string(kind)
	} else if len(classes) > 0 {
		c.Kind = classes[len(classes)-1] // the most derived class stands last (MS-ADTS 3.1.1.1.4)
	}
	if guid, err := address.GUIDFromBytes(raw(e, attrGUID)); err == nil {
		c.ID = guid.String()
	}
	return c
}
