package ldapwriter

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/cause"
)

// forest is what is known of the forest: its domains, and how the attributes that hold addresses can be searched.
type forest struct {
	own    domain
	others []domain
	schema map[string]attribute // by lDAPDisplayName; what the schema does not have is not there
	readAt time.Time
}

// domain is one domain of the forest (its crossRef in CN=Partitions, MS-ADTS 6.1.1.2.1.1).
type domain struct {
	dn, dns, netBIOS string
}

// attribute says how one attribute can be searched (its attributeSchema object, MS-ADTS 3.1.1.2.3).
type attribute struct {
	indexed   bool // searchFlags has fATTINDEX
	inCatalog bool // isMemberOfPartialAttributeSet
}

// forestFresh is how long it counts: domains and the Exchange schema come about once in years.
const forestFresh = time.Hour

// forestNow gives what is known of the forest; it is read when it was not yet, or not for long.
func (d *Directory) forestNow(ctx context.Context) (*forest, error) {
	if f := d.forest.Load(); f != nil && d.now().Sub(f.readAt) < forestFresh {
		return f, nil
	}
	var f *forest
	err := d.first(ctx, func(_ *server, c *session) error {
		var err error
		f, err = c.forest()
		return err
	})
	if err != nil {
		return nil, err
	}
	f.readAt = d.now()
	d.forest.Store(f)
	return f, nil
}

// forest reads the schema and the partitions.
func (c *session) forest() (*forest, error) {
	schema, err := c.schema(addressAttributes())
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	domains, err := c.domains()
	if err != nil {
		return nil, fmt.Errorf("read the domains of the forest: %w", err)
	}
	f := &forest{schema: schema}
	for _, each := range domains {
		if strings.EqualFold(each.dn, c.facts.domain) {
			f.own = each
			continue
		}
		f.others = append(f.others, each)
	}
	if f.own.dn == "" {
		return nil, cause.Wait(cause.DirectoryUnavailable,
			"the partitions of the forest do not name the domain %s, or the account may not read them; give it read access to CN=Partitions,%s",
			c.facts.domain, c.facts.configuration)
	}
	return f, nil
}

// inOwn says whether an object stands in our own domain: no other domain's DN is a longer end of its DN.
func (f *forest) inOwn(dn string) bool {
	under := func(d domain) bool {
		return len(dn) > len(d.dn) && strings.EqualFold(dn[len(dn)-len(d.dn)-1:], ","+d.dn)
	}
	deeper := func(d domain) bool { return len(d.dn) > len(f.own.dn) && under(d) }
	return under(f.own) && !slices.ContainsFunc(f.others, deeper)
}

// schema reads how some attributes can be searched.
func (c *session) schema(names []string) (map[string]attribute, error) {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = equals("lDAPDisplayName", name)
	}
	found, err := c.search(c.facts.schema, ldap.ScopeSingleLevel, anyOf(parts...),
		[]string{"lDAPDisplayName", "searchFlags", "isMemberOfPartialAttributeSet"})
	if err != nil {
		return nil, err
	}
	schema := map[string]attribute{}
	for _, e := range found {
		i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, value(e, "lDAPDisplayName")) })
		if i < 0 {
			continue
		}
		schema[names[i]] = attribute{
			indexed:   number(value(e, "searchFlags"))&1 != 0,
			inCatalog: strings.EqualFold(value(e, "isMemberOfPartialAttributeSet"), "TRUE"),
		}
	}
	return schema, nil
}

// domainFlags are FLAG_CR_NTDS_NC and FLAG_CR_NTDS_DOMAIN of systemFlags: a domain, and no other partition.
const domainFlags = 1 | 2

// domains reads the domains of the forest.
func (c *session) domains() ([]domain, error) {
	found, err := c.search("CN=Partitions,"+c.facts.configuration, ldap.ScopeSingleLevel, "(objectClass=crossRef)",
		[]string{"nCName", "dnsRoot", "nETBIOSName", "systemFlags"})
	if err != nil {
		return nil, err
	}
	var domains []domain
	for _, e := range found {
		if number(value(e, "systemFlags"))&domainFlags == domainFlags {
			domains = append(domains, domain{dn: value(e, "nCName"), dns: value(e, "dnsRoot"), netBIOS: value(e, "nETBIOSName")})
		}
	}
	return domains, nil
}
