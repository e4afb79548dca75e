package directory

import (
	"slices"
	"strconv"
	"strings"

	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/lab/site"
)

// isRootDSE says that a search reads the root entry, which everybody may (RFC 4512, 5.1).
func isRootDSE(request *wire.Search) bool {
	return request.Base == "" && request.Scope == wire.Base
}

// rootDSE answers a search for the root entry (MS-ADTS 3.1.1.3.2).
func (s *session) rootDSE(m *wire.Message, request *wire.Search) wire.Result {
	var shown []wire.Attribute
	for _, attribute := range s.directory.root() {
		if asksFor(request.Attributes, attribute.Name) {
			if request.TypesOnly {
				attribute.Values = nil
			}
			shown = append(shown, attribute)
		}
	}
	return resultOf(s.wire.Entry(m, "", shown))
}

func asksFor(attributes []string, name string) bool {
	return len(attributes) == 0 || slices.ContainsFunc(attributes, func(asked string) bool {
		return asked == "*" || asked == "+" || strings.EqualFold(asked, name)
	})
}

// root are the attributes of the root entry.
func (d *Directory) root() []wire.Attribute {
	configuration := "CN=Configuration," + site.BaseDN
	schema := "CN=Schema," + configuration
	short, _, _ := strings.Cut(d.host, ".")
	server := "CN=" + strings.ToUpper(short) + ",CN=Servers,CN=Default-First-Site-Name,CN=Sites," + configuration
	return []wire.Attribute{
		{Name: "currentTime", Values: []string{d.options.Now().UTC().Format("20060102150405.0Z")}},
		{Name: "defaultNamingContext", Values: []string{site.BaseDN}},
		{Name: "rootDomainNamingContext", Values: []string{site.BaseDN}},
		{Name: "configurationNamingContext", Values: []string{configuration}},
		{Name: "schemaNamingContext", Values: []string{schema}},
		{Name: "namingContexts", Values: []string{site.BaseDN, configuration, schema}},
		{Name: "dnsHostName", Values: []string{d.host}},
		{Name: "serverName", Values: []string{server}},
		{Name: "dsServiceName", Values: []string{"CN=NTDS Settings," + server}},
		{Name: "ldapServiceName", Values: []string{site.Domain + ":" + short + "$@" + strings.ToUpper(site.Domain)}},
		{Name: "supportedLDAPVersion", Values: []string{"3", "2"}},
		{Name: "supportedControl", Values: []string{wire.PagingOID, domainScopeOID}},
		{Name: "supportedCapabilities", Values: []string{"1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1670"}},
		{Name: "highestCommittedUSN", Values: []string{strconv.FormatInt(d.store.USN(), 10)}},
		{Name: "isSynchronized", Values: []string{"TRUE"}},
		{Name: "isGlobalCatalogReady", Values: []string{"TRUE"}},
		{Name: "domainFunctionality", Values: []string{"7"}},
		{Name: "forestFunctionality", Values: []string{"7"}},
		{Name: "domainControllerFunctionality", Values: []string{"7"}},
	}
}
