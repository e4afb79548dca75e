package server

import (
	"regexp"
	"slices"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

// AdviceJSON is what would be done about a finding.
type AdviceJSON struct {
	Finding int        `json:"finding" doc:"The finding that it is for, counted from 1."`
	Code    cause.Code `json:"code"`
	Do      string     `json:"do" doc:"What to do, in a line."`
	Command string     `json:"command,omitempty" doc:"The aliasd command that does it; absent where there is none. It needs no quoting in any shell."`
	// Choices are there where people have to decide; whoever takes two of them may lose the address.
	Choices []ChoiceJSON `json:"choices,omitempty" doc:"Where people have to decide: the ways out, of which exactly one is to be taken."`
}

// adviceOf says what would be done, in the order of the findings. A notice needs nothing. The tenant is nil where the cloud
// could not be asked.
func adviceOf(d cloudcheck.Diagnosis, t *cloudcheck.Tenant) []AdviceJSON {
	list := []AdviceJSON{}
	for i, f := range d.Findings {
		if f.Severity == cloudcheck.Notice {
			continue
		}
		list = append(list, advise(d, t, i))
	}
	return list
}

// advise says what would be done about finding i.
func advise(d cloudcheck.Diagnosis, t *cloudcheck.Tenant, i int) AdviceJSON {
	f := d.Findings[i]
	advice := AdviceJSON{Finding: i + 1, Code: f.Code}
	switch at := decided(d.Findings, i); {
	case f.Severity == cloudcheck.Pending:
		advice.Do = "nothing is to be done"
	case at == i:
		advice.Do, advice.Choices = "whose address is it? do one of these, never both", choices(d, contested(f))
	case at >= 0:
		advice.Do = elsewhereDecided(f, at)
	default:
		advice.Do, advice.Choices = keepOrGiveUp(d, f)
		if advice.Do == "" {
			advice.Do, advice.Command = remedy(d, t, f)
		}
	}
	return advice
}

// remedy is the one thing to do about a finding. No command of it gives an address up: whoever runs the commands of a page loses nothing.
func remedy(d cloudcheck.Diagnosis, t *cloudcheck.Tenant, f cloudcheck.Finding) (do, command string) {
	switch f.Code {
	case cause.TwoPrimaries, cause.NoPrimary, cause.MailDiffers:
		return "say which address is the primary", primaryCommand(d, likelyPrimary(d, t))
	}
	return elsewhere(f), ""
}

// elsewhere is what is not done with aliasd.
func elsewhere(f cloudcheck.Finding) string {
	switch f.Code {
	case cause.NotInCloud:
		return "bring the holder into the sync scope, or mend its export error on the sync server"
	case cause.CloudManaged:
		return "change its addresses in the cloud (Exchange admin centre), not in the directory"
	case cause.SyncStopped:
		return "start the synchronisation again on the sync server"
	case cause.LicenceMissing:
		return "assign an Exchange Online licence"
	case cause.ValueDiscarded:
		return "take it out of proxyAddresses with your directory tools"
	case cause.DomainNotVerified:
		return "verify the domain in the tenant"
	case cause.Quarantined:
		return "take it from the object that holds it, and wait an hour"
	case cause.HeldByDeleted:
		return "look for an export error and for something that Graph does not show"
	case cause.ExportErrorSuspected:
		return "take it from the object that holds it, or mend the export error on the sync server"
	}
	return "look at the synchronisation errors of the holder in the Entra admin centre"
}

// likelyPrimary is the primary that most speaks for: one that is named and can arrive, and rather the one that the cloud
// shows; else mail, where that can.
func likelyPrimary(d cloudcheck.Diagnosis, t *cloudcheck.Tenant) address.Address {
	var named []address.Address
	for _, p := range d.Holder.Proxies.Primaries() {
		if a := p.Address(); arrives(d, t, a) {
			named = append(named, a)
		}
	}
	mail := address.Address(d.Holder.Mail)
	switch {
	case len(named) == 0 && !arrives(d, t, mail):
		return ""
	case len(named) == 0:
		return mail
	}
	slices.Sort(named)
	for _, favourite := range []address.Address{address.Address(d.Predicted.Mail), mail} {
		if i := slices.IndexFunc(named, favourite.Equal); i >= 0 {
			return named[i]
		}
	}
	return named[0]
}

// arrives says that the cloud takes an address over, as far as is known. Contacts keep any domain.
func arrives(d cloudcheck.Diagnosis, t *cloudcheck.Tenant, a address.Address) bool {
	if t != nil && d.Holder.Kind != address.Contact && len(t.Verified) > 0 && !t.Verifies(a.Domain()) {
		return false
	}
	return !slices.ContainsFunc(d.Predicted.Discarded, func(v proxycalc.Discarded) bool { return address.Bare(v.Value).Equal(a) })
}

func primaryCommand(d cloudcheck.Diagnosis, a address.Address) string {
	if _, err := address.Parse(string(a)); err != nil || !plain(string(a)) {
		return ""
	}
	return "aliasd primary " + callName(d) + " " + string(a)
}

// removeCommand takes an alias away; "" for what is none, or none that aliasd takes in.
func removeCommand(d cloudcheck.Diagnosis, value string) string {
	return removeOf(callName(d), address.Proxy(value))
}

func removeOf(holder string, p address.Proxy) string {
	if _, err := address.Parse(string(p.Address())); err != nil || !p.IsSMTP() || p.IsPrimary() || !plain(string(p.Address())) {
		return ""
	}
	return "aliasd remove " + holder + " " + string(p.Address())
}

// callName names a holder on a command line: by its UPN where that means this holder alone and no shell sees anything in it,
// else by objectGUID. Where another object has an address of the holder, that may be the UPN, which names two objects then.
func callName(d cloudcheck.Diagnosis) string {
	shares := slices.ContainsFunc(d.Findings, func(f cloudcheck.Finding) bool { return f.Code == cause.DuplicateOnPremises })
	if plain(d.Holder.UPN) && !shares {
		return d.Holder.UPN
	}
	return d.Holder.GUID.String()
}

// plain says whether a word means itself in every shell, and is no flag.
func plain(word string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]*$`).MatchString(word)
}
