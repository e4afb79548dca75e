package graph

import (
	"fmt"
	"strconv"
	"strings"

	abstractions "github.com/microsoft/kiota-abstractions-go"
)

// query is what is asked of a list in Graph. What is empty is left out.
type query struct {
	filter string
	fields []string
	top    int32 // page size; 0: Graph's own, 100
}

// url is the address of an area's list, relative to the version, as $batch takes it: /users?$filter=…&$select=…&$top=….
//
// The SDK's generated request builders make the same address from the same template, but importing them compiles the SDK's
// models: minutes, and gigabytes of memory.
func (a area) url(q query) (string, error) {
	info := abstractions.NewRequestInformation()
	info.UrlTemplate = "{+baseurl}" + a.path + "{?%24filter,%24select,%24top}"
	info.PathParameters["baseurl"] = ""
	for name, value := range q.parameters() {
		info.QueryParameters[name] = value
	}
	u, err := info.GetUri()
	if err != nil {
		return "", fmt.Errorf("address of %s: %w", a.path, err)
	}
	u.RawQuery = strings.ReplaceAll(u.RawQuery, "%24", "$")
	return u.String(), nil
}

// parameters are the options of a query by their names in the template. A comma in $select separates two properties.
func (q query) parameters() map[string]string {
	given := map[string]string{}
	if q.filter != "" {
		given["%24filter"] = q.filter
	}
	if len(q.fields) > 0 {
		given["%24select"] = strings.Join(q.fields, ",")
	}
	if q.top != 0 {
		given["%24top"] = strconv.Itoa(int(q.top))
	}
	return given
}
