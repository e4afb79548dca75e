package server

import (
	"regexp"
	"slices"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
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

// adviceOf says what would be done, in the order of the findings. A notice needs nothing.
func adviceOf(d cloudcheck.Diagnosis) []AdviceJSON {
	list := []AdviceJSON{}
	for i, f := range d.Findings {
		if f.Severity == cloudcheck.Notice {
			continue
		}
		list = append(list, advise(d, i))
	}
	return list
}

// advise says what would be done about finding i.
func advise(d cloudcheck.Diagnosis, i int) AdviceJSON {
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
		advice.Do, advice.Command = remedy(d, f)
	}
	return advice
}

func remedy(d cloudcheck.Diagnosis, f cloudcheck.Finding) (do, command string) {
	h := d.Holder
	switch f.Code {
	case cause.TwoPrimaries, cause.NoPrimary, cause.MailDiffers:
		return "say which address is the primary", primaryCommand(h, likelyPrimary(d))
	case cause.DomainNotVerified:
		return "verify the domain in the tenant, or take the address away", removeCommand(h, f.Value)
	case cause.ValueDiscarded:
		if command := removeCommand(h, f.Value); command != "" {
			return "take it away", command
		}
		return "take it out of proxyAddresses with your directory tools", ""
	case cause.Quarantined:
		return "take it from the object that holds it and wait an hour, or give it up", removeCommand(h, f.Value)
	case cause.HeldByDeleted:
		return "delete that object for good in the Entra admin centre, or give the address up", removeCommand(h, f.Value)
	case cause.ExportErrorSuspected:
		return "take it from the object that holds it, or give it up", removeCommand(h, f.Value)
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
	}
	return "look at the synchronisation errors of the holder in the Entra admin centre"
}

// likelyPrimary is the primary that most speaks for: one that is named, and rather the one that the cloud shows; else mail.
func likelyPrimary(d cloudcheck.Diagnosis) address.Address {
	primaries := d.Holder.Proxies.Primaries()
	if len(primaries) == 0 {
		return address.Address(d.Holder.Mail)
	}
	slices.Sort(primaries)
	for _, favourite := range []string{d.Predicted.Mail, d.Holder.Mail} {
		for _, p := range primaries {
			if p.Address().Equal(address.Address(favourite)) {
				return p.Address()
			}
		}
	}
	return primaries[0].Address()
}

func primaryCommand(h address.Holder, a address.Address) string {
	if _, err := address.Parse(string(a)); err != nil || !plain(string(a)) {
		return ""
	}
	return "aliasd primary " + callName(h) + " " + string(a)
}

// removeCommand takes an alias away; "" for what is none, or none that aliasd takes in.
func removeCommand(h address.Holder, value string) string {
	return removeOf(callName(h), address.Proxy(value))
}

func removeOf(holder string, p address.Proxy) string {
	if _, err := address.Parse(string(p.Address())); err != nil || !p.IsSMTP() || p.IsPrimary() || !plain(string(p.Address())) {
		return ""
	}
	return "aliasd remove " + holder + " " + string(p.Address())
}

// callName names a holder on a command line: by its UPN where no shell sees anything in that, else by objectGUID.
func callName(h address.Holder) string {
	if plain(h.UPN) {
		return h.UPN
	}
	return h.GUID.String()
}

// plain says whether a word means itself in every shell, and is no flag.
func plain(word string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]*$`).MatchString(word)
}
