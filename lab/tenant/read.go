package tenant

import (
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"
)

// collection answers a read of an entity set.
func (t *Tenant) collection(c call, set entitySet) answer {
	if p := t.allowed(c, set); p != nil {
		return t.problemAnswer(p)
	}
	if c.method != http.MethodGet {
		return t.problemAnswer(notAllowed())
	}
	q, p := t.parseQuery(set, c.query, c.header)
	if p != nil {
		return t.problemAnswer(p)
	}
	switch set.name {
	case "organization":
		return t.organizations(c, set, q)
	case "domains":
		return t.domainList(set, q)
	}
	return t.page(c, set, q)
}

// allowed says whether the token may touch the set. An organization is shown to every app with some permission, although
// not with all its values.
func (t *Tenant) allowed(c call, set entitySet) *problem {
	switch {
	case c.grant.has(set.needs...):
		return nil
	case set.name == "organization" && len(c.grant.roles) > 0:
		return nil
	}
	return denied()
}

// page gives one page of objects, with a link to the next where there is more.
func (t *Tenant) page(c call, set entitySet, q query) answer {
	passed := t.pass(t.shelf(set), q.filter)
	from := sort.Search(len(passed), func(i int) bool { return passed[i].seq > q.after })
	to := min(from+q.top, len(passed))
	entity := t.schema.entity(set.entity)
	chosen := set.chosen(entity, q.selected)
	rows := make([]map[string]any, 0, to-from)
	for _, o := range passed[from:to] {
		rows = append(rows, set.row(entity, chosen, func(name string) any { return t.property(o, name) }))
	}
	body := map[string]any{"@odata.context": t.contextOf(set, q), "value": rows}
	if q.count {
		body["@odata.count"] = len(passed)
	}
	if to < len(passed) {
		body["@odata.nextLink"] = t.nextLink(c, passed[to-1].seq)
	}
	return answer{status: http.StatusOK, body: body}
}

func (t *Tenant) shelf(set entitySet) *shelf {
	if set.deleted {
		return t.world.gone[set.kind]
	}
	return t.world.live[set.kind]
}

func (t *Tenant) contextOf(set entitySet, q query) string {
	context := t.URL + "/v1.0/$metadata#" + set.name
	if len(q.selected) > 0 {
		context += "(" + strings.Join(q.selected, ",") + ")"
	}
	return context
}

// nextLink is the request again, with the place where the next page begins.
func (t *Tenant) nextLink(c call, after int64) string {
	values := url.Values{}
	for name, v := range c.query {
		values[name] = slices.Clone(v)
	}
	values.Set("$skiptoken", skipToken(after))
	return t.URL + "/v1.0" + c.path + "?" + values.Encode()
}

// entity answers a request for one entity by its key. Users go by their UPN too.
func (t *Tenant) entity(c call, set entitySet, key string) answer {
	if p := t.allowed(c, set); p != nil {
		return t.problemAnswer(p)
	}
	switch {
	case key == "$count":
		return t.count(c, set)
	case isDelta(key):
		return t.delta(c, set)
	case c.method == http.MethodPatch:
		return t.patch(c, set, key)
	case c.method != http.MethodGet:
		return t.problemAnswer(notAllowed())
	}
	q, p := t.parseQuery(set, c.query, c.header)
	if p != nil {
		return t.problemAnswer(p)
	}
	switch set.name {
	case "organization":
		return t.organizationByID(c, set, q, key)
	case "domains":
		return t.domainByName(set, q, key)
	}
	return t.single(set, q, t.findEntity(set, key), key)
}

func (t *Tenant) findEntity(set entitySet, key string) *object {
	found := t.shelf(set).find("id", key)
	if len(found) == 0 && set.name == "users" {
		found = t.shelf(set).find("upn", key)
	}
	if len(found) == 0 {
		return nil
	}
	return found[0]
}

