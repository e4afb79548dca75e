package server

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// ChoiceJSON is one of several ways out, of which only one is to be taken.
type ChoiceJSON struct {
	Do       string   `json:"do" doc:"Whose the address is then, and what is to be done for it."`
	Commands []string `json:"commands,omitempty" doc:"The aliasd commands that do it; absent where there are none. They need no quoting in any shell."`
}

// decided gives the finding (its index) under which people decide whose the address of finding i is: the first duplicate
// on-premises of that address. It is -1 where there is none. One address is decided once, for two commands that are right
// each by itself can leave nobody with it.
func decided(findings []cloudcheck.Finding, i int) int {
	a := contested(findings[i])
	return slices.IndexFunc(findings, func(f cloudcheck.Finding) bool {
		return contends(f) && a != "" && a.Equal(contested(f))
	})
}

// contends says that a finding is about another object on-premises whose address somebody has to decide on.
func contends(f cloudcheck.Finding) bool {
	return f.Code == cause.DuplicateOnPremises && f.Severity != cloudcheck.Notice
}

// contested is the address that a finding says somebody else holds too, "" where it is about something else.
func contested(f cloudcheck.Finding) address.Address {
	switch f.Code {
	case cause.DuplicateOnPremises, cause.Quarantined, cause.HeldByDeleted, cause.ExportErrorSuspected:
		return address.Bare(f.Value)
	}
	return ""
}

// elsewhereDecided is the advice for a finding whose address is decided under another one.
func elsewhereDecided(f cloudcheck.Finding, at int) string {
	same := fmt.Sprintf("the same decision as in [%d]", at+1)
	switch f.Code {
	case cause.HeldByDeleted:
		return same + "; if it does not arrive then, look for an export error and for something that Graph does not show"
	case cause.Quarantined:
		return same + "; the cloud takes the address over within the hour"
	}
	return same
}

// choices are the ways to settle a duplicate: the holder keeps the address, or gives it up.
func choices(d cloudcheck.Diagnosis, a address.Address) []ChoiceJSON {
	var others []cause.Conflict
	for _, f := range d.Findings {
		if contends(f) && a.Equal(contested(f)) {
			others = append(others, *f.Conflict)
		}
	}
	return []ChoiceJSON{keeps(d.Holder, others), givesUp(d, a, others)}
}

// keeps: the address is the holder's, and every other one loses it.
func keeps(h address.Holder, others []cause.Conflict) ChoiceJSON {
	var c ChoiceJSON
	var aliases, otherwise []string
	for _, other := range others {
		command := ""
		if plain(other.ID) {
			command = removeOf(other.ID, address.Proxy(other.Address))
		}
		if command == "" {
			otherwise = append(otherwise, other.Name)
			continue
		}
		aliases, c.Commands = append(aliases, other.Name), append(c.Commands, command)
	}
	c.Do = owned(h.Called(), aliases, otherwise)
	return c
}

// givesUp: the address is another one's, and the holder loses it.
func givesUp(d cloudcheck.Diagnosis, a address.Address, others []cause.Conflict) ChoiceJSON {
	names := make([]string, len(others))
	for i, other := range others {
		names[i] = other.Name
	}
	return takenFrom(d, a, "it is "+strings.Join(names, " or ")+"'s")
}

// takenFrom is how a holder loses an address, and why.
func takenFrom(d cloudcheck.Diagnosis, a address.Address, why string) ChoiceJSON {
	own := []string{d.Holder.Called()}
	values := d.Holder.Proxies.Find(a)
	for _, p := range values {
		if command := removeCommand(d, string(p)); command != "" && !a.Equal(address.Address(d.Holder.UPN)) {
			return ChoiceJSON{Do: why + ": " + howTaken(own, nil), Commands: []string{command}}
		}
	}
	if len(values) > 0 && !slices.ContainsFunc(values, address.Proxy.IsPrimary) && !a.Equal(address.Address(d.Holder.UPN)) {
		return ChoiceJSON{Do: why + ": " + howTaken(own, nil)} // an alias, but the command would not be plain
	}
	return ChoiceJSON{Do: why + ": " + howTaken(nil, own)}
}

// keepOrGiveUp are the ways out where the cloud lacks an address of the holder's: it is to arrive, or the holder does without it. Both are
// right, so somebody has to decide. Empty where the finding is about no such address.
func keepOrGiveUp(d cloudcheck.Diagnosis, f cloudcheck.Finding) (do string, out []ChoiceJSON) {
	const oneOf = "do one of these, never both"
	a := address.Bare(f.Value)
	if !address.Proxy(f.Value).IsSMTP() || len(d.Holder.Proxies.Find(a)) == 0 {
		return "", nil
	}
	its, without, where := "it is "+d.Holder.Called()+"'s: ", "nobody needs it", ""
	if f.Conflict != nil && !strings.HasPrefix(f.Conflict.Kind, "deleted_") {
		without, where = "it is "+f.Conflict.Name+"'s", "take it from "+f.Conflict.Name+" in the cloud"
	}
	switch {
	case f.Code == cause.Quarantined && where != "":
		do, its = "whose address is it? "+oneOf, its+where+", and it arrives within the hour"
	case f.Code == cause.Quarantined:
		do, its = "somebody has to find what holds it; "+oneOf, its+"let an Exchange administrator find what holds it, and take it from there"
	case f.Code == cause.HeldByDeleted:
		do, its = "a deleted object is no reason as a rule; "+oneOf, its+"look for an export error and for something that Graph does not show"
	case f.Code == cause.ExportErrorSuspected && where != "":
		do, its = "look for the export error on the sync server; whose address is it? "+oneOf, its+where
	case f.Code == cause.DomainNotVerified:
		do, its = "is the address needed? do one of these", "it is needed: verify the domain in the tenant, and it arrives by itself"
	case f.Code == cause.ValueDiscarded && removeCommand(d, f.Value) != "":
		do, its = "does something on-premises need it? do one of these", "it is needed: leave it, the cloud goes without it"
	default:
		return "", nil
	}
	return do, []ChoiceJSON{{Do: its}, takenFrom(d, a, without)}
}

// owned says whose an address is, from whom it is taken as an alias, and who has it as something else.
func owned(owner string, aliases, otherwise []string) string {
	return "it is " + owner + "'s: " + howTaken(aliases, otherwise)
}

// howTaken says how those who have an address lose it.
func howTaken(aliases, otherwise []string) string {
	var ways []string
	if len(aliases) > 0 {
		ways = append(ways, "take it from "+strings.Join(aliases, " and "))
	}
	if len(otherwise) > 0 {
		ways = append(ways, "give "+strings.Join(otherwise, " and ")+" another primary, mail or user principal name")
	}
	return strings.Join(ways, ", and ")
}
