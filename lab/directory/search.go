package directory

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/directory/store"
	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/lab/site"
)

// domainScopeOID names the control that keeps references to other naming contexts away (MS-ADTS 3.1.1.3.4.1.4).
const domainScopeOID = "1.2.840.113556.1.4.1339"

// supported says whether the directory does what a control asks for.
func supported(oid string) bool { return oid == wire.PagingOID || oid == domainScopeOID }

// search answers a search: the entries, the reference to the configuration, and the result with the cookie of the next page.
func (s *session) search(m *wire.Message, request *wire.Search) wire.Result {
	if isRootDSE(request) {
		return s.rootDSE(m, request)
	}
	paging, paged, err := s.paging(m)
	if err != nil {
		return resultOf(err)
	}
	if paged && paging.size == 0 {
		return wire.Result{Controls: []wire.Control{wire.Paging{}.Control()}} // the client gives up
	}
	limit := s.limit(request, paging, paged)
	page, err := s.directory.store.Search(store.Query{Base: request.Base, Scope: request.Scope, Filter: request.Filter,
		Attributes: request.Attributes, TypesOnly: request.TypesOnly, Limit: limit, After: paging.after, Catalog: s.catalog,
		Ranges: s.directory.options.ValueRange, Effective: s.effective})
	if err != nil {
		return resultOf(err)
	}
	for _, entry := range page.Entries {
		if err := s.wire.Entry(m, entry.DN, entry.Attributes); err != nil {
			return resultOf(err)
		}
	}
	return s.finish(m, request, page, paged)
}

// finish ends a search: with another page to come, with entries left out, or with everything said.
func (s *session) finish(m *wire.Message, request *wire.Search, page store.Page, paged bool) wire.Result {
	var result wire.Result
	if paged {
		var next wire.Paging
		if page.Next != 0 {
			next.Cookie = s.cookies + strconv.Itoa(page.Next)
		}
		result.Controls = []wire.Control{next.Control()}
	} else if page.Next != 0 {
		result.Code = ldap.LDAPResultSizeLimitExceeded
	}
	if page.Next == 0 && s.refersToConfiguration(m, request) {
		url := fmt.Sprintf("ldap://%s/CN=Configuration,%s", site.Domain, site.BaseDN)
		if err := s.wire.Reference(m, url); err != nil {
			return resultOf(err)
		}
	}
	return result
}

// refersToConfiguration: a search of the whole domain ends with a reference to the naming context below it, unless the client
// does not want to hear of it. The global catalog has that context itself.
func (s *session) refersToConfiguration(m *wire.Message, request *wire.Search) bool {
	if s.catalog || request.Scope != wire.Subtree {
		return false
	}
	for _, control := range m.Controls {
		if control.OID == domainScopeOID {
			return false
		}
	}
	name, err := store.ParseName(request.Base)
	return err == nil && len(name) == len(s.directory.base())
}

// base is the domain's name.
func (d *Directory) base() store.Name {
	return store.Name{{Type: "DC", Value: "contoso"}, {Type: "DC", Value: "test"}}
}

// page is a request for one page of a search.
type page struct{ size, after int }

// paging reads the paging control. Cookies of other connections are refused, as a domain controller refuses them.
func (s *session) paging(m *wire.Message) (page, bool, error) {
	for _, control := range m.Controls {
		if control.OID != wire.PagingOID {
			continue
		}
		asked, err := wire.DecodePaging(control.Value)
		if err != nil {
			return page{}, false, badPaging()
		}
		p := page{size: int(asked.Size)}
		if asked.Cookie == "" {
			return p, true, nil
		}
		after, ours := strings.CutPrefix(asked.Cookie, s.cookies)
		if p.after, err = strconv.Atoi(after); !ours || err != nil {
			return page{}, false, badPaging()
		}
		return p, true, nil
	}
	return page{}, false, nil
}

func badPaging() error {
	return &store.Refusal{Code: ldap.LDAPResultUnavailableCriticalExtension,
		Text: "00000057: LdapErr: DSID-0C090A7C, comment: Error processing control, data 0"}
}

// limit is how many entries may be sent: never more than MaxPageSize, whatever the client asks for.
func (s *session) limit(request *wire.Search, paging page, paged bool) int {
	limit := s.directory.options.PageSize
	if paged {
		return min(limit, paging.size)
	}
	if request.SizeLimit > 0 {
		limit = min(limit, int(request.SizeLimit))
	}
	return limit
}

// compare answers whether an object has a value.
func (s *session) compare(request *wire.Compare) wire.Result {
	filter, err := ldap.CompileFilter(fmt.Sprintf("(%s=%s)", ldap.EscapeFilter(request.Attribute), ldap.EscapeFilter(request.Value)))
	if err != nil {
		return wire.Result{Code: ldap.LDAPResultProtocolError, Text: err.Error()}
	}
	found, err := s.directory.store.Search(store.Query{Base: request.DN, Filter: filter, Attributes: []string{"1.1"}, Catalog: s.catalog})
	if err != nil {
		return resultOf(err)
	}
	if len(found.Entries) == 0 {
		return wire.Result{Code: ldap.LDAPResultCompareFalse}
	}
	return wire.Result{Code: ldap.LDAPResultCompareTrue}
}
