package tenant

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// The page sizes of Graph's directory collections.
const (
	defaultPage = 100
	maxPage     = 999
)

// query is what the query string of a read asks for.
type query struct {
	selected []string
	filter   *node // nil: everything
	top      int
	topGiven bool
	after    int64 // the sequence number that the page begins after
	count    bool
	// advanced says that the request asks for eventual consistency and a count, which advanced filters need.
	advanced bool
}

// parseQuery reads the query options of a collection or of one entity, and refuses what Graph does.
func (t *Tenant) parseQuery(set entitySet, values url.Values, header http.Header) (query, *problem) {
	q := query{top: defaultPage}
	eventual := strings.EqualFold(header.Get("ConsistencyLevel"), "eventual")
	q.count = eventual && strings.EqualFold(values.Get("$count"), "true")
	q.advanced = q.count
	for name := range values {
		if p := t.parseOption(set, &q, name, values.Get(name)); p != nil {
			return query{}, p
		}
	}
	return q, nil
}

func (t *Tenant) parseOption(set entitySet, q *query, name, value string) *problem {
	switch name {
	case "$count":
		return nil
	case "$select":
		return t.parseSelect(set, q, value)
	case "$top":
		return parseTop(q, value)
	case "$filter":
		return t.parseFilterOption(set, q, value)
	case "$skiptoken":
		return parseSkipToken(q, value)
	case "$skip":
		return refused(codeRequestBad, "'$skip' is not supported by the service.")
	case "$search", "$orderby", "$expand":
		return unsupported("The query option '%s' is not supported for this request.", name)
	}
	if strings.HasPrefix(name, "$") {
		return badRequest("The query parameter '%s' is not supported.", name)
	}
	return nil
}

func (t *Tenant) parseSelect(set entitySet, q *query, value string) *problem {
	entity := t.schema.entity(set.entity)
	for name := range strings.SplitSeq(value, ",") {
		name = strings.TrimSpace(name)
		switch {
		case name == "":
			return badRequest("Parsing OData Select and Expand failed: Empty term in '%s'.", value)
		case !entity.has(name):
			return badRequest("Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.%s'.", name, set.entity)
		}
		q.selected = append(q.selected, name)
	}
	return nil
}

func parseTop(q *query, value string) *problem {
	top, err := strconv.Atoi(value)
	if err != nil {
		return badRequest("Invalid value '%s' for $top query option found. The $top query option requires a non-negative integer value.", value)
	}
	if top < 1 || top > maxPage {
		return unsupported("Invalid page size specified: '%d'. Must be between 1 and %d inclusive.", top, maxPage)
	}
	q.top, q.topGiven = top, true
	return nil
}

func (t *Tenant) parseFilterOption(set entitySet, q *query, value string) *problem {
	filter, err := parseFilter(value)
	if err != nil {
		return badRequest("Invalid filter clause: %s.", err)
	}
	if p := t.checkFilter(set, filter, q.advanced); p != nil {
		return p
	}
	q.filter = filter
	return nil
}

// skipToken is the opaque place where the next page begins.
func skipToken(after int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte("page " + strconv.FormatInt(after, 10)))
}

func parseSkipToken(q *query, value string) *problem {
	expired := refused(codePageToken, "The specified page token value has expired and can no longer be included in your request.")
	text, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return expired
	}
	number, ok := strings.CutPrefix(string(text), "page ")
	if !ok {
		return expired
	}
	after, err := strconv.ParseInt(number, 10, 64)
	if err != nil || after < 0 {
		return expired
	}
	q.after = after
	return nil
}
