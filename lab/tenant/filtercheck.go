package tenant

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aliasd/aliasd/address"
)

// The limits of Graph's filters.
const (
	maxClauses = 15  // comparisons, and values of an in
	maxOperand = 120 // characters of a value
)

// plain lists the comparisons that a set supports without advanced parameters, as property and operator.
func (t *Tenant) plain(set entitySet) []string {
	common := []string{
		"id eq", "id in", "mail eq", "onPremisesSyncEnabled eq", "proxyAddresses/any eq", "proxyAddresses/any startswith",
		"onPremisesProvisioningErrors/any category eq",
	}
	switch {
	case set.kind == address.User:
		return append(common, "userPrincipalName eq", "onPremisesImmutableId eq", "onPremisesImmutableId in")
	case set.kind == address.Group && t.options.FilterGroupsBySID:
		return append(common, "onPremisesSecurityIdentifier eq")
	}
	return common
}

// advanced says whether a comparison works with ConsistencyLevel: eventual and $count=true, although not without.
func advanced(comparison string) bool {
	property, op, _ := strings.Cut(comparison, " ")
	switch op {
	case "ne", "endswith", "not":
		return true
	}
	return property == "assignedPlans/any"
}

// checkFilter refuses what Graph refuses: unknown properties, wrong types, comparisons that a property does not support,
// and too much of anything.
func (t *Tenant) checkFilter(set entitySet, n *node, isAdvanced bool) *problem {
	if count := n.clauses(); count > maxClauses {
		return badRequest("Too many child clauses specified in search filter expression containing 'OR' operators: %d. Max allowed: %d.", count, maxClauses)
	}
	return t.checkNode(set, n, isAdvanced)
}

// clauses counts comparisons; each value of an in is one.
func (n *node) clauses() int {
	count := len(n.values)
	for _, part := range n.parts {
		count += part.clauses()
	}
	return count
}

func (t *Tenant) checkNode(set entitySet, n *node, isAdvanced bool) *problem {
	switch n.op {
	case "and", "or":
		for _, part := range n.parts {
			if p := t.checkNode(set, part, isAdvanced); p != nil {
				return p
			}
		}
		return nil
	case "not":
		if !isAdvanced {
			return unsupported("Unsupported property filter clause operator 'Not'.")
		}
		return t.checkNode(set, n.parts[0], isAdvanced)
	case "any":
		return t.checkAny(set, n, isAdvanced)
	}
	return t.checkComparison(set, n, n.property+" "+n.op, isAdvanced)
}

// checkAny takes one plain comparison inside any, as Graph does without advanced parameters.
func (t *Tenant) checkAny(set entitySet, n *node, isAdvanced bool) *problem {
	entity := t.schema.entity(set.entity)
	if !entity.collection(n.property) {
		return unknownProperty(n.property, set)
	}
	if len(n.parts) == 0 || slices.Contains([]string{"and", "or", "not", "any"}, n.parts[0].op) {
		return unsupported("Complex query on property %s is not supported.", n.property)
	}
	inner := n.parts[0]
	field, ok := strings.CutPrefix(inner.property, n.variable)
	if !ok || field != "" && !strings.HasPrefix(field, "/") {
		return badRequest("Invalid filter clause: Could not find a property named '%s'.", inner.property)
	}
	comparison := n.property + "/any " + strings.TrimPrefix(field, "/") + " " + inner.op
	return t.checkOperands(set, inner, strings.Join(strings.Fields(comparison), " "), isAdvanced)
}

func (t *Tenant) checkComparison(set entitySet, n *node, comparison string, isAdvanced bool) *problem {
	entity := t.schema.entity(set.entity)
	kind, known := entity.properties[n.property]
	if !known {
		return unknownProperty(n.property, set)
	}
	for _, v := range n.values {
		if p := checkType(kind, v, n.op); p != nil {
			return p
		}
	}
	return t.checkOperands(set, n, comparison, isAdvanced)
}

func (t *Tenant) checkOperands(set entitySet, n *node, comparison string, isAdvanced bool) *problem {
	for _, v := range n.values {
		if length := utf8.RuneCountInString(v.text); length > maxOperand {
			return unsupported("The value of a filter clause has %d characters, and %d are allowed.", length, maxOperand)
		}
	}
	isNull := slices.ContainsFunc(n.values, func(v literal) bool { return !v.quoted && v.text == "null" })
	switch plain := slices.Contains(t.plain(set), comparison); {
	case plain && (!isNull || isAdvanced), advanced(comparison) && isAdvanced:
		return nil
	}
	return unsupportedClause(set, n, comparison)
}

// unsupportedClause says it as Graph does: some operators by their own names, else by the property.
func unsupportedClause(set entitySet, n *node, comparison string) *problem {
	names := map[string]string{"ne": "NotEqualsMatch", "endswith": "EndsWith", "ge": "GreaterOrEquals", "le": "LessOrEquals", "gt": "GreaterThan", "lt": "LessThan"}
	if name, ok := names[n.op]; ok {
		return unsupported("Unsupported property filter clause operator '%s'.", name)
	}
	property, _, _ := strings.Cut(comparison, " ")
	return unsupported("Unsupported or invalid query filter clause specified for property '%s' of resource '%s'.",
		strings.TrimSuffix(property, "/any"), resourceName(set))
}

// resourceName is how Graph's directory names a type: User, Group, OrgContact.
func resourceName(set entitySet) string { return strings.ToUpper(set.entity[:1]) + set.entity[1:] }

func unknownProperty(name string, set entitySet) *problem {
	return badRequest("Invalid filter clause: Could not find a property named '%s' on type 'microsoft.graph.%s'.", name, set.entity)
}

// checkType refuses a literal that does not fit the property's type.
func checkType(kind string, v literal, op string) *problem {
	fits := true
	switch kind {
	case "Edm.String":
		fits = v.quoted || v.text == "null"
	case "Edm.Boolean":
		fits = !v.quoted && (v.text == "true" || v.text == "false" || v.text == "null")
	default:
		fits = !strings.HasPrefix(kind, "Collection(") || op == "any"
	}
	if fits {
		return nil
	}
	return badRequest("Invalid filter clause: A binary operator with incompatible types was detected. Found operand types '%s' and '%s' for operator kind '%s'.",
		kind, literalType(v), op)
}

func literalType(v literal) string {
	switch {
	case v.quoted:
		return "Edm.String"
	case v.text == "true" || v.text == "false":
		return "Edm.Boolean"
	case v.text == "null":
		return "<null>"
	}
	return "Edm.Untyped"
}
