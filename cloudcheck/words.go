package cloudcheck

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

func say(code cause.Code, format string, args ...any) *cause.Cause {
	return &cause.Cause{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (e evidence) name() string { return nameOf(e.Ref.Holder) }

// nameOf is what people call a holder.
func nameOf(h address.Holder) string {
	return cmp.Or(h.Called(), "the holder")
}

// absent are the wants that the cloud lacks altogether: no SMTP value of the address, in any case.
func (e evidence) absent() []address.Want {
	var absent []address.Want
	for _, w := range e.missing {
		if w.Role != address.RoleAbsent && (e.object == nil || len(e.object.Proxies.Find(w.Address)) == 0) {
			absent = append(absent, w)
		}
	}
	return absent
}

// wanted says in words what is missing; where nothing is, all that was asked for.
func (e evidence) wanted() string {
	wants := e.missing
	if len(wants) == 0 {
		wants = e.Expectation.Wants
	}
	words := make([]string, len(wants))
	for i, w := range wants {
		words[i] = describe(w)
	}
	return cmp.Or(strings.Join(words, " and "), "what was asked for")
}

// shown says in words what the cloud has instead of what is missing.
func (e evidence) shown() string {
	if e.object == nil {
		return "nothing at all"
	}
	if len(e.missing) == 0 {
		return e.wanted()
	}
	words := make([]string, len(e.missing))
	for i, w := range e.missing {
		words[i] = describeValues(e.object.Values, w.Address)
	}
	return strings.Join(words, " and ")
}

func describe(w address.Want) string {
	switch w.Role {
	case address.RolePrimary:
		return string(address.Primary(w.Address)) + " (primary)"
	case address.RoleSecondary:
		return string(address.Secondary(w.Address)) + " (alias)"
	case address.RoleAbsent:
		return "the removal of " + string(w.Address)
	}
	return string(w.Address)
}

// describeValues says in words what a side has of an address, and which primary.
func describeValues(v address.Values, a address.Address) string {
	found := v.Proxies.Find(a)
	words := make([]string, len(found))
	for i, p := range found {
		words[i] = string(p)
	}
	has := cmp.Or(strings.Join(words, ", "), "no "+string(a))
	return has + " (the primary is " + orNothing(string(primaryOf(v))) + ")"
}

func orNothing(s string) string { return cmp.Or(s, "none") }

// sortedValues gives values as text in one order, whatever order the directory gives them in.
func sortedValues(values []address.Proxy) []string {
	texts := make([]string, len(values))
	for i, p := range values {
		texts[i] = string(p)
	}
	slices.Sort(texts)
	return texts
}
