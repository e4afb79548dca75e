package tenant

import (
	"cmp"
	"slices"
	"strings"
)

// matches says whether an object passes a filter that checkFilter let through.
func (t *Tenant) matches(o *object, n *node) bool {
	switch n.op {
	case "and":
		return !slices.ContainsFunc(n.parts, func(part *node) bool { return !t.matches(o, part) })
	case "or":
		return slices.ContainsFunc(n.parts, func(part *node) bool { return t.matches(o, part) })
	case "not":
		return !t.matches(o, n.parts[0])
	case "any":
		return t.matchesAny(o, n)
	}
	return n.holds(t.property(o, n.property), t.foldsCase(n.property))
}

// matchesAny looks for one element that fits. Elements are strings, or objects whose field the clause names.
func (t *Tenant) matchesAny(o *object, n *node) bool {
	inner := n.parts[0]
	field := strings.TrimPrefix(strings.TrimPrefix(inner.property, n.variable), "/")
	switch elements := t.property(o, n.property).(type) {
	case []string:
		return slices.ContainsFunc(elements, func(e string) bool { return inner.holds(e, t.foldsCase(n.property)) })
	case []record:
		return slices.ContainsFunc(elements, func(e record) bool { return inner.holds(e.get(field), true) })
	}
	return false
}

// foldsCase says whether comparing a property ignores case. Base64 cannot; of proxyAddresses it is not documented.
func (t *Tenant) foldsCase(property string) bool {
	switch property {
	case "onPremisesImmutableId":
		return false
	case "proxyAddresses":
		return t.options.IgnoreCase
	}
	return true
}

// holds compares one value with the clause's literals.
func (n *node) holds(value any, fold bool) bool {
	equal := slices.ContainsFunc(n.values, func(v literal) bool { return v.equals(value, fold) })
	switch n.op {
	case "eq", "in":
		return equal
	case "ne":
		return !equal
	}
	text, _ := value.(string)
	pattern := n.values[0].text
	if fold {
		text, pattern = strings.ToLower(text), strings.ToLower(pattern)
	}
	switch n.op {
	case "startswith":
		return strings.HasPrefix(text, pattern)
	case "endswith":
		return strings.HasSuffix(text, pattern)
	}
	return false
}

func (v literal) equals(value any, fold bool) bool {
	switch have := value.(type) {
	case nil:
		return !v.quoted && v.text == "null"
	case bool:
		return !v.quoted && v.text == map[bool]string{true: "true", false: "false"}[have]
	case string:
		return have == v.text || fold && strings.EqualFold(have, v.text)
	}
	return false
}

// candidates narrows a filter down by the index: every object that passes is among them. ok is false where the whole set
// has to be looked through.
func (s *shelf) candidates(n *node) (found []*object, ok bool) {
	switch n.op {
	case "and":
		for _, part := range n.parts {
			if found, ok := s.candidates(part); ok {
				return found, true
			}
		}
	case "or":
		for _, part := range n.parts {
			some, ok := s.candidates(part)
			if !ok {
				return nil, false
			}
			found = append(found, some...)
		}
		return found, true
	case "eq", "in":
		return s.indexed(n.property, n.values)
	case "any":
		if inner := n.parts[0]; n.property == "proxyAddresses" && inner.op == "eq" {
			return s.indexed(n.property, inner.values)
		}
	}
	return nil, false
}

func (s *shelf) indexed(property string, values []literal) (found []*object, ok bool) {
	key, ok := map[string]string{
		"id": "id", "mail": "mail", "userPrincipalName": "upn", "onPremisesImmutableId": "anchor",
		"onPremisesSecurityIdentifier": "sid", "proxyAddresses": "proxy",
	}[property]
	if !ok {
		return nil, false
	}
	for _, v := range values {
		if !v.quoted {
			return nil, false
		}
		found = append(found, s.find(key, v.text)...)
	}
	return found, true
}

// pass gives the objects of the shelf that pass a filter, in their order and each once.
func (t *Tenant) pass(s *shelf, filter *node) []*object {
	return t.passBehind(s, filter, 0, len(s.rows))
}

// passBehind gives those that stand behind a sequence number, limit at most. It looks at no more than it has to.
func (t *Tenant) passBehind(s *shelf, filter *node, after int64, limit int) []*object {
	rows := s.behind(after)
	if filter == nil {
		return rows[:min(limit, len(rows))]
	}
	if found, narrowed := s.candidates(filter); narrowed {
		slices.SortFunc(found, func(a, b *object) int { return cmp.Compare(a.seq, b.seq) })
		rows = slices.DeleteFunc(slices.Compact(found), func(o *object) bool { return o.seq <= after })
	}
	var passed []*object
	for _, o := range rows {
		if len(passed) == limit {
			break
		}
		if t.matches(o, filter) {
			passed = append(passed, o)
		}
	}
	return passed
}