func (t *Tenant) single(set entitySet, q query, o *object, key string) answer {
	if o == nil {
		return t.problemAnswer(notFound(key))
	}
	entity := t.schema.entity(set.entity)
	row := set.row(entity, set.chosen(entity, q.selected), func(name string) any { return t.property(o, name) })
	row["@odata.context"] = t.contextOf(set, q) + "/$entity"
	return answer{status: http.StatusOK, body: row}
}

// deletedEntity finds a deleted user or group by id.
func (t *Tenant) deletedEntity(c call, id string) answer {
	for _, set := range []entitySet{deletedUsersSet(), deletedGroupsSet()} {
		if o := t.findEntity(set, id); o != nil {
			return t.entity(c, set, id)
		}
	}
	return t.problemAnswer(notFound(id))
}

// count answers …/$count, which needs eventual consistency.
func (t *Tenant) count(c call, set entitySet) answer {
	if !strings.EqualFold(c.header.Get("ConsistencyLevel"), "eventual") {
		return t.problemAnswer(refused(codeRequestBad, "$count is not currently supported."))
	}
	values := url.Values{"$count": {"true"}}
	if filter := c.query.Get("$filter"); filter != "" {
		values.Set("$filter", filter)
	}
	q, p := t.parseQuery(set, values, c.header)
	if p != nil {
		return t.problemAnswer(p)
	}
	return answer{status: http.StatusOK, body: len(t.pass(t.shelf(set), q.filter))}
}

// patch refuses what Graph refuses of synchronised objects and of read-only properties. The lab changes nothing by it.
func (t *Tenant) patch(c call, set entitySet, key string) answer {
	if !c.grant.has(UserWrite, GroupWrite, DirectoryWrite) {
		return t.problemAnswer(denied())
	}
	o := t.findEntity(set, key)
	switch {
	case o == nil:
		return t.problemAnswer(notFound(key))
	case o.flows():
		return t.problemAnswer(refused(codeRequestBad,
			"Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration."))
	case strings.Contains(string(c.body), `"proxyAddresses"`):
		return t.problemAnswer(refused(codeRequestBad, "Property 'proxyAddresses' is read-only and cannot be set."))
	}
	return t.problemAnswer(notAllowed())
}

func (t *Tenant) organizations(c call, set entitySet, q query) answer {
	return answer{status: http.StatusOK, body: map[string]any{
		"@odata.context": t.contextOf(set, q), "value": []any{t.organizationRow(c, set, q)},
	}}
}

func (t *Tenant) organizationByID(c call, set entitySet, q query, id string) answer {
	if !strings.EqualFold(id, t.TenantID) {
		return t.problemAnswer(notFound(id))
	}
	row := t.organizationRow(c, set, q)
	row["@odata.context"] = t.contextOf(set, q) + "/$entity"
	return answer{status: http.StatusOK, body: row}
}

func (t *Tenant) organizationRow(c call, set entitySet, q query) map[string]any {
	entity := t.schema.entity(set.entity)
	full := c.grant.has(set.needs...)
	return set.row(entity, set.chosen(entity, q.selected), func(name string) any { return t.organization(name, full) })
}

func (t *Tenant) domainList(set entitySet, q query) answer {
	entity := t.schema.entity(set.entity)
	var rows []map[string]any
	for _, d := range t.world.domains {
		rows = append(rows, set.row(entity, set.chosen(entity, q.selected), func(name string) any { return t.domainProperty(d, name) }))
	}
	return answer{status: http.StatusOK, body: map[string]any{"@odata.context": t.contextOf(set, q), "value": rows}}
}

func (t *Tenant) domainByName(set entitySet, q query, name string) answer {
	entity := t.schema.entity(set.entity)
	for _, d := range t.world.domains {
		if strings.EqualFold(d.name, name) {
			row := set.row(entity, set.chosen(entity, q.selected), func(name string) any { return t.domainProperty(d, name) })
			row["@odata.context"] = t.contextOf(set, q) + "/$entity"
			return answer{status: http.StatusOK, body: row}
		}
	}
	return t.problemAnswer(notFound(name))
}
