package tenant

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
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
	body := record{{"@odata.context", t.contextOf(set, q)}}
	if q.count {
		body = append(body, member{"@odata.count", len(t.pass(t.shelf(set), q.filter))})
	}
	passed := t.passBehind(t.shelf(set), q.filter, q.after, q.top+1)
	if len(passed) > q.top {
		passed = passed[:q.top]
		body = append(body, member{"@odata.nextLink", t.nextLink(c, passed[q.top-1].seq)})
	}
	body = append(body, member{"value", t.rows(set, q, passed)})
	return answer{status: http.StatusOK, body: json.RawMessage(body.append(nil))}
}

// rows writes the rows of a page: one buffer, and one record for all of them.
func (t *Tenant) rows(set entitySet, q query, objects []*object) json.RawMessage {
	columns := set.columns(t.schema.entity(set.entity), q.selected)
	row := make(record, 0, len(columns))
	return appendList(nil, objects, func(dst []byte, o *object) []byte {
		return row.fill(columns, func(name string) any { return t.property(o, name) }).append(dst)
	})
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
	return answer{status: http.StatusOK, body: t.entityRow(set, q, func(name string) any { return t.property(o, name) })}
}

// entityRow is the answer about one entity.
func (t *Tenant) entityRow(set entitySet, q query, value func(name string) any) record {
	row := record{{"@odata.context", t.contextOf(set, q) + "/$entity"}}
	return row.fill(set.columns(t.schema.entity(set.entity), q.selected), value)
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
	columns := set.columns(t.schema.entity(set.entity), q.selected)
	return answer{status: http.StatusOK, body: record{
		{"@odata.context", t.contextOf(set, q)}, {"value", []record{record{}.fill(columns, t.organizationValues(c, set))}},
	}}
}

func (t *Tenant) organizationByID(c call, set entitySet, q query, id string) answer {
	if !strings.EqualFold(id, t.TenantID) {
		return t.problemAnswer(notFound(id))
	}
	return answer{status: http.StatusOK, body: t.entityRow(set, q, t.organizationValues(c, set))}
}

func (t *Tenant) organizationValues(c call, set entitySet) func(name string) any {
	full := c.grant.has(set.needs...)
	return func(name string) any { return t.organization(name, full) }
}

func (t *Tenant) domainList(set entitySet, q query) answer {
	columns := set.columns(t.schema.entity(set.entity), q.selected)
	var rows []record
	for _, d := range t.world.domains {
		rows = append(rows, record{}.fill(columns, func(name string) any { return t.domainProperty(d, name) }))
	}
	return answer{status: http.StatusOK, body: record{{"@odata.context", t.contextOf(set, q)}, {"value", rows}}}
}

func (t *Tenant) domainByName(set entitySet, q query, name string) answer {
	for _, d := range t.world.domains {
		if strings.EqualFold(d.name, name) {
			row := t.entityRow(set, q, func(name string) any { return t.domainProperty(d, name) })
			return answer{status: http.StatusOK, body: row}
		}
	}
	return t.problemAnswer(notFound(name))
}
