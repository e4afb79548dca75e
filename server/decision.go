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
	h := d.Holder
	own := []string{h.Called()}
	names := make([]string, len(others))
	for i, other := range others {
		names[i] = other.Name
	}
	owner := strings.Join(names, " or ")
	for _, p := range h.Proxies.Find(a) {
		if command := removeCommand(d, string(p)); command != "" && !a.Equal(address.Address(h.UPN)) {
			return ChoiceJSON{Do: owned(owner, own, nil), Commands: []string{command}}
		}
	}
	return ChoiceJSON{Do: owned(owner, nil, own)}
}

// owned says whose an address is, from whom it is taken as an alias, and who has it as something else.
func owned(owner string, aliases, otherwise []string) string {
	var ways []string
	if len(aliases) > 0 {
		ways = append(ways, "take it from "+strings.Join(aliases, " and "))
	}
	if len(otherwise) > 0 {
		ways = append(ways, "give "+strings.Join(otherwise, " and ")+" another primary, mail or user principal name")
	}
	return "it is " + owner + "'s: " + strings.Join(ways, ", and ")
}
