package tenant

import (
	"net/http"
	"slices"
	"strings"
)

// The sizes of delta queries: objects that one page looks at, of which it shows those that changed in what is tracked,
// and ids that a filter may name.
const (
	deltaPage   = 200
	maxDeltaIDs = 50
)

// isDelta knows the function under its names.
func isDelta(segment string) bool {
	name := strings.TrimSuffix(segment, "()")
	return name == "delta" || name == "microsoft.graph.delta"
}

// delta answers /users/delta and the like: a page of everything, or of what changed since the token.
func (t *Tenant) delta(c call, set entitySet) answer {
	switch {
	case set.kind == "" || set.deleted:
		return t.problemAnswer(noSegment("delta"))
	case c.method != http.MethodGet:
		return t.problemAnswer(notAllowed())
	}
	token, p := t.deltaQuery(set, c)
	switch {
	case p != nil:
		return t.problemAnswer(p)
	case isLatest(c):
		token.Since = t.world.nextVersion()
		return answer{status: http.StatusOK, body: record{
			{"@odata.context", t.contextOf(set, query{selected: token.Select})}, {"@odata.deltaLink", t.deltaLink(token)}, {"value", []record{}},
		}}
	}
	minimal := strings.Contains(strings.ReplaceAll(c.header.Get("Prefer"), " ", ""), "return=minimal")
	return t.deltaPage(set, token, minimal)
}

// option gives a query option whatever the case of its name: Graph's own pages write $deltaToken and $deltatoken.
func (c call) option(name string) (value string, given bool) {
	for have, values := range c.query {
		if strings.EqualFold(have, name) && len(values) > 0 {
			return values[0], true
		}
	}
	return "", false
}

func isLatest(c call) bool {
	value, _ := c.option("$deltatoken")
	return strings.EqualFold(value, "latest")
}

// deltaQuery reads the options of a delta query, or the token that holds them.
func (t *Tenant) deltaQuery(set entitySet, c call) (deltaToken, *problem) {
	token := deltaToken{Set: set.name}
	for name, values := range c.query {
		if p := t.deltaOption(set, &token, strings.ToLower(name), values[0]); p != nil {
			return deltaToken{}, p
		}
	}
	page, isPage := c.option("$skiptoken")
	since, isSince := c.option("$deltatoken")
	again := isPage || isSince && since != "" && !isLatest(c)
	switch {
	case again && (token.Select != nil || token.IDs != nil):
		return deltaToken{}, unsupported("The query options of a delta query cannot be changed once it has begun.")
	case isPage:
		return t.unseal(set, page, true)
	case again:
		return t.unseal(set, since, false)
	}
	return token, nil
}

// deltaOption reads one option of a first request. $top is ignored without a word, as directory objects do.
func (t *Tenant) deltaOption(set entitySet, token *deltaToken, name, value string) *problem {
	switch name {
	case "$select":
		var q query
		p := t.parseSelect(set, &q, value)
		token.Select = q.selected
		return p
	case "$filter":
		return parseDeltaFilter(token, value)
	case "$deltatoken", "$skiptoken", "$top":
		return nil
	}
	if strings.HasPrefix(name, "$") {
		return unsupported("The query option '%s' is not supported by delta queries.", name)
	}
	return nil
}

// parseDeltaFilter takes id eq '…' or id eq '…', and nothing else.
func parseDeltaFilter(token *deltaToken, value string) *problem {
	filter, err := parseFilter(value)
	if err != nil {
		return badRequest("Invalid filter clause: %s.", err)
	}
	clauses := []*node{filter}
	if filter.op == "or" {
		clauses = filter.parts
	}
	if len(clauses) > maxDeltaIDs {
		return unsupported("The filter of a delta query names %d objects, and %d are allowed.", len(clauses), maxDeltaIDs)
	}
	for _, clause := range clauses {
		if clause.op != "eq" || clause.property != "id" {
			return unsupported("The filter of a delta query can only be 'id eq', joined by 'or'.")
		}
		token.IDs = append(token.IDs, strings.ToLower(clause.values[0].text))
	}
	return nil
}

// deltaPage gives one page. A round tells what changed until it began; what changes meanwhile is for the next one. An
// object that changed more than once stands there twice: Graph does not unify them.
func (t *Tenant) deltaPage(set entitySet, token deltaToken, minimal bool) answer {
	if token.Until == 0 {
		token.Until = t.world.nextVersion()
	}
	changes, more := t.world.changedSince(set.kind, token.Since, token.After, deltaPage)
	rows := []record{}
	for _, c := range changes {
		row := t.deltaRow(set, token, c, minimal)
		if row == nil {
			continue
		}
		rows = append(rows, row)
		if repeated := c.live != nil && token.Since > 0 && c.live.history.before > token.Since; repeated {
			rows = append(rows, row)
		}
	}
	body := record{{"@odata.context", t.contextOf(set, query{selected: token.Select})}, {"value", rows}}
	if more {
		token.After = changes[len(changes)-1].seq
		body = append(body, member{"@odata.nextLink", t.URL + "/v1.0/" + set.name + "/delta?$skiptoken=" + t.seal(token)})
	} else {
		token.Since, token.Until, token.After = token.Until, 0, 0
		body = append(body, member{"@odata.deltaLink", t.deltaLink(token)})
	}
	return answer{status: http.StatusOK, body: body}
}

func (t *Tenant) deltaLink(token deltaToken) string {
	return t.URL + "/v1.0/" + token.Set + "/delta?$deltatoken=" + t.seal(token)
}

// deltaRow shows one change; nil where nothing changed that the query tracks.
func (t *Tenant) deltaRow(set entitySet, token deltaToken, c change, minimal bool) record {
	if c.live == nil {
		if !token.tracks(c.removed.id) {
			return nil
		}
		return record{{"id", c.removed.id}, {"@removed", record{{"reason", c.removed.reason}}}}
	}
	changed := func(name string) bool { return t.world.since(c.live, name, token.Since) }
	isNew := token.Since == 0 || t.world.since(c.live, "createdDateTime", token.Since)
	if !token.tracks(c.live.id) || !isNew && token.Select != nil && !slices.ContainsFunc(token.Select, changed) {
		return nil
	}
	columns := set.columns(t.schema.entity(set.entity), token.Select)
	row := record{}.fill(columns, func(name string) any { return t.property(c.live, name) })
	row = slices.DeleteFunc(row, func(m member) bool {
		neverSet := isEmpty(m.value) && !t.world.since(c.live, m.name, 0)
		return m.name == "id" || neverSet || minimal && !isNew && !changed(m.name)
	})
	return append(row, member{"id", c.live.id})
}

// isEmpty says that a property is null or an empty collection.
func isEmpty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case []string:
		return len(v) == 0
	case []record:
		return len(v) == 0
	}
	return false
}

// tracks says whether a query's filter names an object.
func (d deltaToken) tracks(id string) bool {
	return d.IDs == nil || slices.Contains(d.IDs, strings.ToLower(id))
}
